// Package errortext writes the errors of the library for people at a shell: with flags where
// the library names its options, which nobody can give there. What differs is found by the
// codes of errors and causes, never by their text; words.go has it.
package errortext

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/provision"
)

// Of returns the text of err, in which each error of the library has the words of the
// command line, and not the name of the program in front.
func Of(err error) string {
	return inWords(err.Error(), err)
}

// inWords puts words in place of the errors of the library in the tree of err.
func inWords(text string, err error) string {
	for _, part := range ofLibrary(err) {
		text = strings.Replace(text, part.Error(), write(part), 1)
	}
	return text
}

// ofLibrary returns the outermost errors of the library in the tree of err.
func ofLibrary(err error) (parts []error) {
	switch wrapped := err.(type) { //nolint:errorlint // walks the tree itself
	case *rdsiam.ConfigError, *rdsiam.CredentialsError, *rdsiam.LoginError, *rdsiam.CertificateError, *provision.Error:
		return []error{err}
	case interface{ Unwrap() error }:
		return ofLibrary(wrapped.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			parts = append(parts, ofLibrary(inner)...)
		}
	}
	return parts
}

func write(err error) string {
	switch err := err.(type) { //nolint:errorlint // of ofLibrary, which walks the tree
	case *rdsiam.ConfigError:
		own := Config(err)
		return withoutProgram(&own)
	case *rdsiam.CredentialsError:
		return credentials(err)
	case *rdsiam.LoginError:
		return login(err)
	case *provision.Error:
		own := *err
		_, own.Fix = words[err.Code].orLibrary("", err.Fix)
		return inWords(withoutProgram(&own), errors.Join(err.Unwrap()...))
	}
	return withoutProgram(err)
}

// withoutProgram leaves out the name that errors of the library have in front, for the
// command line has the same.
func withoutProgram(err error) string { return strings.TrimPrefix(err.Error(), "rdsiam: ") }

// Config returns err with flags in place of options.
func Config(err *rdsiam.ConfigError) rdsiam.ConfigError {
	own, said := *err, words[err.Code]
	if flag, ok := flags[err.Setting]; ok {
		own.Setting = flag
	}
	own.Problem, own.Fix = said.orLibrary(own.Problem, own.Fix)
	if said.ofConfig != nil {
		own.Fix = said.ofConfig(err)
	}
	return own
}

// Explanation returns what the library says of a login, with flags in place of options.
func Explanation(found rdsiam.Explanation) rdsiam.Explanation {
	causes := make([]rdsiam.Cause, len(found.Causes))
	for i, cause := range found.Causes {
		cause.Text, cause.Fix = words[cause.Code].orLibrary(cause.Text, cause.Fix)
		causes[i] = cause
	}
	found.Causes = causes
	return found
}

// credentials names what the provider said last: that of the SDK is long.
func credentials(err *rdsiam.CredentialsError) string {
	problem, fix := err.Code, err.Fix
	if causes := rdsiam.Explain(err).Causes; len(causes) > 0 {
		problem = causes[0].Text
	}
	problem, fix = words[err.Code].orLibrary(problem, fix)
	text := "no token for " + err.Login.String() + ": " + problem
	if err.AccessKeyID != "" {
		text += "; access key " + err.AccessKeyID
	}
	if !err.Expires.IsZero() {
		text += "; expires " + err.Expires.UTC().Format(time.RFC3339)
	}
	if fix != "" {
		text += "; " + fix
	}
	if said := errors.Unwrap(err); said != nil {
		text += " (" + strings.TrimSpace(said.Error()) + ")"
	}
	return oneLine.Replace(text)
}

// login names the likeliest cause. Where there is none, the library's text has the answer of
// the server, without tokens.
func login(err *rdsiam.LoginError) string {
	found := Explanation(rdsiam.Explain(err))
	if len(found.Causes) == 0 {
		return withoutProgram(err)
	}
	endpoint := err.Endpoint
	if described := new(rdsiam.CertificateError); errors.As(err, &described) && !described.Endpoint.IsZero() {
		endpoint = described.Endpoint // of several hosts
	}
	text := "login as " + strconv.Quote(err.User) + " to " + endpoint.String()
	if err.Refused {
		text += " refused"
	} else {
		text += " failed"
	}
	if found.Code != "" {
		text += " (" + answer(err, found.Code) + ")"
	}
	if n := len(found.Causes); n > 1 {
		text += "; likeliest of " + strconv.Itoa(n)
	}
	return oneLine.Replace(text + ": " + found.Causes[0].Text + "; " + found.Causes[0].Fix)
}

// answer is a code of a server as the drivers write it.
func answer(err error, code string) string {
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		return "SQLSTATE " + code
	}
	return "Error " + code
}

var oneLine = strings.NewReplacer(":\n\t", ": ", "\r\n", "; ", "\n\t", "; ", "\n", "; ", "\r", " ")
