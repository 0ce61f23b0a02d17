// Package tokeninfo tells what is inside a token and what is wrong with it, without a server
// and without showing what is secret.
package tokeninfo

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rdsiam/rdsiam/internal/token"
)

// Info is what a token says. Signature and session token are not in it. Fields of which the
// token says nothing are empty.
type Info struct {
	Endpoint     string    `json:"endpoint"` // host:port
	Kind         string    `json:"kind"`     // of the endpoint, such as "cluster endpoint"
	User         string    `json:"user"`
	Region       string    `json:"region"`
	AccessKeyID  string    `json:"access_key_id"`
	SessionToken int       `json:"session_token_characters"` // 0: none, as with a long-term key
	Signed       time.Time `json:"signed,omitzero"`
	Expires      time.Time `json:"expires,omitzero"`
	Characters   int       `json:"characters"`
	Problems     []Problem `json:"problems"` // the most telling first
}

// Problem is something that is wrong with a token.
type Problem struct {
	Severity Severity `json:"severity"`
	Problem  string   `json:"problem"`
	Fix      string   `json:"fix"`
}

// Severity tells whether a token is refused.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // the server refuses the token
	Warning Severity = "warning" // some servers refuse it, or it does not do what it seems to
)

// Refused reports whether a server would refuse the token, as far as can be told from its
// text. The signature cannot be checked without the secret key.
func (i Info) Refused() bool {
	return slices.ContainsFunc(i.Problems, func(p Problem) bool { return p.Severity == Error })
}

// Read takes a token apart, as of now. White space around it does not count.
func Read(text string, now time.Time) Info {
	r := reader{now: now, info: Info{Problems: []Problem{}}}
	r.read(text)
	return r.info
}

// reader collects what a token says.
type reader struct {
	now   time.Time
	info  Info
	parts token.Parts
}

func (r *reader) fail(problem, fix string) {
	r.info.Problems = append(r.info.Problems, Problem{Error, problem, fix})
}

func (r *reader) warn(problem, fix string) {
	r.info.Problems = append(r.info.Problems, Problem{Warning, problem, fix})
}

const (
	asPrinted = "pass it on exactly as it was printed"
	signAgain = "make a new one"
)

func (r *reader) read(text string) {
	text = strings.TrimSpace(text)
	if i := strings.IndexFunc(text, unknownToTokens); i >= 0 {
		r.info.Characters = len(text)
		r.fail("this is no token: no token has a byte like the one at "+strconv.Itoa(i+1), asPrinted)
		return
	}
	r.parts = token.Read(text)
	for _, damage := range r.parts.Damage {
		r.fail("the token "+damage.Problem(), damage.Fix())
	}
	r.info.Characters = len(text)
	if r.parts.Address == "" || len(r.parts.Missing()) == len(token.Names) {
		if text == "" {
			r.fail("there is no token: the input is empty", "see what was to print it, and what that said on standard error")
			return
		}
		r.fail("this is no token, which looks like HOST:PORT/?Action=connect&DBUser=…", asPrinted)
		return
	}
	if n := len(r.parts.Parameters); n > maxParameters {
		r.fail("this is no token: it has "+strconv.Itoa(n)+" parameters, and tokens have 9 at the most", asPrinted)
		return
	}
	r.readParameters()
	r.readScope()
	r.readAddress()
	r.readTimes()
	r.checkFixed()
	r.checkSession()
}

// unknownToTokens reports whether c is neither printable ASCII nor white space, which can
// have got into a token.
func unknownToTokens(c rune) bool { return (c < ' ' || c > '~') && !strings.ContainsRune("\t\r\n", c) }

func (r *reader) value(name string) string { return r.parts.Get(name).Value }

func (r *reader) readParameters() {
	seen := make(map[string]bool)
	for _, parameter := range r.parts.Parameters {
		name := parameter.Name
		if seen[name] {
			r.fail("the parameter "+shown(name)+" is there twice", signAgain)
		}
		seen[name] = true
		if !parameter.Decoded && name != token.SecurityToken {
			r.fail("the value of "+shown(name)+" is not percent-encoded as it should be", asPrinted)
		}
		if !token.Known(name) {
			r.warn("the parameter "+shown(name)+" does not belong to a token", signAgain)
		}
	}
	r.info.User, r.info.SessionToken = r.value(token.User), len(r.value(token.SecurityToken))
	if missing := r.parts.Missing(); len(missing) > 0 {
		r.fail("the token ends too early or was cut: it lacks "+strings.Join(missing, ", "),
			"look for a field or buffer on its way that is shorter; tokens have up to 5,000 characters")
	}
}

// maxParameters is where it is no use any more to say what is wrong with each.
const maxParameters = 20

// shown returns a part of the input that may be said again: what is long may be a secret.
func shown(text string) string {
	mark := ""
	if len(text) > 32 {
		text, mark = text[:8], "…"
	}
	if quoted := strconv.Quote(text); quoted != `"`+text+`"` { // it would act on the terminal
		text = quoted
	}
	return text + mark
}
