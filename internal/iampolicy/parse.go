package iampolicy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ParseError says what makes a document no IAM policy.
type ParseError struct {
	Problem string
	Err     error // of the JSON decoder; nil if the JSON is fine
}

// Error returns the problem in one line.
func (e *ParseError) Error() string {
	text := "IAM policy: " + e.Problem
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the error of the JSON decoder, if any.
func (e *ParseError) Unwrap() error { return e.Err }

func problem(format string, args ...any) *ParseError {
	return &ParseError{Problem: fmt.Sprintf(format, args...)}
}

const (
	languageVersion    = "2012-10-17"
	oldLanguageVersion = "2008-10-17" // also of a document without Version; has no policy variables
)

// Parse reads an identity-based policy document. Its errors are [*ParseError].
func Parse(document string) (*Policy, error) {
	elements, err := readObject([]byte(document), "the document", "Version", "Id", "Statement")
	if err != nil {
		return nil, err
	}
	variables, err := readVersion(elements["Version"])
	if err != nil {
		return nil, err
	}
	if _, ok := elements["Statement"]; !ok {
		return nil, problem("no Statement")
	}
	statements, err := oneOrMany(elements["Statement"])
	if err != nil {
		return nil, err
	}
	policy := new(Policy)
	for i, raw := range statements {
		s, err := readStatement(raw, fmt.Sprintf("statement %d", i+1), variables)
		if err != nil {
			return nil, err
		}
		policy.statements = append(policy.statements, s)
	}
	return policy, nil
}

// readVersion reports whether the version has policy variables.
func readVersion(raw json.RawMessage) (variables bool, err error) {
	if raw == nil {
		return false, nil
	}
	version, err := readString(raw, "Version")
	if err != nil {
		return false, err
	}
	if version != languageVersion && version != oldLanguageVersion {
		return false, problem("Version %q: write %q", version, languageVersion)
	}
	return version == languageVersion, nil
}

func readStatement(raw json.RawMessage, name string, variables bool) (statement, error) {
	elements, err := readObject(raw, name,
		"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
	if err != nil {
		return statement{}, err
	}
	s := statement{name: name}
	if raw, ok := elements["Sid"]; ok {
		sid, err := readString(raw, name+": Sid")
		if err != nil {
			return statement{}, err
		}
		s.name = fmt.Sprintf("statement %q", sid)
	}
	if s.deny, err = readEffect(elements["Effect"], name); err != nil {
		return statement{}, err
	}
	// Variables are allowed in Resource and Condition only.
	if s.actions, err = readPatterns(elements, name, "Action", false, checkAction); err != nil {
		return statement{}, err
	}
	if s.resources, err = readPatterns(elements, name, "Resource", variables, checkResource); err != nil {
		return statement{}, err
	}
	if raw, ok := elements["Condition"]; ok {
		if s.conditions, err = readConditions(raw, name, variables); err != nil {
			return statement{}, err
		}
	}
	return s, nil
}

func readEffect(raw json.RawMessage, name string) (deny bool, err error) {
	if raw == nil {
		return false, problem("%s: no Effect", name)
	}
	effect, err := readString(raw, name+": Effect")
	if err != nil {
		return false, err
	}
	switch effect {
	case "Allow":
		return false, nil
	case "Deny":
		return true, nil
	}
	return false, problem("%s: Effect %q: write Allow or Deny", name, effect)
}

// readPatterns reads an element or its negation, of which a statement has
// exactly one.
func readPatterns(elements map[string]json.RawMessage, name, element string, variables bool, check func(pattern) error) (patterns, error) {
	raw, plain := elements[element]
	rawNot, negated := elements["Not"+element]
	switch {
	case plain == negated && plain:
		return patterns{}, problem("%s: both %s and Not%s", name, element, element)
	case plain == negated:
		return patterns{}, problem("%s: no %s", name, element)
	case negated:
		raw, element = rawNot, "Not"+element
	}
	texts, err := readStrings(raw, name+": "+element)
	if err != nil {
		return patterns{}, err
	}
	list := patterns{negated: negated}
	for _, text := range texts {
		p, err := globPattern(text, variables)
		if err == nil {
			err = check(p)
		}
		if err != nil {
			return patterns{}, problem("%s: %s %q: %s", name, element, text, problemOf(err))
		}
		list.any = append(list.any, p)
	}
	return list, nil
}

func problemOf(err error) string {
	var parse *ParseError
	if errors.As(err, &parse) {
		return parse.Problem
	}
	return err.Error()
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
	if len(split) != arnParts || !split[0].match("arn") {
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
		known := false
		for _, a := range allowed {
			known = known || key == a
		}
		if !known {
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
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
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

func readStrings(raw json.RawMessage, name string) ([]string, error) {
	values, err := oneOrMany(raw)
	if err != nil {
		return nil, problem("%s: %s", name, problemOf(err))
	}
	texts := make([]string, len(values))
	for i, value := range values {
		if texts[i], err = readString(value, name); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func readString(raw json.RawMessage, name string) (string, error) {
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil || text == nil {
		return "", problem("%s is not a string", name)
	}
	return *text, nil
}
