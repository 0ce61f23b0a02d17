package provision_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// answers is a server of MySQL that a test cannot have: it answers a query that contains a
// key with a row, and has nothing else. Real ones take a minute to give up a lock, and are
// no reader of Aurora.
type answers map[string][]driver.Value

func (a answers) Connect(context.Context) (driver.Conn, error) { return a, nil }
func (a answers) Driver() driver.Driver                        { return nil }
func (a answers) Close() error                                 { return nil }
func (a answers) Begin() (driver.Tx, error)                    { return nil, errors.ErrUnsupported }
func (a answers) Prepare(string) (driver.Stmt, error)          { return nil, errors.ErrUnsupported }

func (a answers) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}

func (a answers) QueryContext(_ context.Context, text string, _ []driver.NamedValue) (driver.Rows, error) {
	for key, row := range a {
		if strings.Contains(text, key) {
			return &oneRow{row: row}, nil
		}
	}
	return &oneRow{}, nil
}

type oneRow struct{ row []driver.Value }

func (r *oneRow) Columns() []string { return make([]string, len(r.row)) }
func (r *oneRow) Close() error      { return nil }
func (r *oneRow) Next(values []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	copy(values, r.row)
	r.row = nil
	return nil
}

func TestMySQLPreflight(t *testing.T) {
	const readOnly, naming, lock, roles, settings = "@@global.innodb_read_only", "@@lower_case_table_names", "GET_LOCK", "mandatory_roles", "sql_select_limit"
	tests := []struct {
		name   string
		server answers
		want   error
	}{
		{"names in small letters", answers{readOnly: {"8.4.9", int64(0), int64(0)}, naming: {int64(1), int64(1), int64(0)}, lock: {int64(1)}}, provision.ErrInvalidName},
		{"ready", answers{readOnly: {"8.4.9", int64(0), int64(0)}, naming: {int64(1), int64(0), int64(0)}, lock: {int64(1)}, roles: {int64(0), int64(0)}, settings: {"", "18446744073709551615"}}, nil},
		{"read_only", answers{readOnly: {"8.4.9", int64(1), int64(0)}, naming: {int64(1), int64(0), int64(0)}, lock: {int64(1)}}, provision.ErrReadOnlyEndpoint},
		{"reader of Aurora", answers{readOnly: {"8.4.9", int64(0), int64(1)}, naming: {int64(1), int64(0), int64(0)}, lock: {int64(1)}}, provision.ErrReadOnlyEndpoint},
		{"lock is taken", answers{readOnly: {"8.4.9", int64(0), int64(0)}, naming: {int64(1), int64(0), int64(0)}, lock: {int64(0)}}, provision.ErrBusy},
		{"no lock", answers{readOnly: {"8.4.9", int64(0), int64(0)}, naming: {int64(1), int64(0), int64(0)}, lock: {nil}}, provision.ErrBusy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := sql.OpenDB(tt.server)
			defer db.Close()
			p := plan(t, provision.Account{Engine: provision.MySQL, Name: "preflight_user", Grants: []provision.Grant{provision.Table("preflight", "Items", provision.Select)}})
			report, err := provision.Apply(t.Context(), db, p)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.want != nil && len(report.Steps) > 0 {
				t.Errorf("did %v", report.Steps)
			}
		})
	}
}
