package realserver

import (
	"bytes"
	"io"
	"sync"
)

// logTail is how much of a log is kept for an error.
const logTail = 4096

// serverLog takes a server's log, passes it on, keeps its end, and notices when
// the server says that it is ready.
type serverLog struct {
	to        io.Writer     // may be nil
	readyText []byte        // shorter than logTail
	ready     chan struct{} // closed when readyText was seen

	mu      sync.Mutex
	kept    []byte
	isReady bool
}

// Write is called by the goroutine that copies the server's output.
func (l *serverLog) Write(p []byte) (int, error) {
	l.keep(p)
	if l.to != nil {
		_, _ = l.to.Write(p) // an error of the caller's writer must not block the server
	}
	return len(p), nil
}

func (l *serverLog) keep(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p...)
	if !l.isReady && bytes.Contains(l.kept, l.readyText) {
		l.isReady = true
		close(l.ready)
	}
	if over := len(l.kept) - logTail; over > 0 {
		l.kept = append(l.kept[:0], l.kept[over:]...)
	}
}

// end returns the end of the log.
func (l *serverLog) end() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return end(l.kept)
}

func end(text []byte) string {
	text = bytes.TrimSpace(text)
	return string(text[max(0, len(text)-logTail):])
}
