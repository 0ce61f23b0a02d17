package rdsmysql_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// driverFor returns a Driver that reaches the fake server and trusts it.
func driverFor(t *testing.T, f *fakeServer, change func(*mysql.Config)) *rdsmysql.Driver {
	t.Helper()
	config := testConfig(func(c *mysql.Config) { c.DialFunc, c.Logger = f.dial, &mysql.NopLogger{} })
	if change != nil {
		change(config)
	}
	d, err := rdsmysql.New(config, rdsiam.WithRootCAs(f.roots))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// askForToken is what RDS does with an account of AWSAuthenticationPlugin.
func askForToken(c *fakeConn) {
	c.ask("mysql_clear_password", 20)
	if !strings.HasSuffix(string(c.answer), testSignature+"\x00") {
		c.refuse(1045, "28000", "Access denied for user 'app'@'10.0.0.7' (using password: YES)")
		return
	}
	c.ok()
}

func TestOpen(t *testing.T) {
	f := startFake(t, func(f *fakeServer) { f.authorize = askForToken })
	source := &countingSource{}
	d := driverFor(t, f, nil)
	d.WithBeforeConnect(func(context.Context, *mysql.Config) error { return errors.New("of the copy") })
	conn, err := d.Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(driver.Pinger).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if source.asked.Load() != 1 || f.logIns.Load() != 1 {
		t.Errorf("%d tokens, %d logins, want one of each", source.asked.Load(), f.logIns.Load())
	}
	f.wire.refuseSecrets(t)

	// The driver's own connection, so that no optional interface is lost.
	config := testConfig(func(c *mysql.Config) { c.DialFunc = startFake(t, func(f *fakeServer) { f.noTLS = true }).dial })
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := connector.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	if got, want := reflect.TypeOf(conn), reflect.TypeOf(bare); got != want {
		t.Errorf("got a connection of %v, want %v", got, want)
	}
	// It keeps its Config, without the token.
	kept := reflect.ValueOf(conn).Elem().FieldByName("cfg").Elem().FieldByName("Passwd")
	if got := kept.String(); got != "" {
		t.Errorf("the connection keeps a password of %d bytes", len(got))
	}
}

func TestOpenConcurrently(t *testing.T) {
	f := startFake(t, func(f *fakeServer) { f.authorize = askForToken })
	d := driverFor(t, f, func(c *mysql.Config) { c.TLS = &tls.Config{} })
	d = d.WithBeforeConnect(func(_ context.Context, c *mysql.Config) error { c.TLS.MinVersion = tls.VersionTLS13; return nil })
	db := sql.OpenDB(rdsiam.NewConnector(d, &countingSource{}))
	defer db.Close()
	errs := make(chan error)
	for range 32 {
		go func() {
			conn, err := db.Conn(t.Context())
			if err == nil {
				err = conn.Close()
			}
			errs <- err
		}()
	}
	for range 32 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestCallersConfigIsUnchanged(t *testing.T) {
	f := startFake(t, func(f *fakeServer) { f.authorize = askForToken })
	config := testConfig(func(c *mysql.Config) {
		c.Addr, c.Net, c.Passwd = testHost, "", "secret"
		c.TLS = &tls.Config{InsecureSkipVerify: true}
		c.Params = map[string]string{"sql_mode": "'ANSI'"}
		c.AllowNativePasswords = false
	})
	before := config.Clone()
	d, err := rdsmysql.New(config, rdsiam.WithRootCAs(f.roots))
	if err != nil {
		t.Fatal(err)
	}
	d = d.WithBeforeConnect(func(_ context.Context, c *mysql.Config) error {
		if c.Passwd != "" {
			t.Error("the Driver keeps the password")
		}
		c.DialFunc, c.Params["sql_mode"], c.TLS.MinVersion = f.dial, "''", tls.VersionTLS13
		return nil
	})
	for range 2 {
		conn, err := d.Open(t.Context(), &countingSource{})
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	if !reflect.DeepEqual(config, before) {
		t.Errorf("the Config was changed:\ngot  %+v\nwant %+v", config, before)
	}
	prepared, err := d.Prepared()
	if err != nil {
		t.Fatal(err)
	}
	if prepared.Params["sql_mode"] != "'ANSI'" || prepared.TLS.MinVersion != tls.VersionTLS12 {
		t.Error("WithBeforeConnect changed the Config of the Driver")
	}
	if prepared.Passwd != "" {
		t.Error("the password was not discarded")
	}
}

func TestOneLoginPerConnect(t *testing.T) {
	refuse := func(number uint16, state, message string) func(*fakeConn) {
		return func(c *fakeConn) { c.ask("mysql_clear_password", 20); c.refuse(number, state, message) }
	}
	tests := []struct {
		name      string
		authorize func(*fakeConn)
		code      string
		refused   bool
	}{
		{"refused", refuse(1045, "28000", "Access denied for user 'app'@'10.0.0.7' (using password: YES)"), "1045", true},
		{"unknown database", refuse(1049, "42000", "Unknown database 'app'"), "1049", false},
		{"too many connections", refuse(1040, "08004", "Too many connections"), "1040", false},
		// Where a server says so during the login, the driver returns driver.ErrBadConn,
		// after which database/sql would try twice more.
		{"read-only", refuse(1290, "HY000", "The MySQL server is running with the --read-only option"), "", false},
		{"cut", func(c *fakeConn) { c.ask("mysql_clear_password", 20); c.Close() }, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := startFake(t, func(f *fakeServer) { f.authorize = test.authorize })
			d := driverFor(t, f, func(c *mysql.Config) { c.RejectReadOnly = true })
			source := &countingSource{}
			db := sql.OpenDB(rdsiam.NewConnector(d, source))
			defer db.Close()
			err := db.PingContext(t.Context())
			if err == nil || errors.Is(err, driver.ErrBadConn) {
				t.Fatalf("got %v", err)
			}
			if source.asked.Load() != 1 || f.logIns.Load() != 1 {
				t.Errorf("%d tokens, %d logins, want one of each", source.asked.Load(), f.logIns.Load())
			}
			if code, refused := d.Refused(err); code != test.code || refused != test.refused {
				t.Errorf("Refused: %q %v, want %q %v", code, refused, test.code, test.refused)
			}
			var readOnly interface{ ReadOnly() bool }
			if is := errors.As(err, &readOnly) && readOnly.ReadOnly(); is != (test.name == "read-only") {
				t.Errorf("ReadOnly: %v of %v", is, err)
			}
			// After a failover the name leads to the old writer for a while.
			if test.name == "read-only" && !rdsiam.Explain(err).Retryable {
				t.Error("is not worth a retry")
			}
			f.wire.refuseSecrets(t)
		})
	}
}

// Nor is a function that returns driver.ErrBadConn, say because it asks a database.
func TestBadConnOfWithBeforeConnect(t *testing.T) {
	called := 0
	d := driverFor(t, startFake(t, nil), nil).WithBeforeConnect(func(context.Context, *mysql.Config) error {
		called++
		return driver.ErrBadConn
	})
	db := sql.OpenDB(rdsiam.NewConnector(d, &countingSource{}))
	defer db.Close()
	if err := db.PingContext(t.Context()); err == nil || called != 1 {
		t.Errorf("got %v after %d calls", err, called)
	}
}

// A server that has become read-only accepts logins. What RejectReadOnly makes of its
// statements is the driver's own, and not changed.
func TestReadOnlyAfterTheLogin(t *testing.T) {
	f := startFake(t, func(f *fakeServer) {
		f.authorize = askForToken
		f.command = func(c *fakeConn) {
			c.refuse(1290, "HY000", "The MySQL server is running with the --read-only option so it cannot execute this statement")
		}
	})
	source := &countingSource{}
	db := sql.OpenDB(rdsiam.NewConnector(driverFor(t, f, func(c *mysql.Config) { c.RejectReadOnly = true }), source))
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); !errors.Is(err, driver.ErrBadConn) {
		t.Errorf("got %v, want driver.ErrBadConn", err)
	}
	if source.asked.Load() != 3 {
		t.Errorf("%d logins, want the 3 of database/sql", source.asked.Load())
	}
}

// A source that returns driver.ErrBadConn, say because it asks a database, must not be
// asked again either.
func TestBadConnOfTheSource(t *testing.T) {
	f := startFake(t, nil)
	asked := 0
	d := driverFor(t, f, func(c *mysql.Config) { c.RejectReadOnly = true })
	db := sql.OpenDB(rdsiam.NewConnector(d, rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
		asked++
		return rdsiam.Token{}, driver.ErrBadConn
	})))
	defer db.Close()
	err := db.PingContext(t.Context())
	if err == nil || asked != 1 {
		t.Errorf("got %v after %d tokens", err, asked)
	}
	if readOnly := new(interface{ ReadOnly() bool }); errors.As(err, readOnly) {
		t.Errorf("%v is taken for a read-only server", err)
	}
}

func TestErrorsShowNoToken(t *testing.T) {
	echoes := map[string]string{
		"token":         testToken,
		"signature":     "bad signature " + testSignature,
		"session token": testSessionToken + " or " + url.QueryEscape(testSessionToken),
	}
	for name, text := range echoes {
		t.Run(name, func(t *testing.T) {
			refusing := startFake(t, func(f *fakeServer) {
				f.authorize = func(c *fakeConn) { c.ask("mysql_clear_password", 20); c.refuse(1045, "28000", text) }
			})
			d := driverFor(t, refusing, nil)
			_, err := d.Open(t.Context(), &countingSource{})
			var answer *mysql.MySQLError
			if !errors.As(err, &answer) || answer.Number != 1045 || answer.SQLState != [5]byte{'2', '8', '0', '0', '0'} {
				t.Fatalf("got %T %v", err, err)
			}
			refuseSecretText(t, "MySQLError", fmt.Sprintf("%v %+v %#v %s", err, answer, answer, answer.Message))
			if code, refused := d.Refused(fmt.Errorf("wrapped: %w", err)); code != "1045" || !refused {
				t.Errorf("Refused: %q %v", code, refused)
			}

			// The driver puts what should be a public key into its error.
			keys := startFake(t, func(f *fakeServer) {
				f.authorize = func(c *fakeConn) { c.ask("sha256_password", 20); c.more([]byte(text)...) }
			})
			_, err = driverFor(t, keys, nil).Open(t.Context(), &countingSource{})
			if err == nil || !strings.Contains(err.Error(), "data: ") {
				t.Fatalf("got %v, want the driver's error with data", err)
			}
			refuseSecretText(t, "error", fmt.Sprintf("%v %+v %#v", err, err, err))
		})
	}
}

func TestCertificateErrors(t *testing.T) {
	trusted := startFake(t, nil)
	other := startFake(t, func(f *fakeServer) {
		f.certificate, f.roots = issue(t, "other.abc123.us-east-1.rds.amazonaws.com")
	})
	tests := []struct {
		name  string
		roots rdsiam.EndpointOption
		want  string
	}{
		{"wrong authority", rdsiam.WithRootCAs(trusted.roots), "the roots given with WithRootCAs"},
		{"wrong name", rdsiam.WithRootCAs(other.roots), `expected the name "` + testHost + `"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := rdsmysql.New(testConfig(func(c *mysql.Config) { c.DialFunc = other.dial }), test.roots)
			if err != nil {
				t.Fatal(err)
			}
			_, err = d.Open(t.Context(), &countingSource{})
			var certificate *rdsiam.CertificateError
			if !errors.As(err, &certificate) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %T %v, want a CertificateError with %s", err, err, test.want)
			}
			if other.logIns.Load() != 0 {
				t.Error("logged in")
			}
		})
	}
}

// A failure of the token source is not mistaken for one of the database.
func TestErrorOfTheSource(t *testing.T) {
	want := &tls.CertificateVerificationError{Err: errors.New("of the security token service")}
	f := startFake(t, nil)
	_, err := driverFor(t, f, nil).Open(t.Context(), rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
		return rdsiam.Token{}, want
	}))
	if !errors.As(err, new(*rdsiam.CredentialsError)) || !errors.Is(err, want) || errors.As(err, new(*rdsiam.CertificateError)) {
		t.Errorf("got %v", err)
	}
}

func TestNewRefusesBeforeConnect(t *testing.T) {
	const want = "rdsiam: mysql.BeforeConnect: the Config has a BeforeConnect function, and the driver keeps only one, which has to be the one that sets the token; " +
		"leave it out of the Config and give it to WithBeforeConnect of the rdsmysql.Driver"
	config := testConfig(nil)
	nothing := func(context.Context, *mysql.Config) error { return nil }
	if err := config.Apply(mysql.BeforeConnect(nothing)); err != nil {
		t.Fatal(err)
	}
	_, err := rdsmysql.New(config)
	checkError(t, err, want)
	checkCode(t, err, "before-connect-set")

	d, err := rdsmysql.New(testConfig(nil))
	if err != nil {
		t.Fatal(err)
	}
	d = d.WithBeforeConnect(func(_ context.Context, c *mysql.Config) error { return c.Apply(mysql.BeforeConnect(nothing)) })
	_, err = d.Open(t.Context(), &countingSource{})
	checkError(t, err, want)
}

// A driver that keeps the function where clearing it has no effect, or that has another
// function in its Config, must not be taken for one with or without a hook.
func TestBeforeConnectThatCannotBeSeen(t *testing.T) {
	const want = "rdsiam: mysql.Config: this version of go-sql-driver/mysql does not let rdsmysql see whether the Config has a BeforeConnect function; " +
		"use ParseDSN, or a version of the driver that rdsmysql was tested with"
	hooked := testConfig(nil)
	if err := hooked.Apply(mysql.BeforeConnect(func(context.Context, *mysql.Config) error { return nil })); err != nil {
		t.Fatal(err)
	}
	for name, clearHook := range map[string]mysql.Option{
		"no effect": func(*mysql.Config) error { return nil },
		"error":     func(*mysql.Config) error { return errors.New("renamed") },
	} {
		t.Run(name, func(t *testing.T) {
			err := rdsmysql.RefuseBeforeConnect(hooked, clearHook)
			checkError(t, err, want)
			checkCode(t, err, "before-connect-unknown")
		})
	}
}

// Every function and pointer that a Config may have beside a hook is not taken for one.
func TestNewAcceptsEveryOtherField(t *testing.T) {
	config := testConfig(func(c *mysql.Config) {
		c.Logger = loggerFunc(func(...any) {})
		c.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }
		c.TLS = &tls.Config{VerifyConnection: func(tls.ConnectionState) error { return nil }}
		c.Params = map[string]string{"sql_mode": "'ANSI'"}
		c.Loc = time.Local
	})
	options := []mysql.Option{mysql.TimeTruncate(time.Second), mysql.EnableCompression(true), mysql.Charset("utf8mb4", "utf8mb4_bin")}
	if err := config.Apply(options...); err != nil {
		t.Fatal(err)
	}
	if _, err := rdsmysql.New(config); err != nil {
		t.Error(err)
	}
}

type loggerFunc func(...any)

func (f loggerFunc) Print(v ...any) { f(v...) }

func TestWithBeforeConnect(t *testing.T) {
	const reader = "reader.abc123.us-east-1.rds.amazonaws.com"
	f := startFake(t, func(f *fakeServer) {
		f.certificate, f.roots = issue(t, reader)
		f.authorize = askForToken
	})
	if err := mysql.RegisterTLSConfig("reader", &tls.Config{RootCAs: f.roots}); err != nil {
		t.Fatal(err)
	}
	defer mysql.DeregisterTLSConfig("reader")
	errCaller := errors.New("of the caller")
	tests := []struct {
		name, dsn string
		change    func(*mysql.Config) error
		want      string
		is        error
	}{
		{name: "another host", change: func(c *mysql.Config) error { c.Addr = reader + ":3306"; return nil }},
		{name: "another host with tls=true", dsn: "?tls=true", change: func(c *mysql.Config) error { c.Addr = reader; return nil }},
		{name: "registered TLS", change: func(c *mysql.Config) error { c.Addr, c.TLSConfig = reader, "reader"; return nil }},
		{name: "a password", change: func(c *mysql.Config) error { c.Addr, c.Passwd = reader, "secret"; return nil }},
		{name: "an error", change: func(*mysql.Config) error { return errCaller }, is: errCaller},
		{
			name: "no TLS", change: func(c *mysql.Config) error { c.AllowFallbackToPlaintext = true; return nil },
			want: `rdsiam: AllowFallbackToPlaintext "true": would send the token in clear text to a server that offers no TLS; remove it`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plain, err := rdsmysql.ParseDSN("app@tcp("+testAddr+")/app"+test.dsn, rdsiam.WithRootCAs(f.roots))
			if err != nil {
				t.Fatal(err)
			}
			plain = plain.WithBeforeConnect(func(_ context.Context, c *mysql.Config) error {
				t.Error("called, though replaced in the copy")
				return nil
			})
			d := plain.WithBeforeConnect(func(_ context.Context, c *mysql.Config) error {
				c.DialFunc = f.dial
				return test.change(c)
			})
			var signed rdsiam.Login
			conn, err := d.Open(t.Context(), rdsiam.TokenSourceFunc(func(_ context.Context, login rdsiam.Login) (rdsiam.Token, error) {
				signed = login
				return tokenFor(login), nil
			}))
			if test.want != "" || test.is != nil {
				if test.is != nil && err != test.is {
					t.Errorf("got %v, want %v", err, test.is)
				}
				if test.want != "" {
					checkError(t, err, test.want)
				}
				if signed != (rdsiam.Login{}) {
					t.Error("a token was asked for")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if signed.Endpoint.Host() != reader {
				t.Errorf("signed for %v, want %s", signed, reader)
			}
		})
	}
}

func TestTunnel(t *testing.T) {
	f := startFake(t, func(f *fakeServer) { f.authorize = askForToken })
	mysql.RegisterDialContext("tunnel", func(ctx context.Context, addr string) (net.Conn, error) { return f.dial(ctx, "", addr) })
	defer mysql.DeregisterDialContext("tunnel")
	d, err := rdsmysql.ParseDSN("app@tunnel(bastion)/app", rdsiam.WithEndpoint(testHost), rdsiam.WithRootCAs(f.roots))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := d.Open(t.Context(), &countingSource{})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestDriverOfDriver(t *testing.T) {
	d, err := rdsmysql.New(testConfig(nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := d.Driver().(*mysql.MySQLDriver); !ok {
		t.Errorf("got %T", d.Driver())
	}
	if code, refused := d.Refused(errors.New("Error 1045")); code != "" || refused {
		t.Errorf("Refused: %q %v", code, refused)
	}
}
