package provision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/provision"
)

var resource = rdsiam.Resource{ID: "db-RDSIAMTEST0123456789ABCDEF", Region: "us-east-1", AccountID: "123456789012"}

// names are account names and what becomes of them, by engine.
var names = []struct {
	name    string
	want    [3]error // PostgreSQL, MySQL, MariaDB; nil is accepted
	foreign bool     // not Latin-1: no policy can hold it
}{
	{name: "iam_sre"},
	{name: "MiXeD"},
	{name: "with space"},
	{name: `o'brien "x" \ $$ $rdsiam_$`},
	{name: "a`b``c"},
	{name: "a;DROP ROLE b;--"},
	{name: "/* x */ # x"},
	{name: "%s%d%I_%"},
	{name: "a*b?c${aws:username}"},
	{name: "u@h"},
	{name: "current_user"},
	{name: "Jürgen"},
	{name: "ÿ"},
	{name: "+goose Down"},
	{name: "{{name}}"},
	{name: "пользователь", foreign: true},
	{name: "日本", foreign: true},
	{name: "🦀", want: [3]error{nil, provision.ErrInvalidName, provision.ErrInvalidName}, foreign: true},
	{name: strings.Repeat("a", 32)},
	{name: strings.Repeat("a", 33), want: [3]error{nil, provision.ErrInvalidName, nil}},
	{name: strings.Repeat("é", 32), want: [3]error{provision.ErrInvalidName, nil, nil}}, // 64 bytes
	{name: strings.Repeat("a", 63), want: [3]error{nil, provision.ErrInvalidName, nil}},
	{name: strings.Repeat("a", 64), want: [3]error{provision.ErrInvalidName, provision.ErrInvalidName, nil}},
	{name: strings.Repeat("a", 128), want: [3]error{provision.ErrInvalidName, provision.ErrInvalidName, nil}},
	{name: strings.Repeat("a", 129), want: all(provision.ErrInvalidName)},
	{name: "", want: all(provision.ErrInvalidName)},
	{name: " leading", want: all(provision.ErrInvalidName)},
	{name: "trailing ", want: all(provision.ErrInvalidName)},
	{name: "a\nb", want: all(provision.ErrInvalidName)},
	{name: "a\x00b", want: all(provision.ErrInvalidName)},
	{name: "a\x7fb", want: all(provision.ErrInvalidName)},
	{name: "a\u0085b", want: all(provision.ErrInvalidName)},
	{name: "\xff", want: all(provision.ErrInvalidName)},
	{name: "public", want: [3]error{provision.ErrReservedName, provision.ErrReservedName, provision.ErrReservedName}},
	{name: "none", want: [3]error{provision.ErrReservedName, nil, nil}},
	{name: "pg_read_all_data", want: [3]error{provision.ErrReservedName, nil, nil}},
	{name: "rds_iam", want: all(provision.ErrReservedName)},
	{name: "RDS_superuser", want: all(provision.ErrReservedName)},
	{name: "rds_ad", want: all(provision.ErrReservedName)},
	{name: "rds_iam_user"},
	{name: "rds_"},
	{name: "rds_superuser_role", want: [3]error{nil, provision.ErrReservedName, provision.ErrReservedName}},
	{name: "rdstopmgr", want: all(provision.ErrReservedName)},
	{name: "rdsadmin", want: all(provision.ErrReservedName)},
	{name: "rdsproxyadmin", want: all(provision.ErrReservedName)},
	{name: "root", want: [3]error{nil, provision.ErrReservedName, provision.ErrReservedName}},
	{name: "mysql.sys", want: [3]error{nil, provision.ErrReservedName, provision.ErrReservedName}},
}

func all(err error) [3]error { return [3]error{err, err, err} }

// A name is accepted or refused alike by the SQL, by the ARN of the account, and, as
// far as it does not depend on the engine, by that of the library.
func TestNames(t *testing.T) {
	for _, tt := range names {
		for i, engine := range []provision.Engine{provision.PostgreSQL, provision.MySQL, provision.MariaDB} {
			a := provision.Account{Engine: engine, Name: tt.name}
			p, err := a.Plan()
			if !errors.Is(err, tt.want[i]) {
				t.Errorf("%s %q: plan says %v, want %v", engine, tt.name, err, tt.want[i])
				continue
			}
			if err != nil {
				config := (*rdsiam.ConfigError)(nil)
				if p != nil || !errors.As(err, &config) || config.Setting != "Account.Name" || config.Fix == "" {
					t.Errorf("%s %q: %v is no full ConfigError", engine, tt.name, err)
				}
			} else if warned := len(p.Warnings) > 0; warned != tt.foreign {
				t.Errorf("%s %q: warnings %q", engine, tt.name, p.Warnings)
			}
			_, err = a.UserARN(resource)
			if refused := tt.want[i] != nil || tt.foreign; (err != nil) != refused {
				t.Errorf("%s %q: UserARN says %v, refused should be %v", engine, tt.name, err, refused)
			}
			if _, err := resource.User(tt.name); err != nil && tt.want[i] == nil && !tt.foreign {
				t.Errorf("%s %q: the SQL accepts what the policy refuses: %v", engine, tt.name, err)
			}
		}
	}
}

func TestReach(t *testing.T) {
	proxy := resource
	proxy.ID = "prx-0abc12def"
	for _, tt := range []struct {
		reach           provision.Reach
		database, proxy bool
	}{{provision.Direct, true, false}, {provision.ProxyEndToEnd, true, true}, {provision.ProxyStandard, false, true}} {
		a := provision.Account{Engine: provision.PostgreSQL, Name: "app", Reach: tt.reach}
		if _, err := a.UserARN(resource); (err == nil) != tt.database {
			t.Errorf("reach %d, database: %v", tt.reach, err)
		}
		if _, err := a.UserARN(proxy); (err == nil) != tt.proxy {
			t.Errorf("reach %d, proxy: %v", tt.reach, err)
		}
	}
}

// What a server accepts as a name comes back from it as it was.
func TestNamesRoundTrip(t *testing.T) {
	onPostgreSQL(t, func(t *testing.T, s *testServer) {
		testNamesRoundTrip(t, s, "postgres", "SELECT rolname FROM pg_roles WHERE rolname::text = $1")
	})
	onMySQL(t, func(t *testing.T, s *testServer) {
		testNamesRoundTrip(t, s, "", "SELECT User FROM mysql.user WHERE User = ? AND Host = '%'")
	})
}

func testNamesRoundTrip(t *testing.T, s *testServer, database, lookUp string) {
	db := s.runner(t, database)
	for _, tt := range names {
		if tt.want[s.engine-provision.PostgreSQL] != nil {
			continue
		}
		a := provision.Account{Engine: s.engine, Name: tt.name}
		apply(t, db, plan(t, a))
		if got := query(t, db, lookUp, tt.name); got != tt.name {
			t.Errorf("%q became %q", tt.name, got)
		}
		noDrift(t, db, a)
		drop, err := a.PlanDrop(provision.DropOptions{})
		if err != nil {
			t.Fatal(err)
		}
		apply(t, db, drop)
		if got := query(t, db, lookUp, tt.name); got != "" {
			t.Errorf("%q is still there", tt.name)
		}
	}
}

// A host with a slash is a network that the engine knows, and no wildcard stands twice.
func TestHosts(t *testing.T) {
	for host, accepted := range map[string][2]bool{ // by MySQL, by MariaDB
		"10.0.0.0/255.0.0.0":      {true, true},
		"10.1.0.0/255.255.0.0":    {true, true},
		"10.0.0.0/16":             {true, false},
		"10.0.0.1/16":             {false, false},
		"10.0.0.0/33":             {false, false},
		"10.0.0.0/255.128.0.0":    {false, false},
		"10.1.0.0/255.0.0.0":      {false, false},
		"/":                       {false, false},
		"/255.0.0.0":              {false, false},
		"app/1":                   {false, false},
		"%%":                      {false, false},
		"10.%":                    {true, true},
		"%.eu-west-1.example.com": {true, true},
	} {
		for i, engine := range []provision.Engine{provision.MySQL, provision.MariaDB} {
			_, err := provision.Account{Engine: engine, Name: "app", Host: host}.Plan()
			if (err == nil) != accepted[i] || err != nil && !errors.Is(err, provision.ErrInvalidName) {
				t.Errorf("%s %s: %v", engine, host, err)
			}
		}
	}
}
