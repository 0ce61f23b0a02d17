package provision

import (
	"encoding/hex"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// pgIdentifier quotes a name for PostgreSQL. Nothing but the quote has a meaning
// in it, whatever the settings.
func pgIdentifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

var escapePostgreSQL = strings.NewReplacer(`\`, `\\`, `'`, `''`)

// pgString quotes a text for PostgreSQL. The form E'…' does not depend on
// standard_conforming_strings.
func pgString(text string) string { return "E'" + escapePostgreSQL.Replace(text) + "'" }

// pgDollar quotes the body of a block.
func pgDollar(body string) string {
	tag := "$rdsiam$"
	for n := 1; strings.Contains(body, tag[:len(tag)-1]); n++ {
		tag = "$rdsiam" + itoa(n) + "$"
	}
	return tag + body + tag
}

// myIdentifier quotes a name for MySQL and MariaDB. Backticks mean the same in
// every sql_mode, double quotes do not.
func myIdentifier(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// myString quotes a text for MySQL and MariaDB. What a backslash means depends on
// sql_mode, so that a text with one is written in hexadecimal.
func myString(text string) string {
	if strings.Contains(text, `\`) {
		return "_utf8mb4 x'" + hex.EncodeToString([]byte(text)) + "'"
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// myAccount quotes user and host, each for itself: 'u@h' would be a user of that name.
func myAccount(user, host string) string { return myIdentifier(user) + "@" + myIdentifier(host) }

var escapePattern = strings.NewReplacer(`\`, `\\`, `_`, `\_`, `%`, `\%`)

// myDatabasePattern escapes the name of a database for GRANT … ON name.*, which takes
// a pattern: app_db would stand for appXdb, too. In every other place names are
// taken as they are.
func myDatabasePattern(name string) string { return escapePattern.Replace(name) }
