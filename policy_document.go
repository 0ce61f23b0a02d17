package rdsiam

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// policyDocument is a policy in the order in which IAM's documentation writes it.
type policyDocument struct {
	Version   string `json:",omitempty"`
	ID        string `json:"Id,omitempty"`
	Statement statementList
}

// statementList reads one statement as well.
type statementList []policyStatement

type policyStatement struct {
	SID         string     `json:"Sid,omitempty"`
	Effect      string     //
	Action      actionList `json:",omitempty"`
	NotAction   actionList `json:",omitempty"`
	Resource    textList   `json:",omitempty"`
	NotResource textList   `json:",omitempty"`

	// Condition has values by operator and key.
	Condition map[string]map[string]textList `json:",omitempty"`
}

// textList is a sorted set of texts. It reads one text as well, and the booleans and
// numbers that conditions may have.
type textList []string

// actionList is a textList that is written as one text if it has only one.
type actionList []string

func (l *statementList) UnmarshalJSON(raw []byte) error {
	values, err := oneOrMany(raw)
	if err != nil {
		return err
	}
	*l = make(statementList, len(values))
	for i, value := range values {
		if err := json.Unmarshal(value, &(*l)[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *textList) UnmarshalJSON(raw []byte) error {
	values, err := oneOrMany(raw)
	if err != nil {
		return err
	}
	texts := make([]string, len(values))
	for i, value := range values {
		if texts[i], err = textOf(value); err != nil {
			return err
		}
	}
	slices.Sort(texts)
	*l = slices.Compact(texts)
	return nil
}

func oneOrMany(raw []byte) (values []json.RawMessage, err error) {
	if !bytes.HasPrefix(raw, []byte("[")) {
		return []json.RawMessage{raw}, nil
	}
	err = json.Unmarshal(raw, &values)
	return values, err
}

func textOf(value json.RawMessage) (string, error) {
	switch value[0] {
	case '"':
		var text string
		err := json.Unmarshal(value, &text)
		return text, err
	case '{', '[', 'n':
		return "", errors.New("a value is neither a text, a number, true nor false: " + string(value))
	}
	return string(value), nil
}

func (l *actionList) UnmarshalJSON(raw []byte) error { return (*textList)(l).UnmarshalJSON(raw) }

func (l actionList) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return encodeJSON(l[0]), nil
	}
	return encodeJSON([]string(l)), nil
}

// compact returns the JSON text without white space.
func (d policyDocument) compact() []byte { return encodeJSON(d) }

// indented returns the JSON text for people, with a line feed at the end.
func (d policyDocument) indented() []byte {
	var text bytes.Buffer
	if err := json.Indent(&text, d.compact(), "", "  "); err != nil {
		panic(err) // what encodeJSON made is JSON
	}
	text.WriteByte('\n')
	return text.Bytes()
}

// encodeJSON returns compact JSON without the escapes for HTML, which would count
// as six characters each.
func encodeJSON(value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // structs of texts always encode
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}
