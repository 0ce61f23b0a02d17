package main

import (
	"fmt"
	"io"
	"strings"
)

// width is where lines are broken.
const width = 100

// printer prints the parts of the demo and counts its steps.
type printer struct {
	out   io.Writer
	steps int
}

// part starts a part of the demo.
func (p *printer) part(title string) {
	p.text("")
	p.text(title)
}

// ok prints a step that behaved.
func (p *printer) ok(format string, arguments ...any) {
	p.steps++
	p.wrapped("  ok  ", "      ", fmt.Sprintf(format, arguments...))
}

// quote prints what a user reads, such as an error.
func (p *printer) quote(text string) { p.wrapped("      | ", "      | ", text) }

func (p *printer) text(text string) { p.wrapped("", "", text) }

// wrapped writes text in lines that start with first or next.
func (p *printer) wrapped(first, next, text string) {
	line := first
	start := len(line)
	for word := range strings.SplitSeq(text, " ") {
		if len(line)+1+len(word) > width && len(line) > start {
			fmt.Fprintln(p.out, line)
			line = next
			start = len(line)
		}
		if len(line) > start {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(p.out, line)
}
