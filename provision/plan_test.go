package provision_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/provision"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if i >= len(gotLines) || i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Errorf("%s differs from line %d on (go test ./provision -update writes it): got\n%s", file, i+1, strings.Join(gotLines[min(i, len(gotLines)):min(i+5, len(gotLines))], "\n"))
			return
		}
	}
}

func TestGolden(t *testing.T) {
	plans := func(a provision.Account, o ...provision.Option) (up, revoke, drop *provision.Plan) {
		t.Helper()
		up = plan(t, a, o...)
		revoke, err := a.PlanRevoke(a.Grants)
		if err != nil {
			t.Fatal(err)
		}
		d := provision.DropOptions{}
		if a.Engine == provision.PostgreSQL {
			d.ReassignTo = "sre_owner"
		}
		if drop, err = a.PlanDrop(d); err != nil {
			t.Fatal(err)
		}
		return up, revoke, drop
	}
	mysql := fullMySQLAccount(provision.MySQL, `o'brien "x" \ `+"`y`", "sre_db")
	mysql.Comment, mysql.Host = "it's for tests", "10.%"
	accounts := map[string]provision.Account{
		"postgresql":       fullAccount(`o'brien "x" \ $rdsiam$`, "sre"),
		"postgresql-proxy": {Engine: provision.PostgreSQL, Name: "iam_sre", Reach: provision.ProxyStandard, Grants: []provision.Grant{provision.ReadWrite("sre")}},
		"mysql":            mysql,
		"mysql-proxy":      {Engine: provision.MySQL, Name: "iam_sre", Reach: provision.ProxyStandard, Grants: []provision.Grant{provision.ReadWrite("sre")}},
		"mariadb":          fullMySQLAccount(provision.MariaDB, "iam_sre", "sre_db"),
	}
	for name, a := range accounts {
		up, revoke, drop := plans(a)
		golden(t, name+".sql", up.String()+"\n"+revoke.String()+"\n"+drop.String())
		again, _, _ := plans(a)
		if again.String() != up.String() {
			t.Errorf("%s: two plans of one account differ", name)
		}
	}
	up, _, drop := plans(accounts["postgresql"])
	golden(t, "postgresql.goose.sql", provision.GooseFile(up, drop))
	up, _, drop = plans(accounts["mariadb"], provision.Adopt())
	golden(t, "mariadb.goose.sql", provision.GooseFile(up, drop))
}

func TestDescriptionErrors(t *testing.T) {
	pg := provision.Account{Engine: provision.PostgreSQL, Name: "a"}
	my := provision.Account{Engine: provision.MySQL, Name: "a"}
	with := func(a provision.Account, change func(*provision.Account)) provision.Account {
		change(&a)
		return a
	}
	grant := func(a provision.Account, g ...provision.Grant) provision.Account {
		a.Grants = g
		return a
	}
	tests := []struct {
		name    string
		account provision.Account
		kind    error
		text    string
	}{
		{"unknown engine", provision.Account{Engine: 9, Name: "a"}, nil, "Account.Engine"},
		{"default of an unknown kind", grant(pg, provision.FutureObjects("o", "s", 9, provision.Select)), nil, "Tables, Sequences or Routines"},
		{"default in a system schema", grant(pg, provision.FutureObjects("o", "pg_catalog", provision.Tables, provision.Select)), provision.ErrReservedName, "pg_catalog"},
		{"default without schema", grant(pg, provision.FutureObjects("o", "", provision.Tables, provision.Select)), provision.ErrInvalidName, "schema"},
		{"columns of no table", grant(pg, provision.Columns("s", "", []string{"c"}, provision.Select)), provision.ErrInvalidName, "table of a grant"},
		{"column without name", grant(my, provision.Columns("s", "t", []string{"c", ""}, provision.Select)), provision.ErrInvalidName, "column of a grant"},
		{"database ends in a space", grant(my, provision.ReadOnly("d ")), provision.ErrInvalidName, "ends in a space"},
		{"information_schema", grant(pg, provision.AllTables("information_schema", provision.Select)), provision.ErrReservedName, "information_schema"},
		{"database of RDS", grant(pg, provision.Database("rdsadmin", provision.Connect)), provision.ErrReservedName, "rdsadmin"},
		{"IPv6 loopback", with(my, func(a *provision.Account) { a.Host = "::1" }), provision.ErrInvalidName, "Account.Host"},
		{"long host", with(my, func(a *provision.Account) { a.Host = strings.Repeat("h", 61) }), provision.ErrInvalidName, "Account.Host"},
		{"no engine", provision.Account{Name: "a"}, nil, "Account.Engine"},
		{"unknown reach", with(pg, func(a *provision.Account) { a.Reach = 9 }), nil, "Account.Reach"},
		{"host of PostgreSQL", with(pg, func(a *provision.Account) { a.Host = "%" }), nil, "Account.Host"},
		{"plaintext of PostgreSQL", with(pg, func(a *provision.Account) { a.AllowPlaintext = true }), nil, "rds.force_ssl"},
		{"negative limit", with(pg, func(a *provision.Account) { a.MaxConnections = -1 }), nil, "MaxConnections"},
		{"comment that is no text", with(pg, func(a *provision.Account) { a.Comment = "\xff" }), nil, "UTF-8"},
		{"NUL in a comment", with(pg, func(a *provision.Account) { a.Comment = "\x00" }), nil, "Comment"},
		{"annotation in a comment", with(pg, func(a *provision.Account) { a.Comment = "x\n-- +goose Down" }), nil, "Comment"},
		{"member of rds_iam", with(pg, func(a *provision.Account) { a.MemberOf = []string{"rds_iam"} }), provision.ErrReservedName, "MemberOf"},
		{"member of public", with(pg, func(a *provision.Account) { a.MemberOf = []string{"public"} }), provision.ErrReservedName, "MemberOf"},
		{"member of rds_ad", with(pg, func(a *provision.Account) { a.MemberOf = []string{"rds_ad"} }), provision.ErrReservedName, "MemberOf"},
		{"member of none", with(pg, func(a *provision.Account) { a.MemberOf = []string{"none"} }), provision.ErrReservedName, "MemberOf"},
		{"member of rdsadmin", with(pg, func(a *provision.Account) { a.MemberOf = []string{"rdsadmin"} }), provision.ErrReservedName, "MemberOf"},
		{"future tables of the account itself", grant(pg, provision.ReadOnly("d", provision.FutureTablesOf("a"))), nil, "the account itself"},
		{"argument types of MySQL", grant(my, provision.Function("d", "f", "int")), nil, "argument types"},
		{"no argument type", grant(pg, provision.Function("s", "f", "int", "")), provision.ErrInvalidName, "argument type"},
		{"line break in an argument type", grant(pg, provision.Procedure("s", "f", "int\n")), provision.ErrInvalidName, "argument type"},
		{"member of itself", with(pg, func(a *provision.Account) { a.MemberOf = []string{"a"} }), nil, "MemberOf"},
		{"member of itself in MySQL", with(my, func(a *provision.Account) { a.MemberOf = []string{"a"} }), nil, "MemberOf"},
		{"role of RDS in MySQL", with(my, func(a *provision.Account) { a.MemberOf = []string{"rds_superuser_role"} }), provision.ErrReservedName, "MemberOf"},
		{"two roles of MariaDB", provision.Account{Engine: provision.MariaDB, Name: "a", MemberOf: []string{"r", "r", "s"}}, nil, "starts an account with one"},
		{"no role of MariaDB", provision.Account{Engine: provision.MariaDB, Name: "a", MemberOf: []string{"None"}}, provision.ErrReservedName, "MemberOf"},
		{"backslash in a comment", with(my, func(a *provision.Account) { a.Comment = `\` }), nil, "sql_mode"},
		{"comment of MariaDB", provision.Account{Engine: provision.MariaDB, Name: "a", Comment: "x"}, nil, "Comment"},
		{"localhost", with(my, func(a *provision.Account) { a.Host = "LocalHost" }), provision.ErrInvalidName, "Account.Host"},
		{"loopback", with(my, func(a *provision.Account) { a.Host = "127.0.0.1" }), provision.ErrInvalidName, "Account.Host"},
		{"quote in a host", with(my, func(a *provision.Account) { a.Host = "a'b" }), provision.ErrInvalidName, "Account.Host"},
		{"zero grant", grant(pg, provision.Grant{}), nil, "is empty"},
		{"no privilege", grant(pg, provision.Database("d")), nil, "no privilege for database d"},
		{"no column", grant(pg, provision.Columns("s", "t", nil, provision.Select)), nil, "is empty"},
		{"privilege of another level", grant(pg, provision.Schema("s", provision.Select)), nil, "USAGE, CREATE"},
		{"privilege of another engine", grant(pg, provision.Table("s", "t", provision.ShowView)), nil, "SHOW VIEW"},
		{"unknown privilege", grant(pg, provision.Table("s", "t", 200)), nil, "no privilege"},
		{"level of another engine", grant(my, provision.Schema("s", provision.Usage)), nil, "MySQL"},
		{"default of another engine", grant(my, provision.FutureObjects("o", "s", provision.Tables, provision.Select)), nil, "MySQL"},
		{"default without owner", grant(pg, provision.FutureObjects("", "s", provision.Tables, provision.Select)), provision.ErrInvalidName, "owner"},
		{"default of everybody", grant(pg, provision.FutureObjects("public", "s", provision.Tables, provision.Select)), provision.ErrReservedName, "owner"},
		{"default of no kind", grant(pg, provision.FutureObjects("o", "s", 0, provision.Select)), nil, "Tables, Sequences or Routines"},
		{"two databases", grant(pg, provision.ReadOnly("d"), provision.ReadWrite("e")), nil, "once for each database"},
		{"option of another engine", provision.Account{Engine: provision.MariaDB, Name: "a"}, nil, "PartialRevokes"},
		{"options of another engine", grant(my, provision.ReadOnly("d", provision.InSchemas("s"))), nil, "InSchemas"},
		{"system schema", grant(pg, provision.AllTables("pg_catalog", provision.Update)), provision.ErrReservedName, "pg_catalog"},
		{"system database", grant(my, provision.ReadWrite("mysql")), provision.ErrReservedName, "mysql"},
		{"empty table", grant(pg, provision.Table("s", "", provision.Select)), provision.ErrInvalidName, "object of a grant"},
		{"long schema", grant(pg, provision.Schema(strings.Repeat("s", 64), provision.Usage)), provision.ErrInvalidName, "63 bytes"},
		{"long database", grant(my, provision.ReadOnly(strings.Repeat("s", 65))), provision.ErrInvalidName, "64 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var o []provision.Option
			if tt.name == "option of another engine" {
				o = append(o, provision.PartialRevokes())
			}
			p, err := tt.account.Plan(o...)
			config := (*rdsiam.ConfigError)(nil)
			if p != nil || !errors.As(err, &config) {
				t.Fatalf("got %v, %v; want a ConfigError", p, err)
			}
			if tt.kind != nil && !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.text) || config.Fix == "" {
				t.Errorf("got %v, want %v with %q", err, tt.kind, tt.text)
			}
		})
	}
	for name, d := range map[string]struct {
		a provision.Account
		d provision.DropOptions
	}{
		"to itself":                      {pg, provision.DropOptions{ReassignTo: "a"}},
		"to everybody":                   {pg, provision.DropOptions{ReassignTo: "public"}},
		"objects of MySQL":               {my, provision.DropOptions{ReassignTo: "b"}},
		"databases of MySQL":             {my, provision.DropOptions{KeepRole: true}},
		"a name of the owner":            {provision.Account{Engine: provision.PostgreSQL, Name: "rds_iam"}, provision.DropOptions{}},
		"what accounts of MySQL granted": {my, provision.DropOptions{RevokeGranted: true}},
	} {
		if p, err := d.a.PlanDrop(d.d); err == nil {
			t.Errorf("drop %s: got %v", name, p)
		}
	}
}

// Whatever an account has, no plan grants everything or the right to hand it on, or knows a
// password.
func TestPlansNeverSay(t *testing.T) {
	never := regexp.MustCompile(`(?i)\bALL PRIVILEGES\b|\bGRANT ALL\b|\bWITH (GRANT|ADMIN|HIERARCHY)\b|\bPASSWORD\b|\bIDENTIFIED BY\b|\bSUPERUSER\b|\bFLUSH\b`)
	for _, a := range []provision.Account{
		fullAccount("a", "d"), fullMySQLAccount(provision.MySQL, "a", "d"), fullMySQLAccount(provision.MariaDB, "a", "d"),
		{Engine: provision.PostgreSQL, Name: "a", Grants: []provision.Grant{provision.ReadWrite("d", provision.FutureTablesOf("o"))}},
		{Engine: provision.MySQL, Name: "a", Grants: []provision.Grant{provision.ReadWrite("d")}},
	} {
		drop, err := a.PlanDrop(provision.DropOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(plan(t, a, provision.Adopt()).Statements, drop.Statements...) {
			for line := range strings.Lines(s.SQL) {
				// A role that is kept gets back what it had in other databases.
				grants := !regexp.MustCompile(`MESSAGE = |HINT = |pg_has_role|WHEN x.is_grantable`).MatchString(line)
				if found := never.FindString(line); found != "" && grants {
					t.Errorf("%s: %s in %s", a.Engine, found, line)
				}
			}
		}
	}
}

// What is at the edge of what is refused.
func TestDescriptionsThatAreAccepted(t *testing.T) {
	for name, a := range map[string]provision.Account{
		"63 bytes":              {Engine: provision.PostgreSQL, Grants: []provision.Grant{provision.Schema(strings.Repeat("s", 63), provision.Usage)}},
		"64 characters":         {Engine: provision.MySQL, Grants: []provision.Grant{provision.ReadOnly(strings.Repeat("é", 64))}},
		"schema with a space":   {Engine: provision.PostgreSQL, Grants: []provision.Grant{provision.Schema("s ", provision.Usage)}},
		"database like a role":  {Engine: provision.PostgreSQL, Grants: []provision.Grant{provision.Database("pg_dev", provision.Connect)}},
		"long host":             {Engine: provision.MySQL, Host: strings.Repeat("h", 60)},
		"letters of hosts":      {Engine: provision.MySQL, Host: "azAZ09.:%_-"},
		"localhost of a proxy":  {Engine: provision.MySQL, Host: "localhost", Reach: provision.ProxyStandard},
		"role of the same name": {Engine: provision.MariaDB, MemberOf: []string{"a"}},
		"one role twice":        {Engine: provision.MariaDB, MemberOf: []string{"r", "r"}},
		"two roles":             {Engine: provision.MySQL, MemberOf: []string{"r", "s"}},
		"predefined roles":      {Engine: provision.PostgreSQL, MemberOf: []string{"pg_monitor", "pg_read_all_data", "pg_signal_backend", "rds_replication", "rds_superuser", "rds_password", "rds_extension", "rds_team"}},
	} {
		a.Name = "a"
		if _, err := a.Plan(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, letter := range "@[`{!~\"'\\ é" {
		a := provision.Account{Engine: provision.MySQL, Name: "a", Host: "h" + string(letter)}
		if _, err := a.Plan(); !errors.Is(err, provision.ErrInvalidName) {
			t.Errorf("host %q: %v", a.Host, err)
		}
	}
}

// Grants keep what they were made of, whatever becomes of the caller's slices.
func TestGrantsAreCopies(t *testing.T) {
	privileges, names := []provision.Privilege{provision.Select}, []string{"one"}
	grants := []provision.Grant{
		provision.Table("s", "t", privileges...), provision.Columns("s", "t", names, privileges...),
		provision.ReadOnly("d", provision.InSchemas(names...), provision.FutureTablesOf(names...)),
	}
	privileges[0], names[0] = provision.Truncate, "two"
	text := plan(t, provision.Account{Engine: provision.PostgreSQL, Name: "a", Grants: grants}).String()
	if strings.Contains(text, "TRUNCATE") || strings.Contains(text, "two") {
		t.Errorf("the grants changed:\n%s", text)
	}
}

// Revoke and drop plans refuse what they are about, not what else is described.
func TestOtherPlansOfADescription(t *testing.T) {
	a := provision.Account{Engine: provision.PostgreSQL, Name: "a", Comment: "two\nlines", Grants: []provision.Grant{{}}}
	if _, err := a.PlanRevoke(nil); err == nil {
		t.Error("a revoke of an account that cannot be")
	}
	if _, err := a.PlanDrop(provision.DropOptions{}); err != nil {
		t.Errorf("drop: %v", err)
	}
	a.Comment = ""
	if _, err := a.PlanRevoke([]provision.Grant{{}}); err == nil {
		t.Error("a revoke of nothing")
	}
	revoke, err := a.PlanRevoke([]provision.Grant{provision.Schema("s", provision.Usage)})
	if err != nil {
		t.Fatal(err)
	}
	drop := dropped(t, a)
	for _, p := range []*provision.Plan{revoke, drop} {
		if last := p.Statements[len(p.Statements)-1]; !last.Destructive() {
			t.Errorf("not destructive: %s", last.Summary)
		}
	}
}

// What a person should know of an account behind a proxy.
func TestWarningsOfReach(t *testing.T) {
	for reach, want := range map[provision.Reach]string{provision.Direct: "", provision.ProxyEndToEnd: "the role of the proxy needs it", provision.ProxyStandard: "Secrets Manager"} {
		warnings := strings.Join(plan(t, provision.Account{Engine: provision.MySQL, Name: "a", Reach: reach}).Warnings, "\n")
		if !strings.Contains(warnings, want) || (warnings == "") != (want == "") {
			t.Errorf("reach %d: %q", reach, warnings)
		}
	}
}

// A membership that is nearly that of a superuser is taken with a warning.
func TestWarningsOfMightyRoles(t *testing.T) {
	for role, want := range map[string]bool{"rds_superuser": true, "pg_execute_server_program": true, "pg_monitor": false, "rds_replication": false} {
		warnings := plan(t, provision.Account{Engine: provision.PostgreSQL, Name: "a", MemberOf: []string{role}}).Warnings
		if (len(warnings) == 1 && strings.Contains(warnings[0], role)) != want {
			t.Errorf("%s: %q", role, warnings)
		}
	}
}

// A file for a server with partial_revokes names databases as they are.
func TestPartialRevokes(t *testing.T) {
	a := provision.Account{Engine: provision.MySQL, Name: "a", Grants: []provision.Grant{provision.ReadOnly("sre_db")}}
	for _, o := range [][]provision.Option{nil, {provision.PartialRevokes()}} {
		text, want := plan(t, a, o...).Migration(), "ON `sre\\_db`.* TO"
		if o != nil {
			want = "ON `sre_db`.* TO"
		}
		if !strings.Contains(text, want) {
			t.Errorf("%d options: no %s in\n%s", len(o), want, text)
		}
	}
}

func TestPrivilegeString(t *testing.T) {
	if got := provision.Select.String() + provision.ShowDatabases.String() + (provision.ShowDatabases + 1).String(); got != "SELECTSHOW DATABASES" {
		t.Errorf("got %q", got)
	}
}

func TestPlanKeepsTheDescription(t *testing.T) {
	a := provision.Account{Engine: provision.PostgreSQL, Name: "a", MemberOf: []string{"z", "b", "b"}}
	p := plan(t, a)
	if strings.Join(a.MemberOf, "") != "zbb" {
		t.Errorf("Plan changed the description: %q", a.MemberOf)
	}
	if n := strings.Count(p.String(), "group_name CONSTANT"); n != 2 {
		t.Errorf("%d memberships", n)
	}
	for _, s := range p.Statements {
		if s.Destructive() {
			t.Errorf("Plan has %s", s.Summary)
		}
		if s.Summary == "" || strings.ContainsAny(s.Summary, "\n") || s.Kind == "" || strings.HasSuffix(s.SQL, ";") {
			t.Errorf("statement %+v", s)
		}
	}
}

func BenchmarkPlan10000Accounts(b *testing.B) {
	for b.Loop() {
		for i := range 10_000 {
			a := provision.Account{Engine: provision.PostgreSQL + provision.Engine(i%3), Name: fmt.Sprintf("account_%d", i), Grants: []provision.Grant{provision.ReadWrite("sre")}}
			if _, err := a.Plan(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
