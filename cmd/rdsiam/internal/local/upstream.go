package local

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/dsn"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// upstreamTimeout bounds the first login to a server behind.
const upstreamTimeout = 15 * time.Second

// Upstream is a server to hand sessions to, that has been logged in to.
type Upstream struct {
	rdsiamtest.Upstream
	name string // of the database in the DSN
}

func settingsError(text string) error { return &SettingsError{errors.New(text)} }

// ConnectPostgreSQL reads a DSN as psql does and logs in with it once, so that a mistake
// shows now. Sessions get the user of the DSN; where it names none, they have the name
// that the client logged in with, which is tried with user.
func ConnectPostgreSQL(ctx context.Context, dsn, user string) (*Upstream, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		// Its error may show the DSN.
		return nil, settingsError("the PostgreSQL DSN cannot be read; write postgres://USER:PASSWORD@HOST:PORT/DATABASE, or as psql takes it")
	}
	own := config.User
	if !postgresUserGiven(dsn) {
		own, config.User = "", user
	}
	ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("cannot log in to the PostgreSQL server behind, as every session will: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	upstream := &Upstream{name: config.Database}
	upstream.User, upstream.Password = own, config.Password
	upstream.Network, upstream.Address = pgconn.NetworkAddress(config.Host, config.Port)
	// sslmode=prefer stands for either; what it came to is what sessions get.
	if _, encrypted := conn.Conn().(*tls.Conn); encrypted {
		upstream.TLS = config.TLSConfig
	}
	return upstream, nil
}

// postgresUserGiven reports whether the DSN or PGUSER names a user. Without one, pgx would
// take the account that this program runs as.
func postgresUserGiven(dsn string) bool {
	if os.Getenv("PGUSER") != "" {
		return true
	}
	if u, err := url.Parse(dsn); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		return u.User.Username() != "" || u.Query().Has("user")
	}
	const nobody = "rdsiam-nobody"
	config, err := pgconn.ParseConfig("user=" + nobody + " " + dsn) // of two the last one counts
	return err == nil && config.User != nobody
}

// ConnectMySQL does the same for a DSN of go-sql-driver/mysql or a mysql:// URL.
func ConnectMySQL(ctx context.Context, text, user string) (*Upstream, error) {
	config, err := dsn.MySQL(text)
	if err != nil {
		return nil, settingsError("the MySQL DSN cannot be read; write mysql://USER:PASSWORD@HOST:PORT/DATABASE or USER:PASSWORD@tcp(HOST:PORT)/DATABASE")
	}
	own := config.User
	if own == "" {
		config.User = user
	}
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, settingsError("the MySQL DSN cannot be used: " + err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
	defer cancel()
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot log in to the MySQL server behind, as every session will: %w", err)
	}
	defer conn.Close()
	upstream := &Upstream{name: config.DBName}
	upstream.User, upstream.Password = own, config.Passwd
	upstream.Network, upstream.Address, upstream.TLS = config.Net, config.Addr, config.TLS
	return upstream, nil
}
