package doctor

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The columns of the text.
const (
	width         = 80
	findingIndent = 21 // after status and name
	commandIndent = 8  // far left: commands are long
)

// Printer writes results for people.
type Printer struct {
	Out   io.Writer
	Color bool // with the colors of a terminal
}

// The colors, as SGR parameters.
const (
	green  = "32"
	yellow = "33"
	red    = "1;31"
	dim    = "2"
	bold   = "1"
)

var statusColor = map[Status]string{OK: green, Warning: yellow, Failed: red, Skipped: dim}

// Print writes a result.
func (p Printer) Print(r Result) {
	var b strings.Builder
	label := fmt.Sprintf("%-8s", r.Status)
	lines := wrap(r.Found, width-findingIndent)
	fmt.Fprintf(&b, "%s%-13s%s\n", p.paint(statusColor[r.Status], label), r.Check, p.finding(r, lines[0]))
	indented := func(lines []string) {
		for _, line := range lines {
			b.WriteString(strings.Repeat(" ", findingIndent) + p.finding(r, line) + "\n")
		}
	}
	indented(lines[1:])
	fix := func(text, command string) {
		if text != "" {
			indented(wrap("fix: "+text, width-findingIndent))
		}
		p.command(&b, command)
	}
	fix(r.Fix, r.Command)
	for _, other := range r.Otherwise {
		indented(wrap("or "+other.Text, width-findingIndent))
		fix(other.Fix, other.Command)
	}
	fmt.Fprint(p.Out, b.String())
}

func (p Printer) command(b *strings.Builder, command string) {
	for _, line := range wrapCommand(command, width-commandIndent) {
		b.WriteString(strings.Repeat(" ", commandIndent) + p.paint(bold, line) + "\n")
	}
}

// Summary writes the last line.
func (p Printer) Summary(r Report) {
	text, color := "nothing failed", green
	if r.Failed > 0 {
		text, color = plural(r.Failed, "check")+" failed", red
	}
	text = p.paint(color, text)
	if r.Warnings > 0 {
		text += ", " + p.paint(yellow, plural(r.Warnings, "warning"))
	}
	fmt.Fprintln(p.Out, "\n"+text)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// finding dims what was skipped.
func (p Printer) finding(r Result, text string) string {
	if r.Status == Skipped {
		return p.paint(dim, text)
	}
	return text
}

func (p Printer) paint(color, text string) string {
	if !p.Color || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// wrap breaks text at spaces into lines of at most so many characters, and within words that
// are longer. There is always one line.
func wrap(text string, limit int) []string {
	var words []string
	for _, word := range strings.Fields(printable(text)) {
		words = append(words, breakWord(word, limit)...)
	}
	return join(words, limit)
}

// breakWord breaks an ARN or address that is too long for a line, after punctuation where
// there is some.
func breakWord(word string, limit int) []string {
	var parts []string
	for utf8.RuneCountInString(word) > limit {
		end := len(string([]rune(word)[:limit]))
		if i := strings.LastIndexAny(word[:end], "/:."); i > 0 {
			end = i + 1
		}
		parts, word = append(parts, word[:end]), word[end:]
	}
	return append(parts, word)
}

func join(words []string, limit int) []string {
	lines := []string{""}
	for _, word := range words {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= limit:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// wrapCommand breaks a command so that it can be copied: a shell needs backslashes, SQL does
// not.
func wrapCommand(command string, limit int) []string {
	if command == "" {
		return nil
	}
	if strings.HasSuffix(command, ";") {
		return join(wordsOf(printable(command)), limit)
	}
	const continued = " \\"
	room := limit - len(continued) - len("  ")
	lines := join(withValues(wordsOf(printable(command)), room), room)
	for i := range lines[:len(lines)-1] {
		lines[i] += continued
	}
	for i := range lines[1:] {
		lines[i+1] = "  " + lines[i+1]
	}
	return lines
}

// withValues keeps a flag and its value in one line, where they fit into one.
func withValues(words []string, limit int) []string {
	var joined []string
	for _, word := range words {
		if last := len(joined) - 1; last >= 0 && isFlag(joined[last]) && !strings.HasPrefix(word, "-") &&
			utf8.RuneCountInString(joined[last])+1+utf8.RuneCountInString(word) <= limit {
			joined[last] += " " + word
			continue
		}
		joined = append(joined, word)
	}
	return joined
}

func isFlag(word string) bool {
	return strings.HasPrefix(word, "--") && !strings.ContainsAny(word, " =")
}

// wordsOf splits a command at its spaces, but not at those between quotation marks.
func wordsOf(command string) []string {
	var words []string
	var quoted rune
	start := 0
	for i, r := range command {
		switch {
		case quoted != 0 && r == quoted:
			quoted = 0
		case quoted != 0:
		case strings.ContainsRune("'\"`", r):
			quoted = r
		case r == ' ':
			words = append(words, command[start:i])
			start = i + 1
		}
	}
	return append(words, command[start:])
}

// printable replaces what would act on a terminal: servers put what they like into errors.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}
