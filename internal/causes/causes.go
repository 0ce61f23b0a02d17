// Package causes knows what a failed login usually means: which symptoms, that is codes,
// types and texts of servers and drivers, have which causes, and what fixes them.
//
// Causes travel as codes and fields. Their text is made once, at the end. The package
// imports nothing of the library, whose root is built on it.
package causes

// Cause is one thing that a failed login can mean.
type Cause struct {
	Code string // one of Codes
	Text string // what is wrong
	Fix  string // what to look at or change
}

// Login is what is known of the login that failed. The zero value is an unknown one.
type Login struct {
	User      string
	Endpoint  string // host:port that was signed
	Region    string
	Partition string
	Kind      Kind
	Tunneled  bool // another host was dialed than the one that was signed
}

// Kind is what an endpoint is, as far as causes differ.
type Kind uint8

// The kinds of endpoint.
const (
	Outside      Kind = iota // no name of RDS, or not known
	Database                 // instance or cluster
	GlobalWriter             // writer of a global database, whose name has no region
	Proxy                    // RDS Proxy
	DSQL                     // Aurora DSQL
)

// Explanation is what an error means.
type Explanation struct {
	Code      string  // of the server, "" where it did not answer
	Answer    string  // Code as the driver writes it: "SQLSTATE 28000" or "Error 1045"
	Causes    []Cause // the likeliest first
	Retryable bool    // the same login may succeed later
}

// Explain returns what a symptom of a login means.
func Explain(seen Symptom, login Login) Explanation {
	rule := ruleFor(&seen, login.Kind)
	if rule == nil {
		found := seen.answer(nil)
		return Explanation{Code: found.value, Answer: found.String(), Retryable: seen.network}
	}
	found := seen.answer(rule.codes)
	words := newFiller(login, rule.nameIn(seen.text))
	explanation := Explanation{Code: found.value, Answer: found.String(), Retryable: rule.retryable}
	for _, code := range withLogin(rule.causes, login) {
		explanation.Causes = append(explanation.Causes, words.cause(code))
	}
	return explanation
}
