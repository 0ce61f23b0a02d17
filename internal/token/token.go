// Package token reads IAM tokens: presigned URLs of AWS Signature Version 4 without their
// scheme. It is the one reader of the library, the test servers and the command line, and
// shares no code with what signs.
//
// [Parse] takes what a server may accept, nothing else. [Read] also takes apart what was
// damaged on its way, for those who explain.
package token

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// The parameters of a token.
const (
	Action        = "Action"
	User          = "DBUser"
	Algorithm     = "X-Amz-Algorithm"
	Credential    = "X-Amz-Credential"
	Date          = "X-Amz-Date"
	Expires       = "X-Amz-Expires"
	SecurityToken = "X-Amz-Security-Token"
	Signature     = "X-Amz-Signature"
	SignedHeaders = "X-Amz-SignedHeaders"
)

// Names lists what every token of RDS has, each once. X-Amz-Security-Token comes on top where
// the credentials are temporary. A token of Aurora DSQL has no DBUser.
var Names = []string{Action, User, Algorithm, Credential, Date, Expires, SignedHeaders, Signature}

// The services that tokens are signed for, and what is done there.
const (
	RDS  = "rds-db"
	DSQL = "dsql"

	Connect        = "connect"        // RDS
	DBConnect      = "DbConnect"      // Aurora DSQL, as any user but admin
	DBConnectAdmin = "DbConnectAdmin" // Aurora DSQL, as admin
)

// DateForm is the form of X-Amz-Date, for package time.
const DateForm = "20060102T150405Z"

// Parts is a text taken apart as far as possible.
type Parts struct {
	Damage     []Damage // what happened to the text on its way, undone here
	Address    string   // before the query, without the slash at its end
	Slash      bool     // whether that slash is there
	Parameters []Parameter
}

// Parameter is a pair of the query.
type Parameter struct {
	Name    string
	Raw     string // as written
	Value   string // decoded; Raw where that is not possible
	Decoded bool
}

// Read takes text apart. White space around it does not count. Whatever is missing is
// empty in the result.
func Read(text string) Parts {
	text, damage := unwrap(strings.TrimSpace(text))
	address, query, _ := strings.Cut(text, "?")
	parts := Parts{Damage: damage}
	parts.Address, parts.Slash = strings.CutSuffix(address, "/")
	if query == "" {
		return parts
	}
	parts.Parameters = make([]Parameter, 0, strings.Count(query, "&")+1)
	for pair := range strings.SplitSeq(query, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		value, ok := decode(raw)
		if !ok {
			value = raw
		}
		parts.Parameters = append(parts.Parameters, Parameter{name, raw, value, ok})
	}
	return parts
}

// Get returns the first parameter of this name, the zero Parameter where there is none.
func (p Parts) Get(name string) Parameter {
	for _, parameter := range p.Parameters {
		if parameter.Name == name {
			return parameter
		}
	}
	return Parameter{}
}

// IsDSQL reports whether it is a token of Aurora DSQL, by its action or by what signed it.
func (p Parts) IsDSQL() bool {
	scope, _ := p.Scope()
	return scope.Service == DSQL || strings.HasPrefix(p.Get(Action).Value, DBConnect)
}

// Missing lists the parameters of [Names] that are absent or empty.
func (p Parts) Missing() []string {
	var missing []string
	for _, name := range Names {
		if p.Get(name).Value == "" && !(name == User && p.IsDSQL()) {
			missing = append(missing, name)
		}
	}
	return missing
}

// HostPort returns host and port of the address as written. ok is false where there is no port.
func (p Parts) HostPort() (host, port string, ok bool) {
	i := strings.LastIndexByte(p.Address, ':')
	if i < 0 {
		return p.Address, "", false
	}
	return p.Address[:i], p.Address[i+1:], true
}

// Scope is what X-Amz-Credential says.
type Scope struct{ AccessKeyID, Day, Region, Service string }

// Scope reads KEY/DAY/REGION/SERVICE/aws4_request.
func (p Parts) Scope() (scope Scope, ok bool) {
	words := strings.Split(p.Get(Credential).Value, "/")
	if len(words) != 5 || words[4] != scopeEnd {
		return Scope{}, false
	}
	return Scope{words[0], words[1], words[2], words[3]}, true
}

const scopeEnd = "aws4_request"

// Signed returns the instant in X-Amz-Date, in whole seconds.
func (p Parts) Signed() (signed time.Time, ok bool) {
	return parseDate(p.Get(Date).Value)
}

func parseDate(text string) (time.Time, bool) {
	// time.Parse takes fractions of a second that the form does not have.
	signed, err := time.Parse(DateForm, text)
	return signed, err == nil && len(text) == len(DateForm)
}

// SignedAt reads only X-Amz-Date, of a text that is known to be a token: taking all of it
// apart takes as long as signing it.
func SignedAt(text string) (signed time.Time, ok bool) {
	_, query, _ := strings.Cut(text, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if date, ok := strings.CutPrefix(pair, Date+"="); ok {
			return parseDate(date)
		}
	}
	return time.Time{}, false
}

// Lifetime returns what X-Amz-Expires says.
func (p Parts) Lifetime() (lifetime time.Duration, ok bool) {
	text := p.Get(Expires).Value
	if text == "" || len(text) > 9 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	seconds, err := strconv.Atoi(text)
	return time.Duration(seconds) * time.Second, err == nil
}

// IsSignature reports whether text has the form of a signature: 64 hexadecimal digits in
// lower case.
func IsSignature(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// Known reports whether tokens have a parameter of this name.
func Known(name string) bool { return name == SecurityToken || slices.Contains(Names, name) }
