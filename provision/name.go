package provision

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest names that servers keep. PostgreSQL cuts longer ones with a notice, so
// that two of them become one role.
const (
	maxPostgreSQLName = 63  // bytes
	maxMySQLUser      = 32  // characters
	maxMariaDBUser    = 128 // characters
	maxMySQLName      = 64  // characters, of databases, tables, columns and routines
	maxMySQLHost      = 60  // characters; MySQL 8 takes more, MariaDB does not
)

// checkAccountName checks the name of an account, or of a role that is not a group. It refuses
// all names that [rdsiam.Resource.User] refuses, except that those with characters outside
// Latin-1 pass.
func (e Engine) checkAccountName(setting, name string) error {
	return e.checkRoleName(setting, name, e.isReserved(name))
}

// checkGroupName checks the name of a role to be a member of.
func (e Engine) checkGroupName(setting, name string) error {
	reserved := e.isReserved(name)
	if e == PostgreSQL && (strings.HasPrefix(name, "pg_") || slices.Contains(grantableRoles, name)) {
		reserved = false
	}
	return e.checkRoleName(setting, name, reserved)
}

func (e Engine) checkRoleName(setting, name string, reserved bool) error {
	if err := e.checkName(setting, name); err != nil {
		return err
	}
	if strings.HasPrefix(name, " ") || strings.HasSuffix(name, " ") {
		return configErrorOf(ErrInvalidName, "name-spaces", setting, name, "begins or ends with a space, which databases drop and policies do not", "leave the space out")
	}
	if reserved {
		return configErrorOf(ErrReservedName, "name-reserved", setting, name, "belongs to the server or to RDS", "choose another name")
	}
	limit, length, unit := maxPostgreSQLName, len(name), "bytes"
	switch e {
	case MySQL:
		limit, length, unit = maxMySQLUser, utf8.RuneCountInString(name), "characters"
	case MariaDB:
		limit, length, unit = maxMariaDBUser, utf8.RuneCountInString(name), "characters"
	}
	if length > limit {
		return tooLong(setting, name, e, limit, unit)
	}
	return nil
}

// checkObjectName checks the name of a database, schema, table, column or routine.
func (e Engine) checkObjectName(setting, name string) error {
	if err := e.checkName(setting, name); err != nil {
		return err
	}
	if e == PostgreSQL {
		if len(name) > maxPostgreSQLName {
			return tooLong(setting, name, e, maxPostgreSQLName, "bytes")
		}
		return nil
	}
	if utf8.RuneCountInString(name) > maxMySQLName {
		return tooLong(setting, name, e, maxMySQLName, "characters")
	}
	return nil
}

func tooLong(setting, name string, e Engine, limit int, unit string) error {
	return configErrorOf(ErrInvalidName, "name-too-long", setting, name,
		"is longer than the "+itoa(limit)+" "+unit+" that "+e.String()+" keeps", "choose a shorter name")
}

// checkName checks what holds for every name.
func (e Engine) checkName(setting, name string) error {
	switch {
	case name == "":
		return configErrorOf(ErrInvalidName, "name-empty", setting, name, "is empty", "give a name")
	case !utf8.ValidString(name):
		return configErrorOf(ErrInvalidName, "name-not-utf8", setting, name, "is not UTF-8", "give the name in UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return configErrorOf(ErrInvalidName, "name-control-character", setting, name, "has a control character", "choose a name without")
	case e != PostgreSQL && strings.HasSuffix(name, " "):
		return configErrorOf(ErrInvalidName, "name-trailing-space", setting, name, "ends in a space, which "+e.String()+" drops", "remove the space")
	case e != PostgreSQL && strings.ContainsFunc(name, func(r rune) bool { return r > 0xffff }):
		return configErrorOf(ErrInvalidName, "name-above-ffff", setting, name, "has a character above U+FFFF, which names of "+e.String()+" cannot hold", "choose a name without")
	}
	return nil
}

// reservedMySQL are accounts of the server and of RDS; the last is a keyword of
// GRANT in MariaDB.
var reservedMySQL = []string{"root", "mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys", "event_scheduler", "system user", "rds_superuser_role", "public"}

// reservedRDS are the accounts of RDS itself, and the roles that it makes. Other names that begin
// with rds_ are free.
var reservedRDS = []string{
	"rdsadmin", "rdsrepladmin", "rdsproxyadmin", "rdstopmgr", "rdswriteforwarduser",
	"rds_iam", "rds_superuser", "rds_replication", "rds_password", "rds_ad", "rds_extension",
}

// grantableRoles are the roles of RDS for PostgreSQL that are groups like any other. rds_iam is
// implied, and rds_ad would take its place.
var grantableRoles = []string{"rds_superuser", "rds_replication", "rds_password", "rds_extension"}

// mightyRoles are roles whose members may become superuser, or nearly so.
var mightyRoles = []string{"rds_superuser", "pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"}

// isReserved reports whether a name must not be touched. GRANT … TO "public" grants to
// everybody, although it is quoted.
func (e Engine) isReserved(name string) bool {
	lower := strings.ToLower(name)
	if slices.Contains(reservedRDS, lower) {
		return true
	}
	if e == PostgreSQL {
		return name == "public" || name == "none" || strings.HasPrefix(name, "pg_")
	}
	return slices.Contains(reservedMySQL, lower)
}

// checkHost checks the host part of an account of MySQL or MariaDB.
func checkHost(e Engine, host string, reach Reach) error {
	isHost := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(".:%_/-", r)
	}
	lower := strings.ToLower(host)
	switch {
	case strings.Contains(host, "/") && !isNetwork(e, host):
		return configErrorOf(ErrInvalidName, "host-network", "Account.Host", host, "is no network that "+e.String()+" knows", `write it as "10.0.0.0/255.0.0.0"`)
	case strings.Contains(host, "%%"):
		return configErrorOf(ErrInvalidName, "host-form", "Account.Host", host, "has a wildcard twice", `use a form such as "%" or "10.%"`)
	case len(host) > maxMySQLHost || strings.ContainsFunc(host, func(r rune) bool { return !isHost(r) }):
		return configErrorOf(ErrInvalidName, "host-form", "Account.Host", host, "is not a host, address or pattern of them", `use a form such as "%" or "10.%"`)
	case reach != ProxyStandard && (lower == "localhost" || strings.HasPrefix(lower, "127.") || lower == "::1"):
		return configErrorOf(ErrInvalidName, "host-local", "Account.Host", host, "nobody comes to RDS from there", `use a form such as "%" or "10.%"`)
	}
	return nil
}

func isASCII(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII })
}

// isNetwork reports whether a host with a slash is a network of IPv4 addresses: with a netmask of
// whole octets, or, in MySQL, with the length of a prefix.
// https://dev.mysql.com/doc/refman/8.4/en/account-names.html
func isNetwork(e Engine, host string) bool {
	address, mask, _ := strings.Cut(host, "/")
	base, err := netip.ParseAddr(address)
	if err != nil || !base.Is4() {
		return false
	}
	bits, err := strconv.Atoi(mask)
	if err == nil {
		if e != MySQL || bits < 1 || bits > 32 {
			return false
		}
	} else if bits = netmask(mask); bits < 0 {
		return false
	}
	return netip.PrefixFrom(base, bits).Masked().Addr() == base
}

// netmask returns how many bits a mask of whole octets has, -1 for what is none.
func netmask(text string) int {
	bits, ok := map[string]int{"255.0.0.0": 8, "255.255.0.0": 16, "255.255.255.0": 24, "255.255.255.255": 32}[text]
	if !ok {
		return -1
	}
	return bits
}

// isLatin1 reports whether an IAM policy can hold the name.
func isLatin1(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r > 0xff })
}

// isSystemSpace reports whether a schema or database is of the server itself: who may write to
// some of them may do everything.
func (e Engine) isSystemSpace(t target) bool {
	if e != PostgreSQL {
		return slices.Contains([]string{"mysql", "sys", "information_schema", "performance_schema", "innodb"}, strings.ToLower(t.space))
	}
	return t.level != levelDatabase && (strings.HasPrefix(t.space, "pg_") || t.space == "information_schema") || t.space == "rdsadmin"
}
