package rdsmysql

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/go-sql-driver/mysql"
)

const (
	headerSize  = 4       // length in 3 bytes, number of the packet
	maxGreeting = 4 << 10 // a server sends about 100 bytes, or an error of 512
)

// greetingConn hands out the first packet of a server only if go-sql-driver/mysql can read
// it. That packet comes before TLS, so it may be anybody's, and the driver panics where it
// is too short.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
type greetingConn struct {
	net.Conn
	checked bool
	unread  []byte // what arrived with the greeting
	refused error  // why the greeting was not handed out
}

// Read is called by one goroutine at a time, like any use of a connection by the driver.
func (c *greetingConn) Read(b []byte) (int, error) {
	if !c.checked {
		if err := c.readGreeting(); err != nil {
			return 0, err
		}
		c.checked = true
	}
	if len(c.unread) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.unread)
	if c.unread = c.unread[n:]; len(c.unread) == 0 {
		c.unread = nil
	}
	return n, nil
}

func (c *greetingConn) readGreeting() error {
	if c.refused != nil {
		return c.refused
	}
	arrived := make([]byte, 256)
	n, err := io.ReadAtLeast(c.Conn, arrived, headerSize)
	if err != nil {
		return err
	}
	size := headerSize + (int(arrived[0]) | int(arrived[1])<<8 | int(arrived[2])<<16)
	if size > maxGreeting {
		c.refused = &greetingError{fmt.Sprintf("the server does not speak MySQL's protocol: it began with %q", arrived[:min(n, 32)])}
		return c.refused
	}
	if size > n {
		arrived = append(arrived[:n], make([]byte, size-n)...)
		if _, err := io.ReadFull(c.Conn, arrived[n:]); err != nil {
			return err
		}
		n = size
	}
	if problem := greetingProblem(arrived[headerSize:size]); problem != "" {
		c.refused = &greetingError{"the greeting of the server is malformed: " + problem}
		return c.refused
	}
	c.unread = arrived[:n]
	return nil
}

// greetingProblem returns why the driver would read past the end of payload, "" where it
// does not.
func greetingProblem(payload []byte) string {
	const (
		errorPacket      = 0xff
		beforeCapability = 4 + 8 + 1               // connection id, first part of the seed, filler
		afterCapability  = 1 + 2 + 2 + 1 + 10 + 13 // up to the end of the seed
		protocol41, tls  = 1 << 9, 1 << 11
	)
	switch {
	case len(payload) == 0:
		return "it is empty"
	case payload[0] == errorPacket:
		if len(payload) < 4 || payload[3] == '#' && len(payload) < 9 {
			return "its error packet is too short"
		}
		return ""
	case payload[0] < 10:
		return "" // the driver says that this version is too old
	}
	_, rest, ok := bytes.Cut(payload[1:], []byte{0})
	if !ok {
		return "its version does not end"
	}
	if len(rest) < beforeCapability+2 {
		return "it ends before its capabilities"
	}
	capabilities := binary.LittleEndian.Uint16(rest[beforeCapability:])
	if capabilities&protocol41 == 0 || capabilities&tls == 0 {
		return "" // the driver says what is missing, and reads no further
	}
	if len(rest) < beforeCapability+2+afterCapability {
		return "it ends before its 20-byte seed"
	}
	return ""
}

// greetingError is an answer that no MySQL server gives. It is a broken connection to those
// who know the driver's errors.
type greetingError struct{ problem string }

func (e *greetingError) Error() string {
	return e.problem + "; check host and port, and what is between this program and the database"
}

func (e *greetingError) Unwrap() error { return mysql.ErrInvalidConn }
