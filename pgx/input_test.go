package rdspgx_test

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/faketoken"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// Texts that several errors end with.
const (
	notIP = `: a token is signed for the name of an RDS endpoint, not for an IP address or a local name; ` +
		`name the RDS endpoint; behind a tunnel dial the tunnel and name the endpoint with WithEndpoint`
	unixSocket = `: is a unix socket, which pgx takes where no host is named; RDS has none; name the endpoint in the DSN or in PGHOST`
	unreadable = `rdsiam: DSN: pgx cannot read it, or the environment and files that complete it`
	writeIt    = `; write it as postgres://user@host:5432/database?parameter=value, or as user=… host=… dbname=…`
	nulDSN     = `rdsiam: DSN: contains a NUL byte, which ends a name on the wire; remove it`
	noPassword = `rdsiam: DSN: contains a password, and the login uses a token in its place; remove the password`
	noBinding  = `rdsiam: channel_binding "require": needs SCRAM, and a token is sent as a clear-text password inside TLS; ` +
		`remove channel_binding from the DSN and PGCHANNELBINDING from the environment`
	noMethod = `: forbids the method password, by which RDS asks for tokens; set require_auth=password, or remove it and PGREQUIREAUTH`
)

func TestDSNsThatAreRefused(t *testing.T) {
	long := strings.Repeat("ä", 32)
	tests := []struct {
		name, dsn string
		env       map[string]string
		options   []rdsiam.EndpointOption
		want      string
	}{
		{name: "over-long user", dsn: "postgres://" + long + "@" + instance,
			want: `rdsiam: user "` + long[:62] + `\xc3…": has 64 bytes, and PostgreSQL cuts names to 63; name the role as the database spells it`},
		{name: "NUL in the user", dsn: "user=a\x00b host=" + instance, want: nulDSN},
		{name: "NUL in the user of a URL", dsn: "postgres://a%00b@" + instance, want: nulDSN},
		{name: "user that is not UTF-8", dsn: "postgres://a%ffb@" + instance,
			want: `rdsiam: user "a\xffb": is not valid UTF-8; name the database user as the database spells it`},

		{name: "IP address", dsn: "postgres://app@127.0.0.1/db", want: `rdsiam: endpoint "127.0.0.1"` + notIP},
		{name: "IPv6 address", dsn: "postgres://app@[::1]/db", want: `rdsiam: endpoint "::1"` + notIP},
		{name: "localhost", dsn: "postgres://app@localhost/db", want: `rdsiam: endpoint "localhost"` + notIP},
		{name: "unix socket", dsn: "user=app host=/run/db", want: `rdsiam: host "/run/db"` + unixSocket},
		{name: "unix socket from PGHOST", dsn: "user=app", env: map[string]string{"PGHOST": "/run/db"}, want: `rdsiam: host "/run/db"` + unixSocket},
		{name: "IP address from PGHOST", dsn: "postgres://app@/db", env: map[string]string{"PGHOST": "10.0.0.1"}, want: `rdsiam: endpoint "10.0.0.1"` + notIP},

		{name: "port zero", dsn: "postgres://app@" + instance + ":0/db", want: unreadable + `: invalid port, which must be a number from 1 to 65535` + writeIt},
		{name: "port over 65535", dsn: "postgres://app@" + instance + ":65536/db", want: unreadable + `: invalid port, which must be a number from 1 to 65535` + writeIt},
		{name: "port in words", dsn: "user=app port=http host=" + instance, want: unreadable + `: invalid port, which must be a number from 1 to 65535` + writeIt},
		{name: "more ports than hosts", dsn: "user=app port=1,2 host=" + instance, want: unreadable + `: could not match 2 port numbers to 1 hosts` + writeIt},

		{name: "unknown host", dsn: "postgres://app@db.example.com/db",
			want: `rdsiam: endpoint "db.example.com": not the name of an RDS endpoint, so its region and the name to sign are unknown; ` +
				`check the spelling (RDS names look like NAME.ID.REGION.rds.amazonaws.com); for an alias, name the RDS endpoint behind it with WithEndpoint, or give WithRegion to sign this name as it is`},
		{name: "unknown host as the second", dsn: "postgres://app@" + instance + ",db.example.com/db",
			want: `rdsiam: endpoint "db.example.com": not the name of an RDS endpoint, so its region and the name to sign are unknown; ` +
				`check the spelling (RDS names look like NAME.ID.REGION.rds.amazonaws.com); for an alias, name the RDS endpoint behind it with WithEndpoint, or give WithRegion to sign this name as it is`},
		{name: "contradicting region", dsn: dsn, options: []rdsiam.EndpointOption{rdsiam.WithRegion("eu-west-1")},
			want: `rdsiam: WithRegion "eu-west-1": contradicts the host name "` + instance + `", which is in us-east-1; correct one of them, or leave WithRegion out`},
		{name: "custom endpoint", dsn: "postgres://app@c.cluster-custom-abc123.us-east-1.rds.amazonaws.com/db",
			want: `rdsiam: endpoint "c.cluster-custom-abc123.us-east-1.rds.amazonaws.com": AWS does not accept tokens that are signed for an Aurora custom endpoint; ` +
				`give the cluster endpoint (…cluster-…, without custom) with WithEndpoint and dial this one`},
		{name: "PrivateLink of DSQL", dsn: "postgres://admin@vpce-0123.dsql-fnh4.us-east-1.vpce.amazonaws.com/postgres",
			want: `rdsiam: endpoint "vpce-0123.dsql-fnh4.us-east-1.vpce.amazonaws.com": a name of Aurora DSQL that is not one of a cluster, for which a token is signed; ` +
				`name the cluster, CLUSTER.dsql.REGION.on.aws; behind PrivateLink or a tunnel dial this name and name the cluster with WithEndpoint`},
		{name: "region without roots", dsn: "postgres://app@c.cluster-abc123.us-gov-east-1.rds.amazonaws.com/db",
			want: `rdsiam: endpoint "c.cluster-abc123.us-gov-east-1.rds.amazonaws.com:5432": the embedded RDS roots (bundle of 2026-09-21) have none for the region us-gov-east-1; ` +
				`give the bundle that AWS publishes for the region with WithRootCAs: https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem`},
		{name: "one host twice", dsn: "postgres://app@" + instance + "," + strings.ToUpper(instance) + "/db",
			want: `rdsiam: host "` + instance + `,` + strings.ToUpper(instance) + `": both stand for ` + instance + `:5432; rdsiam.WithEndpoint does not fit several hosts; name one host`},
		{name: "WithEndpoint for two hosts", dsn: "postgres://app@" + instance + "," + other + "/db", options: []rdsiam.EndpointOption{rdsiam.WithEndpoint(proxy)},
			want: `rdsiam: host "` + instance + `,` + other + `": both stand for ` + proxy + `:5432; rdsiam.WithEndpoint does not fit several hosts; name one host`},
		{name: "nil option", dsn: dsn, options: []rdsiam.EndpointOption{nil}, want: "rdsiam: EndpointOption: an option is nil; leave it out"},

		{name: "channel_binding", dsn: dsn + "?channel_binding=require", want: noBinding},
		{name: "PGCHANNELBINDING", dsn: dsn, env: map[string]string{"PGCHANNELBINDING": "require"}, want: noBinding},
		{name: "require_auth without password", dsn: dsn + "?require_auth=scram-sha-256,md5", want: `rdsiam: require_auth "scram-sha-256,md5"` + noMethod},
		{name: "require_auth against password", dsn: "user=app host=" + instance + " require_auth='!md5, !password'", want: `rdsiam: require_auth "!md5, !password"` + noMethod},
		{name: "PGREQUIREAUTH", dsn: dsn, env: map[string]string{"PGREQUIREAUTH": "none"}, want: `rdsiam: require_auth "none"` + noMethod},

		{name: "unknown sslmode", dsn: dsn + "?sslmode=verify", want: unreadable + `: failed to configure TLS (sslmode is invalid)` + writeIt},
		{name: "sslrootcert that is not there", dsn: dsn, env: map[string]string{"PGSSLROOTCERT": "/not/there"},
			want: unreadable + `: failed to configure TLS (unable to read CA file: open /not/there: no such file or directory)` + writeIt},
		{name: "unknown target_session_attrs", dsn: dsn + "?target_session_attrs=writer", want: unreadable + `: unknown target_session_attrs value: writer` + writeIt},
		{name: "no keyword", dsn: instance, want: unreadable + `: failed to parse as keyword/value` + writeIt},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			_, err := rdspgx.ParseDSN(test.dsn, test.options...)
			wantConfigError(t, err, test.want)
		})
	}
}

func TestDSNsThatAreAccepted(t *testing.T) {
	services := writeFile(t, "services", []byte("[mine]\nhost="+instance+"\nuser=app\nport=6432\npassword=ignored\n"))
	tests := []struct {
		name, dsn string
		env       map[string]string
		options   []rdsiam.EndpointOption
		want      string // the login
	}{
		{name: "URL", dsn: dsn, want: "app@" + instance + ":5432"},
		{name: "keywords", dsn: "user=app host=" + instance + " port=6432", want: "app@" + instance + ":6432"},
		{name: "user of 63 bytes", dsn: "postgres://" + strings.Repeat("u", 63) + "@" + instance, want: strings.Repeat("u", 63) + "@" + instance + ":5432"},
		{name: "environment", env: map[string]string{"PGHOST": instance, "PGUSER": "app", "PGPORT": "6432"}, want: "app@" + instance + ":6432"},
		{name: "service", env: map[string]string{"PGSERVICE": "mine", "PGSERVICEFILE": services}, want: "app@" + instance + ":6432"},
		{name: "first of two hosts", dsn: "postgres://app@" + instance + "," + other, want: "app@" + instance + ":5432"},
		{name: "tunnel", dsn: "postgres://app@127.0.0.1:15432", options: []rdsiam.EndpointOption{rdsiam.WithEndpoint(instance)}, want: "app@" + instance + ":5432"},
		{name: "require_auth with password", dsn: dsn + "?require_auth=password,none", want: "app@" + instance + ":5432"},
		{name: "require_auth against others", dsn: dsn + "?require_auth=!md5", want: "app@" + instance + ":5432"},
		{name: "channel_binding=prefer", dsn: dsn + "?channel_binding=prefer", want: "app@" + instance + ":5432"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			d, err := rdspgx.ParseDSN(test.dsn, test.options...)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Login().User + "@" + d.Login().Endpoint.String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*pgx.ConnConfig)
		want   string
	}{
		{"no user", func(c *pgx.ConnConfig) { c.User = "" },
			"rdsiam: user: is empty, and the token is signed for a user; name the database user in the DSN or configuration"},
		{"NUL in the user", func(c *pgx.ConnConfig) { c.User = "a\x00b" },
			`rdsiam: user "a\x00b": contains a NUL byte, which ends a name on the wire; name the database user as the database spells it`},
		{"no host", func(c *pgx.ConnConfig) { c.Host = "" },
			`rdsiam: endpoint ":5432": the host is empty; give the RDS endpoint as host or host:port`},
		{"port zero", func(c *pgx.ConnConfig) { c.Port = 0 },
			`rdsiam: endpoint "` + instance + `:0": the port is part of what is signed and must be a number from 1 to 65535; give host:port`},
		{"unix socket of Windows", func(c *pgx.ConnConfig) { c.Host = `C:\db` }, `rdsiam: host "C:\\db"` + unixSocket},
		{"TLS 1.1", func(c *pgx.ConnConfig) { c.TLSConfig = &tls.Config{MaxVersion: tls.VersionTLS11} },
			`rdsiam: tls.Config.MaxVersion "TLS 1.1": a token may travel only inside TLS 1.2 or newer; leave MaxVersion zero`},
		{"not parsed", func(c *pgx.ConnConfig) { *c = pgx.ConnConfig{} },
			"rdsiam: pgx.ConnConfig: was not made by pgx.ParseConfig, which pgx demands; make it with pgx.ParseConfig and change its fields"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := parse(t, dsn+"?sslmode=require")
			test.change(config)
			_, err := rdspgx.New(config)
			wantConfigError(t, err, test.want)
			wantConfigError(t, rdspgx.BeforeConnect(noTokens)(t.Context(), config), test.want)
		})
	}
}

func TestNilIsRefused(t *testing.T) {
	const nilConfig = "rdsiam: pgx.ConnConfig: is nil; pass the result of pgx.ParseConfig"
	const nilTokens = "rdsiam: token source: is nil; pass the result of rdsiam.NewTokenSource"
	_, err := rdspgx.New(nil)
	wantConfigError(t, err, nilConfig)
	wantConfigError(t, rdspgx.BeforeConnect(noTokens)(t.Context(), nil), nilConfig)
	wantConfigError(t, rdspgx.BeforeConnect(nil)(t.Context(), parse(t, dsn)), nilTokens)
	wantConfigError(t, rdspgx.BeforeConnect(noTokens, nil)(t.Context(), parse(t, dsn)), "rdsiam: EndpointOption: an option is nil; leave it out")
	_, err = newDriver(t, parse(t, dsn)).Open(t.Context(), nil)
	wantConfigError(t, err, nilTokens)
	wantConfigError(t, open(t, nil, noTokens), "rdsiam: driver: is nil; check the error of ParseDSN or New, and pass the driver that it returned")

	server := start(t)
	_, err = connect(t, rdspgx.BeforeConnect(rdsiam.TokenSourceFunc(nil), rdsiam.WithRootCAs(server.RootCAs())), configFor(t, server, ""))
	wantConfigError(t, err, nilTokens)
	_, err = connect(t, rdspgx.BeforeConnect(rdsiam.NewTokenSource(nil), rdsiam.WithRootCAs(server.RootCAs())), configFor(t, server, ""))
	wantConfigError(t, err, "rdsiam: credentials provider: is nil; pass the Credentials of the aws.Config that config.LoadDefaultConfig returns")
	if all := len(server.Logins()); all != 0 {
		t.Errorf("the server heard of %d logins", all)
	}
}

func TestTokensThatAreNotSent(t *testing.T) {
	endpoint, err := rdsiam.ResolveEndpoint(instance, 5432)
	if err != nil {
		t.Fatal(err)
	}
	login := rdsiam.Login{Endpoint: endpoint, User: "app"}
	server := start(t)
	tests := []struct {
		name  string
		token rdsiam.Token
		want  string
	}{
		{"zero", rdsiam.Token{}, `returned an empty token and no error for app@` + instance + `:5432; return either a token or the reason why there is none`},
		{"empty", rdsiam.NewToken(" \n", time.Time{}), `returned an empty token and no error for app@`},
		{"expired", rdsiam.NewToken(faketoken.Text(login), time.Time{}), `the token source returned a token that has expired`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			source := rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) { return test.token, nil })
			wantContains(t, open(t, newDriver(t, configFor(t, server, ""), rdsiam.WithRootCAs(server.RootCAs())), source), test.want)
			_, err := connect(t, rdspgx.BeforeConnect(source, rdsiam.WithRootCAs(server.RootCAs())), configFor(t, server, ""))
			wantContains(t, err, test.want)
		})
	}
	if all := len(server.Logins()); all != 0 {
		t.Errorf("the server heard of %d logins", all)
	}
}
