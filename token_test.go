package rdsiam_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/faketoken"
)

// signed returns a token as the source makes it, and what of it is secret.
func signed(tb testing.TB) (token rdsiam.Token, secrets []string) {
	tb.Helper()
	source := rdsiam.NewTokenSource(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", SessionToken: "Session/Token+Value=="}, nil
	}))
	token = mustToken(tb, source, login(tb))
	_, query, _ := strings.Cut(token.Reveal(), "?")
	parameters, err := url.ParseQuery(query)
	if err != nil {
		tb.Fatal(err)
	}
	signature := parameters.Get("X-Amz-Signature")
	if len(signature) != 64 || parameters.Get("X-Amz-Security-Token") != "Session/Token+Value==" {
		tb.Fatal("the token is not what this test is about")
	}
	return token, []string{signature, "Session/Token+Value==", url.QueryEscape("Session/Token+Value=="), query}
}

func noSecrets(tb testing.TB, where, text string, secrets []string) {
	tb.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			tb.Errorf("%s shows %q:\n%s", where, secret, text)
		}
	}
}

func TestNothingPrintsAToken(t *testing.T) {
	token, secrets := signed(t)
	type nested struct {
		inner  rdsiam.Token
		Outer  rdsiam.Token
		points *rdsiam.Token
		any    any
	}
	values := map[string]any{
		"value": token, "pointer": &token, "nested": nested{token, token, &token, token},
		"pointer to nested": &nested{token, token, &token, token}, "slice": []rdsiam.Token{token},
		"map": map[string]rdsiam.Token{"k": token}, "array": [1]any{token}, "in an error": fmt.Errorf("no: %v", token),
		"joined": errors.Join(fmt.Errorf("no: %+v", nested{inner: token})),
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%p", "%10.3s", "%U", "%c", "%o", "%b", "%e", "%w", "%z"} {
			noSecrets(t, name+" with "+verb, fmt.Sprintf(verb, value), secrets)
		}
		noSecrets(t, name+" with Print", fmt.Sprint(value), secrets)
		if text, err := json.Marshal(value); err == nil {
			noSecrets(t, name+" as JSON", string(text), secrets)
		}
		if text, err := xml.Marshal(value); err == nil {
			noSecrets(t, name+" as XML", string(text), secrets)
		}
		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
			slog.New(handler).Info("token", "token", value, slog.Group("group", "token", value))
		}
		noSecrets(t, name+" in slog", log.String(), secrets)
	}
	// The test above would pass if nothing were printed at all.
	want := "rdsiam.Token(access key AKIDEXAMPLE, expires " + token.Expires().UTC().Format(time.RFC3339) + ")"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(verb, token); got != want {
			t.Errorf("%s prints %q, want %q", verb, got, want)
		}
	}
	if text, _ := json.Marshal(token); string(text) != `"`+want+`"` {
		t.Errorf("JSON is %s", text)
	}
	if text, _ := token.MarshalText(); string(text) != want {
		t.Errorf("text is %s", text)
	}
	if value := slog.AnyValue(token).Resolve(); value.Kind() != slog.KindString || value.String() != want {
		t.Errorf("slog handlers get %v", value)
	}
}

// Credentials that are about to expire are kept by the source.
func TestNothingPrintsWhatASourceHolds(t *testing.T) {
	expires := time.Now().Add(50 * time.Second)
	source := rdsiam.NewTokenSource(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "the-secret", SessionToken: "the-session", CanExpire: true, Expires: expires}, nil
	}))
	secrets := []string{mustToken(t, source, login(t)).Reveal(), "the-secret", "the-session"}
	connector := rdsiam.NewConnector(&fakeDriver{}, source)
	for name, value := range map[string]any{"source": source, "nested": struct{ Source, source rdsiam.TokenSource }{source, source}, "connector": connector} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			noSecrets(t, name+" with "+verb, fmt.Sprintf(verb, value), secrets)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("source", "source", value)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("source", "source", value)
		noSecrets(t, name+" in slog", log.String(), secrets)
	}
	if got := fmt.Sprint(source); got != "rdsiam.TokenSource" {
		t.Errorf("prints %s", got)
	}
}

func TestTokenString(t *testing.T) {
	soon := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).In(time.FixedZone("", 3600))
	for want, token := range map[string]rdsiam.Token{
		"rdsiam.Token(empty)":                                         {},
		"rdsiam.Token(expiry unknown)":                                rdsiam.NewToken("opaque", time.Time{}),
		"rdsiam.Token(expires 2030-01-02T03:04:05Z)":                  rdsiam.NewToken("opaque", soon),
		"rdsiam.Token(access key AKID, expires 2030-01-02T03:04:05Z)": rdsiam.NewToken("h:1/?X-Amz-Credential=AKID%2Fx", soon),
	} {
		if got := token.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestNewTokenReadsTheText(t *testing.T) {
	const text = "h:5432/?Action=connect&DBUser=u&X-Amz-Credential=AKID%2F20260102%2Fus-east-1%2Frds-db%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&X-Amz-Signature=00"
	signed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		name, text string
		expires    time.Time
		want       time.Time
		key        string
	}{
		{"from the text", text, time.Time{}, signed.Add(15 * time.Minute), "AKID"},
		{"white space around", "\n " + text + "\r\n", time.Time{}, signed.Add(15 * time.Minute), "AKID"},
		{"shorter", strings.Replace(text, "=900", "=60", 1), time.Time{}, signed.Add(time.Minute), "AKID"},
		{"longer than RDS accepts", strings.Replace(text, "=900", "=3600", 1), time.Time{}, signed.Add(15 * time.Minute), "AKID"},
		{"negative", strings.Replace(text, "=900", "=-1", 1), time.Time{}, signed.Add(15 * time.Minute), "AKID"},
		{"given", text, signed.Add(time.Minute), signed.Add(time.Minute), "AKID"},
		{"opaque", "opaque", time.Time{}, time.Time{}, ""},
		{"empty", "", time.Time{}, time.Time{}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			token := rdsiam.NewToken(test.text, test.expires)
			if !token.Expires().Equal(test.want) || token.AccessKeyID() != test.key {
				t.Errorf("expires %v, key %q, want %v, %q", token.Expires(), token.AccessKeyID(), test.want, test.key)
			}
			if token.Reveal() != strings.TrimSpace(test.text) {
				t.Errorf("reveals %q", token.Reveal())
			}
		})
	}
	if got := rdsiam.NewToken(text, time.Now()).Expires().String(); strings.Contains(got, "m=") {
		t.Errorf("the expiry %s has a monotonic clock, which stands still while a laptop sleeps", got)
	}
}

func TestMask(t *testing.T) {
	token, secrets := signed(t)
	for name, text := range map[string]string{
		"token":           "no PAM for " + token.Reveal() + " today",
		"without slash":   strings.Replace(token.Reveal(), "/?", "?", 1),
		"escaped":         url.QueryEscape(token.Reveal()),
		"signature":       "bad signature " + secrets[0] + ".",
		"session token":   "bad session " + secrets[1],
		"escaped session": "bad session " + secrets[2],
	} {
		masked := token.Mask(text)
		noSecrets(t, name, masked, secrets)
		if !strings.Contains(masked, "[token masked]") {
			t.Errorf("%s: %q", name, masked)
		}
	}
	const harmless = `password authentication failed for user "app_user"`
	if got := token.Mask(harmless); got != harmless {
		t.Errorf("harmless text became %q", got)
	}
	if got := (rdsiam.Token{}).Mask(harmless); got != harmless {
		t.Errorf("the zero token made it %q", got)
	}
}

// Tokens that are none of RDS's, or that were put together by hand.
func TestMaskOfForeignTokens(t *testing.T) {
	for _, test := range []struct{ name, token, text, want string }{
		{"opaque", "p@ss/word", "no: p@ss/word, p%40ss%2Fword", "no: [token masked], [token masked]"},
		{"found in its own mask", "e", "need", "n[token masked][token masked]d"},
		{"plus not escaped", "h/?X-Amz-Security-Token=a+b&X-Amz-Signature=00ff", "a+b, a b, 00ff", "[token masked], [token masked], [token masked]"},
		{"lower-case escapes", "h/?X-Amz-Security-Token=a%2fb", "a%2fb, a/b, a%2Fb", "[token masked], [token masked], [token masked]"},
		{"wrong escapes", "h/?X-Amz-Security-Token=a%zzb", "a%zzb", "[token masked]"},
		{"empty parameters", "h/?X-Amz-Security-Token=&X-Amz-Signature=", "harmless", "harmless"},
		{"only a longer name", "h/?X-Amz-Signature2=00ff", "00ff", "00ff"},
		{"not in the query", "X-Amz-Signature=00ff", "00ff", "00ff"},
		{"nothing to mask", "opaque", "", ""},
	} {
		if got := rdsiam.NewToken(test.token, time.Time{}).Mask(test.text); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestLoginTokenChecksTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		give := func(token rdsiam.Token, err error) rdsiam.TokenSource {
			return rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) { return token, err })
		}
		at := login(t)
		text := faketoken.Text(at)
		good := rdsiam.NewToken(text, time.Now().Add(time.Nanosecond))
		var nilFunc rdsiam.TokenSourceFunc
		tests := []struct {
			name   string
			source rdsiam.TokenSource
			login  rdsiam.Login
			want   string
		}{
			{"good", give(good, nil), at, ""},
			{"of unknown expiry", give(rdsiam.NewToken(strings.Replace(text, "20260102T030405Z", "today", 1), time.Time{}), nil), at, ""},
			{"nil", nil, at, "rdsiam: token source: is nil; pass the result of rdsiam.NewTokenSource"},
			{"nil func", nilFunc, at, "rdsiam: token source: is nil; pass the result of rdsiam.NewTokenSource"},
			{"empty", give(rdsiam.Token{}, nil), at, "rdsiam: token source: returned an empty token and no error for app_user@prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432; return either a token or the reason why there is none"},
			{"blank", give(rdsiam.NewToken("\n", time.Time{}), nil), at, "rdsiam: token source: returned an empty token and no error for app_user@prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432; return either a token or the reason why there is none"},
			{"expired", give(rdsiam.NewToken(text, time.Now()), nil), at, "rdsiam: no token for app_user@prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432: the token source returned a token that has expired; access key AKIDEXAMPLE; expires 2000-01-01T00:00:00Z; check what the token source keeps, and this machine's clock"},
			{"error", give(good, errors.New("vault is sealed")), at, "rdsiam: no token for app_user@prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432: the token source failed: vault is sealed"},
			{"bad login", give(good, nil), rdsiam.Login{Endpoint: at.Endpoint}, "rdsiam: user: is empty, and the token is signed for a user; name the database user in the DSN or configuration"},
		}
		for _, test := range tests {
			token, err := test.login.Token(t.Context(), test.source)
			if got := fmt.Sprint(err); test.want == "" && err != nil || test.want != "" && got != test.want {
				t.Errorf("%s: error\n got %v\nwant %s", test.name, err, test.want)
			}
			if (token.Reveal() == "") != (test.want != "") {
				t.Errorf("%s: token %v", test.name, token)
			}
		}
	})
}

// A source that returns something else than the token of the login that it was asked for:
// the server would refuse it, and whoever runs that server could replay it elsewhere.
func TestLoginTokenRefusesOtherTexts(t *testing.T) {
	at := login(t)
	text := faketoken.Text(at)
	replace := func(old, new string) string { return strings.Replace(text, old, new, 1) }
	everyByte := func(old string, new func(string) string) string {
		return strings.ReplaceAll(text, old, new(old))
	}
	quoted, _ := json.Marshal(text)
	for _, test := range []struct{ name, text, code, says string }{
		{"another host", replace("prod.", "dev."), "token-of-another-login", "app_user@dev.cluster-abc123.us-east-1.rds.amazonaws.com:5432 (us-east-1), not for app_user@prod."},
		{"another port", replace(":5432", ":6432"), "token-of-another-login", ":6432 (us-east-1)"},
		{"another region", replace("%2Fus-east-1", "%2Feu-west-1"), "token-of-another-login", "(eu-west-1)"},
		{"another user", replace("app_user", "admin"), "token-of-another-login", "admin@prod."},
		{"a password", "hunter2", "token-unknown-text", "no token for RDS"},
		{"quoted", string(quoted), "token-quoted", "in quotes"},
		{"single quotes", "'" + text + "'", "token-quoted", "in quotes"},
		{"percent-encoded", url.QueryEscape(text), "token-percent-encoded", "percent-encoded"},
		{"HTML", everyByte("&", func(string) string { return "&amp;" }), "token-html-encoded", "HTML"},
		{"URL", "https://" + text, "token-scheme", "scheme"},
		{"JSON", `{"token": ` + string(quoted) + `}`, "token-json", "JSON"},
		{"line break inside", replace("&X-Amz-Date", "\n&X-Amz-Date"), "token-white-space", "white space"},
		{"cut", text[:strings.Index(text, "&X-Amz-Expires")], "token-cut", "lacks X-Amz-Expires, X-Amz-SignedHeaders, X-Amz-Signature"},
		{"cut in the signature", text[:len(text)-1], "token-cut", "64 hexadecimal digits"},
		{"no port", replace(":5432", ""), "token-malformed", "port"},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
				return rdsiam.NewToken(test.text, time.Now().Add(time.Hour)), nil
			})
			token, err := at.Token(t.Context(), source)
			var refused *rdsiam.ConfigError
			if !errors.As(err, &refused) || refused.Code != test.code || refused.Fix == "" {
				t.Fatalf("got %v, code %q", err, refused.Code)
			}
			if !strings.Contains(err.Error(), test.says) || token.Reveal() != "" {
				t.Errorf("got %v, %v", token, err)
			}
			noSecrets(t, test.name, err.Error(), []string{faketoken.Signature, "hunter2"})
		})
	}
}

// Our own tokens are no exception.
func TestLoginTokenRefusesATokenThatWasCached(t *testing.T) {
	token, _ := signed(t)
	source := rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) { return token, nil })
	if _, err := login(t).Token(t.Context(), source); err != nil {
		t.Error(err)
	}
	other := rdsiam.Login{Endpoint: login(t).Endpoint, User: "admin"}
	var refused *rdsiam.ConfigError
	if _, err := other.Token(t.Context(), source); !errors.As(err, &refused) || refused.Code != "token-of-another-login" {
		t.Errorf("got %v", err)
	}
}
