package rdsiam_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsiam/rdsiam"
)

// logged returns a line of a handler of slog, without the time.
func logged(t *testing.T, inJSON bool, value any) string {
	t.Helper()
	var line bytes.Buffer
	options := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key != "it" {
			return slog.Attr{}
		}
		return a
	}}
	var handler slog.Handler = slog.NewTextHandler(&line, options)
	if inJSON {
		handler = slog.NewJSONHandler(&line, options)
	}
	slog.New(handler).Info("", "it", value)
	return strings.TrimSpace(line.String())
}

func inJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLogsOfEventsAndErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := login(t)
		var events []rdsiam.Event
		observe := func(_ context.Context, e rdsiam.Event) { events = append(events, e) }
		d := &fakeDriver{logins: []rdsiam.Login{at}, took: 4 * time.Millisecond, err: stateError{"3D000", "no"}, code: "3D000"}
		_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever}),
			rdsiam.WithObserver(observe)).Connect(t.Context())
		const text = `rdsiam: login as \"app_user\" to prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432 failed (SQLSTATE 3D000): ` +
			`there is no database of this name; the token was accepted; correct the database name`
		const who = `"user":"app_user","endpoint":"prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432",`
		const failed = `{"error":"` + text + `",` + who + `"refused":false,"retryable":false,"code":"3D000","causes":["no-database"],` +
			`"access_key_id":"AKID1","token_age":4000000}`
		const event = `{"kind":"login failed",` + who + `"duration":4000000,"access_key_id":"AKID1","token_age":4000000,` +
			`"error":"` + text + `","code":"3D000","causes":["no-database"]}`
		const line = `it.error="` + text + `" it.user=app_user it.endpoint=prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432 ` +
			`it.refused=false it.retryable=false it.code=3D000 it.causes=[no-database] it.access_key_id=AKID1 it.token_age=4ms`
		last := events[len(events)-1]
		for _, test := range []struct{ name, got, want string }{
			{"error in JSON", inJSON(t, err), failed},
			{"error in slog's JSON", logged(t, true, err), `{"it":` + failed + `}`},
			{"error in slog's text", logged(t, false, err), line},
			{"event in JSON", inJSON(t, last), event},
			{"event in slog's JSON", logged(t, true, last), `{"it":` + event + `}`},
			{"first event in JSON", inJSON(t, events[0]), `{"kind":"login started",` + strings.TrimSuffix(who, ",") + `}`},
			{"endpoint in JSON", inJSON(t, at.Endpoint), `"prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432"`},
			{"endpoint in slog's JSON", logged(t, true, at.Endpoint), `{"it":"prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432"}`},
			{"endpoint in slog's text", logged(t, false, at.Endpoint), `it=prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432`},
			{"no endpoint", inJSON(t, rdsiam.Endpoint{}), `""`},
			{"kind of event", inJSON(t, rdsiam.TokenReused), `"token reused"`},
			{"kind of endpoint", inJSON(t, at.Endpoint.Kind()), `"cluster endpoint"`},
		} {
			if test.got != test.want {
				t.Errorf("%s:\n got %s\nwant %s", test.name, test.got, test.want)
			}
		}
	})
}

// Errors that are no login have text, and the code of a setting.
func TestLogsOfOtherErrors(t *testing.T) {
	config := &rdsiam.ConfigError{Code: "endpoint-empty", Setting: "endpoint", Problem: "is empty", Fix: "give it"}
	for want, err := range map[string]error{
		`{"kind":"login failed","error":"hook: rdsiam: endpoint: is empty; give it","causes":["endpoint-empty"]}`: fmt.Errorf("hook: %w", config),
		`{"kind":"login failed","error":"EOF","causes":["cut"]}`:                                                  io.EOF,
		`{"kind":"login failed","error":"no"}`:                                                                    errors.New("no"),
	} {
		if got := inJSON(t, rdsiam.Event{Kind: rdsiam.LoginFailed, Err: err}); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if got, want := inJSON(t, config), `{"code":"endpoint-empty","setting":"endpoint","problem":"is empty","fix":"give it"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := logged(t, false, (*rdsiam.LoginError)(nil)); !strings.HasPrefix(got, "it=") {
		t.Errorf("a nil LoginError is %s", got)
	}
}

// A token of this package knows the instant of its signing, one from elsewhere the second.
func TestTokenAgeIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(900 * time.Millisecond) // late in a second
		at := login(t)
		own := rdsiam.NewTokenSource(&provider{give: forever})
		foreign := rdsiam.TokenSourceFunc(func(ctx context.Context, l rdsiam.Login) (rdsiam.Token, error) {
			token, err := own.Token(ctx, l)
			return rdsiam.NewToken(token.Reveal(), time.Time{}), err
		})
		for _, test := range []struct {
			name   string
			source rdsiam.TokenSource
			want   time.Duration
		}{{"own", own, 4 * time.Millisecond}, {"reused", own, 8 * time.Millisecond}, {"foreign", foreign, 912 * time.Millisecond}} {
			d := &fakeDriver{logins: []rdsiam.Login{at}, took: 4 * time.Millisecond, err: pam}
			_, err := rdsiam.NewConnector(d, test.source).Connect(t.Context())
			var failed *rdsiam.LoginError
			if !errors.As(err, &failed) || failed.TokenAge != test.want {
				t.Errorf("%s: %v old, want %v", test.name, failed.TokenAge, test.want)
			}
		}
	})
}
