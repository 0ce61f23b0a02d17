package iampolicy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
	elements, err := readObject([]byte(text), "the document", "Version", "Id", "Statement")
	if err != nil {
		return nil, err
	}
	document := new(Document)
	if document.Version, err = readVersion(elements["Version"]); err != nil {
		return nil, err
	}
	if document.ID, err = readOptional(elements["Id"], "Id"); err != nil {
		return nil, err
	}
	if _, ok := elements["Statement"]; !ok {
		return nil, problem("no Statement")
	}
	statements, err := oneOrMany(elements["Statement"])
	if err != nil {
		return nil, err
	}
	for i, raw := range statements {
		name := fmt.Sprintf("statement %d", i+1)
		s, err := readStatement(raw, name)
		if err == nil {
			err = s.compile(name, document.Version == Version)
		}
		if err != nil {
			return nil, err
		}
		document.Statement = append(document.Statement, s)
	}
	return document, nil
}

func readVersion(raw json.RawMessage) (string, error) {
	version, err := readOptional(raw, "Version")
	if err == nil && raw != nil && version != Version && version != oldVersion {
		err = problem("Version %q: write %q", version, Version)
	}
	return version, err
}

func readStatement(raw json.RawMessage, name string) (*Statement, error) {
	elements, err := readObject(raw, name,
		"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
	if err != nil {
		return nil, err
	}
	s := new(Statement)
	if s.SID, err = readOptional(elements["Sid"], name+": Sid"); err != nil {
		return nil, err
	}
	if s.Effect, err = readEffect(elements["Effect"], name); err != nil {
		return nil, err
	}
	if s.Action, s.NotAction, err = readEither(elements, name, "Action"); err != nil {
		return nil, err
	}
	if s.Resource, s.NotResource, err = readEither(elements, name, "Resource"); err != nil {
		return nil, err
	}
	if raw, ok := elements["Condition"]; ok {
		s.Condition, err = readConditions(raw, name+": Condition")
	}
	return s, err
}

func readEffect(raw json.RawMessage, name string) (string, error) {
	if raw == nil {
		return "", problem("%s: no Effect", name)
	}
	effect, err := readString(raw, name+": Effect")
	if err == nil && effect != allow && effect != deny {
		err = problem("%s: Effect %q: write Allow or Deny", name, effect)
	}
	return effect, err
}

// readEither reads an element or its negation, of which a statement has exactly one.
func readEither(elements map[string]json.RawMessage, name, element string) (plain, not []string, err error) {
	raw, isPlain := elements[element]
	rawNot, isNot := elements["Not"+element]
	switch {
	case isPlain && isNot:
		return nil, nil, problem("%s: both %s and Not%s", name, element, element)
	case isPlain:
		plain, err = readStrings(raw, name+": "+element, readString)
	case isNot:
		not, err = readStrings(rawNot, name+": Not"+element, readString)
	default:
		return nil, nil, problem("%s: no %s", name, element)
	}
	return plain, not, err
}

func readConditions(raw json.RawMessage, name string) (map[string]map[string][]string, error) {
	byOperator, err := readMembers(raw, name)
	if err != nil {
		return nil, err
	}
	conditions := make(map[string]map[string][]string, len(byOperator))
	for operator, raw := range byOperator {
		byKey, err := readMembers(raw, name+" "+operator)
		if err != nil {
			return nil, err
		}
		conditions[operator] = make(map[string][]string, len(byKey))
		for key, raw := range byKey {
			conditions[operator][key], err = readStrings(raw, name+" "+operator+" "+key, readScalar)
			if err != nil {
				return nil, err
			}
		}
	}
	return conditions, nil
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

// readObject reads a JSON object that may have the given keys, each once. Unlike
// encoding/json it takes no other spelling of a key.
func readObject(raw []byte, name string, allowed ...string) (map[string]json.RawMessage, error) {
	elements, err := readMembers(raw, name)
	if err != nil {
		return nil, err
	}
	for key := range elements {
		if !slices.Contains(allowed, key) {
			return nil, problem("%s: unknown element %q", name, key)
		}
	}
	return elements, nil
}

func readMembers(raw []byte, name string) (map[string]json.RawMessage, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, problem("%s is empty", name)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	start, err := decoder.Token()
	if err != nil {
		return nil, &ParseError{Problem: name + " is not JSON", Err: err}
	}
	if start != json.Delim('{') {
		return nil, problem("%s is not a JSON object", name)
	}
	members := make(map[string]json.RawMessage)
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, &ParseError{Problem: name + " is not JSON", Err: err}
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, &ParseError{Problem: name + " is not JSON", Err: err}
		}
		if _, ok := members[key.(string)]; ok {
			return nil, problem("%s: %q is given twice", name, key)
		}
		members[key.(string)] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, &ParseError{Problem: name + " is not JSON", Err: err}
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, problem("%s: text after the JSON object", name)
	}
	return members, nil
}

// oneOrMany returns the elements of a JSON array, or the one value.
func oneOrMany(raw json.RawMessage) ([]json.RawMessage, error) {
	if !bytes.HasPrefix(raw, []byte("[")) {
		return []json.RawMessage{raw}, nil
	}
	var many []json.RawMessage
	if err := json.Unmarshal(raw, &many); err != nil {
		return nil, &ParseError{Problem: "not a JSON array", Err: err}
	}
	if len(many) == 0 {
		return nil, problem("an empty list")
	}
	return many, nil
}

// readStrings reads a set of texts, or one text.
func readStrings(raw json.RawMessage, name string, read func(json.RawMessage, string) (string, error)) ([]string, error) {
	values, err := oneOrMany(raw)
	if err != nil {
		return nil, problem("%s: %s", name, err)
	}
	texts := make([]string, len(values))
	for i, value := range values {
		if texts[i], err = read(value, name); err != nil {
			return nil, err
		}
	}
	return sortedSet(texts), nil
}

func readOptional(raw json.RawMessage, name string) (string, error) {
	if raw == nil {
		return "", nil
	}
	return readString(raw, name)
}

func readString(raw json.RawMessage, name string) (string, error) {
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil || text == nil {
		return "", problem("%s is not a string", name)
	}
	return *text, nil
}

// readScalar reads the value of a condition, which may be a number or a boolean too.
func readScalar(raw json.RawMessage, name string) (string, error) {
	switch raw[0] {
	case '"':
		return readString(raw, name)
	case '{', '[', 'n':
		return "", problem("%s is neither a text, a number, true nor false", name)
	}
	return string(raw), nil
}
