// Package wiretap records the bytes of connections as the network sees them, for
// tests that prove what is never on the wire in clear.
package wiretap

import (
	"bytes"
	"context"
	"net"
	"slices"
	"sync"
)

// DialFunc dials, as net.Dialer.DialContext does.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// Recorder records both directions of every connection that its dial function made.
// It is safe for concurrent use, and stands below TLS: what it sees of an encrypted
// connection is ciphertext.
type Recorder struct {
	mu      sync.Mutex
	streams []*stream
}

// New returns a Recorder that has recorded nothing.
func New() *Recorder { return new(Recorder) }

// Dial returns a function that dials with next and records the connection.
func (r *Recorder) Dial(next DialFunc) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := next(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &tappedConn{Conn: conn, sent: r.open(), received: r.open()}, nil
	}
}

// Find returns those of texts that occur in what was recorded, raw or
// percent-encoded in any way. A text counts if it is spread over several writes; it
// does not if it begins in one connection, or direction, and ends in another.
func (r *Recorder) Find(texts ...string) []string {
	r.mu.Lock()
	streams := slices.Clone(r.streams)
	r.mu.Unlock()
	var found []string
	for _, text := range texts {
		if slices.ContainsFunc(streams, func(s *stream) bool { return s.contains([]byte(text)) }) {
			found = append(found, text)
		}
	}
	return found
}

// Bytes returns how many bytes were recorded. A test that expects to find nothing makes
// sure by it that there was something to search.
func (r *Recorder) Bytes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.streams {
		n += s.len()
	}
	return n
}

// Dials returns how many connections were made.
func (r *Recorder) Dials() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.streams) / 2
}

func (r *Recorder) open() *stream {
	s := new(stream)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams = append(r.streams, s)
	return s
}

// stream is one direction of a connection.
type stream struct {
	mu   sync.Mutex
	data []byte
}

func (s *stream) record(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = append(s.data, data...)
}

func (s *stream) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.data)
}

// contains compares text with the stream after both were decoded: as often as
// something can be, so that text encoded twice is found too.
func (s *stream) contains(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	s.mu.Lock()
	data := slices.Clone(s.data)
	s.mu.Unlock()
	if bytes.Contains(data, text) {
		return true
	}
	return bytes.Contains(decode(data), decode(text))
}

// decode undoes percent-encoding until nothing is left to decode.
func decode(data []byte) []byte {
	for {
		decoded := decodeOnce(data)
		if len(decoded) == len(data) {
			return decoded
		}
		data = decoded
	}
}

func decodeOnce(data []byte) []byte {
	decoded := make([]byte, 0, len(data))
	for i := 0; i < len(data); i++ {
		if data[i] == '%' && i+2 < len(data) {
			high, low := hexDigit(data[i+1]), hexDigit(data[i+2])
			if high >= 0 && low >= 0 {
				decoded = append(decoded, byte(high<<4|low))
				i += 2
				continue
			}
		}
		decoded = append(decoded, data[i])
	}
	return decoded
}

func hexDigit(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'a' <= b && b <= 'f':
		return int(b-'a') + 10
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

type tappedConn struct {
	net.Conn
	sent, received *stream
}

func (c *tappedConn) Write(data []byte) (int, error) {
	// Recorded before it is sent: the other end may answer, and the test look, before
	// Write returns.
	c.sent.record(data)
	return c.Conn.Write(data)
}

func (c *tappedConn) Read(data []byte) (int, error) {
	n, err := c.Conn.Read(data)
	c.received.record(data[:n])
	return n, err
}
