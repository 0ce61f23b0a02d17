package rdsmysql_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// FuzzParseDSN reads before + after, and before + ":" + a password + after.
func FuzzParseDSN(f *testing.F) {
	for _, seed := range [][2]string{
		{"app", "@tcp(" + testAddr + ")/app"},
		{"app", "@tcp(" + testHost + ")/app?tls=true&parseTime=true&loc=UTC&charset=utf8mb4&collation=utf8mb4_bin"},
		{"app", "@tcp(" + testAddr + ")/?tls=preferred"},
		{"app", "@tcp(" + testAddr + ")/?tls=skip-verify&allowCleartextPasswords=1"},
		{"app", "@tcp(" + testAddr + ")/?tls=false&allowFallbackToPlaintext=1"},
		{"app", "@tcp(" + testAddr + ")/?allowNativePasswords=0&allowOldPasswords=1&compress=1"},
		{"app", "@unix(/tmp/mysql.sock)/app"},
		{"app", "/x@tcp(" + testAddr + ")/app%zz"},
		{"app@tcp(" + testAddr + ")/", "@?tls=x"},
		{"app@tcp(" + testAddr + ")/?tls=", "&strict=1"},
		{"app@tcp(" + testAddr + ")/?serverPubKey=a&a", "=%zz"},
		{"app\x00", "@tcp([::1]:3306)/"},
		{"unix", "(x)/@"},
		{"(", ")/"},
		{"mysql", "//app@" + testAddr + "/app"},
		{strings.Repeat("u", 81), "@tcp(" + testAddr + ")/"},
		{"", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	const password = "S3NTINEL-secret"
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, dsn := range []string{before + after, before + ":" + password + after} {
			d, err := rdsmysql.ParseDSN(dsn)
			if err != nil {
				var refused *rdsiam.ConfigError
				if !errors.As(err, &refused) {
					t.Errorf("got %T %v, want a ConfigError", err, err)
				}
				if strings.Contains(err.Error(), password) && isPassword(before, after) {
					t.Errorf("the error shows the password: %v", err)
				}
				continue
			}
			prepared, err := d.Prepared()
			if err != nil {
				t.Fatal(err)
			}
			if prepared.TLS == nil || prepared.TLS.InsecureSkipVerify || prepared.TLS.MinVersion < tls.VersionTLS12 ||
				prepared.TLS.ServerName != d.Login().Endpoint.Host() || prepared.AllowFallbackToPlaintext {
				t.Errorf("a token would travel without verified TLS: %+v", prepared.TLS)
			}
			if prepared.Passwd != "" || prepared.AllowOldPasswords {
				t.Error("a password or old passwords are left")
			}
		}
	})
}

// isPassword reports whether a person would take what stands between before and after
// for a password: a user comes before it, and an at sign at some point after.
func isPassword(before, after string) bool {
	return !strings.ContainsAny(before, "(/@?") && strings.Contains(after, "@")
}
