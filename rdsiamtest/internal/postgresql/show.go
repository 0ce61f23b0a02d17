package postgresql

import (
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// parameters are what a server reports on its own; drivers rely on some.
func (s *Session) parameters() map[string]string {
	return map[string]string{
		"application_name":              s.client.Startup["application_name"],
		"client_encoding":               "UTF8",
		"DateStyle":                     "ISO, MDY",
		"default_transaction_read_only": onOff(s.readOnlyDefault),
		"in_hot_standby":                onOff(s.standby()),
		"integer_datetimes":             "on",
		"IntervalStyle":                 "postgres",
		"is_superuser":                  "off",
		"server_encoding":               "UTF8",
		"server_version":                serverVersion,
		"session_authorization":         s.client.User,
		"standard_conforming_strings":   "on",
		"TimeZone":                      "UTC",
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// report tells the client which parameters have changed since they were reported.
func (s *Session) report() {
	now := s.parameters()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if s.reported != nil && s.reported[name] != now[name] {
			s.backend.Send(&pgproto3.ParameterStatus{Name: name, Value: now[name]})
		}
	}
	s.reported = now
}

// shown are the parameters that SHOW answers: what is reported, and more.
var shown = []string{
	"application_name", "client_encoding", "DateStyle", "default_transaction_read_only", "in_hot_standby",
	"integer_datetimes", "IntervalStyle", "is_superuser", "server_encoding", "server_version",
	"session_authorization", "standard_conforming_strings", "TimeZone",
	"transaction_isolation", "transaction_read_only",
}

// parseShow reads what follows SHOW.
func parseShow(words []sqlWord) (stmt, error) {
	if len(words) == 0 {
		return stmt{}, errEnd
	}
	name := words[0].text
	switch {
	case topLevel(words, "transaction", "isolation", "level"):
		name = "transaction_isolation"
	case topLevel(words, "time", "zone"):
		name = "TimeZone"
	case topLevel(words, "session", "authorization"):
		name = "session_authorization"
	case len(words) > 1:
		return stmt{}, unsupported("so long a SHOW")
	}
	i := slices.IndexFunc(shown, func(known string) bool { return strings.EqualFold(known, name) })
	if i < 0 {
		if _, ok := parameterKinds()[strings.ToLower(name)]; ok {
			return stmt{}, unsupported("SHOW " + brief.Name(name))
		}
		return stmt{}, unrecognized(name)
	}
	column := expression{name: shown[i], typ: textType, setting: shown[i]}
	return stmt{tag: "SHOW", columns: []expression{column}}, nil
}

// setting returns the value of a parameter of shown.
func (s *Session) setting(name string) string {
	switch name {
	case "transaction_isolation":
		return "read committed"
	case "transaction_read_only":
		return onOff(s.readOnly())
	default:
		return s.parameters()[name]
	}
}
