package rdsiamtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	mysqlMaxPayload = 1<<24 - 1 // a longer payload continues in the next packet

	// A token is at most about 60 kB; nothing longer is read from a stranger.
	mysqlLogInLimit = 128 << 10

	// What the server says of itself in @@max_allowed_packet.
	mysqlMaxAllowedPacket = 64 << 20
)

var (
	errMySQLPacketTooLong = errors.New("packet is longer than the server accepts")
	errMySQLMalformed     = errors.New("malformed packet")
)

// mysqlPackets reads and writes whole payloads, which the protocol cuts into
// packets of at most 16 MB, and keeps the sequence number.
//
// It never reads ahead: bytes that follow the request for TLS belong to the
// handshake and must not be taken for packets.
type mysqlPackets struct {
	stream   io.ReadWriter
	sequence byte
	limit    int // of a payload that is read
	unsent   []byte
}

// read returns the next payload. Memory grows with the bytes that arrive, not
// with the length that the header claims.
func (p *mysqlPackets) read() ([]byte, error) {
	var payload bytes.Buffer
	for {
		header, err := readMySQLHeader(p.stream)
		if err != nil {
			return nil, err
		}
		if header.sequence != p.sequence {
			return nil, fmt.Errorf("%w: sequence number %d, want %d", errMySQLMalformed, header.sequence, p.sequence)
		}
		p.sequence++
		if payload.Len()+header.length > p.limit {
			return nil, errMySQLPacketTooLong
		}
		if _, err := io.CopyN(&payload, p.stream, int64(header.length)); err != nil {
			return nil, err
		}
		if header.length < mysqlMaxPayload {
			return payload.Bytes(), nil
		}
	}
}

// queue adds a payload to what the next flush sends.
func (p *mysqlPackets) queue(payload []byte) {
	p.unsent = slices.Grow(p.unsent, len(payload)+4*(1+len(payload)/mysqlMaxPayload))
	for {
		n := min(len(payload), mysqlMaxPayload)
		p.unsent = append(p.unsent, byte(n), byte(n>>8), byte(n>>16), p.sequence)
		p.unsent = append(p.unsent, payload[:n]...)
		p.sequence++
		payload = payload[n:]
		// A payload of exactly 16 MB - 1 is ended by an empty packet.
		if n < mysqlMaxPayload {
			return
		}
	}
}

func (p *mysqlPackets) flush() error {
	unsent := p.unsent
	p.unsent = nil
	_, err := p.stream.Write(unsent)
	return err
}

func (p *mysqlPackets) write(payload []byte) error {
	p.queue(payload)
	return p.flush()
}

// mysqlHeader precedes each packet.
type mysqlHeader struct {
	length   int
	sequence byte
}

func readMySQLHeader(r io.Reader) (mysqlHeader, error) {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return mysqlHeader{}, err
	}
	return mysqlHeader{length: int(b[0]) | int(b[1])<<8 | int(b[2])<<16, sequence: b[3]}, nil
}
