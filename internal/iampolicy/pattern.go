package iampolicy

import (
	"strings"
	"unicode/utf8"
)

// pattern is text with wildcards and policy variables.
type pattern []part

type part struct {
	kind partKind
	text string // of a literal; the key of a variable
	// fallback is the value of a variable that has none, as in
	// ${aws:username, 'nobody'}.
	fallback    string
	hasFallback bool
}

type partKind uint8

const (
	literal  partKind = iota
	anyOne            // ?
	anyMany           // *
	variable          // ${key}
)

// compile reads text, * and ? in it as wildcards or as they are. Policy variables are plain text
// before version 2012-10-17 of the policy language.
func compile(text string, wildcards, variables bool) (pattern, error) {
	var stops string // where something else than a literal may begin
	if wildcards {
		stops += "*?"
	}
	if variables {
		stops += "$"
	}
	var p pattern
	for text != "" {
		switch {
		case wildcards && text[0] == '*':
			p, text = append(p, part{kind: anyMany}), text[1:]
		case wildcards && text[0] == '?':
			p, text = append(p, part{kind: anyOne}), text[1:]
		case variables && strings.HasPrefix(text, "${"):
			v, rest, err := readVariable(text)
			if err != nil {
				return nil, err
			}
			p, text = append(p, v), rest
		default:
			end := len(text)
			if stop := strings.IndexAny(text[1:], stops); stop >= 0 {
				end = 1 + stop
			}
			p, text = append(p, part{text: text[:end]}), text[end:]
		}
	}
	return p, nil
}

// readVariable reads ${key}, ${key, 'fallback'} or one of the escapes ${*}, ${?}
// and ${$} from the beginning of text.
func readVariable(text string) (v part, rest string, err error) {
	end := strings.IndexByte(text, '}')
	if end < 0 {
		return part{}, "", problem("policy variable %q is not closed", text)
	}
	inner, rest := text[len("${"):end], text[end+1:]
	if inner == "*" || inner == "?" || inner == "$" {
		return part{text: inner}, rest, nil
	}
	key, fallback, hasFallback := strings.Cut(inner, ",")
	key = strings.TrimSpace(key)
	if key == "" || strings.ContainsAny(key, "${*?'\" ") {
		return part{}, "", problem("policy variable %q has no valid key", text[:end+1])
	}
	if !hasFallback {
		return part{kind: variable, text: key}, rest, nil
	}
	fallback = strings.TrimSpace(fallback)
	if len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'' {
		return part{}, "", problem("policy variable %q: write the default value in single quotes", text[:end+1])
	}
	return part{kind: variable, text: key, fallback: fallback[1 : len(fallback)-1], hasFallback: true}, rest, nil
}

// resolve puts the values of variables in as plain text, in which * and ? are no wildcards, and
// * for those whose value is not known. It returns one key each that has no value and that is
// not known.
func (p pattern) resolve(v values) (resolved pattern, absent, unknown string) {
	resolved = make(pattern, len(p))
	for i, t := range p {
		if t.kind == variable {
			switch value, exists := v.lookUp(t.text); {
			case exists == Yes:
				t = part{text: value}
			case exists == Undecided:
				unknown = t.text
				t = part{kind: anyMany}
			case t.hasFallback:
				t = part{text: t.fallback}
			default:
				absent = t.text
			}
		}
		resolved[i] = t
	}
	return resolved, absent, unknown
}

// text is that of a pattern without wildcards.
func (p pattern) text() string {
	var text strings.Builder
	for _, t := range p {
		text.WriteString(t.text)
	}
	return text.String()
}

// match compares a resolved pattern with text.
func (p pattern) match(text string) bool {
	// One wildcard is remembered at a time: a later * makes an earlier one
	// irrelevant, so this takes len(p) times len(text) steps at most.
	at, star, starRest := 0, -1, ""
	for {
		switch rest, ok := p.step(at, text); {
		case at < len(p) && p[at].kind == anyMany:
			star, starRest = at, text
			at++
		case ok:
			at, text = at+1, rest
		case at == len(p) && text == "":
			return true
		case star >= 0 && starRest != "":
			_, size := utf8.DecodeRuneInString(starRest)
			starRest = starRest[size:]
			at, text = star+1, starRest
		default:
			return false
		}
	}
}

// step matches the part at an index that is not a * with the beginning of text.
func (p pattern) step(at int, text string) (rest string, ok bool) {
	if at == len(p) {
		return text, false
	}
	switch p[at].kind {
	case literal:
		return strings.CutPrefix(text, p[at].text)
	case anyOne:
		_, size := utf8.DecodeRuneInString(text)
		return text[size:], size > 0
	default:
		return text, false
	}
}

// matchFold compares without regard to case.
func (p pattern) matchFold(text string) bool {
	folded := make(pattern, len(p))
	for i, t := range p {
		t.text = strings.ToLower(t.text)
		folded[i] = t
	}
	return folded.match(strings.ToLower(text))
}

// arnParts is how many parts an ARN has. The last one, the resource, may
// contain colons itself.
const arnParts = 6

// matchARN compares part by part: a wildcard never spans the colon between two parts of an ARN.
// The pattern * alone matches everything. Whether a * at the end covers parts that are not
// there cannot be decided.
func (p pattern) matchARN(arn string) Truth {
	if p.isStar() {
		return Yes
	}
	wanted, seen := p.splitARN(), strings.SplitN(arn, ":", arnParts)
	if len(wanted) < arnParts && p.endsInStar() && p.match(arn) {
		return Undecided
	}
	if len(wanted) != len(seen) {
		return No
	}
	for i := range wanted {
		if !wanted[i].match(seen[i]) {
			return No
		}
	}
	return Yes
}

// matchResource compares as an element Resource does, in which a * at the end of the ARN covers
// the parts that are not there. A * at the end of another part "can expand to match beyond the
// colon boundaries", and other pages contradict that.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func (p pattern) matchResource(arn string) Truth {
	matched := p.matchARN(arn)
	switch {
	case matched == Undecided:
		return Yes
	case matched == No && p.match(arn):
		return Undecided
	}
	return matched
}

func (p pattern) endsInStar() bool { return len(p) > 0 && p[len(p)-1].kind == anyMany }

func (p pattern) isStar() bool { return len(p) == 1 && p[0].kind == anyMany }

// splitARN cuts the pattern at the first five colons. Colons in the values of
// variables count, those in the keys of unresolved ones do not.
func (p pattern) splitARN() []pattern {
	split := []pattern{nil}
	for _, t := range p {
		for t.kind == literal && len(split) < arnParts {
			before, after, found := strings.Cut(t.text, ":")
			if !found {
				break
			}
			last := len(split) - 1
			split[last] = append(split[last], part{text: before})
			split = append(split, nil)
			t.text = after
		}
		last := len(split) - 1
		split[last] = append(split[last], t)
	}
	return split
}
