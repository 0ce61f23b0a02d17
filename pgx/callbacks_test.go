package rdspgx_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

// diary has all that the callbacks of a caller can read.
type diary struct {
	mu      sync.Mutex
	entries []string // guarded by mu
}

func (d *diary) write(callback string, values ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, value := range values {
		texts := []string{fmt.Sprintf("%v", value), fmt.Sprintf("%+v", value), fmt.Sprintf("%#v", value)}
		switch v := value.(type) {
		case *pgconn.Config:
			texts = append(texts, v.Password, fmt.Sprintf("%#v", *v))
		case *pgx.ConnConfig:
			texts = append(texts, v.Password, fmt.Sprintf("%#v", v.Config))
		case error:
			texts = append(texts, textsOf(v)...)
		}
		for _, text := range texts {
			d.entries = append(d.entries, callback+": "+text)
		}
	}
}

// want checks that every callback was called and none could read the token.
func (d *diary) want(t *testing.T, callbacks ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, callback := range callbacks {
		if !slices.ContainsFunc(d.entries, func(e string) bool { return strings.HasPrefix(e, callback+": ") }) {
			t.Errorf("%s was not called; this test is of no use", callback)
		}
	}
	for _, entry := range d.entries {
		for _, secret := range []string{signature, sessionToken, "?Action=connect"} {
			if strings.Contains(entry, secret) {
				t.Errorf("found %s in %s", secret, entry)
			}
		}
	}
}

// TraceQueryStart and the others make a diary a pgx.QueryTracer and a pgx.ConnectTracer.
func (d *diary) TraceQueryStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	d.write("TraceQueryStart", conn.Config())
	return ctx
}
func (d *diary) TraceQueryEnd(_ context.Context, conn *pgx.Conn, _ pgx.TraceQueryEndData) {
	d.write("TraceQueryEnd", conn.Config())
}
func (d *diary) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	d.write("TraceConnectStart", data.ConnConfig)
	return ctx
}
func (d *diary) TraceConnectEnd(_ context.Context, data pgx.TraceConnectEndData) {
	if data.Conn != nil {
		d.write("TraceConnectEnd", data.Conn.Config())
	} else {
		d.write("TraceConnectEnd", data.Err)
	}
}
func (d *diary) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	d.write("TraceBatchStart", 0)
	return ctx
}
func (d *diary) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (d *diary) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// observe puts a callback into every field of config that has one.
func (d *diary) observe(config *pgx.ConnConfig) {
	config.Tracer = d
	dial, lookup := config.DialFunc, config.LookupFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		d.write("DialFunc", config)
		return dial(ctx, network, address)
	}
	config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		d.write("LookupFunc", config)
		return lookup(ctx, host)
	}
	var used *pgconn.Config // by the connection: AfterNetConnect gets it first
	config.AfterNetConnect = func(_ context.Context, c *pgconn.Config, conn net.Conn) (net.Conn, error) {
		used = c
		d.write("AfterNetConnect", c)
		return conn, nil
	}
	config.ValidateConnect = func(context.Context, *pgconn.PgConn) error { d.write("ValidateConnect", used); return nil }
	config.AfterConnect = func(context.Context, *pgconn.PgConn) error { d.write("AfterConnect", used); return nil }
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) { d.write("OnNotice", notice, *notice) }
	config.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool { d.write("OnPgError", err, used); return false }
}

// everywhere is a message with the token in every field.
func everywhere(token string) pgproto3.ErrorResponse {
	return pgproto3.ErrorResponse{Severity: token, SeverityUnlocalized: token, Code: token, Message: token, Detail: token, Hint: token,
		InternalQuery: token, Where: token, SchemaName: token, TableName: token, ColumnName: token, DataTypeName: token,
		ConstraintName: token, File: token, Routine: token}
}

// callbackTests are ends of a login, with the callbacks that have something to read there.
var callbackTests = []struct {
	name      string
	talk      func(*talk)
	callbacks []string
	silent    bool // see TestErrorsShowNoToken
}{
	{"accepted", func(s *talk) {
		token, _ := s.askPassword()
		notice := pgproto3.NoticeResponse(everywhere(token))
		s.Send(&notice)
		s.accept(nil)
	}, []string{"DialFunc", "LookupFunc", "AfterNetConnect", "OnNotice", "ValidateConnect", "AfterConnect", "TraceConnectStart", "TraceConnectEnd"}, false},
	{"refused", func(s *talk) {
		token, _ := s.askPassword()
		answer := everywhere(token)
		s.Send(&answer)
		_ = s.Flush()
	}, []string{"AfterNetConnect", "OnPgError", "TraceConnectEnd"}, false},
	{"cut", func(s *talk) { s.askPassword() }, []string{"AfterNetConnect", "TraceConnectEnd"}, true},
	{"SCRAM", func(s *talk) {
		s.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}})
		_ = s.Flush()
	}, []string{"AfterNetConnect", "TraceConnectEnd"}, true},
	{"cut after the notice", func(s *talk) {
		token, _ := s.askPassword()
		notice := pgproto3.NoticeResponse(everywhere(token))
		s.Send(&notice)
		_ = s.Flush()
	}, []string{"OnNotice", "TraceConnectEnd"}, true},
}

func TestCallbacksOfTheCallerReadNoToken(t *testing.T) {
	for _, hosts := range []string{instance, instance + "," + other} {
		for _, test := range callbackTests {
			t.Run(hosts+"/"+test.name+"/Driver", func(t *testing.T) {
				server := startFake(t, []string{instance, other}, test.talk)
				config := parse(t, "postgres://app@"+hosts+"/db")
				config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
				var diary diary
				diary.observe(config)
				d := newDriver(t, config, rdsiam.WithRootCAs(server.roots)).WithOptions(
					stdlib.OptionBeforeConnect(func(_ context.Context, config *pgx.ConnConfig) error {
						diary.write("OptionBeforeConnect", config)
						return nil
					}),
					stdlib.OptionAfterConnect(func(_ context.Context, conn *pgx.Conn) error {
						diary.write("OptionAfterConnect", conn.Config())
						return nil
					}))
				if err := open(t, d, rdsToken); err != nil {
					diary.write("error", err)
				}
				diary.want(t, append(test.callbacks, "OptionBeforeConnect")...)
			})
			t.Run(hosts+"/"+test.name+"/hook", func(t *testing.T) {
				server := startFake(t, []string{instance, other}, test.talk)
				config := parse(t, "postgres://app@"+hosts+"/db")
				config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
				var diary diary
				diary.observe(config)
				if test.silent { // the documented exception
					config.Tracer = nil
					test.callbacks = slices.DeleteFunc(slices.Clone(test.callbacks), func(c string) bool { return c == "TraceConnectEnd" })
				}
				_, _ = connect(t, rdspgx.BeforeConnect(rdsToken, rdsiam.WithRootCAs(server.roots)), config)
				diary.want(t, test.callbacks...)
			})
		}
	}
}

// The Tracer of a live connection is the caller's, with everything that it traces.
func TestTracerOfTheCallerIsKept(t *testing.T) {
	server := start(t)
	config := configFor(t, server, "")
	tracer := new(diary)
	config.Tracer = tracer
	d := newDriver(t, config, rdsiam.WithRootCAs(server.RootCAs()))
	db := sql.OpenDB(rdsiam.NewConnector(d, tokensOf(server)))
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(raw any) error {
		native := raw.(*stdlib.Conn).Conn()
		if native.Config().Tracer != pgx.QueryTracer(tracer) {
			t.Errorf("the connection has the tracer %T", native.Config().Tracer)
		}
		batch := new(pgx.Batch)
		batch.Queue("select 1")
		if err := native.SendBatch(t.Context(), batch).Close(); err != nil {
			return err
		}
		return native.Ping(t.Context())
	})
	if err != nil {
		t.Error(err)
	}
	tracer.want(t, "TraceConnectStart", "TraceConnectEnd", "TraceBatchStart")
}

// What AfterNetConnect of the caller sets counts, but for the password.
func TestCallbacksThatAfterNetConnectSets(t *testing.T) {
	server := startFake(t, []string{instance}, func(s *talk) {
		token, _ := s.askPassword()
		notice := pgproto3.NoticeResponse(everywhere(token))
		s.Send(&notice)
		s.accept(nil)
	})
	config := parse(t, dsn)
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	var diary diary
	config.AfterNetConnect = func(_ context.Context, c *pgconn.Config, conn net.Conn) (net.Conn, error) {
		diary.write("AfterNetConnect", c)
		c.Password = "the caller's"
		c.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) { diary.write("OnNotice", notice) }
		c.ValidateConnect = func(context.Context, *pgconn.PgConn) error { diary.write("ValidateConnect", c); return nil }
		return conn, nil
	}
	conn, err := connect(t, rdspgx.BeforeConnect(rdsToken, rdsiam.WithRootCAs(server.roots)), config)
	if err != nil {
		t.Fatal(err)
	}
	diary.want(t, "AfterNetConnect", "OnNotice", "ValidateConnect")
	if conn.Config().Password != "" {
		t.Error("a live connection has a password")
	}
}

// A connection that pgx has gone back to after it preferred another keeps nothing of its
// login.
func TestPreferStandbyKeepsNothingOfTheLogin(t *testing.T) {
	server := startFake(t, []string{instance, other}, func(s *talk) {
		s.askPassword()
		s.accept(map[string]string{"select pg_is_in_recovery()": "f"})
	})
	for _, hosts := range []string{dsn, bothHosts} {
		config := parse(t, hosts+"?target_session_attrs=prefer-standby")
		config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
		var calls calls
		config.AfterConnect = func(context.Context, *pgconn.PgConn) error { calls.add("AfterConnect"); return nil }
		onPgError, validate, afterConnect := config.OnPgError, config.ValidateConnect, config.AfterConnect
		conn, err := connect(t, rdspgx.BeforeConnect(rdsToken, rdsiam.WithRootCAs(server.roots)), config)
		if err != nil {
			t.Fatal(err)
		}
		calls.want(t, map[string]int{"AfterConnect": 1})
		live := conn.Config()
		if !sameFunc(live.AfterNetConnect, config.AfterNetConnect) {
			t.Error("the connection keeps its login")
		}
		if !sameFunc(live.OnPgError, onPgError) || !sameFunc(live.ValidateConnect, validate) || !sameFunc(live.AfterConnect, afterConnect) || live.Password != "" {
			t.Error("the connection keeps a callback or the password of its login")
		}
	}
}

func TestDriverPrintsNoPassword(t *testing.T) {
	t.Setenv("PGPASSWORD", hunter)
	config := parse(t, "postgres://app:"+hunter+"@"+instance+"/db")
	d := newDriver(t, config).WithOptions(stdlib.OptionAfterConnect(func(context.Context, *pgx.Conn) error { return nil }))
	nested := struct{ inner rdspgx.Driver }{*d}
	connector := rdsiam.NewConnector(d, noTokens)
	for _, value := range []any{d, *d, nested, &nested, connector, *connector, []any{d}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, hunter) {
				t.Errorf("%s: %s", verb, text)
			}
		}
	}
	if config.Password != hunter {
		t.Error("New changed the caller's configuration")
	}
}

// A caller may look something up elsewhere before it connects, and fail there.
func TestConnectErrorOfTheCallerKeepsItsConfig(t *testing.T) {
	elsewhere := parse(t, "postgres://me:"+hunter+"@elsewhere.example.com/db")
	elsewhere.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route") }
	elsewhere.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	d := newDriver(t, parse(t, dsn)).WithOptions(stdlib.OptionBeforeConnect(func(ctx context.Context, _ *pgx.ConnConfig) error {
		_, err := pgx.ConnectConfig(ctx, elsewhere)
		return err
	}))
	_, err := d.Open(t.Context(), noTokens)
	var failed *pgconn.ConnectError
	if !errors.As(err, &failed) || failed.Config.Password != hunter {
		t.Errorf("the caller's own ConnectError lost its password: %v", err)
	}
}

// Neither does one that fails beside our own login.
func TestOnlyTheOwnConnectErrorLosesItsPassword(t *testing.T) {
	server := startFake(t, []string{instance}, func(s *talk) { s.askPassword(); s.accept(nil) })
	elsewhere := parse(t, "postgres://me:"+hunter+"@elsewhere.example.com/db")
	elsewhere.LookupFunc = func(context.Context, string) ([]string, error) { return nil, errors.New("no such host") }
	config := parse(t, dsn)
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	config.AfterConnect = func(ctx context.Context, _ *pgconn.PgConn) error {
		_, err := pgx.ConnectConfig(ctx, elsewhere)
		return err
	}
	_, err := newDriver(t, config, rdsiam.WithRootCAs(server.roots)).Open(t.Context(), rdsToken)
	var own *pgconn.ConnectError
	if !errors.As(err, &own) || own.Config.Host != instance || own.Config.Password != "" {
		t.Fatalf("got %v", err)
	}
	var others *pgconn.ConnectError
	if !errors.As(own.Unwrap(), &others) || others.Config.Password != hunter {
		t.Errorf("the caller's own ConnectError lost its password: %v", err)
	}
}
