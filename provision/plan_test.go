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
			t.Errorf("%s differs from line %d on (go test ./provision -run Golden -update writes it): got\n%s", file, i+1, strings.Join(gotLines[min(i, len(gotLines)):min(i+5, len(gotLines))], "\n"))
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
	up, _, drop = plans(accounts["mariadb"], provision.Adopt(), provision.FlushPrivileges())
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
		{"default of another engine", grant(my, provision.Default("o", "s", provision.Tables, provision.Select)), nil, "MySQL"},
		{"default without owner", grant(pg, provision.Default("", "s", provision.Tables, provision.Select)), provision.ErrInvalidName, "owner"},
		{"default of everybody", grant(pg, provision.Default("public", "s", provision.Tables, provision.Select)), provision.ErrReservedName, "owner"},
		{"default of no kind", grant(pg, provision.Default("o", "s", 0, provision.Select)), nil, "Tables, Sequences or Routines"},
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
			if tt.kind != nil && !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.text) || config.Mend == "" {
				t.Errorf("got %v, want %v with %q", err, tt.kind, tt.text)
			}
		})
	}
	for name, d := range map[string]struct {
		a provision.Account
		d provision.DropOptions
	}{
		"to itself":           {pg, provision.DropOptions{ReassignTo: "a"}},
		"to everybody":        {pg, provision.DropOptions{ReassignTo: "public"}},
		"objects of MySQL":    {my, provision.DropOptions{ReassignTo: "b"}},
		"databases of MySQL":  {my, provision.DropOptions{KeepRole: true}},
		"a name of the owner": {provision.Account{Engine: provision.PostgreSQL, Name: "rds_x"}, provision.DropOptions{}},
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
				if found := never.FindString(line); found != "" && !strings.Contains(line, "MESSAGE = ") {
					t.Errorf("%s: %s in %s", a.Engine, found, line)
				}
			}
		}
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
