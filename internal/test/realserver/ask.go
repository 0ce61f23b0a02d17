package realserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// answerOnSocket lets the C code in the server ask Check.
func (s *Server) answerOnSocket() error {
	const name = "check.sock"
	path := s.workspace.onMachine(name)
	ln, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	s.onClose(serve(ln, answerQuestions(s.life, s.options.Check)).close)
	s.env = append(s.env, "RDSIAM_CHECK_SOCKET="+s.workspace.path(name))
	return s.workspace.give(path)
}

// Limits of one question. A PostgreSQL password message is at most 64 kB, a
// MariaDB packet 16 MB; no token comes near either.
const (
	questionTimeout = 30 * time.Second
	maxQuestion     = 1 << 20
)

// answerQuestions returns the Go side of csrc/ask.h.
func answerQuestions(ctx context.Context, check Check) func(net.Conn) {
	return func(conn net.Conn) {
		conn.SetReadDeadline(time.Now().Add(questionTimeout))
		question, err := io.ReadAll(io.LimitReader(conn, maxQuestion+1))
		if err != nil || len(question) > maxQuestion {
			return // no answer is a no
		}
		user, token, ok := bytes.Cut(question, []byte{0})
		if !ok || check(ctx, string(user), string(token)) != nil || ctx.Err() != nil {
			return
		}
		_, _ = conn.Write([]byte{'1'}) // no answer is a no
	}
}
