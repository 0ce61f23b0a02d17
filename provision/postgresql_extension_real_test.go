package provision_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/provision"
)

// What an extension owns is neither granted nor missed, whoever created the extension.
func TestPostgreSQLExtensions(t *testing.T) { onPostgreSQL(t, testPostgreSQLExtensions) }

func testPostgreSQLExtensions(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "extensions")
	s.admin(t, `\c extensions`, `CREATE EXTENSION pg_stat_statements SCHEMA public`)
	exec(t, db, `CREATE EXTENSION pgcrypto SCHEMA public`, `CREATE TABLE public.own (a int)`, `CREATE SEQUENCE public.own_sequence`,
		`CREATE FUNCTION public.own_function() RETURNS int LANGUAGE sql AS 'SELECT 1'`)
	const acls = `SELECT count(*) FROM pg_depend e
		LEFT JOIN pg_class c ON e.classid = 'pg_class'::regclass AND c.oid = e.objid
		LEFT JOIN pg_proc p ON e.classid = 'pg_proc'::regclass AND p.oid = e.objid
		WHERE e.deptype = 'e' AND (c.relacl::text LIKE '%extensions_%' OR p.proacl::text LIKE '%extensions_%')`
	for i, grants := range [][]provision.Grant{
		{provision.ReadOnly("extensions")},
		{provision.ReadWrite("extensions")},
		{provision.AllTables("public", provision.Select), provision.AllSequences("public", provision.Usage), provision.AllRoutines("public")},
	} {
		a := provision.Account{Engine: provision.PostgreSQL, Name: fmt.Sprintf("extensions_%d", i), Grants: grants}
		apply(t, db, plan(t, a))
		noDrift(t, db, a)
		if got := query(t, db, `SELECT has_table_privilege($1, 'public.own', 'SELECT')`, a.Name); got != "true" {
			t.Errorf("%v: the own table: %s", grants, got)
		}
		if got := query(t, db, acls); got != "0" {
			t.Errorf("%v: granted on %s members of extensions", grants, got)
		}
		// What somebody else granted there is what the description says, or more than that.
		s.admin(t, `\c extensions`, `GRANT SELECT, INSERT ON public.pg_stat_statements TO `+a.Name)
		var extra []string
		for _, d := range check(t, db, a) {
			extra = append(extra, d.String())
		}
		if got := strings.Join(extra, "; "); i != 1 && got != "extra: INSERT on table public.pg_stat_statements" {
			t.Errorf("%v: got %s", grants, got)
		}
		s.admin(t, `\c extensions`, `REVOKE ALL ON public.pg_stat_statements FROM `+a.Name)
		noDrift(t, db, a)
		revoke, err := a.PlanRevoke(grants)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, db, revoke)
		none := provision.Account{Engine: a.Engine, Name: a.Name}
		noDrift(t, db, none)
	}
	// One that is named is granted, and missed.
	named := provision.Account{Engine: provision.PostgreSQL, Name: "extensions_named", Grants: []provision.Grant{provision.Table("public", "pg_stat_statements", provision.Insert)}}
	apply(t, s.open(t, runner, runnerPassword, "extensions", nil), plan(t, provision.Account{Engine: named.Engine, Name: named.Name}))
	if got := check(t, db, named); len(got) != 1 || got[0].Detail != "INSERT on table public.pg_stat_statements" {
		t.Errorf("got %v", got)
	}
}

// A large schema takes no more statements than a small one, but to make it exact.
func TestPostgreSQLManyTables(t *testing.T) { onPostgreSQL(t, testPostgreSQLManyTables) }

func testPostgreSQLManyTables(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "many_tables")
	exec(t, db, `DO $$ BEGIN FOR i IN 1..2500 LOOP EXECUTE format('CREATE TABLE app.many_%s (a int)', i); END LOOP; END $$`)
	a := provision.Account{Engine: provision.PostgreSQL, Name: "many_tables_user", Grants: []provision.Grant{provision.ReadWrite("many_tables", provision.InSchemas("app"))}}
	none := provision.Account{Engine: a.Engine, Name: a.Name}
	revoke, err := a.PlanRevoke(a.Grants)
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name string
		run  func()
	}{
		{"apply", func() { apply(t, db, plan(t, a)) }},
		{"apply again", func() { apply(t, db, plan(t, a)) }},
		{"check", func() { noDrift(t, db, a) }},
		{"exact", func() { makeExact(t, db, none) }},
		{"apply once more", func() { apply(t, db, plan(t, a)) }},
		{"revoke", func() { apply(t, db, revoke) }},
		{"drop", func() {
			apply(t, db, plan(t, a))
			apply(t, db, dropPlan(t, a, provision.DropOptions{}))
		}},
	}
	for _, step := range steps {
		begin := time.Now()
		step.run()
		t.Logf("%s: %v", step.name, time.Since(begin))
	}
}
