package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// errDeclined means that the person at the terminal did not say yes.
var errDeclined = errors.New("nothing was changed: the answer was not yes")

// confirm asks the person at the terminal, and returns nil for yes. Where nobody can be
// asked it is an error that says --yes, so that a script never hangs or changes something
// by accident.
func confirm(ctx context.Context, streams Streams, question string) error {
	if !isTerminal(streams.In) {
		return usagef("%s nobody can be asked, standard input is not a terminal; say --yes to go on", question)
	}
	fmt.Fprintf(streams.Err, "%s [y/N] ", question)
	answer, err := interruptible(ctx, func() (string, error) { return readLine(streams.In) })
	if err != nil {
		fmt.Fprintln(streams.Err)
		return fmt.Errorf("nothing was changed: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}

func readLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(in).ReadString('\n')
	if errors.Is(err, io.EOF) { // Ctrl-D is an answer: not yes
		err = nil
	}
	return line, err
}

// interruptible returns what read returns, or the cause of ctx if that is canceled first. A
// read of standard input cannot be interrupted, so then its goroutine ends with the process.
func interruptible[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return *new(T), context.Cause(ctx)
	}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
