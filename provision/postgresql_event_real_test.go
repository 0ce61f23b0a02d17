package provision_test

import (
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// Event triggers run with the search path of the session, as for statements typed by hand.
func TestPostgreSQLEventTriggers(t *testing.T) { onPostgreSQL(t, testPostgreSQLEventTriggers) }

func testPostgreSQLEventTriggers(t *testing.T, s *testServer) {
	db := pgDatabase(t, s, "events")
	s.admin(t, `\c events`, `CREATE TABLE public.audit (tag text, path text, lock_timeout text)`, `GRANT INSERT, SELECT ON public.audit TO runner`, `GRANT USAGE ON SCHEMA public TO runner`,
		`CREATE SCHEMA ddl`, `CREATE FUNCTION ddl.log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit VALUES (tg_tag, current_setting(''search_path''), current_setting(''lock_timeout'')); END'`,
		`CREATE EVENT TRIGGER log_ddl ON ddl_command_end EXECUTE FUNCTION ddl.log_ddl()`,
		`CREATE EVENT TRIGGER log_drop ON sql_drop EXECUTE FUNCTION ddl.log_ddl()`)
	a := fullAccount("events_user", "events")
	apply(t, db, plan(t, a))
	noDrift(t, db, a)
	retire(t, db, a, provision.DropOptions{ReassignTo: ownerOf("events")})
	if got := query(t, db, `SELECT DISTINCT path FROM audit`); got != `"$user", public` {
		t.Errorf("event triggers ran with the search path %s", got)
	}
	if got := query(t, db, `SELECT DISTINCT lock_timeout FROM audit`); got != "30s" {
		t.Errorf("statements ran with the lock_timeout %s", got)
	}
}
