package terminalpicture

import (
	"fmt"
	"strings"
)

// span is text in one style.
type span struct {
	text  string
	style style
}

// style is how text looks. The zero style is plain.
type style struct {
	bold, dim bool
	color     string // "" is that of plain text
}

// colors are those of SGR 30 to 37.
var colors = [8]string{"#5c6370", "#f47067", "#7ec77b", "#e6b450", "#6cb6ff", "#d2a8ff", "#56c7c7", "#d7dae0"}

func (s style) attributes() string {
	var b strings.Builder
	if s.color != "" {
		fmt.Fprintf(&b, ` fill="%s"`, s.color)
	}
	if s.bold {
		b.WriteString(` font-weight="bold"`)
	}
	if s.dim {
		b.WriteString(` opacity="0.55"`)
	}
	return b.String()
}

// parse splits a line where its style changes, from the style that it begins with to that
// which it ends with.
func parse(line string, now style) ([]span, style, error) {
	const escape = "\x1b"
	var spans []span
	for line != "" {
		text, rest, found := strings.Cut(line, escape)
		if text != "" {
			spans = append(spans, span{text, now})
		}
		if !found {
			break
		}
		codes, after, ok := strings.Cut(strings.TrimPrefix(rest, "["), "m")
		if !strings.HasPrefix(rest, "[") || !ok || strings.Trim(codes, "0123456789;") != "" {
			return nil, now, fmt.Errorf("escape sequence %q is none of color or weight", escape+rest)
		}
		for _, code := range strings.Split(codes, ";") {
			if !now.apply(code) {
				return nil, now, fmt.Errorf("no style has the code %q", code)
			}
		}
		line = after
	}
	return spans, now, nil
}

// apply changes the style as a Select Graphic Rendition code does (ECMA-48, 8.3.117).
func (s *style) apply(code string) bool {
	switch {
	case code == "" || code == "0":
		*s = style{}
	case code == "1":
		s.bold = true
	case code == "2":
		s.dim = true
	case code == "22":
		s.bold, s.dim = false, false
	case code == "39":
		s.color = ""
	case len(code) == 2 && (code[0] == '3' || code[0] == '9') && code[1] <= '7':
		s.color = colors[code[1]-'0']
	default:
		return false
	}
	return true
}
