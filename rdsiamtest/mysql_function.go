package rdsiamtest

import "strings"

// mysqlFunction returns a function of the session by its lower-case name.
func mysqlFunction(name string) (func(*mysqlSession) mysqlValue, bool) {
	switch name {
	case "current_user":
		return func(s *mysqlSession) mysqlValue { return mysqlString(s.client.User + "@%") }, true
	case "user", "session_user", "system_user":
		return func(s *mysqlSession) mysqlValue {
			return mysqlString(s.client.User + "@" + s.client.Host)
		}, true
	case "version":
		return func(*mysqlSession) mysqlValue { return mysqlString(mysqlVersion) }, true
	case "database", "schema":
		return func(s *mysqlSession) mysqlValue {
			if s.database == "" {
				return mysqlNull()
			}
			return mysqlString(s.database)
		}, true
	case "connection_id":
		return func(s *mysqlSession) mysqlValue { return mysqlUint(uint64(s.client.ConnectionID)) }, true
	}
	return nil, false
}

// mysqlSystemVariable returns one of the variables that drivers and clients ask
// for when they connect, with the default of MySQL 8.4. The name is in lower
// case and may have a scope.
func mysqlSystemVariable(name string) (func(*mysqlSession) mysqlValue, bool) {
	for _, scope := range []string{"session.", "global.", "local."} {
		name = strings.TrimPrefix(name, scope)
	}
	switch name {
	case "version":
		return mysqlFunction("version")
	case "version_comment":
		return constantMySQL(mysqlString("rdsiamtest")), true
	case "license":
		return constantMySQL(mysqlString("Apache-2.0")), true
	case "max_allowed_packet":
		return constantMySQL(mysqlUint(mysqlMaxAllowedPacket)), true
	case "wait_timeout", "interactive_timeout":
		return constantMySQL(mysqlUint(28800)), true
	case "net_write_timeout":
		return constantMySQL(mysqlUint(60)), true
	case "autocommit", "auto_increment_increment", "performance_schema":
		return constantMySQL(mysqlInt(1)), true
	case "read_only", "innodb_read_only":
		return func(s *mysqlSession) mysqlValue { return mysqlBool(s.serverReadOnly()) }, true
	case "transaction_read_only", "tx_read_only":
		return func(s *mysqlSession) mysqlValue { return mysqlBool(s.readOnlyDefault) }, true
	case "lower_case_table_names":
		return constantMySQL(mysqlInt(0)), true
	case "character_set_client", "character_set_connection", "character_set_results", "character_set_server":
		return constantMySQL(mysqlString("utf8mb4")), true
	case "collation_connection", "collation_server", "collation_database":
		return constantMySQL(mysqlString("utf8mb4_0900_ai_ci")), true
	case "transaction_isolation", "tx_isolation":
		return constantMySQL(mysqlString("REPEATABLE-READ")), true
	case "sql_mode":
		return constantMySQL(mysqlString("ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION")), true
	case "time_zone":
		return constantMySQL(mysqlString("SYSTEM")), true
	case "system_time_zone":
		return constantMySQL(mysqlString("UTC")), true
	case "init_connect":
		return constantMySQL(mysqlString("")), true
	}
	return nil, false
}
