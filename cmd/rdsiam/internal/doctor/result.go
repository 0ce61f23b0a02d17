package doctor

import "fmt"

// Status says how a check went.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning" // works, and may not for long or for others
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Result is what a check found.
type Result struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	// Found is what was seen, or because of what the check was skipped.
	Found string `json:"found"`
	// Code names the cause, or the rule that a setting breaks, where the library knows it.
	Code string `json:"code,omitempty"`
	// Fix says what to change where the check failed or warns, and Command is the one
	// command, or statement if it ends in a semicolon, that does it, in so far as there is
	// one. A word in capitals in it is to be replaced.
	Fix     string `json:"fix,omitempty"`
	Command string `json:"command,omitempty"`
	// Otherwise lists what it can also be, the likeliest first.
	Otherwise    []Cause `json:"otherwise,omitempty"`
	Milliseconds int64   `json:"milliseconds"`
}

// Cause is something that a failure can mean.
type Cause struct {
	Code    string `json:"code,omitempty"`
	Text    string `json:"cause"`
	Fix     string `json:"fix"`
	Command string `json:"command,omitempty"` // where it tells which cause it is
}

// Report is what an examination found.
type Report struct {
	Endpoint string   `json:"endpoint"`
	User     string   `json:"user"`
	Failed   int      `json:"failed"`
	Warnings int      `json:"warnings"`
	Checks   []Result `json:"checks"`
}

func (r *Report) add(result Result) {
	switch result.Status {
	case Failed:
		r.Failed++
	case Warning:
		r.Warnings++
	}
	r.Checks = append(r.Checks, result)
}

func found(format string, args ...any) Result {
	return Result{Status: OK, Found: fmt.Sprintf(format, args...)}
}

func skipped(format string, args ...any) Result {
	return Result{Status: Skipped, Found: fmt.Sprintf(format, args...)}
}

func failed(format string, args ...any) Result {
	return Result{Status: Failed, Found: fmt.Sprintf(format, args...)}
}

func warning(format string, args ...any) Result {
	return Result{Status: Warning, Found: fmt.Sprintf(format, args...)}
}

// fix adds what to change, and the command that does.
func (r Result) fix(text, command string) Result {
	r.Fix, r.Command = text, command
	return r
}
