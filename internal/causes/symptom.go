package causes

import (
	"database/sql/driver"
	"io"
	"net"
	"slices"
	"strings"
)

// Symptom is what an error shows: the codes, types and text in its tree.
type Symptom struct {
	answers []answer
	nodes   []error // every error in the tree
	text    string
	lower   string // text in lower case
	hungUp  bool   // the connection ended before the server answered
	network bool   // the network failed, or the server hung up
}

// answer is a code of a server.
type answer struct {
	value string
	mysql bool // an error number, and no SQLSTATE
}

// String returns the code as the drivers write it.
func (a answer) String() string {
	switch {
	case a.value == "":
		return ""
	case a.mysql:
		return "Error " + a.value
	}
	return "SQLSTATE " + a.value
}

// BadConn is an error that hides a driver.ErrBadConn from database/sql, which would log in
// again. It returns what it hides.
type BadConn interface{ BadConn() error }

// Look reads the whole tree of err: errors.As would stop at the first code, and a host that
// was starting up would hide the refusal of another. It leaves out the parts for which
// other is true, which are not about this login.
func Look(err error, other func(error) bool) Symptom {
	if err == nil {
		return Symptom{}
	}
	seen := Symptom{text: err.Error(), lower: strings.ToLower(err.Error())}
	seen.look(err, other)
	hungUp := seen.has(isHungUp)
	seen.hungUp = hungUp && len(seen.answers) == 0
	seen.network = hungUp || seen.has(isNetwork)
	return seen
}

// Answered reports whether a server has answered with a code.
func (s *Symptom) Answered() bool { return len(s.answers) > 0 }

func (s *Symptom) look(err error, other func(error) bool) {
	if err == nil || other(err) {
		return
	}
	s.nodes = append(s.nodes, err)
	if state, ok := err.(interface{ SQLState() string }); ok {
		s.answers = append(s.answers, answer{value: state.SQLState()})
	} else if number, ok := mysqlNumber(err.Error()); ok {
		s.answers = append(s.answers, answer{number, true})
	}
	switch wrapped := err.(type) {
	case BadConn:
		s.look(wrapped.BadConn(), other)
	case interface{ Unwrap() error }:
		s.look(wrapped.Unwrap(), other)
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			s.look(inner, other)
		}
	}
}

// answer returns the first code that is among wanted, any code where wanted is nil, and the
// zero answer where there is none.
func (s *Symptom) answer(wanted []string) answer {
	for _, answer := range s.answers {
		if wanted == nil || slices.Contains(wanted, answer.value) {
			return answer
		}
	}
	return answer{}
}

// has reports whether is holds for an error of the tree.
func (s *Symptom) has(is func(error) bool) bool { return slices.ContainsFunc(s.nodes, is) }

// mysqlNumber returns the number in the text of a server's error, for which the type of
// go-sql-driver/mysql has no method: "Error 1045 (28000): …", "Error 1045: …" in old
// versions.
func mysqlNumber(text string) (number string, ok bool) {
	head, _, ok := strings.Cut(text, ": ")
	number, isError := strings.CutPrefix(head, "Error ")
	number, state, hasState := strings.Cut(number, " ")
	if hasState && (len(state) != len("(28000)") || state[0] != '(' || state[6] != ')') {
		return "", false
	}
	isDigits := !strings.ContainsFunc(number, func(r rune) bool { return r < '0' || r > '9' })
	return number, ok && isError && len(number) >= 4 && len(number) <= 5 && isDigits
}

func isHungUp(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

func isNetwork(err error) bool {
	_, ok := err.(net.Error)
	return ok
}

func isBadConn(err error) bool { return err == driver.ErrBadConn }
