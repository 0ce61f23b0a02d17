package pgrelay

import (
	"encoding/binary"
	"io"
)

// Messages reads what a server sends, or what a client sends after its start-up
// message, and never beyond the message that is asked for. A [pgproto3.Backend]
// or [pgproto3.Frontend] that reads from it leaves to the relay what the other
// end sent early.
//
// [pgproto3.Backend]: https://pkg.go.dev/github.com/jackc/pgx/v5/pgproto3#Backend
// [pgproto3.Frontend]: https://pkg.go.dev/github.com/jackc/pgx/v5/pgproto3#Frontend
func Messages(r io.Reader) io.Reader {
	return &messages{reader: r, typeSize: 1}
}

// StartupMessages is Messages for a client whose first message is its start-up
// message, the only one without a type.
func StartupMessages(r io.Reader) io.Reader {
	return &messages{reader: r}
}

const lengthSize = 4 // it counts itself

type messages struct {
	reader   io.Reader
	typeSize int     // of the message that is being read
	header   [5]byte // type and length
	seen     int     // bytes of header
	rest     int     // bytes that follow of the message
}

func (m *messages) Read(b []byte) (int, error) {
	if m.rest > 0 {
		n, err := m.reader.Read(b[:min(len(b), m.rest)])
		m.rest -= n
		return n, err
	}
	size := m.typeSize + lengthSize
	n, err := m.reader.Read(b[:min(len(b), size-m.seen)])
	m.seen += copy(m.header[m.seen:], b[:n])
	if m.seen == size {
		length := binary.BigEndian.Uint32(m.header[m.typeSize:])
		m.rest = max(0, int(length)-lengthSize)
		m.typeSize, m.seen = 1, 0
	}
	return n, err
}
