package provision_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam/provision"
)

// What servers answer that those of the other tests cannot be made to answer, or not
// by every version.
func TestErrorKinds(t *testing.T) {
	number := func(n uint16, text string) error { return &mysql.MySQLError{Number: n, Message: text} }
	tests := []struct {
		name   string
		engine provision.Engine
		kind   provision.StatementKind
		err    error
		want   error
		code   string
	}{
		{"plugin missing, CREATE", provision.MySQL, provision.KindCreate, number(1524, "Plugin 'AWSAuthenticationPlugin' is not loaded"), provision.ErrIAMUnavailable, "1524"},
		{"plugin missing, ALTER", provision.MariaDB, provision.KindAlter, number(1396, "Operation ALTER USER failed"), provision.ErrIAMUnavailable, "1396"},
		{"1396 of something else", provision.MariaDB, provision.KindDrop, number(1396, "Operation DROP USER failed"), nil, "1396"},
		{"--read-only", provision.MySQL, provision.KindCreate, number(1290, "The MySQL server is running with the --read-only option"), provision.ErrReadOnlyEndpoint, "1290"},
		{"GRANT to nobody", provision.MySQL, provision.KindGrant, number(1410, "You are not allowed to create a user with GRANT"), provision.ErrPrivilege, "1410"},
		{"deadlock", provision.MySQL, provision.KindGrant, number(1213, "Deadlock found"), provision.ErrBusy, "1213"},
		{"XPath of somebody else", provision.MySQL, provision.KindGuard, number(1105, "XPATH syntax error: '~x'"), nil, "1105"},
		{"tuple concurrently updated", provision.PostgreSQL, provision.KindGrant, &pgconn.PgError{Code: "XX000"}, provision.ErrBusy, "XX000"},
		{"CREATE ROLE twice", provision.PostgreSQL, provision.KindCreate, &pgconn.PgError{Code: "23505"}, provision.ErrBusy, "23505"},
		{"role exists already", provision.PostgreSQL, provision.KindCreate, &pgconn.PgError{Code: "42710"}, provision.ErrBusy, "42710"},
		{"serialization", provision.PostgreSQL, provision.KindGrant, &pgconn.PgError{Code: "40001"}, provision.ErrBusy, "40001"},
		{"deadlock of PostgreSQL", provision.PostgreSQL, provision.KindGrant, &pgconn.PgError{Code: "40P01"}, provision.ErrBusy, "40P01"},
		{"lock_timeout", provision.PostgreSQL, provision.KindGrant, &pgconn.PgError{Code: "55P03"}, provision.ErrBusy, "55P03"},
		{"lock wait timeout", provision.MySQL, provision.KindGrant, number(1205, "Lock wait timeout exceeded"), provision.ErrBusy, "1205"},
		{"read-only transaction", provision.MySQL, provision.KindGrant, number(1792, "Cannot execute statement in a READ ONLY transaction"), provision.ErrReadOnlyEndpoint, "1792"},
		{"read-only mode", provision.MySQL, provision.KindGrant, number(1836, "Running in read-only mode"), provision.ErrReadOnlyEndpoint, "1836"},
		{"standby", provision.PostgreSQL, provision.KindCreate, fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: "25006"}), provision.ErrReadOnlyEndpoint, "25006"},
		{"syntax", provision.PostgreSQL, provision.KindCreate, &pgconn.PgError{Code: "42601"}, nil, "42601"},
		{"ALTER without the right", provision.MySQL, provision.KindAlter, number(1227, "Access denied"), provision.ErrPrivilege, "1227"},
		{"no driver's error", provision.MySQL, provision.KindCreate, plainError("number"), nil, ""},
		{"no number", provision.MySQL, provision.KindCreate, &otherError{"1524"}, nil, ""},
		{"no answer", provision.PostgreSQL, provision.KindCreate, errors.New("connection reset"), nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := provision.Explain(tt.engine, tt.kind, tt.err)
			failed := (*provision.Error)(nil)
			if !errors.As(err, &failed) || failed.Kind != tt.want || failed.ServerCode != tt.code || (failed.Code == "") != (tt.want == nil) || (failed.Fix == "") != (tt.want == nil) || !errors.Is(err, tt.err) && !errors.Is(err, errors.Unwrap(tt.err)) {
				t.Errorf("got %v (kind %v, server code %q), want kind %v, server code %q", err, failed.Kind, failed.ServerCode, tt.want, tt.code)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%v is not %v", err, tt.want)
			}
		})
	}
}

// plainError and otherError are errors that look like those of drivers, and are none.
type plainError string

func (e plainError) Error() string { return string(e) }

type otherError struct{ Number string }

func (e *otherError) Error() string { return e.Number }

func TestErrorText(t *testing.T) {
	cause := errors.New("cause")
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&provision.Error{Account: `a "b"`}, `rdsiam: account "a \"b\""`},
		{&provision.Error{Account: "a", Kind: provision.ErrBusy}, `rdsiam: account "a": other runners are in the way`},
		{&provision.Error{Account: "a", Statement: provision.Statement{Summary: "do it"}}, `rdsiam: account "a": do it`},
		{provision.Explain(provision.PostgreSQL, provision.KindGrant, cause), `rdsiam: account "a": do it: cause`},
		{provision.Explain(provision.MySQL, provision.KindGrant, &mysql.MySQLError{Number: 1227, Message: "denied"}),
			`rdsiam: account "a": do it: a privilege is missing: Error 1227: denied; run the plan as the master user, or as a role that may create accounts and owns, or may grant, what is granted`},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
	if got := (&provision.Error{}).Unwrap(); got != nil {
		t.Errorf("an error of nothing wraps %v", got)
	}
}
