package realserver

import (
	"context"
	"io"
	"syscall"
)

// The parts that need no server.
var (
	AnswerBinds     = answerBinds
	AnswerQuestions = answerQuestions
)

const MaxQuestion = maxQuestion

func FindPostgreSQL() (server string, err error) {
	p, err := findPostgreSQL("")
	return p.server, err
}

func FindMariaDB() (server string, err error) {
	p, err := findMariaDB("")
	return p.server, err
}

func FindMySQL() (server string, err error) { return FindMySQLIn("") }

func FindMySQLIn(folder string) (server string, err error) {
	p, err := findMySQL(root(folder))
	return p.server, err
}

// WriteLog writes chunks to a log that waits for ready. It returns the chunk
// with which it was seen, -1 for none, and what the log ends with.
func WriteLog(ready string, chunks ...string) (seen int, end string) {
	l := &serverLog{readyText: []byte(ready), ready: make(chan struct{})}
	seen = -1
	for i, chunk := range chunks {
		l.Write([]byte(chunk))
		select {
		case <-l.ready:
			if seen < 0 {
				seen = i
			}
		default:
		}
	}
	return seen, l.end()
}

// Workspace returns the directory of a server, on this machine.
func Workspace(s *Server) string { return s.workspace.onMachine("") }

// NewWorkspace makes and removes a workspace in a root.
func NewWorkspace(folder string) error {
	w, err := newWorkspace(root(folder))
	if err != nil {
		return err
	}
	w.remove()
	return nil
}

// RunProgram runs a program in a workspace of its own.
func RunProgram(ctx context.Context, program string, args ...string) error {
	w, err := newWorkspace("", "nobody")
	if err != nil {
		return err
	}
	defer w.remove()
	_, err = w.run(ctx, "", program, args...)
	return err
}

// StartProgram starts a program in a workspace of its own as if it were a server.
func StartProgram(ctx context.Context, ready, program string, args ...string) error {
	return StartProgramLogging(ctx, nil, ready, program, args...)
}

func StartProgramLogging(ctx context.Context, log io.Writer, ready, program string, args ...string) error {
	w, err := newWorkspace("", "nobody")
	if err != nil {
		return err
	}
	defer w.remove()
	d, err := w.start(ctx, launch{program: program, args: args, ready: ready, stop: syscall.SIGKILL, log: log})
	if err != nil {
		return err
	}
	d.close()
	return nil
}
