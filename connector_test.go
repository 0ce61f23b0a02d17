package rdsiam_test

import (
	"context"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/faketoken"
)

// fakeDriver asks for the tokens of its logins, and ends with err.
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
		if d := connector.Driver(); (d == nil) != (test.source != nil) {
			t.Errorf("%s: Driver() is %v", name, d)
		}
	}
	if _, err := new(rdsiam.Connector).Connect(t.Context()); err == nil {
		t.Error("the zero Connector connects")
	}
}

func TestLoginError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := login(t)
		d := &fakeDriver{logins: []rdsiam.Login{at}, took: 2400 * time.Millisecond, err: fmt.Errorf("failed to connect:\n\t%w", pam), code: "28000", refused: true}
		_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
		var refusal *rdsiam.LoginError
		if !errors.As(err, &refusal) {
			t.Fatalf("got %T: %v", err, err)
		}
		if refusal.Endpoint != at.Endpoint || refusal.User != "app_user" || refusal.TokenAge != 2400*time.Millisecond ||
			refusal.AccessKeyID != "AKID1" || refusal.Code != "28000" || !refusal.Refused || refusal.Retryable() {
			t.Errorf("got %+v", refusal)
		}
		if !errors.Is(err, pam) {
			t.Error("does not unwrap to the driver's error")
		}
		const want = `rdsiam: login as "app_user" to prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432 refused (SQLSTATE 28000); likeliest of 6: ` +
			`the AWS identity lacks rds-db:connect for this user; allow it on arn:aws:rds-db:us-east-1:ACCOUNT:dbuser:RESOURCE_ID/app_user (the db-… or cluster-… id)`
		for _, got := range []string{err.Error(), fmt.Sprint(err), fmt.Sprintf("%s", err)} {
			if got != want {
				t.Errorf("text\n got %s\nwant %s", got, want)
			}
		}
		const more = want + `
	region: us-east-1
	access key: AKID1, token 2.4s old
	answer: failed to connect: FATAL: PAM authentication failed for user "app_user" (SQLSTATE 28000)
	1. the AWS identity lacks rds-db:connect for this user: allow it on arn:aws:rds-db:us-east-1:ACCOUNT:dbuser:RESOURCE_ID/app_user (the db-… or cluster-… id)
	2. the token was signed`
		if got := fmt.Sprintf("%+v", err); !strings.HasPrefix(got, more) {
			t.Errorf("%%+v\n got %s\nwant %s…", got, more)
		}
		if got := fmt.Sprintf("%q %#v", err, err); got != strconv.Quote(want)+" "+fmt.Sprintf("%#v", want) {
			t.Errorf("other verbs: %s", got)
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

func TestErrorsThatAreNoLoginStayThemselves(t *testing.T) {
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
		observe := func(_ context.Context, e rdsiam.Event) {
			if want := reflect.TypeOf(test.want).Elem(); e.Err != nil && reflect.TypeOf(e.Err) != want {
				t.Errorf("%s: %v with a %T, want a %v", name, e.Kind, e.Err, want)
			}
		}
		_, err := rdsiam.NewConnector(d, test.source, rdsiam.WithObserver(observe)).Connect(t.Context())
		if got, want := reflect.TypeOf(err), reflect.TypeOf(test.want).Elem(); got != want || strings.Contains(err.Error(), "source failed") {
			t.Errorf("%s: got a %v, want a %v: %v", name, got, want, err)
		}
	}
}

func TestErrorOfAForeignSource(t *testing.T) {
	down := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	source := rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
		return rdsiam.NewToken("beside an error", time.Time{}), fmt.Errorf("vault: %w", down)
	})
	var events []rdsiam.Event
	_, err := rdsiam.NewConnector(careless{&fakeDriver{logins: []rdsiam.Login{login(t)}}}, source,
		rdsiam.WithObserver(func(_ context.Context, e rdsiam.Event) { events = append(events, e) })).Connect(t.Context())
	const want = "rdsiam: no token for app_user@prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432: the token source failed: vault: dial tcp: connection refused"
	var credentials *rdsiam.CredentialsError
	if !errors.As(err, &credentials) || err.Error() != want || !errors.Is(err, down) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if got := rdsiam.Explain(err); got.Causes != nil || !got.Retryable {
		t.Errorf("taken for an error of the database: %+v", got)
	}
	if len(events) != 3 || events[1].Err != error(credentials) {
		t.Errorf("events %v", events)
	}
}

// careless asks the source itself, and uses what it gives.
type careless struct{ *fakeDriver }

func (o careless) Open(ctx context.Context, tokens rdsiam.TokenSource) (driver.Conn, error) {
	token, err := tokens.Token(ctx, o.logins[0])
	if token.Reveal() != "" {
		return fakeConn{}, nil
	}
	return nil, err
}

// refusesFirst refuses at its first host, and fails at its second with err.
type refusesFirst struct{ *fakeDriver }

func (o refusesFirst) Open(ctx context.Context, tokens rdsiam.TokenSource) (driver.Conn, error) {
	for _, l := range o.logins {
		if _, err := l.Token(ctx, tokens); err != nil {
			return nil, errors.Join(pam, err)
		}
	}
	return nil, errors.Join(pam, o.err)
}

// A vault that keeps tokens in a database of its own may be refused there.
func TestRefusalOfAVaultIsNone(t *testing.T) {
	source := rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) { return rdsiam.Token{}, pam })
	d := &fakeDriver{logins: []rdsiam.Login{login(t)}, code: "28000", refused: true} // what errors.As finds
	_, err := rdsiam.NewConnector(d, source).Connect(t.Context())
	if !errors.As(err, new(*rdsiam.CredentialsError)) || errors.As(err, new(*rdsiam.LoginError)) {
		t.Errorf("got %T %v", err, err)
	}
}

func TestRefusalOfOneHostCounts(t *testing.T) {
	first, second := login(t), rdsiam.Login{Endpoint: endpoint(t, "two.cluster-abc123.us-east-1.rds.amazonaws.com"), User: "u"}
	firstToken, secrets := signed(t)
	secondToken := faketoken.Text(second)
	source := rdsiam.TokenSourceFunc(func(_ context.Context, l rdsiam.Login) (rdsiam.Token, error) {
		if l == first {
			return firstToken, nil
		}
		return rdsiam.NewToken(secondToken, time.Now().Add(time.Hour)), nil
	})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx context.Context
		err error
	}{
		"settings":    {t.Context(), &rdsiam.ConfigError{Setting: "x", Problem: "is y"}},
		"credentials": {t.Context(), &rdsiam.CredentialsError{}},
		"given up":    {canceled, io.EOF},
		"echo":        {t.Context(), errors.New("bad passwords " + firstToken.Reveal() + " and " + secondToken)},
	} {
		d := refusesFirst{&fakeDriver{logins: []rdsiam.Login{first, second}, err: test.err, code: "28000", refused: true}}
		_, err := rdsiam.NewConnector(d, source).Connect(test.ctx)
		var refusal *rdsiam.LoginError
		if !errors.As(err, &refusal) || !refusal.Refused || !errors.Is(err, test.err) || test.ctx.Err() != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %T: %v", name, err, err)
			continue
		}
		if refusal.Endpoint != second.Endpoint || refusal.User != "u" {
			t.Errorf("%s: is of %s at %s", name, refusal.User, refusal.Endpoint)
		}
		if explanation := rdsiam.Explain(err); explanation.Code != "28000" || len(explanation.Causes) == 0 || refusal.Retryable() {
			t.Errorf("%s: explained as %+v", name, explanation)
		}
		noSecrets(t, name, err.Error(), append(secrets, secondToken))
	}
}

func TestTokenAgeIsNeverAbsurd(t *testing.T) {
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Format("20060102T150405Z")
	for name, date := range map[string]string{"unknown": "yesterday", "signed tomorrow": tomorrow} {
		text := strings.Replace(faketoken.Text(login(t)), "20260102T030405Z", date, 1)
		source := rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
			return rdsiam.NewToken(text, time.Time{}), nil
		})
		_, err := rdsiam.NewConnector(&fakeDriver{logins: []rdsiam.Login{login(t)}, err: io.EOF}, source).Connect(t.Context())
		var failure *rdsiam.LoginError
		if !errors.As(err, &failure) || failure.TokenAge != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoginErrorIsOneLine(t *testing.T) {
	at := rdsiam.Login{Endpoint: login(t).Endpoint, User: "new\nline"}
	// The layout of pgx, where a host has two addresses.
	addresses := errors.New("failed to connect to `user=u database=d`:\n\t10.0.0.1:5432 (h): one\n\t10.0.0.2:5432 (h): two\r\nthree\rfour\n")
	d := &fakeDriver{logins: []rdsiam.Login{at}, err: addresses}
	_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
	const want = " failed: failed to connect to `user=u database=d`: 10.0.0.1:5432 (h): one; 10.0.0.2:5432 (h): two; three four"
	if err == nil || strings.ContainsAny(err.Error(), "\r\n") || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %q\nwant %s", err, want)
	}
	if got := fmt.Sprintf("%+v", err); strings.Count(got, "\n") != 3 {
		t.Errorf("%%+v has other lines than region, key and answer: %s", got)
	}
}

func TestLoginErrorNamesTheLikeliestCause(t *testing.T) {
	at := rdsiam.Login{Endpoint: login(t).Endpoint, User: `a"b`}
	for _, test := range []struct {
		err  error
		want string // how the text ends
	}{
		{stateError{"3D000", "no"}, "failed (SQLSTATE 3D000): there is no database of this name; the token was accepted; correct the database name"},
		{stateError{"28P01", "no"}, `(SQLSTATE 28P01); likeliest of 2: the role does not exist or is no member of rds_iam; run GRANT rds_iam TO "a""b" as the master user, after CREATE ROLE "a""b" LOGIN if it is missing`},
		{errors.New("Error 1049 (42000): Unknown database 'd'"), "failed (Error 1049): there is no database \"d\"; the token was accepted; correct the database name"},
		{stateError{"XX000", "internal error"}, "failed: FATAL: internal error (SQLSTATE XX000)"},
	} {
		d := &fakeDriver{logins: []rdsiam.Login{at}, err: test.err}
		_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
		if err == nil || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("got %v\nwant …%s", err, test.want)
		}
	}
}

// Tests of services make these.
func TestLoginErrorOfNoConnector(t *testing.T) {
	err := &rdsiam.LoginError{Endpoint: login(t).Endpoint, User: "u", Code: "28000", Refused: true}
	const want = `rdsiam: login as "u" to prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432 refused`
	if err.Error() != want || err.Unwrap() != nil || err.Retryable() {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if got := new(rdsiam.LoginError).Error(); got != `rdsiam: login as "" to  failed` {
		t.Errorf("the zero LoginError is %q", got)
	}
}

// A CertificateError knows a fix itself, which takes the place of that of the table.
func TestLoginErrorOfACertificate(t *testing.T) {
	at := login(t)
	d := &fakeDriver{logins: []rdsiam.Login{at}, err: at.Endpoint.DescribeCertificateError(x509.UnknownAuthorityError{}, nil)}
	_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
	var refusal *rdsiam.LoginError
	if !errors.As(err, &refusal) || !errors.As(err, new(*rdsiam.CertificateError)) || refusal.Retryable() ||
		!strings.Contains(err.Error(), " failed: no trusted authority issued the server's certificate; check that this is the server") ||
		!strings.Contains(fmt.Sprintf("%+v", err), "trusted: the embedded RDS roots") {
		t.Errorf("got %T: %v", err, err)
	}
}

func TestLoginErrorWithoutAToken(t *testing.T) {
	d := mute{&fakeDriver{logins: []rdsiam.Login{login(t)}, err: errors.New("no route")}}
	_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
	const want = `rdsiam: login as "app_user" to prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432 failed: no route`
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

func TestCancellationIsNotSaidTwice(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := mute{&fakeDriver{logins: []rdsiam.Login{login(t)}, err: fmt.Errorf("fake: %w", context.Canceled)}}
	_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(ctx)
	if err == nil || strings.Count(err.Error(), context.Canceled.Error()) != 1 {
		t.Errorf("got %v", err)
	}
}

// slow is like give, after a second.
func slow(give func(int64) (aws.Credentials, error)) func(int64) (aws.Credentials, error) {
	return func(n int64) (aws.Credentials, error) {
		time.Sleep(time.Second)
		return give(n)
	}
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
			[]string{"login started 0s", "token signed 0s AKID1", "login succeeded 1s AKID1 age 1s"}},
		{"reuses", &fakeDriver{logins: []rdsiam.Login{at}, took: time.Second}, forever, true,
			[]string{"login started 0s", "token reused 0s AKID1", "login succeeded 1s AKID1 age 1s"}},
		{"two hosts", &fakeDriver{logins: []rdsiam.Login{at, second}, took: time.Second}, forever, false,
			[]string{"login started 0s", "token signed 0s AKID1", "token signed 0s AKID1", "login succeeded 2s AKID1 age 1s"}},
		{"refused", &fakeDriver{logins: []rdsiam.Login{at}, took: time.Second, err: pam, code: "28000", refused: true}, forever, false,
			[]string{"login started 0s", "token signed 0s AKID1", "login refused 1s AKID1 age 1s error"}},
		{"fails", &fakeDriver{logins: []rdsiam.Login{at}, took: time.Second, err: io.EOF}, forever, false,
			[]string{"login started 0s", "token signed 0s AKID1", "login failed 1s AKID1 age 1s error"}},
		{"slow credentials", &fakeDriver{logins: []rdsiam.Login{at}, took: time.Second}, slow(forever), false,
			[]string{"login started 0s", "token signed 1s AKID1", "login succeeded 2s AKID1 age 1s"}},
		{"no credentials", &fakeDriver{logins: []rdsiam.Login{at}}, slow(failing(down)), false,
			[]string{"login started 0s", "no token 1s error", "login failed 1s error"}},
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
					if e.TokenAge > 0 {
						line += " age " + e.TokenAge.String()
					}
					if e.Err != nil {
						line += " error"
					}
					if !slices.Contains(test.driver.logins, e.Login) {
						t.Errorf("%v is of login %v", e.Kind, e.Login)
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

// pgx replaces an error that wraps a deadline by its own, and the network would be
// blamed for a credentials provider that hangs.
func TestATokenThatDoesNotComeIsNotTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := &provider{give: forever, hold: make(chan struct{})}
		defer close(p.hold)
		d := forgetful{&fakeDriver{logins: []rdsiam.Login{login(t)}}}
		_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(p)).Connect(ctx)
		var credentials *rdsiam.CredentialsError
		if !errors.As(err, &credentials) || credentials.Code != "credentials-silent" {
			t.Errorf("got %T: %v", err, err)
		}
	})
}

// forgetful loses the error of the token source.
type forgetful struct{ *fakeDriver }

func (d forgetful) Open(ctx context.Context, tokens rdsiam.TokenSource) (driver.Conn, error) {
	if _, err := d.fakeDriver.Open(ctx, tokens); err != nil {
		return nil, fmt.Errorf("timeout: %w", context.DeadlineExceeded)
	}
	return fakeConn{}, nil
}

func TestLoginThroughATunnelNamesTheEndpointAsACause(t *testing.T) {
	at := rdsiam.Login{Endpoint: endpoint(t, "localhost:6432", rdsiam.WithEndpoint("prod.abc123.us-east-1.rds.amazonaws.com:6432")), User: "u"}
	d := &fakeDriver{logins: []rdsiam.Login{at}, err: pam, code: "28000", refused: true}
	_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
	const want = "likeliest of 7: the endpoint given with rdsiam.WithEndpoint is not the database's own; prod.abc123.us-east-1.rds.amazonaws.com:6432 must be the host and port of the database, not those of the tunnel"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v\nwant …%s…", err, want)
	}
}

// database/sql logs in again, up to twice, after a connector's driver.ErrBadConn.
func TestConnectLogsInOnceAfterErrBadConn(t *testing.T) {
	refused := fmt.Errorf("callback: %w", errors.Join(pam, driver.ErrBadConn))
	config := &rdsiam.ConfigError{Setting: "x", Problem: "is y"}
	for name, test := range map[string]struct {
		opened error // of the driver
		source error // of the token source
		is     error
	}{
		"driver":                 {driver.ErrBadConn, nil, nil},
		"callback":               {refused, nil, pam},
		"setting":                {fmt.Errorf("%w: %w", driver.ErrBadConn, config), nil, config},
		"source":                 {nil, fmt.Errorf("vault: %w", errors.Join(io.EOF, driver.ErrBadConn)), nil},
		"source, beside a cause": {nil, fmt.Errorf("%w: %w", driver.ErrBadConn, config), config},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			source := rdsiam.TokenSourceFunc(func(_ context.Context, login rdsiam.Login) (rdsiam.Token, error) {
				asked++
				return rdsiam.NewToken(faketoken.Text(login), time.Now().Add(time.Hour)), test.source
			})
			d := &fakeDriver{logins: []rdsiam.Login{login(t)}, err: test.opened}
			db := sql.OpenDB(rdsiam.NewConnector(d, source))
			defer db.Close()
			err := db.PingContext(t.Context())
			if err == nil || asked != 1 || errors.Is(err, driver.ErrBadConn) {
				t.Errorf("%d logins for %v", asked, err)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			if name == "callback" && rdsiam.Explain(err).Code != "28000" {
				t.Errorf("explained as %+v", rdsiam.Explain(err))
			}
			if test.source == nil && test.is != config && !errors.As(err, new(*rdsiam.LoginError)) {
				t.Errorf("got a %T", err)
			}
		})
	}
}
