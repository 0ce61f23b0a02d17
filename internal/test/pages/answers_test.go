package pages_test

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// The tables of docs/testing.md say which statements rdsiamtest answers by itself.
func TestBuiltInAnswers(t *testing.T) {
	page := readFile(t, "docs/testing.md")
	for column, open := range map[int]func(*testing.T) *sql.DB{2: openBuiltInPostgreSQL, 3: openBuiltInMySQL} {
		conn, err := open(t).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		answered, refused := statements(page, "built-in answers", column), statements(page, "no built-in answers", column)
		if len(answered) < 10 || len(refused) < 5 {
			t.Fatalf("%d and %d statements in the tables", len(answered), len(refused))
		}
		for _, statement := range answered {
			if err := run(t.Context(), conn, statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
		for _, statement := range refused {
			if err := run(t.Context(), conn, statement); !notSupported(err) {
				t.Errorf("%s: %v; want that it is not supported", statement, err)
			}
		}
	}
}

// notSupported reports whether a server said that it does not know a kind of statement.
func notSupported(err error) bool {
	var postgres *pgconn.PgError
	var my *mysql.MySQLError
	return errors.As(err, &postgres) && postgres.Code == "0A000" || errors.As(err, &my) && my.Number == 1235
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// statements returns what stands in a column of the table below a mark.
func statements(page, mark string, column int) (all []string) {
	_, table, _ := strings.Cut(page, "<!-- "+mark+" -->\n")
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) <= column {
			break
		}
		for _, span := range codeSpan.FindAllStringSubmatch(cells[column], -1) {
			all = append(all, span[1])
		}
	}
	return all
}

// run sends a statement, with a 7 where it has a parameter.
func run(ctx context.Context, conn *sql.Conn, statement string) error {
	var parameters []any
	if strings.ContainsAny(statement, "$?") {
		parameters = append(parameters, 7)
	}
	rows, err := conn.QueryContext(ctx, statement, parameters...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

func openBuiltInPostgreSQL(t *testing.T) *sql.DB {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"))
	config, err := pgx.ParseConfig(server.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	pg, err := rdspgx.New(config, rdsiam.WithRootCAs(server.RootCAs()))
	return openBuiltIn(t, server, pg, err)
}

func openBuiltInMySQL(t *testing.T) *sql.DB {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	config, err := mysql.ParseDSN(server.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc = server.DialContext
	my, err := rdsmysql.New(config, rdsiam.WithRootCAs(server.RootCAs()))
	return openBuiltIn(t, server, my, err)
}

func openBuiltIn(t *testing.T, server *rdsiamtest.Server, driver rdsiam.Driver, err error) *sql.DB {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(driver, rdsiam.NewTokenSource(server.Credentials())))
	t.Cleanup(func() { db.Close() })
	return db
}
