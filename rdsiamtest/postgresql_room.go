package rdsiamtest

import "fmt"

const (
	// What a session keeps of prepared statements and portals. A real server has no such
	// limits: a client that meets them has forgotten to close what it opened.
	postgresMaxKept      = 16384
	postgresMaxKeptBytes = 64 << 20

	postgresMaxColumns = 1664
	// postgresMaxWords is more than a SELECT of as many columns as there can be has.
	postgresMaxWords = 16 * postgresMaxColumns
)

// room refuses to keep size more bytes than a session may.
func (s *postgresSession) room(size int) error {
	for _, prepared := range s.prepared {
		size += prepared.size
	}
	for _, portal := range s.portals {
		size += portal.size
	}
	if size <= postgresMaxKeptBytes && len(s.prepared)+len(s.portals) < postgresMaxKept {
		return nil
	}
	return &postgresError{code: "53400", message: fmt.Sprintf(
		"rdsiamtest keeps at most %d prepared statements and portals of a session, of %d MB",
		postgresMaxKept, postgresMaxKeptBytes>>20)}
}
