package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal is a program in a pseudo-terminal.
type terminal struct {
	t    *testing.T
	end  *os.File
	seen string // and not yet consumed
}

func startInTerminal(t *testing.T, directory string, environment []string, program string, arguments ...string) *terminal {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir, command.Env = directory, environment
	end, err := pty.StartWithSize(command, &pty.Winsize{Rows: 50, Cols: 500})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait()
		end.Close()
	})
	return &terminal{t, end, ""}
}

func (s *terminal) send(text string) {
	s.t.Helper()
	if _, err := s.end.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// sendUntil sends a key again and again until the program prints the mark: readline forgets a
// signal that comes between its look for signals and its wait for a key.
func (s *terminal) sendUntil(key, mark string) {
	s.t.Helper()
	s.send(key)
	again := time.NewTicker(2 * time.Second)
	defer again.Stop()
	seen := make(chan struct{})
	var keys sync.WaitGroup
	keys.Go(func() {
		for {
			select {
			case <-again.C:
				_, _ = s.end.WriteString(key) // fails when the program has ended, which until says
			case <-seen:
				return
			}
		}
	})
	defer keys.Wait()
	defer close(seen)
	s.until(mark)
}

// until returns what the program prints up to and with the mark.
func (s *terminal) until(mark string) string {
	s.t.Helper()
	buffer := make([]byte, 4096)
	for {
		if before, after, found := strings.Cut(s.seen, mark); found {
			s.seen = after
			return before + mark
		}
		n, err := s.end.Read(buffer)
		s.seen += string(buffer[:n])
		if err != nil {
			s.t.Fatalf("no %q in %q: %v", mark, s.seen, err)
		}
	}
}

// rest returns what the program prints until it ends.
func (s *terminal) rest() string {
	text, _ := io.ReadAll(s.end) // the end of a terminal is an error
	return s.seen + string(text)
}
