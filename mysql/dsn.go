package rdsmysql

import (
	"errors"
	"strings"
	"unicode"

	"github.com/go-sql-driver/mysql"
)

const dsnForm = "write it as user@tcp(host:3306)/database?parameter=value, with values percent-encoded"

// parseDSN is mysql.ParseDSN for a DSN without a password. Errors of the driver are not
// passed on, because they quote parts of the DSN, and in a DSN that cannot be read any
// part may be a password.
func parseDSN(dsn string) (*mysql.Config, error) {
	if strings.Contains(dsn, "://") {
		return nil, configError("dsn-url", "DSN", "",
			"is a URL, which go-sql-driver/mysql cannot read",
			dsnForm)
	}
	config, err := driverParseDSN(dsn)
	if err != nil {
		return nil, explainDSN(dsn)
	}
	if config.Passwd != "" {
		return nil, configError("dsn-password", "DSN", "",
			"contains a password, and the login uses a token in its place",
			"remove the password: user@tcp(host:3306)/database")
	}
	return config, nil
}

// explainDSN names the parameter that the driver cannot read, where it is one. It quotes
// nothing but a plain word, so no part of a password.
func explainDSN(dsn string) error {
	slash := strings.LastIndexByte(dsn, '/')
	_, parameters, _ := strings.Cut(dsn[slash+1:], "?")
	_, err := driverParseDSN(dsn[:slash+1])
	for parameter := range strings.SplitSeq(parameters, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if err != nil || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }) {
			break
		}
		if _, err := driverParseDSN("/?" + parameter); err != nil {
			return configError("dsn-parameter", "DSN parameter", name,
				"the driver does not accept its value",
				"correct it; TLS configurations and server keys must be registered before they are named")
		}
	}
	return configError("dsn-unreadable", "DSN", "",
		"go-sql-driver/mysql cannot read it",
		dsnForm)
}

// driverParseDSN is mysql.ParseDSN without its panic over the parameter strict, which
// it no longer has.
func driverParseDSN(dsn string) (config *mysql.Config, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the driver panicked")
		}
	}()
	return mysql.ParseDSN(dsn)
}
