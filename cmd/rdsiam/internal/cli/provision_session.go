package cli

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/admin"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// dsnVariable names the variable with the DSN of the session that sets accounts up. It is
// rdsiam's own: a DATABASE_URL may be that of anything.
const dsnVariable = "RDSIAM_ADMIN_DSN"

// sessionFlags is the flags that say how to reach the database in which an account is set
// up, and as which user: by a DSN, mostly with the password of the master user, or with a token.
type sessionFlags struct {
	dsnFile  string
	endpoint string
	database string
	as       target
}

func (s *sessionFlags) addTo(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&s.dsnFile, "dsn-file", "", "file with the DSN to set the account up by, - for standard input (default $"+dsnVariable+")")
	flags.StringVar(&s.endpoint, "endpoint", "", "host or host:port to log in to with a token instead")
	flags.StringVar(&s.as.user, "as", "", "with --endpoint: who sets the account up, spelled as the database spells it")
	flags.StringVarP(&s.database, "db", "d", "", "with --endpoint: database to connect to")
	flags.StringVar(&s.as.region, "region", "", "with --endpoint: AWS region, where the host name does not tell it")
	flags.StringVar(&s.as.profile, "profile", "", "with --endpoint: profile of the AWS configuration (default $AWS_PROFILE)")
	flags.StringVar(&s.as.dial, "dial", "", "with --endpoint: address to dial instead, host:port")
	flags.StringVar(&s.as.rootCAs, "root-cas", "", "with --endpoint: PEM file of the certificate authorities to trust")
}

// open makes a pool.
func (s *sessionFlags) open(ctx context.Context, streams Streams, engineName string) (*sql.DB, error) {
	if s.endpoint != "" {
		if s.dsnFile != "" {
			return nil, usagef("--endpoint and --dsn-file name the same thing; give one of them")
		}
		return s.openWithToken(ctx, engineName)
	}
	for name, value := range map[string]string{"--as": s.as.user, "--db": s.database, "--dial": s.as.dial, "--root-cas": s.as.rootCAs, "--region": s.as.region} {
		if value != "" {
			return nil, usagef("%s is for --endpoint; a DSN says it itself", name)
		}
	}
	dsn, err := s.readDSN(ctx, streams)
	if err != nil {
		return nil, err
	}
	return admin.Open(dsn)
}

func (s *sessionFlags) readDSN(ctx context.Context, streams Streams) (string, error) {
	text := []byte(os.Getenv(dsnVariable))
	if s.dsnFile != "" {
		var err error
		if text, err = readFileOrInput(ctx, streams.In, "--dsn-file", s.dsnFile); err != nil {
			return "", err
		}
	}
	dsn := strings.TrimSpace(string(text))
	if dsn == "" {
		return "", usagef("no database to connect to: put a DSN into $%s or --dsn-file, or give --endpoint and --as", dsnVariable)
	}
	return dsn, nil
}

func (s *sessionFlags) openWithToken(ctx context.Context, engineName string) (*sql.DB, error) {
	if s.as.user == "" {
		return nil, usagef("--as is missing: who sets the account up")
	}
	s.as.engine = engineName
	to, err := s.as.resolve(ctx, s.endpoint)
	if err != nil {
		return nil, err
	}
	if to.Endpoint.Kind() == rdsiam.KindDSQL {
		return nil, admin.RefuseDSQL(to.Endpoint.Host())
	}
	engine, err := s.as.engineOf(to.Endpoint.Port())
	if err != nil {
		return nil, err
	}
	loaded, err := loadAWS(ctx, s.as.profile, "")
	if err != nil {
		return nil, err
	}
	var driver rdsiam.Driver
	if engine == postgreSQL {
		driver, err = postgreSQLDriver(to, s.database)
	} else {
		driver, err = mySQLDriver(to, s.database)
	}
	if err != nil {
		return nil, err
	}
	tokens := tokensOf(loaded)
	// Credentials have a time limit of their own. The connection reuses the token.
	if _, err := to.Token(ctx, tokens); err != nil {
		return nil, err
	}
	return sql.OpenDB(rdsiam.NewConnector(driver, tokens)), nil
}

func postgreSQLDriver(to database, name string) (rdsiam.Driver, error) {
	address := url.URL{Scheme: "postgres", User: url.User(to.User), Host: to.dialed, Path: "/" + name}
	config, err := pgx.ParseConfig(address.String())
	if err != nil {
		return nil, &rdsiam.ConfigError{Code: "pgx-config", Setting: "PG… variables, service file or root.crt", Problem: "pgx does not take them: " + err.Error(), Fix: "correct or unset them"}
	}
	return rdspgx.New(config, to.options...)
}

func mySQLDriver(to database, name string) (rdsiam.Driver, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.DBName = "tcp", to.dialed, to.User, name
	return rdsmysql.New(config, to.options...)
}
