package rdsiam

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam/internal/causes"
)

// Explanation says what a failed login usually means. RDS says next to nothing to clients:
// a missing policy, an expired token and a wrong host all read alike.
type Explanation struct {
	// Code is the SQLSTATE or MySQL error number that it goes by, "" where there was none.
	Code string `json:"code,omitempty"`

	// Causes are the likeliest first; there are none for an error that is not known or
	// says enough itself.
	Causes []Cause `json:"causes,omitempty"`

	// Retryable is whether the same login may succeed later.
	Retryable bool `json:"retryable"`
}

// Cause is one thing that a failed login can mean.
type Cause struct {
	Code string `json:"code"` // names the cause for programs, such as "policy"; stable
	Text string `json:"text"` // what is wrong
	Fix  string `json:"fix"`  // what to look at or change
}

// Explain says what err usually means and what to change. It takes the errors of a
// [Connector] and those that pgx and go-sql-driver/mysql return when a hook logs in, or when
// a statement meets a read-only server. The endpoint and user, which a [*LoginError] knows,
// make it more exact; with a hook, use [Login.Explain].
//
// The causes come from the AWS troubleshooting pages and field reports
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Troubleshooting.html).
func Explain(err error) Explanation {
	var failed *LoginError
	if errors.As(err, &failed) {
		explanation, _ := explain(failed.login(), failed.err)
		return explanation
	}
	explanation, _ := explain(Login{}, err)
	return explanation
}

// Explain is like the function [Explain], for an error of this login.
func (l Login) Explain(err error) Explanation {
	explanation, _ := explain(l, err)
	return explanation
}

// String lists the causes and fixes, one to a line.
func (e Explanation) String() string {
	var b strings.Builder
	for i, cause := range e.Causes {
		b.WriteString(strconv.Itoa(i+1) + ". " + cause.Text + ": " + cause.Fix + "\n")
	}
	return b.String()
}

// explain also returns the code of the server as its driver writes it.
func explain(login Login, err error) (_ Explanation, answer string) {
	if err == nil {
		return Explanation{}, ""
	}
	seen := causes.Look(err, isOfTheSource)
	if !seen.Answered() {
		// No server has answered, and what these errors say is not about one.
		var credentials *CredentialsError
		switch {
		case errors.Is(err, context.Canceled), errors.As(err, new(*ConfigError)):
			return Explanation{}, ""
		case errors.As(err, &credentials):
			return credentials.explanation(), ""
		}
	}
	found := causes.Explain(seen, login.known())
	explanation := Explanation{Code: found.Code, Retryable: found.Retryable}
	for _, cause := range found.Causes {
		explanation.Causes = append(explanation.Causes, Cause(cause))
	}
	explanation.fixCertificate(err)
	return explanation, found.Answer
}

// isOfTheSource reports whether an error says why there is no token. What a token source
// was answered, by a database of its own, say, is not about this login.
func isOfTheSource(err error) bool {
	_, ok := err.(*CredentialsError) //nolint:errorlint // asked of each error in the tree
	return ok
}

// known returns what causes depend on.
func (l Login) known() causes.Login {
	e := l.Endpoint
	return causes.Login{User: l.User, Endpoint: e.String(), Region: e.region, Partition: e.partition,
		Kind: e.kind.ofCauses(), Tunneled: e.dialedHost != e.host}
}

func (k EndpointKind) ofCauses() causes.Kind {
	switch k {
	case KindOther:
		return causes.Outside
	case KindGlobalWriter:
		return causes.GlobalWriter
	case KindProxy, KindProxyEndpoint:
		return causes.Proxy
	case KindDSQL:
		return causes.DSQL
	}
	return causes.Database
}

// fixCertificate puts the fix of a [*CertificateError], which knows the endpoint and the
// roots, in place of the general one.
func (e *Explanation) fixCertificate(err error) {
	var described *CertificateError
	if len(e.Causes) == 0 || !errors.As(err, &described) || described.Fix == "" {
		return
	}
	switch e.Causes[0].Code {
	case causes.Certificate, causes.CertificateName, causes.CertificateAuthority, causes.CertificateExpired:
		e.Causes[0].Fix = described.Fix
	}
}
