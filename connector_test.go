package rdsiam_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
)

// fakeDriver asks for the tokens of its log-ins, and ends with err.
type fakeDriver struct {
	logins  []rdsiam.Login
	took    time.Duration
	err     error
	code    string
	refused bool
}

type fakeConn struct{ driver.Conn }

func (d *fakeDriver) Open(ctx context.Context, tokens rdsiam.TokenSource) (driver.Conn, error) {
	for _, l := range d.logins {
		if _, err := l.Token(ctx, tokens); err != nil {
			return nil, fmt.Errorf("fake: %w", err)
		}
		select {
		case <-time.After(d.took):
		case <-ctx.Done():
			return nil, errors.New("fake: operation was canceled")
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	return fakeConn{}, nil
}

func (d *fakeDriver) Login() rdsiam.Login              { return d.logins[0] }
func (d *fakeDriver) Refused(err error) (string, bool) { return d.code, d.refused }
func (d *fakeDriver) Driver() driver.Driver            { return namedDriver{} }

type namedDriver struct{ driver.Driver }

// stateError is worded as pgx words what PostgreSQL answers.
type stateError struct{ state, message string }

func (e stateError) Error() string {
	return "FATAL: " + e.message + " (SQLSTATE " + e.state + ")"
}
func (e stateError) SQLState() string { return e.state }

var pam = stateError{"28000", `PAM authentication failed for user "app_user"`}

func TestConnectorReturnsTheDriversConnection(t *testing.T) {
	source := rdsiam.NewTokenSource(&provider{give: forever})
	connector := rdsiam.NewConnector(&fakeDriver{logins: []rdsiam.Login{login(t)}}, source)
	conn, err := connector.Connect(t.Context())
	if _, ok := conn.(fakeConn); !ok || err != nil {
		t.Errorf("got %T, %v", conn, err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	if _, ok := db.Driver().(namedDriver); !ok {
		t.Errorf("db.Driver() is a %T", db.Driver())
	}
}

func TestConnectorOfNothing(t *testing.T) {
	source := rdsiam.NewTokenSource(&provider{give: forever})
	working := &fakeDriver{logins: []rdsiam.Login{login(t)}}
	var noDriver *fakeDriver
	for name, test := range map[string]struct {
		driver rdsiam.Driver
		source rdsiam.TokenSource
		want   string
	}{
		"nil driver":       {nil, source, "rdsiam: driver: is nil; check the error of ParseDSN or New, and pass the driver that it returned"},
		"typed nil driver": {noDriver, source, "rdsiam: driver: is nil; check the error of ParseDSN or New, and pass the driver that it returned"},
		"nil source":       {working, nil, "rdsiam: token source: is nil; pass the result of rdsiam.NewTokenSource"},
	} {
		connector := rdsiam.NewConnector(test.driver, test.source, nil)
		_, err := connector.Connect(t.Context())
		var config *rdsiam.ConfigError
		if !errors.As(err, &config) || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
		_ = connector.Driver() // must not panic
	}
}

func TestLoginError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := login(t)
		d := &fakeDriver{logins: []rdsiam.Login{at}, took: 2 * time.Second, err: fmt.Errorf("failed to connect:\n\t%w", pam), code: "28000", refused: true}
		_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
		var refusal *rdsiam.LoginError
		if !errors.As(err, &refusal) {
			t.Fatalf("got %T: %v", err, err)
		}
		if refusal.Endpoint != at.Endpoint || refusal.User != "app_user" || refusal.TokenAge != 2*time.Second ||
			refusal.AccessKeyID != "AKID1" || refusal.Code != "28000" || !refusal.Refused || refusal.Retryable() {
			t.Errorf("got %+v", refusal)
		}
		if !errors.Is(err, pam) {
			t.Error("does not unwrap to the driver's error")
		}
		const want = `rdsiam: log in as "app_user" to prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432 (us-east-1) refused by the server ` +
			`(access key AKID1, token 2s old): failed to connect: FATAL: PAM authentication failed for user "app_user" (SQLSTATE 28000); likely: (1) the identity lacks rds-db:connect`
		if got := err.Error(); !strings.HasPrefix(got, want) || strings.Contains(got, "\n") {
			t.Errorf("text\n got %s\nwant %s…", got, want)
		}
	})
}

func TestLoginErrorMasksAnEchoedToken(t *testing.T) {
	token, secrets := signed(t)
	source := rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) { return token, nil })
	d := &fakeDriver{logins: []rdsiam.Login{login(t)}, err: errors.New("bad password " + token.Reveal())}
	_, err := rdsiam.NewConnector(d, source).Connect(t.Context())
	noSecrets(t, "LoginError", err.Error(), secrets)
	if !strings.Contains(err.Error(), "bad password [token masked]") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsThatAreNoLogInStayThemselves(t *testing.T) {
	down := errors.New("sts is down")
	for name, test := range map[string]struct {
		source rdsiam.TokenSource
		err    error
		want   any
	}{
		"credentials": {rdsiam.NewTokenSource(&provider{give: failing(down)}), nil, new(*rdsiam.CredentialsError)},
		"settings":    {rdsiam.NewTokenSource(nil), nil, new(*rdsiam.ConfigError)},
		"late settings": {rdsiam.NewTokenSource(&provider{give: forever}),
			fmt.Errorf("dial: %w", &rdsiam.ConfigError{Setting: "x"}), new(*rdsiam.ConfigError)},
	} {
		d := &fakeDriver{logins: []rdsiam.Login{login(t)}, err: test.err}
		_, err := rdsiam.NewConnector(d, test.source).Connect(t.Context())
		if !errors.As(err, test.want) {
			t.Errorf("%s: got %T: %v", name, err, err)
		}
		var refusal *rdsiam.LoginError
		if errors.As(err, &refusal) {
			t.Errorf("%s: is a LoginError", name)
		}
	}
}

func TestLoginErrorWithoutAToken(t *testing.T) {
	d := mute{&fakeDriver{logins: []rdsiam.Login{login(t)}, err: io.ErrUnexpectedEOF}}
	_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
	const want = `rdsiam: log in as "app_user" to prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432 (us-east-1) failed: unexpected EOF`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// mute fails before it asks for a token.
type mute struct{ *fakeDriver }

func (o mute) Open(context.Context, rdsiam.TokenSource) (driver.Conn, error) { return nil, o.err }

func TestCancellationShowsInTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		d := &fakeDriver{logins: []rdsiam.Login{login(t)}, took: time.Hour}
		started := time.Now()
		_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != 500*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
	})
}

func failing(err error) func(int64) (aws.Credentials, error) {
	return func(int64) (aws.Credentials, error) { return aws.Credentials{}, err }
}

func TestObserver(t *testing.T) {
	at := login(t)
	down := errors.New("sts is down")
	second := rdsiam.Login{Endpoint: endpoint(t, "two.cluster-abc123.us-east-1.rds.amazonaws.com"), User: "app_user"}
	tests := []struct {
		name   string
		driver *fakeDriver
		give   func(int64) (aws.Credentials, error)
		warm   bool
		want   []string
	}{
		{"succeeds", &fakeDriver{logins: []rdsiam.Login{at}, took: time.Second}, forever, false,
			[]string{"log-in started 0s", "token signed 0s AKID1", "log-in succeeded 1s AKID1"}},
		{"reuses", &fakeDriver{logins: []rdsiam.Login{at}, took: time.Second}, forever, true,
			[]string{"log-in started 0s", "token reused 0s AKID1", "log-in succeeded 1s AKID1"}},
		{"two hosts", &fakeDriver{logins: []rdsiam.Login{at, second}, took: time.Second}, forever, false,
			[]string{"log-in started 0s", "token signed 0s AKID1", "token signed 0s AKID1", "log-in succeeded 2s AKID1"}},
		{"refused", &fakeDriver{logins: []rdsiam.Login{at}, took: time.Second, err: pam, code: "28000", refused: true}, forever, false,
			[]string{"log-in started 0s", "token signed 0s AKID1", "log-in refused 1s AKID1 error"}},
		{"fails", &fakeDriver{logins: []rdsiam.Login{at}, took: time.Second, err: io.EOF}, forever, false,
			[]string{"log-in started 0s", "token signed 0s AKID1", "log-in failed 1s AKID1 error"}},
		{"no credentials", &fakeDriver{logins: []rdsiam.Login{at}}, failing(down), false,
			[]string{"log-in started 0s", "no token 0s error", "log-in failed 0s error"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := rdsiam.NewTokenSource(&provider{give: test.give})
				if test.warm {
					mustToken(t, source, at)
				}
				var got []string
				observe := func(_ context.Context, e rdsiam.Event) {
					line := strings.TrimSpace(fmt.Sprintf("%v %v %s", e.Kind, e.Duration, e.AccessKeyID))
					if e.Err != nil {
						line += " error"
					}
					if !slices.Contains(test.driver.logins, e.Login) {
						t.Errorf("%v is of log-in %v", e.Kind, e.Login)
					}
					got = append(got, line)
				}
				_, _ = rdsiam.NewConnector(test.driver, source, rdsiam.WithObserver(observe)).Connect(t.Context())
				if !slices.Equal(got, test.want) {
					t.Errorf("events\n got %q\nwant %q", got, test.want)
				}
			})
		})
	}
}

func TestEventsHoldNoToken(t *testing.T) {
	token, secrets := signed(t)
	source := rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) { return token, nil })
	d := &fakeDriver{logins: []rdsiam.Login{login(t)}, err: errors.New("bad password " + token.Reveal())}
	events := 0
	_, _ = rdsiam.NewConnector(d, source, rdsiam.WithObserver(func(_ context.Context, e rdsiam.Event) {
		events++
		noSecrets(t, e.Kind.String(), fmt.Sprintf("%v %+v", e, e), secrets)
	})).Connect(t.Context())
	if events != 3 {
		t.Errorf("%d events", events)
	}
}
