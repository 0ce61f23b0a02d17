package admin_test

import (
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/admin"
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
		config := admin.ParseMySQL("master:secret@tcp(" + host + ":3306)/db" + mode)
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
