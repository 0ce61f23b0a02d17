package provision_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// myDatabase makes a database with tables and routines and a role that may insert into one
// of them, and returns a pool of the runner.
func myDatabase(t *testing.T, s *testServer, name string) *sql.DB {
	t.Helper()
	db := s.runner(t, "")
	quoted := "`" + strings.ReplaceAll(name, "`", "``") + "`"
	exec(t, db, "CREATE DATABASE "+quoted, "CREATE TABLE "+quoted+".items (id int, name text, secret text)", "CREATE TABLE "+quoted+".other (id int)",
		"CREATE FUNCTION "+quoted+".f() RETURNS int RETURN 1", "CREATE PROCEDURE "+quoted+".p() SELECT 1",
		"CREATE ROLE "+provision.MyIdentifier(roleOf(name)), "GRANT INSERT ON "+quoted+".other TO "+provision.MyIdentifier(roleOf(name)))
	return db
}

// roleOf has a name that has to be quoted.
func roleOf(database string) string { return "'role` of " + database }

// myDump returns all that the server knows of accounts, except when it learned it.
func myDump(t *testing.T, s *testServer) string {
	t.Helper()
	db := s.runner(t, "")
	accounts := "SELECT Host, User, JSON_REMOVE(Priv, '$.password_last_changed') FROM mysql.global_priv ORDER BY 1, 2"
	if s.engine == provision.MySQL {
		accounts = "SELECT Host, User, plugin, authentication_string, ssl_type, max_user_connections, account_locked FROM mysql.user ORDER BY 1, 2"
	}
	return query(t, db, accounts) +
		query(t, db, "SELECT * FROM mysql.db ORDER BY Host, Db, User") +
		query(t, db, "SELECT Host, Db, User, Table_name, Table_priv, Column_priv FROM mysql.tables_priv ORDER BY 1, 2, 3, 4") +
		query(t, db, "SELECT Host, Db, User, Table_name, Column_name, Column_priv FROM mysql.columns_priv ORDER BY 1, 2, 3, 4, 5") +
		query(t, db, "SELECT Host, Db, User, Routine_name, Routine_type, Proc_priv FROM mysql.procs_priv ORDER BY 1, 2, 3, 4, 5") +
		rolesDump(t, s, db)
}

func rolesDump(t *testing.T, s *testServer, db *sql.DB) string {
	t.Helper()
	if s.engine == provision.MariaDB {
		return query(t, db, "SELECT * FROM mysql.roles_mapping ORDER BY 1, 2, 3") // default roles are in global_priv
	}
	return query(t, db, "SELECT * FROM mysql.role_edges ORDER BY 1, 2, 3, 4") + query(t, db, "SELECT * FROM mysql.default_roles ORDER BY 1, 2, 3, 4")
}

// fullMySQLAccount uses every statement that there is for MySQL or MariaDB.
func fullMySQLAccount(engine provision.Engine, name, database string) provision.Account {
	return provision.Account{
		Engine: engine, Name: name, MaxConnections: 7, MemberOf: []string{roleOf(database)},
		Grants: []provision.Grant{
			provision.ReadOnly(database),
			provision.Database(database, provision.Insert, provision.Temporary, provision.Execute, provision.LockTables),
			provision.Table(database, "items", provision.Update, provision.Delete, provision.Index),
			provision.Columns(database, "other", []string{"id"}, provision.Update, provision.References),
			provision.Function(database, "f"), provision.Procedure(database, "p"),
		},
	}
}

// modes are the values of sql_mode under which every statement must mean the same.
func (s *testServer) modes() []string {
	modes := []string{"", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI", "STRICT_TRANS_TABLES"}
	if s.engine == provision.MariaDB {
		modes = append(modes, "ORACLE", "NO_AUTO_CREATE_USER")
	}
	return modes
}

func TestMySQLTwice(t *testing.T) { onMySQL(t, testMySQLTwice) }

func testMySQLTwice(t *testing.T, s *testServer) {
	for i, mode := range s.modes() {
		t.Run("sql_mode "+mode, func(t *testing.T) {
			database := fmt.Sprintf("twice_%d", i)
			myDatabase(t, s, database)
			db := s.open(t, runner, runnerPassword, "", map[string]string{"sql_mode": "'" + mode + "'"})
			db.SetMaxOpenConns(1)
			before := query(t, db, "SELECT @@sql_mode")
			a := fullMySQLAccount(s.engine, fmt.Sprintf("tw'ice \"%d\" \\ `c`", i), database)
			apply(t, db, plan(t, a))
			dump := myDump(t, s)
			if said := warnings(apply(t, db, plan(t, a))); len(said) > 0 {
				t.Errorf("the second run warns of what is usual: %q", said)
			}
			if after := myDump(t, s); after != dump {
				t.Errorf("the second run changed\n%s\nto\n%s", dump, after)
			}
			noDrift(t, db, a)
			retire(t, db, a, provision.DropOptions{})
			if after := query(t, db, "SELECT @@sql_mode"); after != before {
				t.Errorf("sql_mode %q became %q", before, after)
			}
			if free := query(t, db, "SELECT IS_FREE_LOCK('rdsiam.provision')"); free != "1" {
				t.Error("the lock is still taken")
			}
		})
	}
}

func TestMySQLEscaping(t *testing.T) { onMySQL(t, testMySQLEscaping) }

func testMySQLEscaping(t *testing.T, s *testServer) {
	for _, name := range []string{"app_db", "appXdb", `back\slash_`, "per%cent", "perXcent"} {
		myDatabase(t, s, name)
	}
	db := s.runner(t, "")
	account := func(name string, databases ...string) provision.Account {
		a := provision.Account{Engine: s.engine, Name: name}
		for _, database := range databases {
			a.Grants = append(a.Grants, provision.ReadOnly(database))
		}
		return a
	}
	a := account("escaping", "app_db", `back\slash_`, "per%cent")
	apply(t, db, plan(t, a))
	noDrift(t, db, a)
	plugin := map[provision.Engine]string{provision.MySQL: "WITH caching_sha2_password"}[s.engine]
	s.admin(t, "ALTER USER escaping IDENTIFIED "+plugin+" BY 'x'")
	user := s.open(t, "escaping", "x", "", nil)
	for database, open := range map[string]bool{"app_db": true, "appXdb": false, `back\slash_`: true, "per%cent": true, "perXcent": false} {
		_, err := user.ExecContext(t.Context(), "SELECT * FROM `"+database+"`.items")
		if (err == nil) != open {
			t.Errorf("%s: %v", database, err)
		}
	}

}

// A new grant would hide an older one by an unescaped name or a pattern. It is refused; with
// Narrow it takes the older one's place, if that is for the same database alone.
func TestMySQLHiddenGrants(t *testing.T) { onMySQL(t, testMySQLHiddenGrants) }

func testMySQLHiddenGrants(t *testing.T, s *testServer) {
	for _, name := range []string{"un_db", "unXdb", "only_db"} {
		myDatabase(t, s, name)
	}
	db := s.open(t, runner, runnerPassword, "", nil, multiStatements)
	const (
		only = "; make the plan with provision.Narrow"
		wide = "which also stands for unXdb: REVOKE %[1]s ON `%[2]s`.* FROM `%[3]s`@`%%`; GRANT %[1]s ON `unXdb`.* TO `%[3]s`@`%%`; GRANT %[1]s ON `un\\_db`.* TO `%[3]s`@`%%`; run these"
	)
	tests := []struct {
		name     string
		database string
		grant    []string
		refused  string // "" where nothing is hidden
		narrowed string // the account's rows of mysql.db then; "" where that is refused, too
	}{
		{"unescaped, for another database too", "un_db", []string{"GRANT INSERT ON un_db.* TO %s"}, fmt.Sprintf(wide, "INSERT", "un_db", "hidden_0"), ""},
		{"unescaped", "only_db", []string{"GRANT INSERT, DELETE ON only_db.* TO %s"}, only, `only\_db|DELETE,INSERT,SELECT,SHOW VIEW`},
		{"pattern", "only_db", []string{"GRANT INSERT ON `only%%`.* TO %s"}, only, `only\_db|INSERT,SELECT,SHOW VIEW`},
		{"pattern, for another database too", "un_db", []string{"GRANT INSERT ON `un%%`.* TO %s"}, fmt.Sprintf(wide, "INSERT", "un%", "hidden_3"), ""},
		{"pattern and shorter pattern", "only_db", []string{"GRANT DELETE ON `on%%`.* TO %s", "GRANT INSERT ON `only%%`.* TO %s"}, only, ""},
		{"two as exact", "only_db", []string{"GRANT DELETE ON `only%%`.* TO %s", "GRANT INSERT ON only_db.* TO %s"}, only, ""},
		{"grant option", "only_db", []string{"GRANT INSERT ON only_db.* TO %s WITH GRANT OPTION"}, only, ""},
		{"escaped", "only_db", []string{"GRANT INSERT ON `only\\_db`.* TO %s", "GRANT DELETE ON only_db.* TO %s"}, "", ""},
		{"other databases", "only_db", []string{"GRANT INSERT ON `un_`.* TO %s"}, "", ""},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := provision.Account{Engine: s.engine, Name: fmt.Sprintf("hidden_%d", i), Grants: []provision.Grant{provision.ReadOnly(tt.database)}}
			s.admin(t, "CREATE USER "+a.Name+" IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL")
			for _, grant := range tt.grant {
				s.admin(t, fmt.Sprintf(grant, a.Name))
			}
			rows := func() string {
				return query(t, db, "SELECT TABLE_SCHEMA, GROUP_CONCAT(PRIVILEGE_TYPE ORDER BY PRIVILEGE_TYPE) FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = ? GROUP BY 1 ORDER BY 1", "'"+a.Name+"'@'%'")
			}
			before := rows()
			found := check(t, db, a)
			if tt.refused == "" {
				apply(t, db, plan(t, a))
				return
			}
			_, err := provision.Apply(t.Context(), db, plan(t, a))
			if !errors.Is(err, provision.ErrHiddenGrant) || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("got %v\nwant %s", err, tt.refused)
			}
			if _, err := db.ExecContext(t.Context(), plan(t, a).Migration()); err == nil || !strings.Contains(err.Error(), "~rdsiam: hides an older grant") {
				t.Errorf("a file: %v", err)
			}
			if now := rows(); now != before {
				t.Errorf("%s became %s", before, now)
			}

			narrow, err := a.Plan(provision.Narrow(found))
			if err == nil {
				_, err = provision.Apply(t.Context(), db, narrow)
			}
			if tt.narrowed == "" {
				if err == nil {
					t.Errorf("narrowed to %s", rows())
				}
				if strings.HasPrefix(tt.refused, "which also") && !errors.Is(err, provision.ErrHiddenGrant) {
					t.Errorf("narrowed: %v", err)
				}
				return
			}
			if err != nil || rows() != tt.narrowed {
				t.Errorf("narrowed to %s, %v; want %s", rows(), err, tt.narrowed)
			}
			if !slices.ContainsFunc(narrow.Statements, provision.Statement.Destructive) {
				t.Errorf("the plan does not show the revoke:\n%s", narrow)
			}
			// What was granted before is extra, and exact mode takes it.
			makeExact(t, db, a)
			noDrift(t, db, a)
		})
	}
}

func TestMySQLRefusals(t *testing.T) { onMySQL(t, testMySQLRefusals) }

func testMySQLRefusals(t *testing.T, s *testServer) {
	db := myDatabase(t, s, "refusals")
	s.admin(t, "CREATE USER with_password IDENTIFIED BY 'x'",
		"CREATE USER x509 IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE X509",
		"CREATE USER super_user IDENTIFIED BY 'x'", "GRANT SUPER ON *.* TO super_user",
		"CREATE USER iam_already IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'",
		"CREATE USER weak IDENTIFIED BY 'x'", "GRANT SELECT ON mysql.* TO weak",
		"CREATE USER creator IDENTIFIED BY 'x'", "GRANT SELECT ON mysql.* TO creator", "GRANT CREATE USER ON *.* TO creator")
	account := func(name string, grants ...provision.Grant) provision.Account {
		return provision.Account{Engine: s.engine, Name: name, Grants: grants}
	}
	proxied := func(name string) provision.Account {
		return provision.Account{Engine: s.engine, Name: name, Reach: provision.ProxyStandard, Grants: []provision.Grant{provision.ReadOnly("refusals")}}
	}
	wrong := account("wrong_engine")
	wrong.Engine = provision.MySQL + provision.MariaDB - s.engine
	type test struct {
		name    string
		db      *sql.DB
		account provision.Account
		options []provision.Option
		want    error // nil: succeeds
	}
	tests := []test{
		{"password account", db, account("with_password"), nil, provision.ErrUnmanaged},
		{"X509", db, account("x509"), nil, provision.ErrUnmanaged},
		{"SUPER", db, account("super_user"), []provision.Option{provision.Adopt()}, provision.ErrUnmanaged},
		{"runner itself", db, account(runner), []provision.Option{provision.Adopt()}, provision.ErrUnmanaged},
		{"no CREATE USER", s.open(t, "weak", "x", "", nil), account("nobody_new"), nil, provision.ErrPrivilege},
		{"may not grant", s.open(t, "creator", "x", "", nil), account("nobody_else", provision.ReadOnly("refusals")), nil, provision.ErrPrivilege},
		{"wrong engine", db, wrong, nil, provision.ErrWrongDatabase},
		{"proxy without account", db, proxied("nobody_new"), nil, provision.ErrNoAccount},
		{"proxy with an account for IAM", db, proxied("iam_already"), nil, provision.ErrUnmanaged},
		{"proxy", db, proxied("with_password"), nil, nil},
		{"adopted", db, account("with_password"), []provision.Option{provision.Adopt()}, nil},
		{"without TLS", db, account("iam_already"), nil, nil},
	}
	if s.engine == provision.MariaDB {
		s.admin(t, "CREATE USER two_ways IDENTIFIED VIA AWSAuthenticationPlugin USING 'RDS' OR mysql_native_password")
		s.admin(t, "CREATE USER socket_first IDENTIFIED VIA unix_socket OR AWSAuthenticationPlugin USING 'RDS' REQUIRE SSL")
		tests = append(tests, test{"two ways to log in", db, account("two_ways"), nil, provision.ErrUnmanaged},
			test{"two ways to log in, the other first", db, account("socket_first"), nil, provision.ErrUnmanaged},
			test{"adopted two ways", db, account("two_ways"), []provision.Option{provision.Adopt()}, nil})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := tt.account.Plan(tt.options...)
			if err != nil {
				t.Fatal(err)
			}
			_, err = provision.Apply(t.Context(), tt.db, p)
			if tt.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				if tt.name != "adopted" { // it keeps what it was granted before
					noDrift(t, db, tt.account)
				}
				return
			}
			failed := (*provision.Error)(nil)
			if !errors.As(err, &failed) || !errors.Is(err, tt.want) || !strings.HasPrefix(err.Error(), "rdsiam: account ") {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			t.Log(err)
		})
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tx, err := conn.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	p := plan(t, account("in_transaction"))
	if _, err := provision.Apply(t.Context(), tx, p); !errors.Is(err, provision.ErrTransaction) {
		t.Errorf("a transaction: %v", err)
	}
	if _, err := provision.Apply(t.Context(), conn, p); !errors.Is(err, provision.ErrTransaction) {
		t.Errorf("a connection in a transaction: %v", err)
	}
}

// A server without the plugin says so in different ways of new and of existing accounts.
func TestMySQLUnavailable(t *testing.T) { onMySQL(t, testMySQLUnavailable) }

func testMySQLUnavailable(t *testing.T, s *testServer) {
	db := s.runner(t, "")
	apply(t, db, plan(t, provision.Account{Engine: s.engine, Name: "unavailable_old"}))
	s.admin(t, "UNINSTALL PLUGIN AWSAuthenticationPlugin")
	defer s.admin(t, "INSTALL PLUGIN AWSAuthenticationPlugin SONAME 'AWSAuthenticationPlugin.so'")
	for _, name := range []string{"unavailable_new", "unavailable_old"} {
		_, err := provision.Apply(t.Context(), db, plan(t, provision.Account{Engine: s.engine, Name: name}))
		if !errors.Is(err, provision.ErrIAMUnavailable) || !strings.Contains(err.Error(), "turn on IAM database authentication") {
			t.Errorf("%s: %v", name, err)
		}
		t.Log(err)
	}
}

func TestMySQLDropAndRevoke(t *testing.T) { onMySQL(t, testMySQLDropAndRevoke) }

func testMySQLDropAndRevoke(t *testing.T, s *testServer) {
	db := myDatabase(t, s, "drop_db")
	a := fullMySQLAccount(s.engine, "drop_user", "drop_db")
	apply(t, db, plan(t, a))
	revoke, err := a.PlanRevoke(a.Grants)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time, nothing is granted
		apply(t, db, revoke)
	}
	noDrift(t, db, provision.Account{Engine: s.engine, Name: a.Name, MemberOf: a.MemberOf})
	s.admin(t, "GRANT SELECT ON `drop%`.* TO drop_user")
	if _, err := provision.Apply(t.Context(), db, revoke); !errors.Is(err, provision.ErrHiddenGrant) {
		t.Errorf("revoke of what a pattern gives: %v", err)
	}

	drop, err := a.PlanDrop(provision.DropOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for kind, create := range map[string]string{
		"VIEW":      "CREATE DEFINER = drop_user VIEW drop_db.%s AS SELECT 1",
		"FUNCTION":  "CREATE DEFINER = drop_user FUNCTION drop_db.%s() RETURNS int RETURN 1",
		"PROCEDURE": "CREATE DEFINER = drop_user PROCEDURE drop_db.%s() SELECT 1",
		"TRIGGER":   "CREATE DEFINER = drop_user TRIGGER drop_db.%s BEFORE INSERT ON drop_db.other FOR EACH ROW SET @a = 1",
		"EVENT":     "CREATE DEFINER = drop_user EVENT drop_db.%s ON SCHEDULE EVERY 1 DAY DO SET @a = 1",
	} {
		s.admin(t, fmt.Sprintf(create, "defined"))
		if _, err := provision.Apply(t.Context(), db, drop); !errors.Is(err, provision.ErrInUse) {
			t.Errorf("the definer of a %s: %v", kind, err)
		}
		s.admin(t, "DROP "+kind+" drop_db.defined")
	}
	for range 2 {
		if said := warnings(apply(t, db, drop)); len(said) > 0 {
			t.Errorf("the drop warns of what is usual: %q", said)
		}
	}
	drifts, err := provision.Check(t.Context(), db, a)
	if err != nil || len(drifts) == 0 || drifts[0].Kind != provision.NoAccount {
		t.Errorf("got %v, %v", drifts, err)
	}
}

// Warnings are reported with the statement that they are about, and none of an earlier one.
func TestMySQLWarnings(t *testing.T) { onMySQL(t, testMySQLWarnings) }

func testMySQLWarnings(t *testing.T, s *testServer) {
	db := s.runner(t, "")
	db.SetMaxOpenConns(1)
	const warns = "DROP TABLE IF EXISTS nothing.such" // note 1051
	exec(t, db, "CREATE DATABASE nothing", warns)
	a := provision.Account{Engine: s.engine, Name: "warned_user"}
	report := apply(t, db, withStatement(withStatement(plan(t, a), warns), "ALTER USER warned_user REQUIRE SSL"))
	for i, step := range report.Steps {
		said := strings.Join(step.Warnings, "; ")
		if expected := i == len(report.Steps)-2; strings.HasPrefix(said, "Note 1051: ") != expected || !expected && said != "" {
			t.Errorf("%s: %q", step.SQL, said)
		}
	}
}

func TestMySQLManyRunners(t *testing.T) { onMySQL(t, testMySQLManyRunners) }

func testMySQLManyRunners(t *testing.T, s *testServer) {
	for i := range 4 {
		myDatabase(t, s, fmt.Sprintf("many_%d", i))
	}
	db := s.runner(t, "")
	all := fullMySQLAccount(s.engine, "many_user", "many_0")
	const runners = 20
	var wg sync.WaitGroup
	errs := make([]error, runners)
	for i := range runners {
		wg.Go(func() {
			a := fullMySQLAccount(s.engine, "many_user", fmt.Sprintf("many_%d", i%4))
			a.MemberOf = all.MemberOf
			p, err := a.Plan()
			if err == nil {
				_, err = provision.Apply(t.Context(), db, p)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	for i := 1; i < 4; i++ {
		all.Grants = append(all.Grants, fullMySQLAccount(s.engine, "", fmt.Sprintf("many_%d", i)).Grants...)
	}
	noDrift(t, db, all)
}

// A plan that ends after any of its statements has given nothing that was not asked for,
// and left no account that logs in otherwise.
func TestMySQLPartialRuns(t *testing.T) { onMySQL(t, testMySQLPartialRuns) }

func testMySQLPartialRuns(t *testing.T, s *testServer) {
	db := myDatabase(t, s, "partly")
	a := fullMySQLAccount(s.engine, "partly_user", "partly")
	whole := plan(t, a)
	for n := range whole.Statements {
		for _, existing := range []bool{false, true} {
			if existing { // with a right of its own
				iamUser(t, db, a.Name, "GRANT INSERT ON `others%`.* TO partly_user")
			}
			part := *whole
			part.Statements = whole.Statements[:n]
			apply(t, db, &part)
			for _, d := range check(t, db, a) {
				older := existing && strings.Contains(d.Detail, "INSERT on databases like others%")
				if d.Kind != provision.Missing && d.Kind != provision.NoAccount && d.Kind != provision.Attribute && !older {
					t.Errorf("after %d statements: %v", n, d)
				}
			}
			apply(t, db, dropped(t, a))
		}
	}
}

func TestMySQLMistypedAccount(t *testing.T) { onMySQL(t, testMySQLMistypedAccount) }

func testMySQLMistypedAccount(t *testing.T, s *testServer) {
	db := s.open(t, runner, runnerPassword, "", map[string]string{"sql_mode": "''"})
	db.SetMaxOpenConns(1)
	myDatabase(t, s, "mistyped")
	// As if somebody dropped the account between two statements of the plan.
	p := plan(t, fullMySQLAccount(s.engine, "mistyped_user", "mistyped"))
	p.Statements = slices.DeleteFunc(p.Statements, func(s provision.Statement) bool { return s.Kind != provision.KindGrant })
	if _, err := provision.Apply(t.Context(), db, p); err == nil {
		t.Error("granted to an account that does not exist")
	}
	if got := query(t, db, "SELECT COUNT(*) FROM mysql.user WHERE User = 'mistyped_user'"); got != "0" {
		t.Error("there is an account without a password now")
	}
}

func TestMySQLDrift(t *testing.T) { onMySQL(t, testMySQLDrift) }

func testMySQLDrift(t *testing.T, s *testServer) {
	db := myDatabase(t, s, "drift")
	a := provision.Account{Engine: s.engine, Name: "drift_user", Host: "10.%", MaxConnections: 5, Grants: []provision.Grant{provision.ReadOnly("drift")}}
	s.admin(t, "CREATE USER drift_user@'10.%' IDENTIFIED BY 'x'", "CREATE USER drift_user@'%' IDENTIFIED BY 'x'",
		"GRANT SELECT, INSERT ON drift.* TO drift_user@'10.%'", "GRANT EXECUTE ON *.* TO drift_user@'10.%'", "GRANT SELECT ON `d%`.* TO drift_user@'10.%' WITH GRANT OPTION")
	drifts, err := provision.Check(t.Context(), db, a)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range drifts {
		got = append(got, string(d.Kind))
	}
	want := "neighbor authentication plaintext attribute missing extra extra extra extra"
	if strings.Join(got, " ") != want {
		t.Errorf("got %v\nwant %s", drifts, want)
	}
	exact, err := a.PlanExact(drifts, provision.Adopt())
	if err != nil {
		t.Fatal(err)
	}
	apply(t, db, exact)
	drifts, err = provision.Check(t.Context(), db, a)
	if err != nil || len(drifts) != 1 || drifts[0].Kind != provision.Neighbor {
		t.Errorf("got %v, %v", drifts, err)
	}
}

func TestMySQLReadOnly(t *testing.T) { onMySQL(t, testMySQLReadOnly) }

func testMySQLReadOnly(t *testing.T, s *testServer) {
	db := s.runner(t, "")
	s.admin(t, "SET GLOBAL read_only = 1")
	_, err := provision.Apply(t.Context(), db, plan(t, provision.Account{Engine: s.engine, Name: "read_only_user"}))
	s.admin(t, "SET GLOBAL read_only = 0")
	if failed := (*provision.Error)(nil); !errors.Is(err, provision.ErrReadOnlyEndpoint) || !errors.As(err, &failed) || failed.Code != "server-read-only" || failed.ServerCode != "" {
		t.Errorf("got %v", err)
	}
}
