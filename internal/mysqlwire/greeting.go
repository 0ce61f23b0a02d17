package mysqlwire

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

const scrambleSize = 20

// Greeting is the first packet, from the server:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
type Greeting struct {
	Version      string
	ConnectionID uint32
	Scramble     []byte // 20 bytes that passwords are mixed with
	Capabilities Capabilities
	Collation    byte
	Status       Status
	Plugin       string // what the server asks for first
}

// Relayed is what a front greets its clients with, whose sessions it relays to
// the server that sent g: that server's version, so that clients speak its
// dialect; its connection id, so that KILL finds the session; and of its
// capabilities those that a relay does not get in the way of, without TLS.
func (g Greeting) Relayed() Greeting {
	g.Capabilities &^= unrelayed
	return g
}

// Encode returns the payload of the packet.
func (g Greeting) Encode() []byte {
	b := AppendTerminated([]byte{10}, g.Version)
	b = binary.LittleEndian.AppendUint32(b, g.ConnectionID)
	b = append(b, g.Scramble[:8]...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(g.Capabilities))
	b = append(b, g.Collation)
	b = binary.LittleEndian.AppendUint16(b, uint16(g.Status))
	b = binary.LittleEndian.AppendUint16(b, uint16(g.Capabilities>>16))
	b = append(b, scrambleSize+1)
	b = append(b, make([]byte, 10)...)
	b = AppendTerminated(b, string(g.Scramble[8:]))
	return AppendTerminated(b, g.Plugin)
}

// ParseGreeting parses the payload of the packet. A server older than MySQL 5.5
// is an error.
func ParseGreeting(payload []byte) (Greeting, error) {
	f := Fields{Rest: payload}
	if protocol := f.Uint(1); !f.Malformed && protocol != 10 {
		return Greeting{}, fmt.Errorf("%w: protocol version %d, want 10", ErrMalformed, protocol)
	}
	g := Greeting{Version: f.Terminated(), ConnectionID: uint32(f.Uint(4))}
	scramble := f.Bytes(8)
	f.Bytes(1)
	g.Capabilities = Capabilities(f.Uint(2))
	g.Collation = byte(f.Uint(1))
	g.Status = Status(f.Uint(2))
	g.Capabilities |= Capabilities(f.Uint(2)) << 16
	f.Bytes(11)
	g.Scramble = append(append(g.Scramble, scramble...), f.Bytes(scrambleSize-8)...)
	f.Bytes(1)
	if !f.Malformed && !g.Capabilities.Has(needed) {
		return Greeting{}, fmt.Errorf("%w: the server %q is too old, it lacks CLIENT_PLUGIN_AUTH", ErrMalformed, g.Version)
	}
	g.Plugin = f.Terminated()
	return g, f.Err()
}

// newScramble returns the random bytes that a password is mixed with: as in
// MySQL 7-bit characters without NUL, which ends the field, and '$'.
func newScramble() []byte {
	scramble := make([]byte, scrambleSize)
	rand.Read(scramble)
	for i, b := range scramble {
		b &= 0x7f
		if b == 0 || b == '$' {
			b++
		}
		scramble[i] = b
	}
	return scramble
}
