package iampolicy

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Document is a policy document. [Parse] and [Allow] make documents, which nobody changes
// afterwards, so that they are safe for concurrent use. The order of the fields is that in which
// the documentation of IAM writes them.
type Document struct {
	Version   string `json:",omitempty"`
	ID        string `json:"Id,omitempty"`
	Statement []*Statement
}

// Statement is one statement of a document. Its lists are sorted sets.
type Statement struct {
	SID         string     `json:"Sid,omitempty"`
	Effect      string     // allow or deny
	Action      actionList `json:",omitempty"`
	NotAction   actionList `json:",omitempty"`
	Resource    []string   `json:",omitempty"`
	NotResource []string   `json:",omitempty"`

	// Condition has values by operator and key.
	Condition map[string]map[string][]string `json:",omitempty"`

	actions    patterns
	resources  patterns
	conditions []Condition
}

const (
	allow = "Allow"
	deny  = "Deny"

	// Version is the version of the policy language that has variables.
	Version = "2012-10-17"
	// oldVersion is also that of a document without Version.
	oldVersion = "2008-10-17"
)

// Allow returns the document that allows an action on resources and nothing else. Its errors
// are [*ParseError].
func Allow(action string, resources []string) (*Document, error) {
	s := &Statement{Effect: allow, Action: actionList{action}, Resource: sortedSet(resources)}
	return &Document{Version: Version, Statement: []*Statement{s}}, s.compile("statement 1", true)
}

// actionList is written as one text if it has only one.
type actionList []string

// MarshalJSON writes the list.
func (l actionList) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return Encode(l[0]), nil
	}
	return Encode([]string(l)), nil
}

// Compact returns the JSON text without white space.
func (d *Document) Compact() []byte { return Encode(d) }

// Indented returns the JSON text for people, with a line feed at the end.
func (d *Document) Indented() []byte {
	var text bytes.Buffer
	if err := json.Indent(&text, d.Compact(), "", "  "); err != nil {
		panic(err) // what Encode made is JSON
	}
	text.WriteByte('\n')
	return text.Bytes()
}

// Encode returns compact JSON without the escapes for HTML, which would count as six characters
// each.
func Encode(value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // structs of texts always encode
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

func sortedSet(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
