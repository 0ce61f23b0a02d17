package proxy

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"sync"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// mysqlIDs are the connection ids that clients are greeted with, before there is a connection
// at the server whose id they could have. They are 1<<31 and more, so that no server with
// fewer connections in its life has the same.
type mysqlIDs struct {
	mu     sync.Mutex
	last   uint32
	server map[uint32]uint32 // guarded by mu: the id of the server for each of a session
}

// newMySQLIDs begins anywhere, so that an id of another proxy is likely to be unknown.
func newMySQLIDs() mysqlIDs {
	return mysqlIDs{last: rand.Uint32(), server: make(map[uint32]uint32)}
}

func (m *mysqlIDs) next() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	return m.last | 1<<31
}

// add makes the server's id known until the function that it returns is called.
func (m *mysqlIDs) add(id, server uint32) (remove func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.server[id] = server
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.server, id)
	}
}

func (m *mysqlIDs) ofServer(id uint32) (server uint32, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	server, ok = m.server[id]
	return server, ok
}

// mysqlKills puts the server's connection id in place of the proxy's where a client asks to
// kill a session, as those of MySQL and MariaDB do for Ctrl-C.
type mysqlKills struct {
	ids        *mysqlIDs
	attributes bool // statements have attributes in front (CLIENT_QUERY_ATTRIBUTES)
}

const mysqlQueryAttributes mysqlwire.Capabilities = 1 << 27

// killStatement is a statement that is nothing but a KILL of a connection of ten digits.
var killStatement = regexp.MustCompile(`(?i)^\s*kill\s+((hard|soft)\s+)?((query|connection)\s+)?(\d{10})[\s;]*$`)

const (
	killDigits  = 5  // group of killStatement
	maxKill     = 64 // bytes of a packet with a KILL
	mysqlIDSize = 10 // digits of 1<<31 and more
)

// translate replaces the id in b, if that is one packet and asks to kill a session of this
// proxy. The length stays: blanks follow a shorter number.
func (k mysqlKills) translate(b []byte) {
	if len(b) <= mysqlHeader || len(b) > maxKill {
		return
	}
	if size, _ := mysqlBody(b); size != len(b)-mysqlHeader || b[3] != 0 {
		return
	}
	switch body := b[mysqlHeader+1:]; b[mysqlHeader] {
	case mysqlProcessKill:
		if len(body) != 4 {
			return
		}
		if id, ok := k.ids.ofServer(binary.LittleEndian.Uint32(body)); ok {
			binary.LittleEndian.PutUint32(body, id)
		}
	case mysqlQuery:
		k.translateStatement(body)
	}
}

func (k mysqlKills) translateStatement(text []byte) {
	if k.attributes {
		const none = "\x00\x01" // attributes, in one set
		if len(text) < len(none) || string(text[:len(none)]) != none {
			return
		}
		text = text[len(none):]
	}
	found := killStatement.FindSubmatchIndex(text)
	if found == nil {
		return
	}
	digits := text[found[2*killDigits]:found[2*killDigits+1]]
	number, err := strconv.ParseUint(string(digits), 10, 32)
	if err != nil {
		return
	}
	if id, ok := k.ids.ofServer(uint32(number)); ok {
		copy(digits, fmt.Sprintf("%-*d", mysqlIDSize, id))
	}
}
