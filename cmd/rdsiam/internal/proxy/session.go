package proxy

import (
	"errors"
	"net"
	"sync"
	"time"
)

// session is a client that is logged in, here and at the server.
type session struct {
	client, server net.Conn
	end            func() // called once nothing is relayed any more

	mu       sync.Mutex
	traffic  traffic // guarded by mu
	passing  bool    // guarded by mu: what traffic has seen is on its way to the client
	draining bool    // guarded by mu
	ended    bool    // guarded by mu: nothing more may be passed on
}

// farewellTime bounds the sending of last words to a peer that may not be reading.
const farewellTime = 2 * time.Second

// errOver ends the passing of bytes that nobody wants any more.
var errOver = errors.New("the session is over")

// relay passes bytes on until one side ends, the session is drained or cut, or the client
// does what it must not, which is the error.
func (s *session) relay(buffers *buffers, moved *moved) error {
	defer s.end()
	defer s.client.Close()
	toClient := make(chan struct{})
	go func() {
		defer close(toClient)
		_ = buffers.pass(s.server, func(b []byte) error {
			moved.toClient.Add(float64(len(b)))
			return s.passToClient(b)
		})
		s.server.Close()
		_ = s.client.SetReadDeadline(time.Now()) // ends the reading below
	}()
	err := buffers.pass(s.client, func(b []byte) error {
		moved.toServer.Add(float64(len(b)))
		return s.passToServer(b)
	})
	if errors.Is(err, errOver) {
		err = nil
	}
	_ = s.client.SetWriteDeadline(time.Now().Add(farewellTime)) // ends the writing above
	if err != nil {
		s.over() // what a server says to being left would come before the refusal
	}
	s.server.Close()
	<-toClient
	s.over()
	if err != nil {
		_, _ = s.client.Write(s.traffic.refusal(err))
	}
	return err
}

func (s *session) passToServer(b []byte) error {
	passed, err := s.seenFromClient(b)
	if _, writeErr := s.server.Write(b[:passed]); writeErr != nil {
		return errOver
	}
	return err
}

func (s *session) seenFromClient(b []byte) (passed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return 0, errOver
	}
	return s.traffic.fromClient(b)
}

func (s *session) passToClient(b []byte) error {
	if !s.seenFromServer(b) {
		return errOver
	}
	if _, err := s.client.Write(b); err != nil {
		return errOver
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passing = false
	return s.endIfDrained()
}

func (s *session) seenFromServer(b []byte) (goOn bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.traffic.fromServer(b)
	s.passing = true
	return true
}

// drain ends the session as soon as it is idle, now if it is.
func (s *session) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	if s.endIfDrained() != nil {
		s.client.Close()
		s.server.Close()
	}
}

// endIfDrained returns errOver if the session has ended. What the client sends after that
// is not passed on: a statement was either executed and answered, or not executed. The
// caller holds mu.
func (s *session) endIfDrained() error {
	if s.draining && !s.passing && !s.ended && s.traffic.idle() {
		s.ended = true
		toClient, toServer := s.traffic.farewell()
		deadline := time.Now().Add(farewellTime)
		_ = s.client.SetWriteDeadline(deadline)
		_ = s.server.SetWriteDeadline(deadline)
		if len(toClient) > 0 { // a write of nothing can wait for a reader
			_, _ = s.client.Write(toClient)
		}
		_, _ = s.server.Write(toServer)
	}
	if s.ended {
		return errOver
	}
	return nil
}

// over has nothing more passed on.
func (s *session) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// isOver reports whether the session has ended.
func (s *session) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// cut ends the session whatever it is doing, and reports whether it had not ended before.
func (s *session) cut() (running bool) {
	s.mu.Lock()
	running, s.ended = !s.ended, true
	s.mu.Unlock()
	s.client.Close()
	s.server.Close()
	return running
}
