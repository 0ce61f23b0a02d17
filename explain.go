package rdsiam

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Explanation says what a failed login usually means. RDS tells clients next to
// nothing: a missing policy, an expired token and a wrong host all read alike.
type Explanation struct {
	Code      string  // SQLSTATE or MySQL error number that it goes by, "" where there was none
	Causes    []Cause // the likeliest first; empty for an error that is not known or says enough itself
	Retryable bool    // whether the same login may succeed later
}

// Cause is one thing that a failed login can mean.
type Cause struct {
	Text string // what is wrong
	Fix  string // what to look at or change
}

// Explain says what err usually means and what to change. It takes the errors of a
// [Connector] and those that pgx and go-sql-driver/mysql return when a hook logs in.
// The kind of endpoint, which a [*LoginError] knows, makes it more exact; with a hook,
// use [Endpoint.Explain].
//
// The causes come from the AWS troubleshooting pages and field reports
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Troubleshooting.html).
func Explain(err error) Explanation {
	var failed *LoginError
	if errors.As(err, &failed) {
		return explain(Login{Endpoint: failed.Endpoint, User: failed.User}, failed.err)
	}
	return explain(Login{}, err)
}

// Explain is like the function [Explain], for a login to this endpoint.
func (e Endpoint) Explain(err error) Explanation { return explain(Login{Endpoint: e}, err) }

// String lists the causes and fixes, one to a line.
func (e Explanation) String() string {
	var b strings.Builder
	for i, cause := range e.Causes {
		b.WriteString(strconv.Itoa(i+1) + ". " + cause.Text + ": " + cause.Fix + "\n")
	}
	return b.String()
}

// line puts the first causes into one line, for error texts.
func (e Explanation) line() string {
	const most = 3
	var b strings.Builder
	b.WriteString("likely: ")
	for i, cause := range e.Causes {
		if i == most {
			b.WriteString("; rdsiam.Explain names " + strconv.Itoa(len(e.Causes)-most) + " more")
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		if len(e.Causes) > 1 {
			b.WriteString("(" + strconv.Itoa(i+1) + ") ")
		}
		b.WriteString(cause.Text + ": " + cause.Fix)
	}
	return b.String()
}

func explain(login Login, err error) Explanation {
	if err == nil {
		return Explanation{}
	}
	seen := newSymptom(login.Endpoint.kind, err)
	if len(seen.codes) == 0 {
		// No server has answered, and what these errors say is not about one.
		var credentials *CredentialsError
		switch {
		case errors.Is(err, context.Canceled), errors.As(err, new(*ConfigError)):
			return Explanation{}
		case errors.As(err, &credentials):
			return credentials.explanation()
		}
	}
	if n := row(seen); n >= 0 {
		rule := explanations[n]
		causes := rule.causes
		if e := login.Endpoint; e.dialedHost != e.host && slices.Contains(causes, causePolicy) {
			causes = append([]Cause{causeTunnel}, causes...)
		}
		return Explanation{Code: seen.code(rule.codes), Causes: login.fillIn(causes), Retryable: rule.retryable}
	}
	return Explanation{Code: seen.code(nil), Retryable: isNetwork(err)}
}

// isNetwork reports whether the network failed, or the server hung up.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || isHungUp(err)
}

func isHungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// fillIn puts what is known of the login in place of the words in capitals.
func (l Login) fillIn(causes []Cause) []Cause {
	var known []string
	if !l.Endpoint.IsZero() {
		known = append(known, "ENDPOINT", l.Endpoint.String(), "PARTITION", l.Endpoint.partition, "REGION", l.Endpoint.region)
	}
	if l.User != "" {
		known = append(known, `"USER"`, `"`+strings.ReplaceAll(l.User, `"`, `""`)+`"`, "USER", l.User)
	}
	replacer := strings.NewReplacer(known...)
	filled := make([]Cause, len(causes))
	for i, cause := range causes {
		filled[i] = Cause{cause.Text, replacer.Replace(cause.Fix)}
	}
	return filled
}

// row returns the number of the row of the table that explains seen, or -1.
func row(seen symptom) int {
	return slices.IndexFunc(explanations, func(rule explanationRule) bool { return rule.matches(seen) })
}

// symptom is what an error tells.
type symptom struct {
	kind   EndpointKind
	codes  []string
	text   string // in lower case
	hungUp bool   // the connection ended before the server answered
}

func newSymptom(kind EndpointKind, err error) symptom {
	seen := symptom{kind: kind, text: strings.ToLower(err.Error())}
	seen.look(err)
	seen.hungUp = len(seen.codes) == 0 && isHungUp(err)
	return seen
}

// code returns the first code that is among wanted, any code where wanted is nil, and ""
// where there is none.
func (s symptom) code(wanted []string) string {
	for _, code := range s.codes {
		if wanted == nil || slices.Contains(wanted, code) {
			return code
		}
	}
	return ""
}

// mysqlNumber returns the number in the text of a server's error, for which the type of
// go-sql-driver/mysql has no method: "Error 1045 (28000): …", "Error 1045: …" in old
// versions.
func mysqlNumber(text string) (number string, ok bool) {
	head, _, ok := strings.Cut(text, ": ")
	number, isError := strings.CutPrefix(head, "Error ")
	number, state, hasState := strings.Cut(number, " ")
	if hasState && (len(state) != len("(28000)") || state[0] != '(' || state[6] != ')') {
		return "", false
	}
	return number, ok && isError && len(number) >= 4 && len(number) <= 5 && consistsOf(number, digits)
}

// look collects the codes of the whole tree: errors.As would stop at the first, and a
// host that was starting up would hide the refusal of another.
func (s *symptom) look(err error) {
	if err == nil {
		return
	}
	if hidden, ok := err.(refusedConn); ok {
		err = hidden.err
	}
	if _, ok := err.(*CredentialsError); ok {
		return // what a token source was told, by a database of its own, say, is not of this login
	}
	if state, ok := err.(interface{ SQLState() string }); ok {
		s.codes = append(s.codes, state.SQLState())
	} else if number, ok := mysqlNumber(err.Error()); ok {
		s.codes = append(s.codes, number)
	}
	switch wrapped := err.(type) {
	case interface{ Unwrap() error }:
		s.look(wrapped.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			s.look(inner)
		}
	}
}

// explanationRule is a row of the table: it applies if every condition that it sets
// holds.
type explanationRule struct {
	codes     []string       // one of them was seen
	texts     []string       // one of them is in the error text, in lower case
	unless    string         // this is not
	kinds     []EndpointKind // the endpoint is of one of them
	hungUp    bool           // the connection ended before the server answered
	causes    []Cause
	retryable bool
}

func (r explanationRule) matches(seen symptom) bool {
	return (r.codes == nil || seen.code(r.codes) != "") &&
		(r.texts == nil || slices.ContainsFunc(r.texts, func(text string) bool { return strings.Contains(seen.text, text) })) &&
		(r.unless == "" || !strings.Contains(seen.text, r.unless)) &&
		(r.kinds == nil || slices.Contains(r.kinds, seen.kind)) &&
		(!r.hungUp || seen.hungUp)
}
