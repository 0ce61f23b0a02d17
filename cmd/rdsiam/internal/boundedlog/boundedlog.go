// Package boundedlog writes logs that strangers cannot fill.
package boundedlog

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// burst is how many lines of a kind are written as they come, before the limit of one
	// for each interval.
	burst    = 50
	interval = time.Second
	maxLine  = 1000 // bytes
)

// Log writes lines of several kinds. Each kind has its own limit, so that a flood of one
// hides no line of another. It is safe for concurrent use.
type Log struct {
	write func(line string)

	mu    sync.Mutex
	kinds map[string]*kind // guarded by mu
}

type kind struct {
	due     time.Time // by when so many lines would be due at one for each interval
	leftOut int
	last    string // of those left out
}

// New returns a Log whose lines are given to write, one at a time.
func New(write func(line string)) *Log {
	return &Log{write: write, kinds: make(map[string]*kind)}
}

// Line writes text as a line, or leaves it out. The next line of its kind says how many were
// left out. Kinds are remembered for good, so there must be few.
func (l *Log) Line(of, text string) {
	text = oneLine(text)
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.kinds[of]
	if k == nil {
		k = new(kind)
		l.kinds[of] = k
	}
	if k.due.Before(now) {
		k.due = now
	}
	if k.due.Sub(now) > (burst-1)*interval {
		k.leftOut, k.last = k.leftOut+1, text
		return
	}
	k.due = k.due.Add(interval)
	if k.leftOut > 0 {
		text += " (lines like this that were left out: " + strconv.Itoa(k.leftOut) + ")"
		k.leftOut, k.last = 0, ""
	}
	l.write(text)
}

// Close says what was left out since the last line of each kind.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.kinds {
		if k.leftOut > 0 {
			l.write(k.last + " (lines like this that were left out, with this one: " + strconv.Itoa(k.leftOut) + ")")
			k.leftOut, k.last = 0, ""
		}
	}
}

func oneLine(text string) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "…"
	}
	return text
}
