// Package iampolicy evaluates identity-based IAM policies for one action on one
// resource, as IAM does for rds-db:connect: an explicit Deny wins, then an Allow,
// and what no statement allows is denied.
//
// The rules come from the IAM User Guide, "Policy evaluation logic" and "IAM JSON
// policy elements reference".
package iampolicy

import "strconv"

// patterns is an element such as Action, or NotAction if negated.
type patterns struct {
	negated bool
	any     []pattern
}

// Request is what a principal wants to do.
type Request struct {
	Action   string // such as "rds-db:connect"
	Resource string // ARN
	// Context holds policy variables and condition keys, such as
	// "aws:username". Keys are not case-sensitive.
	Context map[string]string
}

// Decision is the outcome of an evaluation.
type Decision struct {
	Allowed bool
	// Reason says which statement decided, or that none did.
	Reason string
	// Notes say why statements on this action and resource did not match: a
	// condition that does not hold or is not supported, a variable without a
	// value.
	Notes []string
}

// Evaluate decides a request by the policies of its principal.
func Evaluate(documents []*Document, request Request) Decision {
	e := evaluation{request: request, context: foldKeys(request.Context)}
	what := request.Action + " on " + request.Resource
	allowedBy := ""
	for _, document := range documents {
		for i, s := range document.Statement {
			e.name = s.name(i)
			if !e.matches(s) {
				continue
			}
			if s.Effect == deny {
				return Decision{Reason: e.name + " denies " + what, Notes: e.notes}
			}
			if allowedBy == "" {
				allowedBy = e.name
			}
		}
	}
	if allowedBy == "" {
		return Decision{Reason: "no statement allows " + what, Notes: e.notes}
	}
	return Decision{Allowed: true, Reason: allowedBy + " allows " + what, Notes: e.notes}
}

// evaluation is one request under evaluation.
type evaluation struct {
	request Request
	context map[string]string // keys in lower case
	name    string            // of the statement under evaluation
	notes   []string          // why statements that fit otherwise did not match
}

func (e *evaluation) matches(s *Statement) bool {
	return e.actionMatches(s.actions) && e.resourceMatches(s) && e.conditionsMatch(s)
}

func (e *evaluation) actionMatches(actions patterns) bool {
	for _, p := range actions.any {
		if p.matchFold(e.request.Action) {
			return !actions.negated
		}
	}
	return actions.negated
}

// resourceMatches leaves out a pattern with a variable that has no value. Under
// NotResource that leaves out the statement: it must not match more because less
// is known.
func (e *evaluation) resourceMatches(s *Statement) bool {
	matched := false
	for _, p := range s.resources.any {
		resolved, missing := p.resolve(e.context)
		if missing != "" {
			e.note("policy variable " + missing + " has no value for this identity")
			if s.resources.negated {
				return false
			}
			continue
		}
		matched = matched || resolved.matchARN(e.request.Resource)
	}
	return matched != s.resources.negated
}

func (e *evaluation) note(text string) { e.notes = append(e.notes, e.name+": "+text) }

// name is the Sid of a statement, or its number.
func (s *Statement) name(index int) string {
	if s.SID != "" {
		return "statement " + strconv.Quote(s.SID)
	}
	return "statement " + strconv.Itoa(index+1)
}
