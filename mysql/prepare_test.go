package rdsmysql_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// testConfig is a Config that can be used as it is.
func testConfig(change func(*mysql.Config)) *mysql.Config {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.DBName = "app", "tcp", testAddr, "app"
	if change != nil {
		change(config)
	}
	return config
}

func TestTLSTable(t *testing.T) {
	ownRoots := x509.NewCertPool()
	client := tls.Certificate{Certificate: [][]byte{{1}}}
	registered := &tls.Config{RootCAs: ownRoots, Certificates: []tls.Certificate{client}}
	if err := mysql.RegisterTLSConfig("own", registered); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mysql.DeregisterTLSConfig("own") })

	const remove = "remove tls from the DSN, or TLSConfig from the mysql.Config, and the connection uses TLS that verifies the server"
	tests := []struct {
		name   string
		change func(*mysql.Config)
		roots  *x509.CertPool // nil: filled in
		want   string         // "": accepted
	}{
		{name: "none"},
		{name: "true", change: func(c *mysql.Config) { c.TLSConfig = "true" }},
		{name: "custom", change: func(c *mysql.Config) { c.TLS = registered.Clone() }, roots: ownRoots},
		{name: "custom without roots", change: func(c *mysql.Config) { c.TLS = &tls.Config{Certificates: registered.Certificates} }},
		{name: "registered", change: func(c *mysql.Config) { c.TLSConfig = "own" }, roots: ownRoots},
		{name: "custom with the dialed name", change: func(c *mysql.Config) { c.TLS = &tls.Config{ServerName: testHost} }},
		{name: "custom with InsecureSkipVerify", change: func(c *mysql.Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} }},
		{
			name:   "false",
			change: func(c *mysql.Config) { c.TLSConfig = "false" },
			want:   `rdsiam: tls "false": would send the token in clear text; ` + remove,
		},
		{
			name:   "preferred",
			change: func(c *mysql.Config) { c.TLSConfig = "preferred" },
			want:   `rdsiam: tls "preferred": would send the token in clear text to a server that offers no TLS, and never verifies the server; ` + remove,
		},
		{
			name:   "skip-verify",
			change: func(c *mysql.Config) { c.TLSConfig = "skip-verify" },
			want:   `rdsiam: tls "skip-verify": would send the token to a server that nobody has verified; ` + remove + `; give roots of your own with rdsiam.WithRootCAs`,
		},
		{
			name:   "fallback to plaintext",
			change: func(c *mysql.Config) { c.AllowFallbackToPlaintext = true },
			want:   `rdsiam: AllowFallbackToPlaintext "true": would send the token in clear text to a server that offers no TLS; remove it`,
		},
		{
			name:   "fallback to plaintext of a custom config",
			change: func(c *mysql.Config) { c.TLS, c.AllowFallbackToPlaintext = &tls.Config{}, true },
			want:   `rdsiam: AllowFallbackToPlaintext "true": would send the token in clear text to a server that offers no TLS; remove it`,
		},
		{
			name:   "unknown name",
			change: func(c *mysql.Config) { c.TLSConfig = "nobody" },
			want: `rdsiam: mysql.Config: the driver does not accept it: invalid value / unknown config name: nobody; ` +
				`correct it; TLS configurations and server keys must be registered before they are named`,
		},
		{
			name:   "name of another server",
			change: func(c *mysql.Config) { c.TLS = &tls.Config{ServerName: "other.example.com"} },
			want: `rdsiam: tls.Config.ServerName "other.example.com": not the endpoint that the token is for, which is "` + testHost +
				`"; leave ServerName empty, or name the endpoint that is signed with WithEndpoint`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := testConfig(test.change)
			t.Run("New", func(t *testing.T) {
				d, err := rdsmysql.New(config)
				checkError(t, err, test.want)
				if test.want != "" {
					return
				}
				prepared, err := d.Prepared()
				if err != nil {
					t.Fatal(err)
				}
				checkVerified(t, prepared, test.roots)
			})
			t.Run("hook", func(t *testing.T) {
				checkHook(t, config, test.want, func(prepared *mysql.Config) { checkVerified(t, prepared, test.roots) })
			})
		})
	}
}

// checkHook applies a hook to config and has the driver connect as far as the dial,
// where see looks at the Config that is about to log in.
func checkHook(t *testing.T, config *mysql.Config, want string, see func(*mysql.Config), options ...rdsiam.EndpointOption) {
	t.Helper()
	config = config.Clone()
	errDialed := errors.New("dialed")
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, errDialed }
	source := &countingSource{}
	hook := rdsmysql.BeforeConnect(source, options...)
	var seen *mysql.Config
	err := config.Apply(mysql.BeforeConnect(func(ctx context.Context, config *mysql.Config) error {
		seen = config
		return hook(ctx, config)
	}))
	if err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		if !strings.Contains(want, err.Error()) {
			t.Errorf("NewConnector: got %v, want it in %q", err, want)
		}
		return
	}
	_, err = connector.Connect(t.Context())
	if want == "" {
		if err != errDialed {
			t.Fatalf("got %v, want a dial", err)
		}
		if !strings.HasSuffix(seen.Passwd, testSignature) {
			t.Error("the token is not in place")
		}
		see(seen)
		return
	}
	checkError(t, err, want)
	if seen.Passwd != "" || source.asked.Load() != 0 {
		t.Errorf("a token was asked for %d times for a Config that is refused", source.asked.Load())
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	var refused *rdsiam.ConfigError
	if !errors.As(err, &refused) {
		t.Fatalf("got %T %v, want a ConfigError", err, err)
	}
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func checkCode(t *testing.T, err error, want string) {
	t.Helper()
	var refused *rdsiam.ConfigError
	if !errors.As(err, &refused) || refused.Code != want {
		t.Errorf("got %v, want the code %q", err, want)
	}
}

// checkVerified fails unless a token can only travel in config inside verified TLS.
func checkVerified(t *testing.T, config *mysql.Config, roots *x509.CertPool) {
	t.Helper()
	if config.TLS == nil {
		t.Fatal("no TLS")
	}
	if config.TLS.InsecureSkipVerify || config.TLS.ServerName != testHost || config.TLS.MinVersion < tls.VersionTLS12 {
		t.Errorf("not verified: skip %v, name %q, version %x", config.TLS.InsecureSkipVerify, config.TLS.ServerName, config.TLS.MinVersion)
	}
	if config.TLS.RootCAs == nil {
		t.Error("no roots")
	}
	if roots != nil && !config.TLS.RootCAs.Equal(roots) {
		t.Error("the caller's roots are gone")
	}
	if config.AllowFallbackToPlaintext || config.AllowOldPasswords {
		t.Error("falls back to plaintext or old passwords")
	}
	if !config.AllowCleartextPasswords || !config.AllowNativePasswords {
		t.Error("cannot answer RDS")
	}
}

func TestCustomTLSIsKept(t *testing.T) {
	verified := false
	given := &tls.Config{
		Certificates:     []tls.Certificate{{Certificate: [][]byte{{1}}}},
		VerifyConnection: func(tls.ConnectionState) error { verified = true; return nil },
	}
	d, err := rdsmysql.New(testConfig(func(c *mysql.Config) { c.TLS = given }))
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := d.Prepared()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(prepared.TLS.Certificates, given.Certificates) {
		t.Error("the client certificate is gone")
	}
	if _ = prepared.TLS.VerifyConnection(tls.ConnectionState{}); !verified {
		t.Error("VerifyConnection is gone")
	}
}

func TestBadInput(t *testing.T) {
	const tunnel = "tunnel.example.com:13306"
	withEndpoint := []rdsiam.EndpointOption{rdsiam.WithEndpoint(testAddr)}
	tests := []struct {
		name    string
		change  func(*mysql.Config)
		options []rdsiam.EndpointOption
		want    string
	}{
		{
			name:   "no user",
			change: func(c *mysql.Config) { c.User = "" },
			want:   `rdsiam: user: is empty, and the token is signed for a user; name the database user in the DSN or configuration`,
		},
		{
			name:   "user with NUL",
			change: func(c *mysql.Config) { c.User = "app\x00root" },
			want:   `rdsiam: user "app\x00root": contains a NUL byte, which ends a name on the wire; name the database user as the database spells it`,
		},
		{
			name:   "user not UTF-8",
			change: func(c *mysql.Config) { c.User = "app\xff" },
			want:   `rdsiam: user "app\xff": is not valid UTF-8; name the database user as the database spells it`,
		},
		{name: "longest user", change: func(c *mysql.Config) { c.User = strings.Repeat("é", 128) }},
		{
			name:   "user too long",
			change: func(c *mysql.Config) { c.User = strings.Repeat("é", 129) },
			want: `rdsiam: user "` + strings.Repeat("é", 128) + `…": has 129 characters, and MariaDB allows 128, MySQL 32; ` +
				`name the database user as the database spells it`,
		},
		{
			name:   "no address",
			change: func(c *mysql.Config) { c.Addr = "" },
			want: `rdsiam: Addr "127.0.0.1:3306": is this machine, and what the driver dials where no address is given; it is no RDS endpoint; ` +
				`give the endpoint, as in user@tcp(host:3306)/database, and, if this is a tunnel, its other end with rdsiam.WithEndpoint`,
		},
		{
			name:   "IP address",
			change: func(c *mysql.Config) { c.Addr = "10.0.0.1:3306" },
			want: `rdsiam: endpoint "10.0.0.1": a token is signed for the name of an RDS endpoint, not for an IP address or a local name; ` +
				`name the RDS endpoint; behind a tunnel dial the tunnel and name the endpoint with WithEndpoint`,
		},
		{name: "default port", change: func(c *mysql.Config) { c.Addr = testHost }},
		{
			name:   "port out of range",
			change: func(c *mysql.Config) { c.Addr = testHost + ":65536" },
			want: `rdsiam: endpoint "` + testHost + `:65536": the port is part of what is signed and must be a number from 1 to 65535; ` +
				`give host:port`,
		},
		{
			name:   "unknown host",
			change: func(c *mysql.Config) { c.Addr = tunnel },
			want: `rdsiam: endpoint "tunnel.example.com": not the name of an RDS endpoint, so its region and the name to sign are unknown; ` +
				`check the spelling (RDS names look like NAME.ID.REGION.rds.amazonaws.com); for an alias, name the RDS endpoint behind it with WithEndpoint, or give WithRegion to sign this name as it is`,
		},
		{name: "tunnel", change: func(c *mysql.Config) { c.Addr = tunnel }, options: withEndpoint},
		{name: "tunnel on this machine", change: func(c *mysql.Config) { c.Addr = "127.0.0.1:13306" }, options: withEndpoint},
		{name: "registered network", change: func(c *mysql.Config) { c.Net, c.Addr = "ssh", "bastion" }, options: withEndpoint},
		{
			name:    "registered network without address",
			change:  func(c *mysql.Config) { c.Net, c.Addr = "ssh", "" },
			options: withEndpoint,
			want: `rdsiam: mysql.Config: the driver does not accept it: default addr for network 'ssh' unknown; ` +
				`correct it; TLS configurations and server keys must be registered before they are named`,
		},
		{
			name:   "contradicting region",
			change: nil, options: []rdsiam.EndpointOption{rdsiam.WithRegion("eu-west-1")},
			want: `rdsiam: WithRegion "eu-west-1": contradicts the host name "` + testHost + `", which is in us-east-1; ` +
				`correct one of them, or leave WithRegion out`,
		},
		{
			name:    "wrong WithEndpoint beside the default address",
			change:  func(c *mysql.Config) { c.Addr = "" },
			options: []rdsiam.EndpointOption{rdsiam.WithEndpoint("127.0.0.1")},
			want: `rdsiam: WithEndpoint "127.0.0.1": a token is signed for the name of an RDS endpoint, not for an IP address or a local name; ` +
				`name the RDS endpoint; behind a tunnel dial the tunnel and name the endpoint with WithEndpoint`,
		},
		{
			name:    "unix socket",
			change:  func(c *mysql.Config) { c.Net, c.Addr = "unix", "/tmp/mysql.sock" },
			options: withEndpoint,
			want: `rdsiam: net "unix": RDS has no unix sockets, and a socket has no host name to sign or verify; ` +
				`use tcp(host:3306), or a network registered with mysql.RegisterDialContext together with rdsiam.WithEndpoint`,
		},
		{
			name:   "old passwords",
			change: func(c *mysql.Config) { c.AllowOldPasswords = true },
			want:   `rdsiam: AllowOldPasswords "true": would let a server ask for a hash of the token that is easily reversed; RDS never does; remove it`,
		},
		{name: "native passwords not allowed", change: func(c *mysql.Config) { c.AllowNativePasswords = false }},
		{name: "password", change: func(c *mysql.Config) { c.Passwd = "secret" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := testConfig(test.change)
			d, err := rdsmysql.New(config, test.options...)
			checkError(t, err, test.want)
			if test.want == "" {
				prepared, err := d.Prepared()
				if err != nil {
					t.Fatal(err)
				}
				checkVerified(t, prepared, nil)
				if got := d.Login(); got.User != config.User || got.Endpoint.String() != testAddr {
					t.Errorf("Login: %v", got)
				}
			}
			checkHook(t, config, test.want, func(prepared *mysql.Config) { checkVerified(t, prepared, nil) }, test.options...)
		})
	}
}

// Inside a chain of BeforeConnect functions the driver does not look up names any more.
func TestTLSConfigNamedInHook(t *testing.T) {
	config := testConfig(nil)
	config.TLSConfig = "own"
	err := rdsmysql.BeforeConnect(&countingSource{})(t.Context(), config)
	checkError(t, err, `rdsiam: TLSConfig "own": was named inside a BeforeConnect function, where the driver no longer looks up registered TLS configurations; `+
		`name it in the Config that is given to mysql.NewConnector, or set Config.TLS`)
}

func TestNilConfig(t *testing.T) {
	_, err := rdsmysql.New(nil)
	checkError(t, err, "rdsiam: mysql.Config: is nil; make it with mysql.NewConfig or mysql.ParseDSN")
	for _, d := range []*rdsmysql.Driver{nil, {}} {
		_, err = d.Open(t.Context(), &countingSource{})
		checkError(t, err, "rdsiam: rdsmysql.Driver: is nil or its zero value; make it with rdsmysql.ParseDSN or rdsmysql.New")
		if got := d.Login(); got != (rdsiam.Login{}) {
			t.Errorf("Login: %v", got)
		}
		// Where the error of ParseDSN was not looked at, the login says what is wrong.
		hooked := d.WithBeforeConnect(func(context.Context, *mysql.Config) error { return nil })
		_, err = hooked.Open(t.Context(), &countingSource{})
		checkError(t, err, "rdsiam: rdsmysql.Driver: is nil or its zero value; make it with rdsmysql.ParseDSN or rdsmysql.New")
		if code, refused := d.Refused(&mysql.MySQLError{Number: 1045}); code != "1045" || !refused {
			t.Errorf("Refused: %q %v", code, refused)
		}
		if d.Driver() == nil {
			t.Error("Driver: nil")
		}
	}
}

func TestParseDSN(t *testing.T) {
	const form = "write it as user@tcp(host:3306)/database?parameter=value, with values percent-encoded"
	const parameter = "the driver does not accept its value; correct it; TLS configurations and server keys must be registered before they are named"
	tests := []struct {
		name, dsn, want string
	}{
		{name: "plain", dsn: "app@tcp(" + testAddr + ")/app"},
		{name: "parameters", dsn: "app@tcp(" + testAddr + ")/app?tls=true&parseTime=true&loc=Europe%2FVienna&sql_mode=%27ANSI%27"},
		{name: "empty password", dsn: "app:@tcp(" + testAddr + ")/app"},
		{name: "colon and at sign in a parameter", dsn: "app@tcp(" + testAddr + ")/app?connectionAttributes=a:b@c"},
		{
			name: "password", dsn: "app:secret@tcp(" + testAddr + ")/app",
			want: "rdsiam: DSN: contains a password, and the login uses a token in its place; remove the password: user@tcp(host:3306)/database",
		},
		{
			name: "password with a slash and an at sign", dsn: "app:se/cr@et@tcp(" + testAddr + ")/app",
			want: "rdsiam: DSN: contains a password, and the login uses a token in its place; remove the password: user@tcp(host:3306)/database",
		},
		{name: "password and a parameter that cannot be read", dsn: "app:secret@tcp(" + testAddr + ")/app?parseTime=secret", want: `rdsiam: DSN parameter "parseTime": ` + parameter},
		{name: "URL", dsn: "mysql://app:secret@" + testAddr + "/app", want: "rdsiam: DSN: is a URL, which go-sql-driver/mysql cannot read; " + form},
		{name: "no slash", dsn: "app:secret@tcp(" + testAddr + ")", want: "rdsiam: DSN: go-sql-driver/mysql cannot read it; " + form},
		{name: "no network", dsn: "app@" + testAddr + "/app", want: "rdsiam: DSN: go-sql-driver/mysql cannot read it; " + form},
		{name: "slash in the password and none at the end", dsn: "app:se/cret%zz@tcp(" + testAddr + ")", want: "rdsiam: DSN: go-sql-driver/mysql cannot read it; " + form},
		{name: "parameter in the password", dsn: "app:se/cr?et=%zz@tcp(" + testAddr + ")", want: "rdsiam: DSN: go-sql-driver/mysql cannot read it; " + form},
		{name: "database name", dsn: "app@tcp(" + testAddr + ")/app%zz", want: "rdsiam: DSN: go-sql-driver/mysql cannot read it; " + form},
		{name: "parameter name", dsn: "app@tcp(" + testAddr + ")/app?a:b=%zz", want: "rdsiam: DSN: go-sql-driver/mysql cannot read it; " + form},
		{name: "bool", dsn: "app@tcp(" + testAddr + ")/app?tls=true&parseTime=maybe", want: `rdsiam: DSN parameter "parseTime": ` + parameter},
		{name: "unknown TLS configuration", dsn: "app@tcp(" + testAddr + ")/app?tls=nobody", want: `rdsiam: DSN parameter "tls": ` + parameter},
		{name: "strict", dsn: "app@tcp(" + testAddr + ")/app?strict=true", want: `rdsiam: DSN parameter "strict": ` + parameter},
		{
			name: "empty", dsn: "",
			want: `rdsiam: Addr "127.0.0.1:3306": is this machine, and what the driver dials where no address is given; it is no RDS endpoint; ` +
				`give the endpoint, as in user@tcp(host:3306)/database, and, if this is a tunnel, its other end with rdsiam.WithEndpoint`,
		},
		{
			name: "tls=0", dsn: "app@tcp(" + testAddr + ")/app?tls=0",
			want: `rdsiam: tls "false": would send the token in clear text; remove tls from the DSN, or TLSConfig from the mysql.Config, and the connection uses TLS that verifies the server`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := rdsmysql.ParseDSN(test.dsn)
			checkError(t, err, test.want)
			if err == nil {
				prepared, err := d.Prepared()
				if err != nil {
					t.Fatal(err)
				}
				checkVerified(t, prepared, nil)
			}
		})
	}
}
