package proxy

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/scram"
)

// password is what clients of a Server log in with.
type password struct {
	text  string
	scram *scram.Secret
}

// newPassword returns nil for an empty text.
func newPassword(text string) (*password, error) {
	if text == "" {
		return nil, nil
	}
	secret, err := scram.NewSecret(text)
	return &password{text, secret}, err
}

// RandomPassword returns a password that nobody can guess.
func RandomPassword() string { return rand.Text() }

// ReadPassword reads a password from the only line of a file.
func ReadPassword(name string) (string, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return "", &rdsiam.ConfigError{Setting: "--password-file", Value: name, Problem: "cannot be read: " + pathless(err), Fix: "name a readable file"}
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if problem := passwordProblem(text); problem != "" {
		return "", &rdsiam.ConfigError{Setting: "--password-file", Value: name, Problem: problem,
			Fix: "write one line of printable ASCII characters, such as the output of: openssl rand -hex 16"}
	}
	return text, nil
}

// passwordProblem says what is wrong with a password. Characters outside ASCII are spelled in
// several ways, between which clients choose by SASLprep, or not at all.
func passwordProblem(text string) string {
	const least = 8
	switch {
	case len(text) < least:
		return fmt.Sprintf("holds a password of %d characters, and %d are the least", len(text), least)
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }):
		return "holds more than one line, or characters other than printable ASCII"
	}
	return ""
}

// pathless is the text of an error about a file without its name.
func pathless(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
