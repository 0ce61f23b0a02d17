package token

import (
	"encoding/json"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Damage is something that was done to a token on its way.
type Damage string

// What can happen to tokens. Each is the name of what was done.
const (
	Quoted         Damage = "quoted"          // in quotes
	InJSON         Damage = "json"            // a JSON document
	WithScheme     Damage = "scheme"          // https:// in front
	WhiteSpace     Damage = "white-space"     // a space or line break inside
	PercentEncoded Damage = "percent-encoded" // encoded as a whole
	HTMLEncoded    Damage = "html-encoded"    // &amp; in place of &
)

// damages are what is said of them in a sentence about "the token", and what to do.
var damages = map[Damage]struct{ problem, fix string }{
	Quoted:         {"is in quotes", "leave them out"},
	InJSON:         {"is inside a JSON document", "pass on the token alone"},
	WithScheme:     {"begins with https:// or another scheme", "cut that off: a token has none"},
	WhiteSpace:     {"has white space inside", "look for a line break that a copy or a file put in"},
	PercentEncoded: {"is percent-encoded as a whole", "pass it on as it was signed; that is right inside a URL only"},
	HTMLEncoded:    {"is encoded for HTML, with &amp; in place of &", "pass it on as it was signed"},
}

// Problem says what was done, for a sentence that begins with the token.
func (d Damage) Problem() string { return damages[d].problem }

// Fix says what to change.
func (d Damage) Fix() string { return damages[d].fix }

// Damages lists all of them.
func Damages() []Damage { return slices.Sorted(maps.Keys(damages)) }

// unwrap undoes what damaged a text, as far as that is possible.
func unwrap(text string) (string, []Damage) {
	var damage []Damage
	if n := len(text); n > 1 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		damage = append(damage, Quoted)
		text = unquote(text)
	}
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		return text, append(damage, InJSON)
	}
	if scheme, rest, ok := strings.Cut(text, "://"); ok && !strings.ContainsAny(scheme, "?&") {
		damage = append(damage, WithScheme)
		text = rest
	}
	if strings.ContainsAny(text, " \t\r\n") {
		damage = append(damage, WhiteSpace)
		text = strings.Join(strings.Fields(text), "")
	}
	if !strings.Contains(text, "?") && strings.Contains(strings.ToUpper(text), "%3FACTION") {
		damage = append(damage, PercentEncoded)
		if decoded, err := url.PathUnescape(text); err == nil {
			text = decoded
		}
	}
	if strings.Contains(text, "&amp;") {
		damage = append(damage, HTMLEncoded)
		text = html.UnescapeString(text)
	}
	return text, damage
}

// unquote reads a JSON string, in which & may be written as \u0026, and otherwise cuts off
// the quotes.
func unquote(text string) string {
	var inner string
	if json.Unmarshal([]byte(text), &inner) == nil {
		return inner
	}
	return text[1 : len(text)-1]
}
