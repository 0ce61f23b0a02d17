package iampolicy

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// ParseError says what makes a document no IAM policy.
type ParseError struct {
	Problem string
	Err     error // of the decoder; nil if the JSON is fine
}

// Error returns the problem in one line.
func (e *ParseError) Error() string {
	if e.Err == nil {
		return e.Problem
	}
	return e.Problem + ": " + e.Err.Error()
}

// Unwrap returns the error of the decoder, if any.
func (e *ParseError) Unwrap() error { return e.Err }

func problem(format string, args ...any) *ParseError {
	return &ParseError{Problem: fmt.Sprintf(format, args...)}
}

// Parse reads an identity-based policy document, also one that is percent-encoded as the API
// returns it or begins with a byte order mark. Its errors are [*ParseError].
func Parse(text string) (*Document, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(strings.ToUpper(trimmed), "%7B") {
		decoded, err := url.PathUnescape(trimmed)
		if err != nil {
			return nil, &ParseError{Problem: "the percent-encoding is damaged", Err: err}
		}
		text = decoded
	}
	tree, err := decode(text)
	if err != nil {
		return nil, err
	}
	var r reader
	elements := r.object(tree, "the document", "Version", "Id", "Statement")
	document := &Document{Version: r.text(elements, "Version", "Version"), ID: r.text(elements, "Id", "Id")}
	if _, ok := elements["Version"]; ok && document.Version != Version && document.Version != oldVersion {
		r.fail("Version %q: write %q", document.Version, Version)
	}
	for i, element := range r.list(elements, "Statement", "the document") {
		s, name := new(Statement), fmt.Sprintf("statement %d", i+1)
		if r.statement(s, element, name); r.err == nil {
			r.err = s.compile(name, document.Version == Version)
		}
		document.Statement = append(document.Statement, s)
	}
	if r.err != nil {
		return nil, r.err
	}
	return document, nil
}

// reader takes a decoded document apart until the first error, which it keeps.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = problem(format, args...)
	}
}

func (r *reader) statement(s *Statement, element any, name string) {
	elements := r.object(element, name, "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
	s.SID = r.text(elements, "Sid", name+": Sid")
	s.Effect = r.text(elements, "Effect", name+": Effect")
	if s.Effect == "" {
		r.fail("%s: no Effect", name)
	} else if s.Effect != allow && s.Effect != deny {
		r.fail("%s: Effect %q: write Allow or Deny", name, s.Effect)
	}
	s.Action, s.NotAction = r.either(elements, "Action", name)
	s.Resource, s.NotResource = r.either(elements, "Resource", name)
	if condition, ok := elements["Condition"]; ok {
		s.Condition = make(map[string]map[string][]string)
		name += ": Condition"
		operators := r.object(condition, name)
		for _, operator := range slices.Sorted(maps.Keys(operators)) {
			s.Condition[operator] = make(map[string][]string)
			name := name + " " + operator
			keys := r.object(operators[operator], name)
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				s.Condition[operator][key] = r.texts(keys, key, name, true)
			}
		}
	}
}

// either reads an element or its negation, of which a statement has exactly one.
func (r *reader) either(elements map[string]any, element, name string) (plain, not []string) {
	_, isPlain := elements[element]
	_, isNot := elements["Not"+element]
	switch {
	case isPlain && isNot:
		r.fail("%s: both %s and Not%s", name, element, element)
	case isNot:
		return nil, r.texts(elements, "Not"+element, name+":", false)
	case isPlain:
		return r.texts(elements, element, name+":", false), nil
	}
	r.fail("%s: no %s", name, element)
	return nil, nil
}

// object takes an object that may have the given keys, or any. Unlike encoding/json it takes no
// other spelling of a key.
func (r *reader) object(value any, name string, allowed ...string) map[string]any {
	members, ok := value.(map[string]any)
	if !ok {
		r.fail("%s is not a JSON object", name)
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if allowed != nil && !slices.Contains(allowed, key) {
			r.fail("%s: unknown element %q", name, key)
		}
	}
	return members
}

// list returns the elements of a list, or the one value.
func (r *reader) list(members map[string]any, key, name string) []any {
	value, ok := members[key]
	list, isList := value.([]any)
	switch {
	case !ok:
		r.fail("%s: no %s", name, key)
		return nil
	case !isList:
		return []any{value}
	case len(list) == 0:
		r.fail("%s %s: an empty list", name, key)
	}
	return list
}

// texts reads a set of texts, or one text. The values of a condition may be numbers and
// booleans too.
func (r *reader) texts(members map[string]any, key, name string, scalars bool) (texts []string) {
	for _, value := range r.list(members, key, name) {
		text, ok := value.(string)
		switch value.(type) {
		case json.Number, bool:
			text, ok = fmt.Sprint(value), scalars
		}
		if !ok && scalars {
			r.fail("%s %s is neither a text, a number, true nor false", name, key)
		} else if !ok {
			r.fail("%s %s is not a string", name, key)
		}
		texts = append(texts, text)
	}
	return sortedSet(texts)
}

// text reads an element that may be left out.
func (r *reader) text(members map[string]any, key, name string) string {
	value, ok := members[key]
	text, isText := value.(string)
	if ok && !isText {
		r.fail("%s is not a string", name)
	}
	return text
}

// compile reads the patterns of the statement. Variables are allowed in Resource and Condition
// only.
func (s *Statement) compile(name string, variables bool) (err error) {
	s.actions, err = compileAll(s.Action, s.NotAction, name, "Action", false, checkAction)
	if err != nil {
		return err
	}
	s.resources, err = compileAll(s.Resource, s.NotResource, name, "Resource", variables, checkResource)
	if err != nil {
		return err
	}
	for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
			c := Condition{Operator: operator, Key: key, Values: s.Condition[operator][key]}
			if err := c.compile(variables); err != nil {
				return problem("%s: Condition %s %s: %s", name, operator, key, err)
			}
			s.conditions = append(s.conditions, c)
		}
	}
	return nil
}

func compileAll(plain, not []string, name, element string, variables bool, check func(pattern) error) (patterns, error) {
	list := patterns{negated: not != nil}
	if list.negated {
		plain, element = not, "Not"+element
	}
	for _, text := range plain {
		p, err := compile(text, true, variables)
		if err == nil {
			err = check(p)
		}
		if err != nil {
			return patterns{}, problem("%s: %s %q: %s", name, element, text, err)
		}
		list.any = append(list.any, p)
	}
	return list, nil
}

func checkAction(p pattern) error {
	if p.isStar() {
		return nil
	}
	for _, t := range p {
		if t.kind == literal && strings.Contains(t.text, ":") {
			return nil
		}
	}
	return problem("an action is * or has the form service:action")
}

func checkResource(p pattern) error {
	if p.isStar() {
		return nil
	}
	split := p.splitARN()
	complete := len(split) == arnParts || len(split) > 3 && p.endsInStar()
	if !complete || !split[0].match("arn") {
		return problem("a resource is * or an ARN, arn:partition:service:region:account:resource")
	}
	return nil
}
