package terminalpicture_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/terminalpicture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSVG(t *testing.T) {
	picture, err := terminalpicture.SVG("plain \x1b[1;31mred & bold\x1b[0m <\x1b[2mdim\nstill\x1b[22m\r\n  äöü\x1b[32mgreen\x1b[39m a   b\n\n", 24)
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(strings.NewReader(string(picture)))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("no XML: %v\n%s", err, picture)
		}
	}
	for _, want := range []string{
		`viewBox="0 0 224 86"`, // 24 columns, 3 lines
		`<text x="16" y="29" textLength="40" lengthAdjust="spacingAndGlyphs" xml:space="preserve">plain</text>`,
		`<text x="64" y="29" textLength="80" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="#f47067" font-weight="bold">red &amp; bold</text>`,
		`x="152" y="29" textLength="8" lengthAdjust="spacingAndGlyphs" xml:space="preserve">&lt;</text>`,
		`<text x="16" y="47" textLength="40" lengthAdjust="spacingAndGlyphs" xml:space="preserve" opacity="0.55">still</text>`,
		`<text x="32" y="65" textLength="24" lengthAdjust="spacingAndGlyphs" xml:space="preserve">äöü</text>`,
		`<text x="56" y="65" textLength="40" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="#7ec77b">green</text>`,
		`<text x="104" y="65" textLength="8" lengthAdjust="spacingAndGlyphs" xml:space="preserve">a</text>`,
		`<text x="136" y="65" textLength="8" lengthAdjust="spacingAndGlyphs" xml:space="preserve">b</text>`,
	} {
		if !strings.Contains(string(picture), want) {
			t.Errorf("the picture lacks %s\n%s", want, picture)
		}
	}
}

// What cannot be drawn is an error and not left out.
func TestUndrawable(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"a\nb\x1b[2Jc", `line 2: escape sequence`},
		{"\x1b]0;title\a", "none of color or weight"},
		{"\x1b[", "none of color or weight"},
		{"\x1b[7m", `no style has the code "7"`},
		{"\x1b[38m", `"38"`},
		{strings.Repeat("x", 21), "line 1 has 21 columns, more than 20"},
	} {
		if _, err := terminalpicture.SVG(test.text, 20); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("SVG(%q): %v, want %q", test.text, err, test.want)
		}
	}
}
