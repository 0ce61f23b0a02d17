package grants

import (
	"errors"
	"strings"
	"unicode"
)

// word is a name, a keyword or a sign.
type word struct {
	text   string
	quoted bool
}

// is reports whether the word is a keyword or sign, in any case.
func (w word) is(keyword string) bool { return !w.quoted && strings.EqualFold(w.text, keyword) }

const signs = ".,()"

func split(text string) ([]word, error) {
	var words []word
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		switch {
		case text[0] == '"':
			name, rest, err := quoted(text[1:])
			if err != nil {
				return nil, err
			}
			words, text = append(words, word{name, true}), rest
		case strings.ContainsRune(signs, rune(text[0])):
			words, text = append(words, word{text[:1], false}), text[1:]
		default:
			end := strings.IndexFunc(text, func(r rune) bool { return r == '"' || unicode.IsSpace(r) || strings.ContainsRune(signs, r) })
			if end < 0 {
				end = len(text)
			}
			words, text = append(words, word{text[:end], false}), text[end:]
		}
	}
	return words, nil
}

// quoted reads what is left of a quoted name, and returns what comes after it.
func quoted(text string) (name, rest string, err error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, `"`)
		if !found {
			return "", "", errors.New(`a name begins with " and does not end with one`)
		}
		b.WriteString(before)
		if !strings.HasPrefix(after, `"`) {
			return b.String(), after, nil
		}
		b.WriteByte('"')
		text = after[1:]
	}
}
