package iampolicy

import (
	"slices"
	"strconv"
	"strings"
)

// condition is one operator on one key. A statement matches if all of its
// conditions hold.
type condition struct {
	operator string // as written
	key      string // as written
	compare  comparison
	absent   ifAbsent
	values   []pattern // any of them
}

// comparison is an operator without its prefix and IfExists.
type comparison struct {
	null    bool // whether there is a value at all
	negated bool
	glob    bool // * and ? are wildcards
	fold    bool // case is ignored
}

// ifAbsent is what a condition comes to where its key has no value.
type ifAbsent uint8

const (
	absentAsCompared ifAbsent = iota // a negated comparison holds, others do not
	absentHolds                      // …IfExists, ForAllValues:…
	absentFails                      // ForAnyValue:…
)

// readOperator takes an operator apart. The keys of a login have one value each, so that
// ForAnyValue and ForAllValues only tell what becomes of those that have none.
func readOperator(name string) (c comparison, absent ifAbsent, ok bool) {
	base, ifExists := strings.CutSuffix(name, "IfExists")
	base, anyValue := strings.CutPrefix(base, "ForAnyValue:")
	base, allValues := strings.CutPrefix(base, "ForAllValues:")
	if ifExists || allValues {
		absent = absentHolds
	} else if anyValue {
		absent = absentFails
	}
	if base == "Null" {
		return comparison{null: true}, absent, base == name
	}
	c, ok = operators(base)
	return c, absent, ok && !(anyValue && allValues)
}

// operators are those that make sense for what is known at a login. A policy
// with another one is parsed, but its statement never matches.
func operators(name string) (c comparison, ok bool) {
	switch name {
	case "StringEquals":
		return comparison{}, true
	case "StringNotEquals":
		return comparison{negated: true}, true
	case "StringEqualsIgnoreCase":
		return comparison{fold: true}, true
	case "StringNotEqualsIgnoreCase":
		return comparison{fold: true, negated: true}, true
	case "StringLike", "ArnLike", "ArnEquals":
		return comparison{glob: true}, true
	case "StringNotLike", "ArnNotLike", "ArnNotEquals":
		return comparison{glob: true, negated: true}, true
	}
	return comparison{}, false
}

// supportedKey reports whether a condition key can be known when a database
// user logs in. The RDS User Guide lists aws:SourceIp, aws:SourceVpc,
// aws:SourceVpce, aws:VpcSourceIp, aws:UserAgent and aws:Referer as unsupported.
func supportedKey(key string) bool {
	key = strings.ToLower(key)
	switch key {
	case "aws:username", "aws:userid", "aws:principalarn", "aws:principalaccount":
		return true
	}
	return strings.HasPrefix(key, "aws:principaltag/") || strings.HasPrefix(key, "aws:resourcetag/")
}

// refusedKeys are those of which the RDS user guide says that logins do not have them.
var refusedKeys = []string{"aws:referer", "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:useragent", "aws:vpcsourceip"}

func compileCondition(operator, key string, values []string, variables bool) (condition, error) {
	c := condition{operator: operator, key: key}
	compare, absent, ok := readOperator(operator)
	if !ok || !supportedKey(key) {
		return c, nil // never holds, whatever its values
	}
	c.compare, c.absent = compare, absent
	read := literalPattern
	if compare.glob {
		read = globPattern
	}
	for _, text := range values {
		p, err := read(text, variables)
		if err != nil {
			return c, problem("%q: %s", text, err)
		}
		c.values = append(c.values, p)
	}
	return c, nil
}

func (e *evaluation) conditionsMatch(s *Statement) bool {
	for _, c := range s.conditions {
		if ok, why := e.holds(c); !ok {
			e.note(why)
			return false
		}
	}
	return true
}

func (e *evaluation) holds(c condition) (ok bool, why string) {
	if !supportedKey(c.key) {
		return false, "rds-db:connect has no condition key " + c.key + ", so the statement never matches"
	}
	if c.values == nil {
		return false, "condition operator " + c.operator + " is not supported here, so the statement never matches"
	}
	value, present := e.context[strings.ToLower(c.key)]
	switch {
	case c.compare.null:
		value = strconv.FormatBool(!present)
	case !present && (c.absent == absentHolds || c.absent == absentAsCompared && c.compare.negated):
		return true, ""
	case !present:
		return false, "condition key " + c.key + " has no value for this identity"
	}
	matched := slices.ContainsFunc(c.values, func(p pattern) bool {
		resolved, missing := p.resolve(e.context)
		switch {
		case missing != "":
			return false
		case c.compare.fold:
			return resolved.matchFold(value)
		default:
			return resolved.match(value)
		}
	})
	if matched == c.compare.negated {
		return false, "condition " + c.operator + " " + c.key + " does not hold"
	}
	return true, ""
}

func foldKeys(context map[string]string) map[string]string {
	folded := make(map[string]string, len(context))
	for key, value := range context {
		folded[strings.ToLower(key)] = value
	}
	return folded
}
