// Package iampolicy reads, writes and evaluates identity-based IAM policies. It evaluates them for
// one action on one resource as IAM does for rds-db:connect: an explicit Deny wins, then an Allow,
// and what no statement allows is denied.
//
// Not everything about a login is known. Where the outcome depends on what is not, a Deny
// refuses and an Allow does not allow.
//
// The rules come from the IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements
// reference".
package iampolicy

import "strconv"

// patterns is an element such as Action, or NotAction if negated.
type patterns struct {
	negated bool
	any     []pattern
}

// Request is what a principal wants to do. A condition key or policy variable is in Context, in
// Absent, documented not to exist at logins, or else unknown. Keys are not case-sensitive.
type Request struct {
	Action   string // such as "rds-db:connect"
	Resource string // ARN
	// Context holds the values of keys, such as that of "aws:username".
	Context map[string]string
	// Absent has the keys without a value. One that ends in a slash is for all that begin
	// with it.
	Absent []string
}

// Decision is the outcome of an evaluation.
type Decision struct {
	Allowed bool
	// Reason says which statement decided, or that none did.
	Reason string
	// Notes say why statements that would allow the request did not match: a condition that
	// does not hold or cannot be decided, a variable without a value.
	Notes []string
}

// Evaluate decides a request by the policies of its principal.
func Evaluate(documents []*Document, request Request) Decision {
	e := evaluation{request, request.values()}
	what := " " + request.Action + " on " + request.Resource
	d := Decision{Reason: "no statement allows" + what}
	var mayDeny string
	for n, document := range documents {
		for i, s := range document.Statement {
			name := s.name(i)
			if len(documents) > 1 {
				name = "policy " + strconv.Itoa(n+1) + ", " + name
			}
			switch outcome, why := e.matches(s); {
			case s.Effect == deny && outcome == Yes:
				return Decision{Reason: name + " denies" + what, Notes: d.Notes}
			case s.Effect == deny && outcome == Undecided && mayDeny == "":
				mayDeny = name + " may deny" + what + ", which is undecided: " + why
			case s.Effect == deny:
			case outcome == Yes && !d.Allowed:
				d.Allowed, d.Reason = true, name+" allows"+what
			case outcome == Undecided:
				d.Notes = append(d.Notes, name+" is undecided: "+why)
			case why != "":
				d.Notes = append(d.Notes, name+": "+why)
			}
		}
	}
	if mayDeny != "" {
		d.Allowed, d.Reason = false, mayDeny
	}
	return d
}

// Matches reports whether a statement is about a request.
func (s *Statement) Matches(request Request) Truth {
	outcome, _ := evaluation{request, request.values()}.matches(s)
	return outcome
}

// evaluation is one request under evaluation.
type evaluation struct {
	request Request
	values  values
}

// matches says why the statement does not match for certain, if its action does.
func (e evaluation) matches(s *Statement) (outcome Truth, why string) {
	if !s.actions.matchAction(e.request.Action) {
		return No, ""
	}
	if outcome, why = e.matchesResource(s.resources); outcome == No {
		return No, why
	}
	for _, c := range s.conditions {
		if holds, reason := c.holds(e.values); holds < outcome {
			outcome, why = holds, reason
		}
	}
	return outcome, why
}

func (list patterns) matchAction(action string) bool {
	for _, p := range list.any {
		if p.matchFold(action) {
			return !list.negated
		}
	}
	return list.negated
}

func (e evaluation) matchesResource(list patterns) (outcome Truth, why string) {
	outcome = No
	for _, p := range list.any {
		resolved, absent, unknown := p.resolve(e.values)
		matched := No
		if absent == "" {
			matched = resolved.matchResource(e.request.Resource)
		}
		switch {
		case absent != "":
			why = "policy variable " + absent + " has no value at this login"
			if list.negated {
				matched = Undecided // pages differ: it matches nothing, or the statement is invalid
			}
		case unknown != "" && matched != No:
			matched, why = Undecided, "the value of policy variable "+unknown+" is not known"
		case matched == Undecided:
			why = "whether a * spans a colon of the ARN is not documented"
		}
		outcome = max(outcome, matched)
	}
	if list.negated {
		outcome = -outcome
	}
	if outcome == Yes {
		why = ""
	}
	return outcome, why
}

// name is the Sid of a statement, or its number.
func (s *Statement) name(index int) string {
	if s.SID != "" {
		return "statement " + strconv.Quote(s.SID)
	}
	return "statement " + strconv.Itoa(index+1)
}
