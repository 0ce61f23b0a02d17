package causes

import (
	"cmp"
	"slices"
	"strings"
)

// rule is a row of the table: it applies if every condition that it sets holds.
type rule struct {
	codes     []string         // the server answered with one of them
	is        func(error) bool // holds for an error of the tree; or one of texts is in it
	texts     []string         // one of them is in the error text, in lower case
	name      pattern          // is in the error text; its group is the name that sentences have
	mayName   pattern          // the same where it is no condition
	unless    string           // this is not in the error text
	kinds     []Kind           // the endpoint is of one of them
	hungUp    bool             // the connection ended before the server answered
	causes    []string         // codes, the likeliest first
	retryable bool
}

var (
	proxies = []Kind{Proxy}
	outside = []Kind{Outside}
	global  = []Kind{GlobalWriter}
	dsql    = []Kind{DSQL}

	// refusedLogin are the codes by which MySQL and MariaDB refuse a token.
	refusedLogin = []string{"1045", "1698"}
)

// tables are what clients see and what it means: the first that applies counts, so exact
// texts stand before bare codes. They come from the AWS troubleshooting pages, from field
// reports and from the servers themselves, which localize their texts: codes go first.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Troubleshooting.html
var tables = [...][]rule{dsqlRules, proxyRules, postgresRules, mysqlRules, networkRules}

// ruleFor returns the first rule that explains seen, nil where there is none.
func ruleFor(seen *Symptom, kind Kind) *rule {
	for _, table := range tables {
		for i := range table {
			if table[i].matches(seen, kind) {
				return &table[i]
			}
		}
	}
	return nil
}

func (r *rule) matches(seen *Symptom, kind Kind) bool {
	return (r.codes == nil || seen.answer(r.codes) != answer{}) &&
		(r.is == nil && r.texts == nil || r.shows(seen)) &&
		(r.name == "" || r.name.in(seen.text)) &&
		(r.unless == "" || !strings.Contains(seen.lower, r.unless)) &&
		(r.kinds == nil || slices.Contains(r.kinds, kind)) &&
		(!r.hungUp || seen.hungUp)
}

func (r *rule) shows(seen *Symptom) bool {
	isIn := func(text string) bool { return strings.Contains(seen.lower, text) }
	return r.is != nil && seen.has(r.is) || slices.ContainsFunc(r.texts, isIn)
}

// nameIn returns the name that the server's answer has, "" where it has none.
func (r *rule) nameIn(text string) string {
	name := cmp.Or(r.name, r.mayName)
	if name == "" {
		return ""
	}
	groups := name.compiled().FindStringSubmatch(text)
	if len(groups) == 0 {
		return ""
	}
	return strings.Join(groups[1:], "") // of alternatives, one has a name
}

// withLogin adds what the login itself shows to the causes of a refusal: a name that no
// server knows, and an endpoint that somebody gave.
func withLogin(codes []string, login Login) []string {
	isAbout := func(about ...string) bool {
		return slices.ContainsFunc(about, func(code string) bool { return slices.Contains(codes, code) })
	}
	var first []string
	if percentEscape.in(login.User) && isAbout(Policy, ProxyPolicy, NoRole, ProxyAuth) {
		first = append(first, EscapedUser)
	}
	if login.Tunneled && isAbout(Policy) {
		first = append(first, TunnelEndpoint)
	}
	return append(first, codes...)
}
