package rdsiamtest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memoryPipe returns the two ends of a connection without a network. Unlike
// net.Pipe and like a socket it takes what is written before it is read:
// otherwise a client that rejects the server's certificate and the server that
// is still sending it wait for each other.
func memoryPipe(address string) (client, server *memoryConn) {
	toServer, toClient := newMemoryStream(), newMemoryStream()
	client = &memoryConn{in: toClient, out: toServer, local: "rdsiamtest client", remote: memoryAddr(address), closed: make(chan struct{})}
	server = &memoryConn{in: toServer, out: toClient, local: memoryAddr(address), remote: "rdsiamtest client", closed: make(chan struct{})}
	return client, server
}

type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }

type memoryConn struct {
	in, out       *memoryStream
	local, remote memoryAddr
	closing       sync.Once
	closed        chan struct{}
}

func (c *memoryConn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *memoryConn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c *memoryConn) LocalAddr() net.Addr         { return c.local }
func (c *memoryConn) RemoteAddr() net.Addr        { return c.remote }

// Close marks the end as closed first: a reader that it wakes up finds it so.
func (c *memoryConn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	c.out.change(func(s *memoryStream) { s.writerClosed = true })
	c.in.change(func(s *memoryStream) { s.readerClosed, s.data = true, nil })
	return nil
}

func (c *memoryConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.change(func(s *memoryStream) { s.readDeadline = t })
	return nil
}

func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	c.out.change(func(s *memoryStream) { s.writeDeadline = t })
	return nil
}

// memoryStream is one direction of a connection.
type memoryStream struct {
	mu            sync.Mutex
	changed       chan struct{} // closed and replaced at each change
	data          []byte        // written and not yet read
	readerClosed  bool
	writerClosed  bool
	readDeadline  time.Time
	writeDeadline time.Time
}

func newMemoryStream() *memoryStream { return &memoryStream{changed: make(chan struct{})} }

// change changes the stream and wakes its reader.
func (s *memoryStream) change(how func(*memoryStream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how(s)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *memoryStream) write(b []byte) (n int, err error) {
	s.change(func(s *memoryStream) {
		switch {
		case s.writerClosed:
			err = net.ErrClosed
		case passed(s.writeDeadline):
			err = os.ErrDeadlineExceeded
		default:
			n = len(b)
			if !s.readerClosed { // lost otherwise, as on a socket
				s.data = append(s.data, b...)
			}
		}
	})
	return n, err
}

func (s *memoryStream) read(b []byte) (int, error) {
	for {
		n, wait, deadline, err := s.tryRead(b)
		if wait == nil {
			return n, err
		}
		if deadline.IsZero() {
			<-wait
			continue
		}
		timer := time.NewTimer(time.Until(deadline))
		select {
		case <-wait:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// tryRead reads what there is. If that is nothing yet, wait is closed at the next
// change of the stream.
func (s *memoryStream) tryRead(b []byte) (n int, wait chan struct{}, deadline time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.readerClosed:
		return 0, nil, deadline, net.ErrClosed
	case passed(s.readDeadline):
		return 0, nil, deadline, os.ErrDeadlineExceeded
	case len(b) == 0:
		return 0, nil, deadline, nil
	case len(s.data) > 0:
		n = copy(b, s.data)
		s.data = s.data[n:]
		return n, nil, deadline, nil
	case s.writerClosed:
		return 0, nil, deadline, io.EOF
	default:
		return 0, s.changed, s.readDeadline, nil
	}
}

func passed(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }
