package iampolicy

import "strconv"

// condition is one operator on one key. A statement matches if all of its conditions hold.
type condition struct {
	name     string // of the operator, as written
	key      string // as written
	operator operator
	of       quantifier
	ifExists bool
	values   []pattern // any of them; nil if IAM has no such operator
}

func compileCondition(name, key string, texts []string, variables bool) (condition, error) {
	c := condition{name: name, key: key}
	var ok bool
	if c.operator, c.of, c.ifExists, ok = readOperator(name); !ok {
		return c, nil
	}
	read := literalPattern
	if c.operator.glob {
		read = globPattern
	}
	for _, text := range texts {
		p, err := read(text, variables)
		if err != nil {
			return c, problem("%q: %s", text, err)
		}
		c.values = append(c.values, p)
	}
	return c, nil
}

// ConditionAtLogin returns what a condition comes to at every login, as far as that does not
// depend on the identity.
func ConditionAtLogin(operator, key string, texts []string) Truth {
	c, err := compileCondition(operator, key, texts, true)
	if err != nil {
		return Undecided
	}
	holds, _ := c.holds(values{})
	return holds
}

// holds decides a condition, and says why it does not hold.
func (c condition) holds(v values) (Truth, string) {
	name := "condition " + c.name + " " + c.key
	if c.values == nil {
		return Undecided, name + ": IAM has no such operator"
	}
	value, exists := v.lookUp(c.key)
	if c.of != single && exists == Yes && value == "" {
		exists = No // "a null dataset" to ForAnyValue and ForAllValues
	}
	switch {
	case exists == Undecided:
		return Undecided, name + ": the value of the key is not known"
	case c.operator.matches == nil:
		value = strconv.FormatBool(exists == No)
	case exists == No:
		return c.holdsWithoutKey(), "condition key " + c.key + " has no value at this login"
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
func (c condition) holdsWithoutKey() Truth {
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
func (c condition) matches(v values, wanted pattern, value string) Truth {
	resolved, absent, unknown := wanted.resolve(v)
	if absent != "" {
		return No
	}
	match := matchBool // of Null
	if c.operator.matches != nil {
		match = c.operator.matches
	}
	if matched := match(resolved, value); matched == No || unknown == "" {
		return matched
	}
	return Undecided
}
