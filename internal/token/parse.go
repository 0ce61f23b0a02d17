package token

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Token is a token that follows every rule of its form. Whether its signature is right is
// not known.
type Token struct {
	Host, Port   string // as written; Port is "" where there is none, as for Aurora DSQL
	Service      string // RDS or DSQL
	Action       string
	User         string // "" for Aurora DSQL
	AccessKeyID  string
	Region       string
	Signed       time.Time // in whole seconds
	Lifetime     time.Duration
	SessionToken string // "" with long-term credentials
	Signature    string
	Parameters   []Parameter // all but the signature, sorted as they are signed
}

// Error is a rule that a text breaks. It quotes no value, since any may be secret.
type Error struct {
	Parameter  string // "" where it is not one parameter
	Problem    string
	OutOfRange bool // it has a value that RDS does not take
}

// Error returns the rule in words.
func (e *Error) Error() string {
	if e.Parameter == "" {
		return e.Problem
	}
	return e.Parameter + " " + e.Problem
}

const (
	algorithm = "AWS4-HMAC-SHA256"
	// longest is the most that RDS allows in X-Amz-Expires, longestDSQL what Aurora DSQL does.
	// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/SECTION_authentication-token.html
	longest     = 15 * time.Minute
	longestDSQL = 7 * 24 * time.Hour
)

// Parse reads a token strictly. Its parameters may stand in any order. The error is an
// [*Error].
func Parse(text string) (Token, error) {
	address, _, ok := strings.Cut(text, "?")
	if !ok {
		return Token{}, &Error{Problem: "no query: a token has the form host:port/?Action=connect&…"}
	}
	parts := Read(text)
	if len(parts.Damage) > 0 || strings.TrimSpace(text) != text {
		return Token{}, &Error{Problem: "it was changed on its way"}
	}
	t := Token{}
	var hasPort bool
	t.Host, t.Port, hasPort = strings.Cut(strings.TrimSuffix(address, "/"), ":")
	if !isHost(t.Host) {
		return Token{}, &Error{Problem: "it does not begin with host:port"}
	}
	if _, err := strconv.ParseUint(t.Port, 10, 16); err != nil && hasPort {
		return Token{}, &Error{Problem: "its port is not a number from 0 to 65535"}
	}
	if err := parts.checkParameters(); err != nil {
		return Token{}, err
	}
	if err := t.take(parts); err != nil {
		return Token{}, err
	}
	return t, nil
}

// checkParameters wants every parameter once, and no others.
func (p Parts) checkParameters() error {
	dsql := p.IsDSQL()
	seen := make(map[string]bool, len(p.Parameters))
	for _, parameter := range p.Parameters {
		switch {
		case !Known(parameter.Name) || dsql && parameter.Name == User:
			return &Error{Problem: "it has a parameter that tokens do not have"}
		case !parameter.Decoded:
			return &Error{Parameter: parameter.Name, Problem: "is not percent-encoded"}
		case seen[parameter.Name]:
			return &Error{Parameter: parameter.Name, Problem: "is given twice"}
		}
		seen[parameter.Name] = true
	}
	for _, name := range Names {
		if !seen[name] && !(dsql && name == User) {
			return &Error{Parameter: name, Problem: "is missing"}
		}
	}
	for _, fixed := range [...][2]string{{Algorithm, algorithm}, {SignedHeaders, "host"}} {
		if p.Get(fixed[0]).Value != fixed[1] {
			return &Error{Parameter: fixed[0], Problem: "is not " + fixed[1]}
		}
	}
	switch action := p.Get(Action).Value; {
	case !dsql && action != Connect:
		return &Error{Parameter: Action, Problem: "is not " + Connect}
	case dsql && action != DBConnect && action != DBConnectAdmin:
		return &Error{Parameter: Action, Problem: "is neither " + DBConnect + " nor " + DBConnectAdmin}
	}
	return nil
}

// take fills t from the parameters.
func (t *Token) take(p Parts) error {
	var ok bool
	if t.Signed, ok = p.Signed(); !ok {
		return &Error{Parameter: Date, Problem: "does not have the form " + DateForm}
	}
	day := t.Signed.Format("20060102")
	t.Service, t.Action = RDS, p.Get(Action).Value
	most := longest
	if p.IsDSQL() {
		t.Service, most = DSQL, longestDSQL
	}
	scope, ok := p.Scope()
	if !ok || scope.Day != day || scope.Service != t.Service {
		return &Error{Parameter: Credential, Problem: fmt.Sprintf("does not have the form key/%s/region/%s/%s", day, t.Service, scopeEnd)}
	}
	t.AccessKeyID, t.Region = scope.AccessKeyID, scope.Region
	t.Lifetime, ok = p.Lifetime()
	if !ok || t.Lifetime < time.Second || t.Lifetime > most {
		return &Error{Parameter: Expires, Problem: fmt.Sprintf("is not a number from 1 to %d", int(most.Seconds())), OutOfRange: true}
	}
	t.User = p.Get(User).Value
	t.SessionToken = p.Get(SecurityToken).Value
	t.Signature = p.Get(Signature).Value
	for _, parameter := range p.Parameters {
		if parameter.Name != Signature {
			t.Parameters = append(t.Parameters, parameter)
		}
	}
	slices.SortFunc(t.Parameters, func(a, b Parameter) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func isHost(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		return !letter && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	})
}
