package rdsiam

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam/internal/causes"
)

// ConfigError is a setting that cannot work or would be unsafe. It is found before
// anything is sent. A retry never helps.
type ConfigError struct {
	Code    string // names the rule for programs, such as "sslmode-disable"; stable, "" where it has no name yet
	Setting string // the setting as the caller spells it, such as "sslmode" or "WithRegion"
	Value   string // the value seen; never a password or token
	Problem string // the rule that it breaks, and why
	Fix     string // what to change
}

// Error returns setting, value, problem and fix in one line.
func (e *ConfigError) Error() string {
	text := "rdsiam: " + e.Setting
	if e.Value != "" {
		text += " " + strconv.Quote(e.Value)
	}
	text += ": " + e.Problem
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	return text
}

// CredentialsError means that there is no token: the AWS credentials that sign it are
// missing, expired or cannot be fetched, or a [TokenSource] that is not of this package
// failed. [CredentialsError.Retryable] reports whether a later login may succeed.
type CredentialsError struct {
	Login       Login
	AccessKeyID string    // of the credentials seen, "" where there were none
	Expires     time.Time // when they expire, zero where that is unknown
	Code        string    // names the cause for programs, such as "sso-session-ended"; stable
	Fix         string    // what to change

	problem string
	err     error
}

// credentialsError returns the error for a cause, still without its login.
func credentialsError(cause causes.Credentials, seen aws.Credentials, err error) *CredentialsError {
	return &CredentialsError{AccessKeyID: seen.AccessKeyID, Code: cause.Code, Fix: cause.Fix, problem: cause.Text, err: err}
}

// Error says in one line what is wrong, what to change, and what the provider or token
// source said.
func (e *CredentialsError) Error() string {
	text := "rdsiam: no token for " + e.Login.String() + ": " + e.problem
	if e.AccessKeyID != "" {
		text += "; access key " + e.AccessKeyID
	}
	if !e.Expires.IsZero() {
		text += "; expires " + e.Expires.UTC().Format(time.RFC3339)
	}
	said := ""
	if e.err != nil {
		said = strings.TrimSpace(e.err.Error())
	}
	switch {
	case e.Fix == "" && said != "":
		text += ": " + said
	case e.Fix != "":
		text += "; " + e.Fix
		if said != "" {
			text += " (" + said + ")" // last: that of the SDK is long
		}
	}
	return oneLine.Replace(text)
}

// Unwrap returns the error of the credentials provider or token source, nil where there
// was none. It holds no credentials: an error that quotes the output of a
// credential_process is replaced.
func (e *CredentialsError) Unwrap() error { return e.err }

// Retryable reports whether a later login may succeed: the service that issues the
// credentials failed, hung or throttled. It is false where a person must act, such as log in
// to SSO again, and where the caller canceled the login.
func (e *CredentialsError) Retryable() bool {
	cause, ok := causes.CredentialsByCode(e.Code)
	return !errors.Is(e.err, context.Canceled) && (!ok || cause.Retryable)
}

// explanation is what [Explain] makes of the error.
func (e *CredentialsError) explanation() Explanation {
	explained := Explanation{Retryable: e.Retryable()}
	if e.Fix != "" {
		explained.Causes = []Cause{{Text: e.problem, Fix: e.Fix}}
	}
	return explained
}

// LoginError tells that a [Connector] could not log in: what was tried, what the
// server or network said, and what that usually means. See [LoginError.Retryable]
// for whether a retry helps.
type LoginError struct {
	Endpoint    Endpoint
	User        string
	TokenAge    time.Duration // when the login ended; zero where no token was asked for
	AccessKeyID string        // of the key that signed the token, "" where none was asked for
	Code        string        // SQLSTATE of PostgreSQL or error number of MySQL; "" where the server did not answer
	Refused     bool          // the server refused the login

	tokens []Token // of every host that was tried
	err    error
}

// Error says in one line who tried to log in where, what came back, and what that
// usually means, the likeliest cause first.
func (e *LoginError) Error() string {
	text := "rdsiam: log in as " + strconv.Quote(e.User) + " to " + e.Endpoint.String()
	if region := e.Endpoint.Region(); region != "" {
		text += " (" + region + ")"
	}
	if e.Refused {
		text += " refused by the server"
	} else {
		text += " failed"
	}
	if e.AccessKeyID != "" {
		text += " (access key " + e.AccessKeyID + ", token " + e.TokenAge.Round(time.Second).String() + " old)"
	}
	if e.err != nil {
		text += ": " + e.mask(strings.TrimSpace(e.err.Error()))
	}
	explanation := Explain(e)
	if len(explanation.Causes) > 0 && !errors.As(e.err, new(*CertificateError)) { // which says itself what to change
		text += "; " + explanation.line()
	}
	return oneLine.Replace(text)
}

func (e *LoginError) mask(text string) string {
	for _, token := range e.tokens {
		text = token.Mask(text)
	}
	return text
}

// oneLine undoes the layout with which pgx tells of several addresses, and programs that
// print credentials of what went wrong.
var oneLine = strings.NewReplacer(":\n\t", ": ", "\r\n", "; ", "\n\t", "; ", "\n", "; ", "\r", " ")

// Unwrap returns the error of the driver, such as a *pgconn.ConnectError or a
// *mysql.MySQLError, without the token. It is nil for a LoginError that no Connector made.
func (e *LoginError) Unwrap() error { return e.err }

// Retryable reports whether the same login may succeed later: the network failed,
// the server was starting, or too many logins were under way. It is false for
// refusals, since a retry with the same account and policy ends the same way and
// counts against the throttle, and where the caller canceled the context. After a
// deadline it is true: a later login, with a context of its own, may be quicker.
func (e *LoginError) Retryable() bool { return Explain(e).Retryable }
