package connect

import (
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestOpenAnywhere(t *testing.T) {
	server := startPostgreSQL(t, rdsiamtest.WithPasswordUser("local", "secret"))
	credentials, err := server.Credentials().Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", credentials.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", credentials.SecretAccessKey)
	t.Setenv("AWS_SESSION_TOKEN", credentials.SessionToken)
	for auth, dsn := range map[string]string{
		"password": "postgres://local:secret@" + server.Addr().String() + "/shop?sslmode=verify-ca",
		"iam":      "postgres://app@" + server.Addr().String() + "/shop",
		"":         "postgres://app@localhost/shop",
	} {
		t.Setenv("DATABASE_AUTH", auth)
		t.Setenv("DATABASE_URL", dsn)
		db, err := openAnywhere(t.Context(), rdsiam.WithEndpoint(server.Endpoint()))
		if auth == "" {
			if err == nil {
				t.Error("nothing says how to log in, and that is taken")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.PingContext(t.Context()); err != nil {
			t.Errorf("%s: %v", auth, err)
		}
	}
}

func TestPartitionRoots(t *testing.T) {
	server := startPostgreSQL(t)
	file := filepath.Join(t.TempDir(), "bundle.pem")
	if _, err := partitionRoots(file); err == nil {
		t.Error("no file is taken for one")
	}
	if err := os.WriteFile(file, server.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	roots, err := partitionRoots(file)
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := rdsiam.ResolveEndpoint("prod.abc123.us-gov-west-1.rds.amazonaws.com:5432", 0, roots)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := endpoint.TLSConfig(nil); err != nil {
		t.Error(err)
	}
}
