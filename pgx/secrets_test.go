package rdspgx_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/faketoken"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
)

const (
	signature    = faketoken.Signature
	sessionToken = "IQoJb3JpZ2luX2VjE/+secret=="
)

// rdsToken is a source of one token that looks like those of RDS.
var rdsToken = rdsiam.TokenSourceFunc(func(_ context.Context, login rdsiam.Login) (rdsiam.Token, error) {
	session := "&X-Amz-Security-Token=" + url.QueryEscape(sessionToken)
	return rdsiam.NewToken(faketoken.Text(login)+session, time.Now().Add(time.Hour)), nil
})

// echo refuses with a message in which the token is all over the place.
func echo(s *talk) {
	token, ok := s.askPassword()
	if !ok {
		return
	}
	s.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28000",
		Message: "bad token " + token, Detail: "signature " + signature, Hint: "session " + sessionToken + " or " + url.QueryEscape(sessionToken),
		Where: "at " + url.QueryEscape(token), InternalQuery: token, SchemaName: signature, TableName: signature, ColumnName: signature,
		DataTypeName: signature, ConstraintName: signature, File: signature, Routine: signature})
	_ = s.Flush()
}

func TestErrorsShowNoToken(t *testing.T) {
	problem := errors.New("the caller's own problem")
	tests := []struct {
		name   string
		talk   func(*talk)
		change func(*pgx.ConnConfig)
		// silent: the end comes without an answer of the server to the login, and
		// pgx tells nobody. With the hook alone the ConnectError then has the token.
		silent bool
	}{
		{name: "refused", talk: func(s *talk) { s.askPassword(); s.refuse("28000", "no") }},
		{name: "refused for another reason", talk: func(s *talk) { s.askPassword(); s.refuse("53300", "full") }},
		{name: "refused before the password", talk: func(s *talk) { s.refuse("57P03", "starting") }},
		{name: "echo", talk: echo},
		{name: "cut before the password", talk: func(*talk) {}, silent: true},
		{name: "cut after the password", talk: func(s *talk) { s.askPassword() }, silent: true},
		{name: "nonsense after the password", talk: func(s *talk) { s.askPassword(); _, _ = s.conn.Write([]byte("nonsense nonsense")) }, silent: true},
		{name: "SCRAM", talk: func(s *talk) {
			s.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}})
			_ = s.Flush()
		}, silent: true},
		{name: "certificate", talk: func(*talk) {}, change: func(c *pgx.ConnConfig) { c.TLSConfig.ServerName = "" }, silent: true},
		{name: "AfterNetConnect", talk: func(*talk) {}, change: func(c *pgx.ConnConfig) {
			c.AfterNetConnect = func(context.Context, *pgconn.Config, net.Conn) (net.Conn, error) { return nil, problem }
		}},
		{name: "ValidateConnect", talk: func(s *talk) { s.askPassword(); s.accept(nil) }, change: func(c *pgx.ConnConfig) {
			c.ValidateConnect = func(context.Context, *pgconn.PgConn) error { return problem }
		}},
		{name: "AfterConnect", talk: func(s *talk) { s.askPassword(); s.accept(nil) }, change: func(c *pgx.ConnConfig) {
			c.AfterConnect = func(context.Context, *pgconn.PgConn) error { return problem }
		}},
	}
	for _, hosts := range []string{instance, instance + "," + other} {
		for _, test := range tests {
			t.Run(hosts+"/"+test.name, func(t *testing.T) {
				server := startFake(t, []string{instance, other}, test.talk)
				config := parse(t, "postgres://app@"+hosts+"/db?sslmode=require")
				config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
				if test.change != nil {
					test.change(config)
				}
				options := []rdsiam.EndpointOption{rdsiam.WithRootCAs(server.roots)}
				if test.name == "certificate" {
					options = nil // leaves the embedded roots
				}
				wantNoSecrets(t, open(t, newDriver(t, config, options...), rdsToken), false)
				_, err := connect(t, rdspgx.BeforeConnect(rdsToken, options...), config)
				wantNoSecrets(t, err, test.silent)
				config.Tracer = rdspgx.Tracer(nil)
				_, err = connect(t, rdspgx.BeforeConnect(rdsToken, options...), config)
				wantNoSecrets(t, err, false)
			})
		}
	}
}

// wantNoSecrets looks at every error in the tree of err, in every way in which errors are
// printed.
func wantNoSecrets(t *testing.T, err error, exceptPassword bool) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if e := (*pgconn.ConnectError)(nil); errors.As(err, &e) && exceptPassword {
		e.Config.Password = ""
	}
	for _, text := range textsOf(err) {
		for _, secret := range []string{signature, sessionToken, url.QueryEscape(sessionToken), "?Action=connect"} {
			if strings.Contains(text, secret) {
				t.Errorf("found %s in %s", secret, text)
			}
		}
	}
}

func textsOf(err error) []string {
	if err == nil {
		return nil
	}
	texts := []string{fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), fmt.Sprintf("%q", err)}
	switch e := err.(type) {
	case *pgconn.ConnectError:
		texts = append(texts, fmt.Sprintf("%+v", e.Config), fmt.Sprintf("%#v", *e.Config), e.Config.Password)
	case *pgconn.PgError:
		texts = append(texts, fmt.Sprintf("%+v", *e), fmt.Sprintf("%#v", *e))
	case *rdsiam.LoginError:
		texts = append(texts, fmt.Sprintf("%+v", *e), fmt.Sprintf("%#v", *e))
	}
	switch wrapped := err.(type) {
	case interface{ Unwrap() error }:
		texts = append(texts, textsOf(wrapped.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			texts = append(texts, textsOf(inner)...)
		}
	}
	return texts
}

// What the documentation says of a cut connection is true: if pgx one day clears the
// password, or calls back, the exception can go.
func TestHookLeavesTheTokenInTheErrorOfACutConnection(t *testing.T) {
	server := startFake(t, []string{instance}, func(s *talk) { s.askPassword() })
	config := parse(t, dsn)
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	_, err := connect(t, rdspgx.BeforeConnect(rdsToken, rdsiam.WithRootCAs(server.roots)), config)
	var connectError *pgconn.ConnectError
	if !errors.As(err, &connectError) {
		t.Fatalf("got %v", err)
	}
	if connectError.Config.Password == "" {
		t.Error("the documented exception is gone")
	}
	if config.Password != "" {
		t.Error("the caller's configuration has the token")
	}
}

// The token of a host that cut the connection does not outlive the next host.
func TestTokenOfTheLastHostIsGone(t *testing.T) {
	server := startFake(t, []string{instance, other}, func(s *talk) { s.askPassword() })
	config := parse(t, bothHosts)
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	problem := errors.New("no second token")
	source := rdsiam.TokenSourceFunc(func(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
		if login.Endpoint.Host() == other {
			return rdsiam.Token{}, problem
		}
		return rdsToken(ctx, login)
	})
	_, err := connect(t, rdspgx.BeforeConnect(source, rdsiam.WithRootCAs(server.roots)), config)
	if !errors.Is(err, problem) {
		t.Errorf("got %v", err)
	}
	wantNoSecrets(t, err, false)
}

// A live connection has no trace of the token.
func TestLiveConnectionShowsNoToken(t *testing.T) {
	server := startFake(t, []string{instance}, func(s *talk) { s.askPassword(); s.accept(nil) })
	config := parse(t, dsn)
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	conn, err := connect(t, rdspgx.BeforeConnect(rdsToken, rdsiam.WithRootCAs(server.roots)), config)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%+v", conn.Config()), fmt.Sprintf("%#v", conn.Config().Config)} {
		if strings.Contains(text, signature) {
			t.Errorf("found the token in %s", text)
		}
	}
}
