// Package mysqlwire is the part of the MySQL protocol that stands between a
// client and a server of which each logs in in its own way: the login phase,
// from both ends, and the relay of what comes after it.
//
// A front greets its client as [Server] with what [Client] read from the real
// server ([Greeting.Relayed]), checks the client, logs in with [Client.Login],
// passes the server's OK on, and hands both connections to [Splice]:
//
//	upstream, err := mysqlwire.NewClient(serverConn)
//	client := mysqlwire.NewServer(clientConn)
//	err = client.Greet(upstream.Greeting.Relayed())
//	err = client.ReadResponse(ctx, nil)
//	ok, _, err := client.CheckPassword(localPassword)
//	account := mysqlwire.Account{Password: token, Token: true, TLS: config}
//	reply, err := upstream.LogIn(client.Response, account)
//	err = client.Packets.Write(reply)
//	changeUser := mysqlwire.Splice(client.Conn(), upstream.Conn())
//
// Nothing here sets deadlines or closes what it did not open: bound a login
// with the deadlines of its connection. Errors hold no passwords.
package mysqlwire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	maxPayload = 1<<24 - 1 // a longer payload continues in the next packet

	// A token is at most about 60 kB; nothing longer is read from a stranger.
	logInLimit = 128 << 10
)

// What [Packets.Read] and the parsers say of bytes that they do not take.
var (
	ErrPacketTooLong = errors.New("packet is longer than the server accepts")
	ErrMalformed     = errors.New("malformed packet")
)

// Packets reads and writes whole payloads, which the protocol cuts into packets
// of at most 16 MB, and counts them.
//
// It never reads ahead: what follows a packet may belong to a TLS handshake or
// to whoever the connection is handed to.
type Packets struct {
	Stream   io.ReadWriter
	Limit    int  // bytes of a payload that is read
	Sequence byte // of the next packet; each command begins at 0

	unsent []byte
}

// Read returns the next payload. Memory grows with the bytes that arrive, not
// with the length that a header claims.
func (p *Packets) Read() ([]byte, error) {
	var payload bytes.Buffer
	for {
		var b [headerSize]byte
		if _, err := io.ReadFull(p.Stream, b[:]); err != nil {
			return nil, err
		}
		header := parseHeader(b[:])
		if header.sequence != p.Sequence {
			return nil, fmt.Errorf("%w: sequence number %d, want %d", ErrMalformed, header.sequence, p.Sequence)
		}
		p.Sequence++
		if payload.Len()+header.length > p.Limit {
			return nil, ErrPacketTooLong
		}
		if _, err := io.CopyN(&payload, p.Stream, int64(header.length)); err != nil {
			return nil, err
		}
		if header.length < maxPayload {
			return payload.Bytes(), nil
		}
	}
}

// Queue adds a payload to what the next Flush sends.
func (p *Packets) Queue(payload []byte) {
	p.unsent = slices.Grow(p.unsent, len(payload)+headerSize*(1+len(payload)/maxPayload))
	for {
		n := min(len(payload), maxPayload)
		p.unsent = append(p.unsent, byte(n), byte(n>>8), byte(n>>16), p.Sequence)
		p.unsent = append(p.unsent, payload[:n]...)
		p.Sequence++
		payload = payload[n:]
		// A payload of exactly 16 MB - 1 is ended by an empty packet.
		if n < maxPayload {
			return
		}
	}
}

// Flush sends what was queued.
func (p *Packets) Flush() error {
	unsent := p.unsent
	p.unsent = nil
	_, err := p.Stream.Write(unsent)
	return err
}

// Write sends a payload after those that were queued.
func (p *Packets) Write(payload []byte) error {
	p.Queue(payload)
	return p.Flush()
}

const headerSize = 4

// header precedes each packet.
type header struct {
	length   int
	sequence byte
}

// parseHeader takes the first headerSize bytes of b.
func parseHeader(b []byte) header {
	return header{length: int(b[0]) | int(b[1])<<8 | int(b[2])<<16, sequence: b[3]}
}
