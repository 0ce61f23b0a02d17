package rdsiamtest

import (
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// parameters are what a server reports on its own; drivers rely on some.
func (s *postgresSession) parameters() map[string]string {
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
		"server_version":                postgresServerVersion,
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
func (s *postgresSession) report() {
	now := s.parameters()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if s.reported != nil && s.reported[name] != now[name] {
			s.backend.Send(&pgproto3.ParameterStatus{Name: name, Value: now[name]})
		}
	}
	s.reported = now
}

// postgresShown are the parameters that SHOW answers: what is reported, and more.
var postgresShown = []string{
	"application_name", "client_encoding", "DateStyle", "default_transaction_read_only", "in_hot_standby",
	"integer_datetimes", "IntervalStyle", "is_superuser", "server_encoding", "server_version",
	"session_authorization", "standard_conforming_strings", "TimeZone",
	"transaction_isolation", "transaction_read_only",
}

// parsePostgresShow reads what follows SHOW.
func parsePostgresShow(words []postgresWord) (postgresStatement, error) {
	if len(words) == 0 {
		return postgresStatement{}, errPostgresEnd
	}
	name := words[0].text
	switch {
	case topLevelPostgres(words, "transaction", "isolation", "level"):
		name = "transaction_isolation"
	case topLevelPostgres(words, "time", "zone"):
		name = "TimeZone"
	case topLevelPostgres(words, "session", "authorization"):
		name = "session_authorization"
	case len(words) > 1:
		return postgresStatement{}, unsupportedPostgres("so long a SHOW")
	}
	i := slices.IndexFunc(postgresShown, func(known string) bool { return strings.EqualFold(known, name) })
	if i < 0 {
		if _, ok := postgresParameterKinds()[strings.ToLower(name)]; ok {
			return postgresStatement{}, unsupportedPostgres("SHOW " + brief.Name(name))
		}
		return postgresStatement{}, postgresUnrecognized(name)
	}
	column := postgresColumn{name: postgresShown[i], typ: postgresText, setting: postgresShown[i]}
	return postgresStatement{tag: "SHOW", columns: []postgresColumn{column}}, nil
}

// setting returns the value of a parameter of postgresShown.
func (s *postgresSession) setting(name string) string {
	switch name {
	case "transaction_isolation":
		return "read committed"
	case "transaction_read_only":
		return onOff(s.readOnly())
	default:
		return s.parameters()[name]
	}
}
