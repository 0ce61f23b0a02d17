package rdspgx_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// An @ in the user of a URL is written as %40; pgx cuts at the first.
func TestAtSignInTheUser(t *testing.T) {
	for dsn, code := range map[string]string{
		"postgres://a@b.com@" + instance + "/db":        "endpoint-at-sign",
		"postgres://a@b.com:5432@" + instance + "/db":   "dsn-at-sign",
		"postgres://app@" + instance + ",app@host2/db":  "endpoint-at-sign",
		"postgres://a%40b.com@" + instance + "/db":      "",
		"host=" + instance + " user=a@b.com":            "",
		"postgres://" + instance + "/db?user=a@b.com":   "",
		"postgres://app@" + instance + ":port/db?x=a@b": "dsn-unreadable",
	} {
		d, err := rdspgx.ParseDSN(dsn)
		var config *rdsiam.ConfigError
		switch {
		case code == "" && (err != nil || d.Login().User != "a@b.com"):
			t.Errorf("%s: %v", dsn, err)
		case code == "" || errors.As(err, &config) && code == "dsn-unreadable" && config.Code == code:
		case !errors.As(err, &config) || config.Code != code || !strings.Contains(config.Fix, "%40"):
			t.Errorf("%s: got %v, want the code %s", dsn, err, code)
		}
	}
}
