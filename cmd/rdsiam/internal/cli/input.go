package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/rdsiam/rdsiam"
)

// maxInput is more than any policy, token, DSN or list of certificates has.
const maxInput = 1 << 20

// readFile reads a file that the command line names; what says what for. Ctrl-C ends the
// wait for a pipe that nobody writes to.
func readFile(ctx context.Context, what, name string) ([]byte, error) {
	return readChecked(ctx, what, name, func(fs.FileInfo) error { return nil })
}

// readChecked reads a file if check takes it once it is open.
func readChecked(ctx context.Context, what, name string, check func(fs.FileInfo) error) ([]byte, error) {
	text, err := interruptible(ctx, func() ([]byte, error) {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		info, err := file.Stat()
		if err == nil {
			err = check(info)
		}
		if err != nil {
			return nil, err
		}
		return readLimited(file)
	})
	var config *rdsiam.ConfigError
	switch {
	case errors.As(err, &config): // of check
		return nil, err
	case ctx.Err() != nil:
		return nil, fmt.Errorf("interrupted while reading %s: %w", what, context.Cause(ctx))
	case err != nil:
		return nil, usageError{fmt.Errorf("cannot read %s: %w", what, err)}
	}
	return text, nil
}

// readInput reads standard input, which is not to be a terminal.
func readInput(ctx context.Context, in io.Reader) ([]byte, error) {
	if isTerminal(in) {
		return nil, usagef("standard input is a terminal here; pipe the text in")
	}
	text, err := interruptible(ctx, func() ([]byte, error) { return readLimited(in) })
	if err != nil {
		return nil, fmt.Errorf("cannot read standard input: %w", err)
	}
	return text, nil
}

// readFileOrInput reads the file of that name, or for - standard input.
func readFileOrInput(ctx context.Context, in io.Reader, what, name string) ([]byte, error) {
	if name == "-" {
		return readInput(ctx, in)
	}
	return readFile(ctx, what, name)
}

func readLimited(in io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err == nil && len(text) > maxInput {
		err = usagef("it is longer than %d bytes", maxInput)
	}
	return text, err
}
