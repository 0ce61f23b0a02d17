package provision_test

import (
	"context"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/provision"
)

// fuzzServer is what a process needs to know to use the server of another one. The
// one that coordinates the fuzzing starts the servers, and those that it starts for the work
// find them in their environment: there is one server of each kind, and it ends with the fuzzing.
type fuzzServer struct {
	Engine      provision.Engine
	Addr, Host  string
	Certificate []byte
}

const fuzzVariable = "RDSIAM_FUZZ_SERVERS"

// fuzzServers returns pools of the runner, one for each of the sessions of each server.
func fuzzServers(f *testing.F, installations []realserver.Installation, start startFunc, sessions func(*testServer) []map[string]string) []*sql.DB {
	f.Helper()
	var all []fuzzServer
	if text := os.Getenv(fuzzVariable); text != "" {
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			f.Fatal(err)
		}
	} else {
		all = startFuzzServers(f, installations, start)
	}
	var pools []*sql.DB
	for _, known := range all {
		s := known.testServer(f)
		for _, parameters := range sessions(s) {
			db := s.open(f, runner, runnerPassword, map[provision.Engine]string{provision.PostgreSQL: "postgres"}[s.engine], parameters)
			db.SetMaxOpenConns(1)
			pools = append(pools, db)
		}
	}
	return pools
}

func startFuzzServers(f *testing.F, installations []realserver.Installation, start startFunc) (all []fuzzServer) {
	for _, installation := range installations {
		s, err := startOnce(installation, start)
		var missing *realserver.MissingError
		if errors.As(err, &missing) && os.Getenv("REQUIRE_SERVERS") != "1" {
			f.Log(err)
			continue
		}
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, fuzzServer{Engine: s.engine, Addr: s.addr, Host: s.host, Certificate: s.verifier.Certificate().Certificate[0]})
	}
	if all == nil {
		f.Skip("there is no server to ask")
	}
	text, err := json.Marshal(all)
	if err != nil {
		f.Fatal(err)
	}
	f.Setenv(fuzzVariable, string(text))
	return all
}

func (s fuzzServer) testServer(f *testing.F) *testServer {
	certificate, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		f.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return &testServer{engine: s.Engine, addr: s.Addr, host: s.Host, roots: roots}
}

// A text that a plan accepts comes back from the server as it was: as name, comment and
// name of a schema. And so do all literals and identifiers.
func FuzzQuotePostgreSQL(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text, text, "plain")
		f.Add("plain", "plain", text)
	}
	pools := fuzzServers(f, realserver.PostgreSQLs(), startPostgreSQL, func(*testServer) (all []map[string]string) {
		for _, session := range pgSessions[:2] {
			all = append(all, session.parameters)
		}
		return all
	})
	f.Fuzz(func(t *testing.T, name, comment, schema string) {
		for _, db := range pools {
			fuzzPostgreSQL(t, db, name, comment, schema)
		}
	})
}

func fuzzPostgreSQL(t *testing.T, db *sql.DB, name, comment, schema string) {
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for _, text := range []string{name, comment, schema} {
		if text == "" || len(text) > 63 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			continue // not a name, and no text of PostgreSQL
		}
		value, column := readColumn(t, tx, "SELECT "+provision.PGString(text)+"::text AS "+provision.PGIdentifier(text))
		if value != text || column != text {
			t.Errorf("%q: got %q AS %q", text, value, column)
		}
		block := "DO " + provision.PGDollar("BEGIN PERFORM set_config('rdsiam.test', "+provision.PGString(text)+", true); END")
		if _, err := tx.ExecContext(t.Context(), block); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if value, _ := readColumn(t, tx, "SHOW rdsiam.test"); value != text {
			t.Errorf("%q came out of a block as %q", text, value)
		}
	}
	a := provision.Account{Engine: provision.PostgreSQL, Name: name, Comment: comment, Grants: []provision.Grant{provision.Schema(schema, provision.Usage)}}
	p, err := a.Plan()
	if err != nil {
		return // refused before anything is sent
	}
	if _, err := tx.ExecContext(t.Context(), "CREATE SCHEMA IF NOT EXISTS "+provision.PGIdentifier(schema)); err != nil {
		t.Fatalf("schema %q: %v", schema, err)
	}
	if _, err := provision.Apply(t.Context(), tx, p); errors.Is(err, provision.ErrUnmanaged) {
		return // an account of the tests
	} else if err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	var kept string
	if err := tx.QueryRowContext(t.Context(), "SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname::text = $1", name).Scan(&kept); err != nil || kept != comment {
		t.Errorf("role %q with comment %q: got %q, %v", name, comment, kept, err)
	}
	if drifts, err := provision.Check(t.Context(), tx, a); err != nil || len(drifts) > 0 {
		t.Errorf("%q on schema %q: drift %v, %v", name, schema, drifts, err)
	}
}

// The same for MySQL and MariaDB: as name, host, and name of a database.
func FuzzQuoteMySQL(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text, "", "plain")
		f.Add("plain", "10.%", text)
	}
	f.Add("plain", "db-1.Example.com", "a_b")
	f.Add("plain", "10.0.0.0/255.255.255.0", "a_b")
	f.Add("plain", "2001:DB8::1", "a_b")
	pools := fuzzServers(f, realserver.MySQLs(), startMySQL, func(s *testServer) (all []map[string]string) {
		for _, mode := range s.modes() {
			all = append(all, map[string]string{"sql_mode": "'" + mode + "'"})
		}
		return all
	})
	f.Fuzz(func(t *testing.T, name, host, database string) {
		for i, db := range pools {
			for _, text := range []string{name, host, database} {
				fuzzMySQLText(t, db, text)
			}
			// Accounts cost more: one of the modes is enough for each input.
			if i == (len(name)+len(host)+len(database))%len(pools) {
				fuzzMySQLAccount(t, db, name, host, database)
			}
		}
	})
}

func fuzzMySQLText(t *testing.T, db *sql.DB, text string) {
	if !utf8.ValidString(text) {
		return
	}
	if value, _ := readColumn(t, db, "SELECT "+provision.MyString(text)); value != text {
		t.Errorf("%q: got %q", text, value)
	}
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r > 0xffff || unicode.IsControl(r) }) ||
		utf8.RuneCountInString(text) > 64 || strings.TrimSpace(text) != text {
		return // not a name
	}
	if _, column := readColumn(t, db, "SELECT 1 AS "+provision.MyIdentifier(text)); column != text {
		t.Errorf("%q: got %q", text, column)
	}
}

func fuzzMySQLAccount(t *testing.T, db *sql.DB, name, host, database string) {
	version, _ := readColumn(t, db, "SELECT VERSION()")
	engine := provision.MySQL
	if strings.Contains(version, "MariaDB") {
		engine = provision.MariaDB
	}
	a := provision.Account{Engine: engine, Name: name, Host: host, Grants: []provision.Grant{provision.Database(database, provision.Select)}}
	p, err := a.Plan()
	if err != nil {
		return // refused before anything is sent
	}
	// Other processes of the fuzzing may make the same account.
	const lock = "'rdsiam.fuzz'"
	if got, _ := readColumn(t, db, "SELECT GET_LOCK("+lock+", 60)"); got != "1" {
		t.Fatal("no lock")
	}
	defer db.Exec("DO RELEASE_LOCK(" + lock + ")")
	if _, err := provision.Apply(t.Context(), db, p); errors.Is(err, provision.ErrUnmanaged) {
		return // an account of the tests
	} else if err != nil {
		t.Fatalf("%q@%q: %v", name, host, err)
	}
	if host == "" {
		host = "%"
	}
	host = strings.ToLower(host) // as servers keep it
	var kept, pattern string
	row := db.QueryRowContext(t.Context(), "SELECT d.Db, CAST(u.Host AS CHAR) FROM mysql.user u JOIN mysql.db d ON d.User = u.User AND d.Host = u.Host WHERE u.User = ? AND u.Host = ?", name, host)
	if err := row.Scan(&pattern, &kept); err != nil || pattern != provision.MyDatabasePattern(database) || kept != host {
		t.Errorf("%q@%q: host %q, database %q became %q, %v", name, host, kept, database, pattern, err)
	}
	if drifts, err := provision.Check(t.Context(), db, a); err != nil || len(drifts) > 0 {
		t.Errorf("%q@%q: drift %v, %v", name, host, drifts, err)
	}
	drop, err := a.PlanDrop(provision.DropOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provision.Apply(t.Context(), db, drop); err != nil {
		t.Fatal(err)
	}
}

type rowQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// readColumn returns the only value of a query, and the name of its column.
func readColumn(t *testing.T, q rowQuerier, text string) (value, column string) {
	t.Helper()
	rows, err := q.QueryContext(t.Context(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatalf("%s: %v, %v", text, err, rows.Err())
	}
	if err := rows.Scan(&value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value, columns[0]
}
