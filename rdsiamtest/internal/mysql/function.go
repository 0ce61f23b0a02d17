package mysql

import "strings"

// function returns a function of the session by its lower-case name.
func function(name string) (func(*Session) value, bool) {
	switch name {
	case "current_user":
		return func(s *Session) value { return stringValue(s.client.User + "@%") }, true
	case "user", "session_user", "system_user":
		return func(s *Session) value {
			return stringValue(s.client.User + "@" + s.client.Host)
		}, true
	case "version":
		return func(*Session) value { return stringValue(Version) }, true
	case "database", "schema":
		return func(s *Session) value {
			if s.database == "" {
				return nullValue()
			}
			return stringValue(s.database)
		}, true
	case "connection_id":
		return func(s *Session) value { return uintValue(uint64(s.client.ConnectionID)) }, true
	}
	return nil, false
}

// systemVariable returns one of the variables that drivers and clients ask
// for when they connect, with the default of MySQL 8.4. The name is in lower
// case and may have a scope.
func systemVariable(name string) (func(*Session) value, bool) {
	for _, scope := range []string{"session.", "global.", "local."} {
		name = strings.TrimPrefix(name, scope)
	}
	switch name {
	case "version":
		return function("version")
	case "version_comment":
		return constant(stringValue("rdsiamtest")), true
	case "license":
		return constant(stringValue("Apache-2.0")), true
	case "max_allowed_packet":
		return constant(uintValue(maxAllowedPacket)), true
	case "wait_timeout", "interactive_timeout":
		return constant(uintValue(28800)), true
	case "net_write_timeout":
		return constant(uintValue(60)), true
	case "autocommit", "auto_increment_increment", "performance_schema":
		return constant(intValue(1)), true
	case "read_only", "innodb_read_only":
		return func(s *Session) value { return boolValue(s.serverReadOnly()) }, true
	case "transaction_read_only", "tx_read_only":
		return func(s *Session) value { return boolValue(s.readOnlyDefault) }, true
	case "lower_case_table_names":
		return constant(intValue(0)), true
	case "character_set_client", "character_set_connection", "character_set_results", "character_set_server":
		return constant(stringValue("utf8mb4")), true
	case "collation_connection", "collation_server", "collation_database":
		return constant(stringValue("utf8mb4_0900_ai_ci")), true
	case "transaction_isolation", "tx_isolation":
		return constant(stringValue("REPEATABLE-READ")), true
	case "sql_mode":
		return constant(stringValue("ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION")), true
	case "time_zone":
		return constant(stringValue("SYSTEM")), true
	case "system_time_zone":
		return constant(stringValue("UTC")), true
	case "init_connect":
		return constant(stringValue("")), true
	}
	return nil, false
}
