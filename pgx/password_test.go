package rdspgx_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

const hunter = "hunter2"

// dsnsWithPassword are the ways to write a password into a DSN.
var dsnsWithPassword = map[string]string{
	"userinfo":                     "postgres://app:" + hunter + "@" + instance + "/db",
	"userinfo, encoded":            "postgresql://app:%68unter2@" + instance + "/db",
	"userinfo without a user":      "postgres://:" + hunter + "@" + instance + "/db",
	"userinfo with more colons":    "postgres://app:" + hunter + ":x@" + instance + "/db",
	"query":                        dsn + "?password=" + hunter,
	"query without a path":         "postgres://app@" + instance + "?password=" + hunter,
	"query, later":                 dsn + "?sslmode=require&password=" + hunter,
	"query, encoded key":           dsn + "?pass%77ord=" + hunter,
	"query, key in spaces":         dsn + "? password =" + hunter,
	"query after ? in the user":    "postgres://a?b@" + instance + "/db?password=" + hunter,
	"query, after an odd encoding": dsn + "?application_name=%zz&password=" + hunter,
	"keyword":                      "host=" + instance + " user=app password=" + hunter,
	"keyword, first":               "password=" + hunter + " host=" + instance + " user=app",
	"keyword, spaces":              "host=" + instance + " user=app password = " + hunter,
	"keyword, tab":                 "host=" + instance + "\tuser=app\tpassword=" + hunter,
	"keyword, quoted":              "host=" + instance + " user=app password='" + hunter + " with spaces'",
	"keyword, escaped":             "host=" + instance + ` user=app password=hunt\er2`,
	"keyword, beside direct TLS":   "host=" + instance + " sslnegotiation=direct\tpassword=" + hunter,
	"keyword, x":                   "host=" + instance + " user=app password=x",
	"keyword, twice":               "host=" + instance + " user=app password=first password=" + hunter,
}

func TestPasswordInDSNIsRefused(t *testing.T) {
	for name, dsn := range dsnsWithPassword {
		t.Run(name, func(t *testing.T) {
			_, err := rdspgx.ParseDSN(dsn)
			wantConfigError(t, err, noPassword)
		})
	}
}

func TestDSNsWithoutPassword(t *testing.T) {
	home(t, ".pgpass", []byte("*:*:*:*:"+hunter+"\n"))
	t.Setenv("PGPASSWORD", hunter)
	for name, dsn := range map[string]string{
		"the word in a value":       "host=" + instance + " user=app application_name='my password=x app'",
		"the word as a user":        "postgres://password@" + instance + "/password",
		"the word in a quoted name": dsn + "?application_name=password",
		"empty userinfo":            "postgres://app:@" + instance + "/db",
		"empty in the query":        dsn + "?password=",
		"empty keyword":             "host=" + instance + " user=app password=''",
		"password of a client key":  dsn + "?sslpassword=x",
		"beside direct TLS":         "host=" + instance + " user=app sslnegotiation=direct application_name='a password'",
		"environment only":          dsn,
		"many arguments":            "host=" + instance + " user=app passfile=/none " + strings.Repeat("application_name=x ", 20),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := rdspgx.ParseDSN(dsn); err != nil {
				t.Error(err)
			}
		})
	}
}

// No error shows the password of a DSN, whatever else is wrong with it.
func TestErrorsOfDSNsShowNoPassword(t *testing.T) {
	for name, dsn := range dsnsWithPassword {
		for _, damage := range []string{"%s", "%s&sslmode=x", "%s sslmode=x", "%s'", "%s channel_binding=x", "\x00%s", "%s %%00", "user %s", "port=x %s", "x`: %s", "postgres://%s"} {
			_, err := rdspgx.ParseDSN(fmt.Sprintf(damage, dsn))
			for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
				if strings.Contains(text, hunter) || strings.Contains(text, `hunt\er2`) {
					t.Errorf("%s, %s: %s", name, damage, text)
				}
			}
		}
	}
}

// pgx quotes values. A list in the style of other databases is one value.
func TestErrorsOfForeignDSNsShowNoPassword(t *testing.T) {
	for _, dsn := range []string{
		"host=" + instance + " target_session_attrs=any;Password=" + hunter,
		"host=" + instance + " sslrootcert=/none;password=" + hunter,
		"Server=" + instance + ";Password=" + hunter + ";Port=x port=x",
	} {
		_, err := rdspgx.ParseDSN(dsn)
		wantConfigError(t, err, unreadable+" (no reason is shown, since the DSN mentions a password)"+writeIt)
	}
}

func TestOtherPasswordsAreIgnored(t *testing.T) {
	server := start(t)
	tests := []struct {
		name    string
		prepare func(*testing.T)
		change  func(*pgx.ConnConfig)
	}{
		{"PGPASSWORD", func(t *testing.T) { t.Setenv("PGPASSWORD", hunter) }, nil},
		{".pgpass", func(t *testing.T) { home(t, ".pgpass", []byte("*:*:*:*:"+hunter+"\n")) }, nil},
		{"service file", func(t *testing.T) {
			t.Setenv("PGSERVICEFILE", writeFile(t, "services", []byte("[mine]\npassword="+hunter+"\n")))
			t.Setenv("PGSERVICE", "mine")
		}, nil},
		{"Config.Password", func(*testing.T) {}, func(c *pgx.ConnConfig) { c.Password = hunter }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.prepare(t)
			config := configFor(t, server, "")
			if test.change != nil {
				test.change(config)
			}
			if config.Password != hunter {
				t.Fatal("pgx does not see the password; this test is of no use")
			}
			if err := open(t, newDriver(t, config, rdsiam.WithRootCAs(server.RootCAs())), tokensOf(server)); err != nil {
				t.Error(err)
			}
			if config.Password != hunter {
				t.Error("New changed the caller's configuration")
			}
			if _, err := connect(t, hookFor(server), config); err != nil {
				t.Error(err)
			}
			if config.Password != "" {
				t.Error("the hook left a password in the configuration")
			}
		})
	}
	if ok, all := accepted(server); ok != all {
		t.Errorf("%d of %d logins accepted: another password than the token was sent", ok, all)
	}
}

func FuzzParseDSN(f *testing.F) {
	for _, dsn := range dsnsWithPassword {
		f.Add(dsn)
	}
	for _, dsn := range []string{
		"", dsn, dsn + "?sslmode=allow", dsn + "?sslmode=disable", dsn + "?sslmode=verify-ca", "postgres://app@" + instance + "," + other + ":1/db",
		"postgres://app@" + instance + ":1," + instance + ":2/db?target_session_attrs=prefer-standby", "user=app host=" + instance + "," + other + " port=1,2",
		"user='a b' host=" + instance, "user=app host=/tmp," + instance, "host=" + instance + ". user=app sslsni=0", dsn + "?sslnegotiation=direct",
		"postgres://app@[::1]," + instance, dsn + "?channel_binding=require", dsn + "?require_auth=password",
	} {
		f.Add(dsn)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		if strings.Contains(dsn, "file") || strings.Contains(dsn, "cert") || strings.Contains(dsn, "key") || strings.Contains(dsn, "service") {
			return // names files of this machine
		}
		d, err := rdspgx.ParseDSN(dsn)
		given, parseErr := pgx.ParseConfig(dsn)
		if parseErr == nil && given.Password != "" {
			if err == nil {
				t.Fatalf("accepted a password: %q", dsn)
			}
			if len(given.Password) > 7 && strings.Contains(err.Error(), given.Password) {
				t.Fatalf("%q: the error shows the password: %v", dsn, err)
			}
		}
		if err != nil {
			return
		}
		config, err := d.Prepared()
		if err != nil {
			t.Fatalf("%q: accepted, and refused at the second look: %v", dsn, err)
		}
		wantVerifiedTLS(t, config)
		if given := len(given.Fallbacks) + 1; len(config.Fallbacks)+1 > given {
			t.Errorf("%q: %d entries became %d", dsn, given, len(config.Fallbacks)+1)
		}
	})
}
