package iampolicy

import "strconv"

// Condition is one operator on one key. A statement matches if all of its conditions hold.
type Condition struct {
	Operator, Key string
	Values        []string

	operator operator
	of       quantifier
	ifExists bool
	known    bool      // to IAM: the operator
	values   []pattern // any of them
}

// Conditions returns the conditions of a statement in the order of their operators and keys.
func (s *Statement) Conditions() []Condition { return s.conditions }

func (c *Condition) compile(variables bool) error {
	c.operator, c.of, c.ifExists, c.known = readOperator(c.Operator)
	for _, text := range c.Values {
		p, err := compile(text, c.operator.glob, variables)
		if err != nil {
			return problem("%q: %s", text, err)
		}
		c.values = append(c.values, p)
	}
	return nil
}

// KnowsOperator reports whether IAM has the operator.
func (c Condition) KnowsOperator() bool { return c.known }

// AtLogin returns what the condition comes to at every login, as far as that does not depend on
// the identity.
func (c Condition) AtLogin() Truth {
	holds, _ := c.holds(values{})
	return holds
}

// holds decides a condition, and says why it does not hold.
func (c Condition) holds(v values) (Truth, string) {
	name := "condition " + c.Operator + " " + c.Key
	if !c.known {
		return Undecided, name + ": IAM has no such operator"
	}
	value, exists := v.lookUp(c.Key)
	if c.of != single && exists == Yes && value == "" {
		exists = No // "a null dataset" to ForAnyValue and ForAllValues
	}
	switch {
	case exists == Undecided:
		return Undecided, name + ": the value of the key is not known"
	case c.operator.matches == nil:
		value = strconv.FormatBool(exists == No)
	case exists == No:
		return c.holdsWithoutKey(), "condition key " + c.Key + " has no value at this login"
	}
	matched := No
	for _, wanted := range c.values {
		matched = max(matched, c.matches(v, wanted, value))
	}
	if c.operator.negated {
		matched = -matched
	}
	if matched == Undecided {
		return Undecided, name + " cannot be decided"
	}
	return matched, name + " does not hold"
}

// holdsWithoutKey follows the rule of each kind of operator for a key that does not exist.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func (c Condition) holdsWithoutKey() Truth {
	switch {
	case c.of == allValues:
		return Yes
	case c.of == anyValue && c.ifExists:
		return Undecided // the rules of its two parts contradict each other
	case c.of == anyValue:
		return No
	}
	return truthOf(c.ifExists || c.operator.negated)
}

// matches compares one value of the policy. A variable without a value equals nothing.
func (c Condition) matches(v values, wanted pattern, value string) Truth {
	resolved, absent, unknown := wanted.resolve(v)
	if absent != "" {
		return No
	}
	switch {
	case unknown != "":
		return min(truthOf(resolved.matchFold(value)), Undecided)
	case c.operator.matches == nil: // Null
		return matchBool(resolved, value)
	}
	return c.operator.matches(resolved, value)
}
