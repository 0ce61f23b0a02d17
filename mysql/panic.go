package rdsmysql

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// panicError is a panic of go-sql-driver/mysql during a login. It keeps no more than the
// text, because the value may hold what the server sent back.
type panicError struct {
	reason string
	place  string
}

func (e *panicError) Error() string {
	return "go-sql-driver/mysql panicked during the login, and the login was given up: " + e.reason + " at " + e.place +
		"; check that a database answers at this address, and update the driver"
}

// newPanicError is called by the function that recovered reason.
func newPanicError(reason any) *panicError {
	return &panicError{reason: fmt.Sprint(reason), place: panicPlace()}
}

// panicPlace returns the function, file and line that panicked.
func panicPlace() string {
	var callers [32]uintptr
	const itself = 4 // runtime.Callers, panicPlace, newPanicError and the one that recovered
	frames := runtime.CallersFrames(callers[:runtime.Callers(itself, callers[:])])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s (%s:%d)", path.Base(frame.Function), path.Base(frame.File), frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}
