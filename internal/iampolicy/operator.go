package iampolicy

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"
)

// operator is a condition operator without its prefix and IfExists.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type operator struct {
	// matches compares a value of the policy with that of the key; nil for Null.
	matches func(wanted pattern, value string) Truth
	negated bool
	glob    bool // * and ? are wildcards
}

// findOperator is a function, since a table would be made before main.
func findOperator(name string) (o operator, ok bool) {
	if relation, ok := strings.CutPrefix(name, "Numeric"); ok {
		return ordered(readNumber, relation)
	}
	if relation, ok := strings.CutPrefix(name, "Date"); ok {
		return ordered(readTime, relation)
	}
	switch name {
	case "StringEquals":
		return operator{matches: matchText}, true
	case "StringNotEquals":
		return operator{matches: matchText, negated: true}, true
	case "StringEqualsIgnoreCase":
		return operator{matches: matchFolded}, true
	case "StringNotEqualsIgnoreCase":
		return operator{matches: matchFolded, negated: true}, true
	case "StringLike":
		return operator{matches: matchText, glob: true}, true
	case "StringNotLike":
		return operator{matches: matchText, glob: true, negated: true}, true
	case "ArnEquals", "ArnLike":
		return operator{matches: pattern.matchARN, glob: true}, true
	case "ArnNotEquals", "ArnNotLike":
		return operator{matches: pattern.matchARN, glob: true, negated: true}, true
	case "Bool":
		return operator{matches: matchBool}, true
	case "IpAddress", "BinaryEquals":
		return operator{matches: matchUnknown}, true // their keys have no value at logins
	case "NotIpAddress":
		return operator{matches: matchUnknown, negated: true}, true
	case "Null":
		return operator{}, true
	}
	return operator{}, false
}

// quantifier is what an operator says of the values of a key together. The keys of a login have
// one value each, so that it matters for those without one.
type quantifier uint8

const (
	single quantifier = iota
	anyValue
	allValues
)

// readOperator takes an operator apart.
func readOperator(name string) (o operator, q quantifier, ifExists, ok bool) {
	base, ifExists := strings.CutSuffix(name, "IfExists")
	if rest, found := strings.CutPrefix(base, "ForAnyValue:"); found {
		base, q = rest, anyValue
	} else if rest, found := strings.CutPrefix(base, "ForAllValues:"); found {
		base, q = rest, allValues
	}
	o, ok = findOperator(base)
	return o, q, ifExists, ok && (o.matches != nil || base == name)
}

func matchText(wanted pattern, value string) Truth { return truthOf(wanted.match(value)) }

func matchFolded(wanted pattern, value string) Truth { return truthOf(wanted.matchFold(value)) }

func matchUnknown(pattern, string) Truth { return Undecided }

func matchBool(wanted pattern, value string) Truth {
	a, b := strings.ToLower(wanted.text()), strings.ToLower(value)
	if !isBool(a) || !isBool(b) {
		return Undecided
	}
	return truthOf(a == b)
}

func isBool(text string) bool { return text == "true" || text == "false" }

// ordered is the operator for which the value must be in a relation to the wanted one.
func ordered(read func(string) (float64, error), relation string) (o operator, ok bool) {
	var is func(order int) bool
	switch relation {
	case "Equals", "NotEquals":
		is = func(order int) bool { return order == 0 }
	case "LessThan":
		is = func(order int) bool { return order < 0 }
	case "LessThanEquals":
		is = func(order int) bool { return order <= 0 }
	case "GreaterThan":
		is = func(order int) bool { return order > 0 }
	case "GreaterThanEquals":
		is = func(order int) bool { return order >= 0 }
	default:
		return operator{}, false
	}
	return operator{negated: relation == "NotEquals", matches: func(wanted pattern, value string) Truth {
		a, errA := read(value)
		b, errB := read(wanted.text())
		if errA != nil || errB != nil || math.IsNaN(a) || math.IsNaN(b) {
			return Undecided
		}
		return truthOf(is(cmp.Compare(a, b)))
	}}, true
}

func readNumber(text string) (float64, error) { return strconv.ParseFloat(text, 64) }

// readTime returns seconds since 1970, which times may be written as too.
func readTime(text string) (float64, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return float64(t.UnixMilli()) / 1000, nil
		}
	}
	return readNumber(text)
}
