package doctor_test

import (
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/flagwords"
)

// knownCauses is what the library explains refusals with.
func knownCauses(t *testing.T) []rdsiam.Cause {
	t.Helper()
	refusals := []error{
		&pgconn.PgError{Code: "28000", Message: "PAM authentication failed"},
		&pgconn.PgError{Code: "28000", Message: `role "app" is not permitted to log in`},
		&pgconn.PgError{Code: "28P01", Message: "password authentication failed"},
		&pgconn.PgError{Code: "3D000", Message: "no database"},
		&pgconn.PgError{Code: "42501", Message: "permission denied for database"},
		&mysql.MySQLError{Number: 1045, SQLState: [5]byte([]byte("28000")), Message: "Access denied"},
		&mysql.MySQLError{Number: 1524, Message: "Plugin is not loaded"},
	}
	var causes []rdsiam.Cause
	for _, endpoint := range []struct{ dialed, signed, region string }{
		{ordersHost, "", ""},
		{"localhost", ordersHost, ""},
		{"db.example.com", "", "eu-west-1"},
		{"p.proxy-abc123.eu-west-1.rds.amazonaws.com", "", ""},
		{"g.global-abc123.global.rds.amazonaws.com", "", "eu-west-1"},
	} {
		var options []rdsiam.EndpointOption
		if endpoint.signed != "" {
			options = append(options, rdsiam.WithEndpoint(endpoint.signed))
		}
		if endpoint.region != "" {
			options = append(options, rdsiam.WithRegion(endpoint.region))
		}
		resolved, err := rdsiam.ResolveEndpoint(endpoint.dialed, 5432, options...)
		if err != nil {
			t.Fatal(err)
		}
		for _, refusal := range refusals {
			causes = append(causes, resolved.Explain(refusal).Causes...)
		}
	}
	return causes
}

// People at a shell are not told of options of the library.
func TestCommandLineWords(t *testing.T) {
	for _, cause := range knownCauses(t) {
		for _, text := range []string{cause.Text, cause.Fix} {
			if said := flagwords.Replace(text); strings.Contains(said, "rdsiam.With") {
				t.Errorf("%q is told as %q", text, said)
			}
		}
	}
}
