// Package terminalpicture draws what a program printed to a terminal, for the documentation.
package terminalpicture

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The size of a character cell and the room around the text, in pixels.
const (
	cellWidth  = 8
	cellHeight = 18
	fontSize   = 13
	padding    = 16
)

const (
	background = "#16181d"
	foreground = "#d7dae0"
)

// SVG returns a picture of text as a terminal of so many columns shows it. Of the escape
// sequences it knows those that set colors and weights; every other one is an error, so that
// no picture shows less than the terminal did.
func SVG(text string, columns int) ([]byte, error) {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
	width, height := 2*padding+columns*cellWidth, 2*padding+len(lines)*cellHeight
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="%d" fill="%s">`+"\n",
		width, height, width, height, fontSize, foreground)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", background)
	var now style
	for i, line := range lines {
		spans, next, err := parse(line, now)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		now = next
		column := 0
		for _, s := range spans {
			writeSpan(&b, s, column, i)
			column += utf8.RuneCountInString(s.text)
		}
		if column > columns {
			return nil, fmt.Errorf("line %d has %d columns, more than %d", i+1, column, columns)
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}

// writeSpan gives each piece between wide gaps its place and width, so that the columns
// stand under each other in every font.
func writeSpan(b *bytes.Buffer, s span, column, line int) {
	const gap = "  "
	for rest := s.text; rest != ""; {
		piece, after, _ := strings.Cut(strings.TrimLeft(rest, " "), gap)
		column += len(rest) - len(strings.TrimLeft(rest, " "))
		if piece = strings.TrimRight(piece, " "); piece != "" {
			writePiece(b, piece, s.style, column, line)
		}
		column += utf8.RuneCountInString(piece) + len(gap)
		rest = after
	}
}

func writePiece(b *bytes.Buffer, text string, s style, column, line int) {
	fmt.Fprintf(b, `<text x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" xml:space="preserve"%s>`,
		padding+column*cellWidth, padding+line*cellHeight+fontSize, utf8.RuneCountInString(text)*cellWidth, s.attributes())
	_ = xml.EscapeText(b, []byte(text)) // a bytes.Buffer takes everything
	b.WriteString("</text>\n")
}
