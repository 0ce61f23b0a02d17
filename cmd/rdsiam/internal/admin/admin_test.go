package admin_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/admin"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/dsn"
)

const host = "orders.abc123.eu-west-1.rds.amazonaws.com"

// The password of the master user goes to a verified server, whatever weaker setting the DSN
// of an RDS endpoint has.
func TestPostgreSQLVerifies(t *testing.T) {
	for _, mode := range []string{"", "?sslmode=allow", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-ca", "?sslmode=verify-full"} {
		config, err := admin.ConfigPostgreSQL("postgres://master:secret@"+host+":5432/db"+mode, nil)
		if mode == "?sslmode=allow" { // clear text first
			if err == nil {
				t.Error("sslmode=allow is taken")
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", mode, err)
			continue
		}
		c := config.TLSConfig
		if c == nil || c.InsecureSkipVerify || c.VerifyPeerCertificate != nil || c.ServerName != host || c.RootCAs == nil || len(config.Fallbacks) > 0 {
			t.Errorf("%s: %+v, %d fallbacks", mode, c, len(config.Fallbacks))
		}
	}
}

func TestMySQLVerifies(t *testing.T) {
	for _, mode := range []string{"", "?tls=true", "?tls=preferred", "?tls=skip-verify", "?allowFallbackToPlaintext=true"} {
		config := parseMySQL(t, "master:secret@tcp("+host+":3306)/db"+mode)
		if config == nil {
			t.Fatalf("%s cannot be read", mode)
		}
		if err := admin.Verify(config, nil); err != nil {
			t.Errorf("%s: %v", mode, err)
			continue
		}
		c := config.TLS
		if c == nil || c.InsecureSkipVerify || c.ServerName != host || c.RootCAs == nil || config.AllowFallbackToPlaintext || config.TLSConfig != "" {
			t.Errorf("%s: %+v, %+v", mode, c, config)
		}
	}
}

func parseMySQL(t *testing.T, text string) *mysql.Config {
	t.Helper()
	config, err := dsn.MySQL(text)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// silent is a server that accepts connections and says nothing.
type silent struct{}

func (silent) Driver() driver.Driver { return nil }
func (silent) Connect(ctx context.Context) (driver.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := sql.OpenDB(silent{})
		defer db.Close()
		began := time.Now()
		_, err := admin.EngineOf(t.Context(), db)
		if err == nil || !strings.HasPrefix(err.Error(), "the server does not answer within 10s; ") || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := admin.EngineOf(ctx, db); err == nil || !strings.HasPrefix(err.Error(), "interrupted: ") {
			t.Errorf("interrupted: %v", err)
		}
	})
}
