package postgresql

import "fmt"

const (
	// What a session keeps of prepared statements and portals. A real server has no such
	// limits: a client that meets them has forgotten to close what it opened.
	maxKept      = 16384
	maxKeptBytes = 64 << 20

	maxColumns = 1664
	// maxWords is more than a SELECT of as many columns as there can be has.
	maxWords = 16 * maxColumns
)

// room refuses to keep size more bytes than a session may.
func (s *Session) room(size int) error {
	for _, prepared := range s.prepared {
		size += prepared.size
	}
	for _, portal := range s.portals {
		size += portal.size
	}
	if size <= maxKeptBytes && len(s.prepared)+len(s.portals) < maxKept {
		return nil
	}
	return &Error{Code: "53400", Message: fmt.Sprintf(
		"rdsiamtest keeps at most %d prepared statements and portals of a session, of %d MB",
		maxKept, maxKeptBytes>>20)}
}
