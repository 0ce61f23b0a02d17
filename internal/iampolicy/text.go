package iampolicy

import "strings"

// Text is what a pattern of version 2012-10-17 says.
type Text struct {
	// Literal is the one text that the pattern matches, if it has neither
	// wildcards nor variables.
	Literal   string
	Wildcard  bool     // it has * or ?
	Variable  bool     // it has policy variables
	Undefined []string // the keys, such as aws:username, of those without a default
}

// IsLiteral reports whether the pattern matches one text only.
func (t Text) IsLiteral() bool { return !t.Wildcard && !t.Variable }

// ReadText reads a pattern. Its errors are [*ParseError].
func ReadText(text string) (Text, error) {
	p, err := compile(text, true, true)
	if err != nil {
		return Text{}, err
	}
	var read Text
	for _, t := range p {
		switch t.kind {
		case literal:
			read.Literal += t.text
		case variable:
			read.Variable = true
			if !t.hasFallback {
				read.Undefined = append(read.Undefined, t.text)
			}
		default:
			read.Wildcard = true
		}
	}
	if !read.IsLiteral() {
		read.Literal = ""
	}
	return read, nil
}

var escaper = strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}")

// Escape returns the pattern that matches text and nothing else, in version
// 2012-10-17.
func Escape(text string) string { return escaper.Replace(text) }

// ActionMatches reports whether the pattern of an Action element matches an action.
func ActionMatches(text, action string) bool {
	p, err := compile(text, true, false)
	return err == nil && p.matchFold(action)
}
