package realserver

import (
	"errors"
	"net"
	"sync"
	"time"
)

// A service answers the connections of a listener until it is closed.
type service struct {
	ln     net.Listener
	handle func(net.Conn)

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil when closed
	wg    sync.WaitGroup
}

func serve(ln net.Listener, handle func(net.Conn)) *service {
	s := &service{ln: ln, handle: handle, conns: make(map[net.Conn]struct{})}
	s.wg.Add(1)
	go s.accept()
	return s
}

func (s *service) accept() {
	defer s.wg.Done()
	for {
		conn, err := s.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(5 * time.Millisecond) // out of file descriptors, which passes
			continue
		}
		if s.add(conn) {
			go s.answer(conn)
		}
	}
}

func (s *service) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		conn.Close()
		return false
	}
	s.conns[conn] = struct{}{}
	s.wg.Add(1)
	return true
}

func (s *service) answer(conn net.Conn) {
	defer s.wg.Done()
	s.handle(conn)
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// close ends all connections and returns when every handler has.
func (s *service) close() {
	s.ln.Close()
	s.mu.Lock()
	for conn := range s.conns {
		conn.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.wg.Wait()
}
