package rdsiam

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam/internal/causes"
)

// ConfigError is a setting that cannot work or would be unsafe. It is found before
// anything is sent. A retry never helps.
//
// The codes of this package are:
//
//	endpoint-empty, endpoint-form, endpoint-port, endpoint-at-sign,
//	endpoint-unix-socket, endpoint-ip-address, endpoint-dsql, endpoint-custom,
//	endpoint-unknown, endpoint-not-rds, endpoint-global-writer, endpoint-zero,
//	region-form, region-contradicts-host, option-nil,
//	root-cas-nil, roots-missing,
//	tls-config-nil, tls-server-name, tls-max-version, tls-unverified,
//	driver-nil, token-source-nil, credentials-provider-nil,
//	token-empty, token-of-another-login, token-unknown-text, token-cut, token-malformed,
//	token-quoted, token-json, token-scheme, token-white-space, token-percent-encoded,
//	token-html-encoded,
//	user-empty, user-nul, user-not-utf8, user-too-long, user-characters, user-spaces,
//	user-pattern-form, arn-form, arn-service, arn-user,
//	resource-id, resource-of-dsql, resource-region, resource-account, resource-partition,
//	partition-contradicts-region,
//	policy-document, policy-zero, policy-no-users, policy-zero-user, policy-partitions,
//	policy-inline-too-long, policy-resource-too-long, policy-version, policy-indivisible,
//	terraform-name, terraform-escape.
//
// The other packages have codes of their own.
type ConfigError struct {
	Code    string `json:"code"`            // names the rule for programs, such as "endpoint-custom"; stable
	Setting string `json:"setting"`         // the setting as the caller spells it, such as "sslmode" or "WithRegion"
	Value   string `json:"value,omitempty"` // the value seen; never a password or token
	Problem string `json:"problem"`         // the rule that it breaks, and why
	Fix     string `json:"fix"`             // what to change
}

func configError(code, setting, value, problem, fix string) *ConfigError {
	return &ConfigError{Code: code, Setting: setting, Value: value, Problem: problem, Fix: fix}
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
		explained.Causes = []Cause{{Code: e.Code, Text: e.problem, Fix: e.Fix}}
	}
	return explained
}

// LoginError is returned where a [Connector] could not log in. It says what was tried and
// what the likeliest cause is; %+v prints the rest, and [Explain] returns it.
// See [LoginError.Retryable] for whether a retry helps.
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

// Error says in one line who tried to log in where, and what the likeliest cause is with
// its fix. What the server or network answered is in it only where the cause is unknown;
// %+v always prints it.
func (e *LoginError) Error() string {
	explanation, answer := explain(e.login(), e.err)
	endpoint := e.Endpoint
	if described := new(CertificateError); errors.As(e.err, &described) && !described.Endpoint.IsZero() {
		endpoint = described.Endpoint // of several hosts, not always the last
	}
	text := "rdsiam: login as " + strconv.Quote(e.User) + " to " + endpoint.String() + " failed"
	if e.Refused {
		text = strings.TrimSuffix(text, "failed") + "refused"
	}
	if answer != "" && len(explanation.Causes) > 0 {
		text += " (" + answer + ")"
	}
	switch causes := explanation.Causes; {
	case len(causes) == 1:
		text += ": " + causes[0].Text + "; " + causes[0].Fix
	case len(causes) > 1:
		text += "; likeliest of " + strconv.Itoa(len(causes)) + ": " + causes[0].Text + "; " + causes[0].Fix
	case e.err != nil:
		text += ": " + e.answer()
	}
	return oneLine.Replace(text)
}

// answer is what the server or network answered, in the words of the driver.
func (e *LoginError) answer() string {
	text := strings.TrimSpace(e.err.Error())
	for _, token := range e.tokens {
		text = token.Mask(text)
	}
	return oneLine.Replace(text)
}

// Format implements [fmt.Formatter]. The verb %+v prints several lines: what Error returns,
// the region and token, the answer of the server or network, and all causes. Other verbs
// print what Error returns.
func (e *LoginError) Format(state fmt.State, verb rune) {
	if verb == 'v' && state.Flag('+') {
		_, _ = state.Write([]byte(e.details()))
		return
	}
	_, _ = fmt.Fprintf(state, fmt.FormatString(state, verb), e.Error())
}

func (e *LoginError) details() string {
	lines := []string{e.Error()}
	if region := e.Endpoint.Region(); region != "" {
		lines = append(lines, "region: "+region)
	}
	if e.AccessKeyID != "" {
		lines = append(lines, "access key: "+e.AccessKeyID+", token "+e.TokenAge.Round(time.Millisecond).String()+" old")
	}
	if e.err != nil {
		lines = append(lines, "answer: "+e.answer())
	}
	if causes := Explain(e).String(); causes != "" {
		lines = append(lines, strings.Split(strings.TrimSuffix(causes, "\n"), "\n")...)
	}
	return strings.Join(lines, "\n\t")
}

func (e *LoginError) login() Login { return Login{Endpoint: e.Endpoint, User: e.User} }

// oneLine puts on one line what pgx and credential programs print on several.
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

// refusedConn stands for an error whose tree holds [driver.ErrBadConn], and hides that from
// database/sql, which would log in again up to twice for one call of its user. Everything
// else in the tree is still found.
type refusedConn struct{ err error }

// withoutBadConn is the one place with this rule, for the errors of every driver, callback
// and token source.
func withoutBadConn(err error) error {
	if !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	return refusedConn{err}
}

func (e refusedConn) Error() string { return e.err.Error() }

// Is implements the method that errors.Is asks for.
func (e refusedConn) Is(target error) bool {
	return target != driver.ErrBadConn && errors.Is(e.err, target)
}

// As implements the method that errors.As asks for.
func (e refusedConn) As(target any) bool { return errors.As(e.err, target) }

// BadConn returns the error, for package causes.
func (e refusedConn) BadConn() error { return e.err }
