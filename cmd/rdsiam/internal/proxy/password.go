package proxy

import (
	"crypto/rand"
	"fmt"
	"io/fs"
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

// CheckPasswordFile refuses a file that others can read, by the rule of libpq for key files:
// its mode is at most 0600, or 0640 where it belongs to root, whose group may be this
// program's.
func CheckPasswordFile(name string, info fs.FileInfo) error {
	const root = 0
	allowed := fs.FileMode(0o600)
	uid, ok := owner(info)
	if !ok { // a system without such modes
		return nil
	}
	if uid == root {
		allowed = 0o640
	}
	mode := info.Mode().Perm()
	if mode&^allowed == 0 {
		return nil
	}
	return &rdsiam.ConfigError{Code: "password-file-mode", Setting: "--password-file", Value: name,
		Problem: fmt.Sprintf("is open to others: its mode is %04o, and %04o is the most here", mode, allowed),
		Fix:     "chmod 600 the file; for a secret of Kubernetes set defaultMode: 0440 on its volume and fsGroup in the securityContext of the pod"}
}

// ParsePassword returns the password in the only line of a file.
func ParsePassword(name string, content []byte) (string, error) {
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if problem := passwordProblem(text); problem != "" {
		return "", &rdsiam.ConfigError{Code: "password-malformed", Setting: "--password-file", Value: name, Problem: problem,
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
