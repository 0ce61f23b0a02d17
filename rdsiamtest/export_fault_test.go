package rdsiamtest

import (
	"crypto/sha256"
	"net"
)

// TokenHistory is what the throttle knows of tokens.
type TokenHistory struct{ history tokenHistory }

func (h *TokenHistory) Admit(token string, limit int) bool { return h.history.admit(token, limit) }

func (h *TokenHistory) Knows(token string) bool {
	_, ok := h.history.seen[sha256.Sum256([]byte(token))]
	return ok
}

func (h *TokenHistory) Seen() int { return len(h.history.seen) }

// Leave does the first half of closing a connection of DialContext: the server knows, and
// the client still reads.
func Leave(conn net.Conn) {
	client := conn.(*dialedConn)
	client.closing.Do(func() { close(client.closed) })
}
