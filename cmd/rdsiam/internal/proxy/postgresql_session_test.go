package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

// onPostgreSQLs runs a test in front of each real server.
func onPostgreSQLs(t *testing.T, test func(*testing.T, *database)) {
	for _, installation := range realserver.PostgreSQLs() {
		t.Run(installation.String(), func(t *testing.T) {
			d := realPostgreSQL(t, installation)
			t.Logf("server: %s", d.name)
			test(t, d)
		})
	}
}

func queryText(t *testing.T, conn *pgx.Conn, statement string) string {
	t.Helper()
	var text string
	if err := conn.QueryRow(t.Context(), statement).Scan(&text); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
	return text
}

func TestPostgreSQL(t *testing.T) {
	onPostgreSQLs(t, func(t *testing.T, d *database) {
		for _, listen := range []string{"unix", "tcp"} {
			t.Run(listen, func(t *testing.T) {
				r := d.proxy(t, listen, proxy.Settings{Password: password})
				t.Run("settings of the client", func(t *testing.T) { passesSettings(t, r) })
				t.Run("copy", func(t *testing.T) { copies(t, r) })
				t.Run("notification", func(t *testing.T) { notifies(t, r) })
			})
		}
		t.Run("environment of the proxy", func(t *testing.T) { leavesEnvironment(t, d) })
		t.Run("cancel", func(t *testing.T) { cancelsAtLimit(t, d) })
		t.Run("drain", func(t *testing.T) { drainsPostgreSQL(t, d) })
		t.Run("cut", func(t *testing.T) { cutsPostgreSQL(t, d) })
		t.Run("database that is not there", func(t *testing.T) {
			config := pgxConfig(t, d.proxy(t, "unix", proxy.Settings{}), app, "")
			config.Database = "nowhere"
			_, err := pgx.ConnectConfig(t.Context(), config)
			var answer *pgconn.PgError
			if !errors.As(err, &answer) || answer.Code != "3D000" {
				t.Errorf("error %v, want the server's own", err)
			}
		})
	})
}

func passesSettings(t *testing.T, r *running) {
	config := pgxConfig(t, r, app, password)
	config.Database = "template1"
	config.RuntimeParams = map[string]string{"application_name": "a proxied program", "options": "-c work_mem=1234kB", "client_encoding": "LATIN1"}
	conn := connectPostgreSQL(t, config)
	for statement, want := range map[string]string{
		"select current_user::text":       app,
		"select current_database()::text": "template1",
		"show application_name":           "a proxied program",
		"show work_mem":                   "1234kB",
		"show client_encoding":            "LATIN1",
		"select (ssl)::text from pg_stat_ssl where pid = pg_backend_pid()": "true",
		"select pg_backend_pid()::text":                                    fmt.Sprint(conn.PgConn().PID()),
	} {
		if got := queryText(t, conn, statement); got != want {
			t.Errorf("%s: %q, want %q", statement, got, want)
		}
	}
	if got := conn.PgConn().ParameterStatus("application_name"); got != "a proxied program" {
		t.Errorf("the client is told the application name %q", got)
	}
}

// leavesEnvironment connects with no settings: those of the proxy's own environment are
// not the client's.
func leavesEnvironment(t *testing.T, d *database) {
	config := pgxConfig(t, d.proxy(t, "unix", proxy.Settings{}), app, "")
	for name, value := range map[string]string{"PGAPPNAME": "the proxy", "PGOPTIONS": "-c work_mem=2345kB", "PGTZ": "Asia/Tokyo", "PGSSLMODE": "disable",
		"PGDATABASE": "template1", "PGUSER": "postgres", "PGPASSWORD": "wrong"} {
		t.Setenv(name, value)
	}
	config.RuntimeParams = nil
	conn := connectPostgreSQL(t, config)
	for statement, want := range map[string]string{
		"show application_name":                                            "",
		"select (current_setting('work_mem') = '2345kB')::text":            "false",
		"select (current_setting('timezone') = 'Asia/Tokyo')::text":        "false",
		"select (ssl)::text from pg_stat_ssl where pid = pg_backend_pid()": "true",
		"select current_user || ' ' || current_database()":                 app + " postgres",
	} {
		if got := queryText(t, conn, statement); got != want {
			t.Errorf("%s: %q, want %q", statement, got, want)
		}
	}
}

// copies moves more than any buffer holds, both ways.
func copies(t *testing.T, r *running) {
	conn := connectPostgreSQL(t, pgxConfig(t, r, app, password))
	if _, err := conn.Exec(t.Context(), "create temporary table copied (line text)"); err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat(strings.Repeat("x", 999)+"\n", 5000)
	tag, err := conn.PgConn().CopyFrom(t.Context(), strings.NewReader(want), "copy copied from stdin")
	if err != nil || tag.RowsAffected() != 5000 {
		t.Fatalf("%v, %v", tag, err)
	}
	var got bytes.Buffer
	if _, err := conn.PgConn().CopyTo(t.Context(), &got, "copy copied to stdout"); err != nil || got.String() != want {
		t.Errorf("%d bytes came back of %d, %v", got.Len(), len(want), err)
	}
}

func notifies(t *testing.T, r *running) {
	listening, notifying := connectPostgreSQL(t, pgxConfig(t, r, app, password)), connectPostgreSQL(t, pgxConfig(t, r, app, password))
	if _, err := listening.Exec(t.Context(), "listen channel"); err != nil {
		t.Fatal(err)
	}
	if _, err := notifying.Exec(t.Context(), "notify channel, 'heard'"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := listening.WaitForNotification(ctx)
	if err != nil || got.Payload != "heard" || got.PID != notifying.PgConn().PID() {
		t.Errorf("%+v, %v; want it from %d", got, err, notifying.PgConn().PID())
	}
}

// cancelsAtLimit cancels a statement while no further client is let in.
func cancelsAtLimit(t *testing.T, d *database) {
	r := d.proxy(t, "unix", proxy.Settings{MaxConnections: 1})
	conn := connectPostgreSQL(t, pgxConfig(t, r, app, ""))
	var answer *pgconn.PgError
	if _, err := pgx.ConnectConfig(t.Context(), pgxConfig(t, r, app, "")); !errors.As(err, &answer) || answer.Code != "53300" ||
		!strings.Contains(answer.Message, "--max-connections") {
		t.Fatalf("second client: %v", err)
	}
	canceled := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), "select pg_sleep(300)")
		canceled <- err
	}()
	observer := connectDirectly(t, d)
	waitUntil(t, func() bool {
		return queryText(t, observer, "select count(*)::text from pg_stat_activity where state = 'active' and query like '%pg_sleep(300)'") == "1"
	})
	if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-canceled; !errors.As(err, &answer) || answer.Code != "57014" {
		t.Errorf("error %v, want query_canceled", err)
	}
	if got := queryText(t, conn, "select 'still here'"); got != "still here" {
		t.Errorf("after the cancel: %q", got)
	}
	conn.Close(t.Context())
	waitUntil(t, func() bool { return r.Admitted() == 0 })
	connectPostgreSQL(t, pgxConfig(t, r, app, ""))
	r.waitFor(t, "rdsiam_proxy_cancel_requests_total 1")
}

func waitUntil(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
	}
}

// drainsPostgreSQL stops the proxy: idle sessions end at once, others when they are done.
func drainsPostgreSQL(t *testing.T, d *database) {
	r := d.proxy(t, "unix", proxy.Settings{DrainTime: time.Hour})
	idle := connectPostgreSQL(t, pgxConfig(t, r, app, ""))
	busy := connectPostgreSQL(t, pgxConfig(t, r, app, ""))
	tx, err := busy.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.stop()
	var answer *pgconn.PgError
	if _, err := idle.WaitForNotification(t.Context()); !errors.As(err, &answer) || answer.Code != "57P01" {
		t.Errorf("the idle session ends with %v, want 57P01", err)
	}
	if _, err := pgx.ConnectConfig(t.Context(), pgxConfig(t, r, app, "")); err == nil {
		t.Error("a client was accepted after the end")
	}
	if code, _ := r.get(t, "/readyz"); code != 503 {
		t.Errorf("/readyz: %d", code)
	}
	if _, err := tx.Exec(t.Context(), "select 1"); err != nil {
		t.Errorf("in the transaction: %v", err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Errorf("commit: %v", err)
	}
	if err := r.waitStopped(t); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := busy.Exec(t.Context(), "select 1"); err == nil {
		t.Error("the session goes on after its transaction")
	}
}

// cutsPostgreSQL lets the time to drain pass, with a statement that takes longer.
func cutsPostgreSQL(t *testing.T, d *database) {
	r := d.proxy(t, "unix", proxy.Settings{DrainTime: 50 * time.Millisecond})
	conn := connectPostgreSQL(t, pgxConfig(t, r, app, ""))
	reader := make(chan error, 1)
	go func() {
		_, err := conn.PgConn().CopyTo(context.Background(), io.Discard, "copy (select pg_sleep(300)) to stdout")
		reader <- err
	}()
	observer := connectDirectly(t, d)
	waitUntil(t, func() bool {
		return queryText(t, observer, "select count(*)::text from pg_stat_activity where state = 'active' and query like 'copy%pg_sleep(300)%'") == "1"
	})
	r.stop()
	if err := r.waitStopped(t); err == nil || !strings.Contains(err.Error(), "1 connection was cut") {
		t.Errorf("Serve: %v", err)
	}
	if err := <-reader; err == nil {
		t.Error("the client sees no end")
	}
}
