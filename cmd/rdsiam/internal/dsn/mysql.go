// Package dsn reads what names a database, in each form that people write.
package dsn

import (
	"errors"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// ErrUnreadable is returned for what is no DSN. It quotes nothing: a password may be anywhere in
// a broken one.
var ErrUnreadable = errors.New("the DSN cannot be read")

// MySQL reads a DSN of go-sql-driver/mysql or a mysql:// or mariadb:// URL, in which the port
// is 3306 where none is given. Parameters are those of the driver.
func MySQL(text string) (config *mysql.Config, err error) {
	defer func() {
		if recover() != nil { // the driver panics on some old parameters
			config, err = nil, ErrUnreadable
		}
	}()
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "mysql" && u.Scheme != "mariadb" {
		if config, err = mysql.ParseDSN(text); err != nil {
			return nil, ErrUnreadable
		}
		return config, nil
	}
	if config, err = mysql.ParseDSN("/?" + u.RawQuery); err != nil {
		return nil, ErrUnreadable
	}
	config.User, config.DBName = u.User.Username(), strings.TrimPrefix(u.Path, "/")
	config.Passwd, _ = u.User.Password()
	if config.Net, config.Addr = "tcp", u.Host; u.Port() == "" {
		config.Addr += ":3306"
	}
	return config, nil
}
