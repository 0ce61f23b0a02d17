package rdsmysql_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unsafe"
	"weak"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// printed is everything that a program may print of value, and every text that a printer that
// follows pointers into unexported fields finds.
func printed(value any) string {
	text := fmt.Sprintf("%v %+v %#v %s %q", value, value, value, value, value)
	if encoded, err := json.Marshal(value); err == nil {
		text += string(encoded)
	}
	var found strings.Builder
	collect(reflect.ValueOf(value), &found, map[visit]bool{})
	return text + found.String()
}

type visit struct {
	at unsafe.Pointer
	of reflect.Type
}

// collect writes every string and []byte that can be reached from v to found.
func collect(v reflect.Value, found *strings.Builder, seen map[visit]bool) {
	switch v.Kind() {
	case reflect.String:
		found.WriteString(v.String() + "\n")
	case reflect.Interface:
		collect(v.Elem(), found, seen)
	case reflect.Pointer:
		if at := (visit{v.UnsafePointer(), v.Type()}); !v.IsNil() && !seen[at] {
			seen[at] = true
			collect(v.Elem(), found, seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			collect(v.Field(i), found, seen)
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			collect(entries.Key(), found, seen)
			collect(entries.Value(), found, seen)
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			found.WriteString(string(v.Bytes()) + "\n")
			return
		}
		for i := range v.Len() {
			collect(v.Index(i), found, seen)
		}
	}
}

// What a Driver, an error, a connector and the caller's functions are shown of a login with a
// password in the Config, at a server that sends the token back.
func TestNothingShowsASecret(t *testing.T) {
	const password = "S3NTINEL-secret"
	for name, authorize := range map[string]func(*fakeConn){
		"accepted":       askForToken,
		"refused":        func(c *fakeConn) { c.ask("mysql_clear_password", 20); c.refuse(1045, "28000", "no: "+testToken) },
		"unknown plugin": func(c *fakeConn) { c.ask(testToken, 20) },
		"no key":         func(c *fakeConn) { c.ask("sha256_password", 20); c.more([]byte(testToken)...) },
		"read-only":      func(c *fakeConn) { c.ask("mysql_clear_password", 20); c.refuse(1290, "HY000", testToken) },
		"cut":            func(c *fakeConn) { c.ask("mysql_clear_password", 20); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, func(f *fakeServer) { f.authorize = authorize })
			shown := map[string]string{}
			show := func(what string, values ...any) { // all in the goroutine of the login
				for _, value := range values {
					shown[what] += printed(value)
				}
			}
			config := testConfig(func(c *mysql.Config) {
				c.Passwd, c.RejectReadOnly = password, true
				c.Logger = loggerFunc(func(v ...any) { show("Logger", v...) })
				c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
					show("DialFunc", ctx, network, addr)
					return f.dial(ctx, network, addr)
				}
				c.TLS = &tls.Config{
					VerifyConnection:      func(s tls.ConnectionState) error { show("VerifyConnection", s.ServerName); return nil },
					VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error { show("VerifyPeerCertificate", raw); return nil },
				}
			})
			d, err := rdsmysql.New(config, rdsiam.WithRootCAs(f.roots))
			if err != nil {
				t.Fatal(err)
			}
			var kept *mysql.Config
			d = d.WithBeforeConnect(func(ctx context.Context, c *mysql.Config) error {
				show("WithBeforeConnect", ctx, c)
				kept = c
				return nil
			})
			connector := rdsiam.NewConnector(d, &countingSource{}, rdsiam.WithObserver(func(ctx context.Context, e rdsiam.Event) {
				show("observer", e, e.Err)
			}))
			conn, err := connector.Connect(t.Context())
			if (err == nil) != (name == "accepted") {
				t.Fatalf("got %v", err)
			}
			show("error", err)
			for inner := err; inner != nil; inner = errors.Unwrap(inner) {
				show("error", inner)
			}
			show("Driver", d, *d)
			show("Connector", connector)
			show("Config after the login", kept)
			if err == nil {
				show("Config of the connection", configOf(conn))
				conn.Close()
			}
			for what, text := range shown {
				refuseSecretText(t, what, text)
				if strings.Contains(text, password) {
					t.Errorf("%s shows the password", what)
				}
			}
			for _, what := range []string{"DialFunc", "WithBeforeConnect", "observer", "VerifyConnection"} {
				if shown[what] == "" {
					t.Errorf("%s was not called, so nothing is proven", what)
				}
			}
		})
	}
}

// configOf is the Config that a connection of the driver keeps. Its buffers hold what went
// over the wire, and are the driver's own.
func configOf(conn driver.Conn) any {
	return reflect.ValueOf(conn).Elem().FieldByName("cfg").Elem().FieldByName("Passwd").String()
}

// A pool keeps connections for hours, and none of them keeps the text of its token.
func TestConnectionDoesNotKeepTheToken(t *testing.T) {
	f := startFake(t, func(f *fakeServer) { f.authorize = askForToken })
	var text weak.Pointer[byte]
	source := rdsiam.TokenSourceFunc(func(_ context.Context, login rdsiam.Login) (rdsiam.Token, error) {
		token := tokenFor(login)
		text = weak.Make(unsafe.StringData(token.Reveal()))
		return token, nil
	})
	db := sql.OpenDB(rdsiam.NewConnector(driverFor(t, f, nil), source))
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 5 {
		runtime.GC()
	}
	if text.Value() != nil {
		t.Error("the token is still in memory")
	}
	if err := conn.PingContext(t.Context()); err != nil {
		t.Error(err)
	}
}
