package rdsiam_test

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/causes"
	"github.com/rdsiam/rdsiam/internal/test/symptoms"
)

var update = flag.Bool("update", false, "write the golden files")

// failedLogin returns the error of a Connector for a symptom.
func failedLogin(t *testing.T, symptom symptoms.Symptom) *rdsiam.LoginError {
	t.Helper()
	at := rdsiam.Login{Endpoint: endpointOf(t, symptom.Host), User: "app_user_012"}
	if symptom.User != "" {
		at.User = symptom.User
	}
	d := &fakeDriver{logins: []rdsiam.Login{at}, err: symptom.Err}
	if explanation := rdsiam.Explain(symptom.Err); explanation.Code != "" {
		d.code, d.refused = explanation.Code, true
	}
	// Without a session token of a few letters, which would be masked wherever it stands.
	plain := func(int64) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKID1", SecretAccessKey: "secret"}, nil
	}
	_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: plain})).Connect(t.Context())
	var failed *rdsiam.LoginError
	if !errors.As(err, &failed) {
		t.Fatalf("%s: %T: %v", symptom.Name, err, err)
	}
	return failed
}

func endpointOf(t *testing.T, host string) rdsiam.Endpoint {
	t.Helper()
	if host == symptoms.GlobalWriter || host == symptoms.Outside {
		return endpoint(t, host, rdsiam.WithRegion("eu-west-1"))
	}
	return endpoint(t, host)
}

func TestExplainGolden(t *testing.T) {
	var b strings.Builder
	for _, symptom := range symptoms.All {
		failed := failedLogin(t, symptom)
		explanation := rdsiam.Explain(failed)
		fmt.Fprintf(&b, "# %s (%s)\n%v\n%v\nretry %v\n", symptom.Name, failed.Endpoint.Kind(), symptom.Err, failed, explanation.Retryable)
		for _, cause := range explanation.Causes {
			fmt.Fprintf(&b, "%s: %s: %s\n", cause.Code, cause.Text, cause.Fix)
		}
		b.WriteString("\n")
	}
	const golden = "testdata/explain.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("differs from %s; look at the difference that -update makes", golden)
	}
}

// Retrying frameworks print the text on every retry. Every cause must fit, also one that is
// not the likeliest of any symptom.
func TestLoginErrorIsShort(t *testing.T) {
	const most = 300
	for _, symptom := range symptoms.All {
		failed := failedLogin(t, symptom)
		explanation := rdsiam.Explain(failed)
		if len(explanation.Causes) == 0 {
			continue // then the driver says what happened
		}
		likeliest := explanation.Causes[0]
		around := strings.TrimSuffix(failed.Error(), likeliest.Text+"; "+likeliest.Fix)
		if around == failed.Error() {
			t.Errorf("%s: the likeliest cause is not the end: %v", symptom.Name, failed)
		}
		for _, cause := range explanation.Causes {
			if length := utf8.RuneCountInString(around + cause.Text + "; " + cause.Fix); length > most {
				t.Errorf("%s: %d characters with %s: %s%s; %s", symptom.Name, length, cause.Code, around, cause.Text, cause.Fix)
			}
		}
		answer := strings.ReplaceAll(symptom.Err.Error(), "\n", "; ")
		if !strings.Contains(fmt.Sprintf("%+v", failed), "\n\tanswer: "+answer+"\n\t1. ") {
			t.Errorf("%s: %%+v does not say what was answered: %+v", symptom.Name, failed)
		}
	}
}

// The hook's user and the Connector's read the same words.
func TestExplainOfALoginError(t *testing.T) {
	pam := symptoms.Postgres{Code: "28000", Message: "PAM authentication failed"}
	for _, host := range []string{symptoms.Instance, symptoms.Proxy, symptoms.GlobalWriter, symptoms.Outside} {
		at := rdsiam.Login{Endpoint: endpointOf(t, host), User: "u"}
		d := &fakeDriver{logins: []rdsiam.Login{at}, err: pam, code: "28000", refused: true}
		_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
		want := at.Explain(pam).String()
		if got := rdsiam.Explain(fmt.Errorf("ping: %w", err)).String(); got != want || got == "" {
			t.Errorf("%s\n got %s\nwant %s", host, got, want)
		}
	}
	if got, want := rdsiam.Explain(pam).String(), "allow it on arn:PARTITION:rds-db:REGION:ACCOUNT:dbuser:RESOURCE_ID/USER "; !strings.Contains(got, want) {
		t.Errorf("without an endpoint: %s", got)
	}
	if got := rdsiam.Explain(nil); got.Causes != nil || got.Retryable {
		t.Errorf("nil is explained: %v", got)
	}
}

// An endpoint that somebody gave can be wrong.
func TestExplainBehindATunnel(t *testing.T) {
	at := rdsiam.Login{Endpoint: endpoint(t, "127.0.0.1:6543", rdsiam.WithEndpoint(symptoms.Instance))}
	explanation := at.Explain(symptoms.MySQL("Error 1045 (28000): Access denied"))
	want := rdsiam.Cause{Code: causes.TunnelEndpoint, Text: "the endpoint given with rdsiam.WithEndpoint is not the database's own",
		Fix: symptoms.Instance + ":5432 must be the host and port of the database, not those of the tunnel"}
	if len(explanation.Causes) == 0 || explanation.Causes[0] != want {
		t.Errorf("got %+v\nwant %+v", explanation.Causes, want)
	}
}

// Settings and cancellations say enough themselves.
func TestExplainSaysNothing(t *testing.T) {
	at := rdsiam.Login{Endpoint: endpointOf(t, symptoms.Instance)}
	for name, err := range map[string]error{
		"settings": &rdsiam.ConfigError{Setting: "host", Problem: "no such host"},
		"given up": fmt.Errorf("dial tcp: %w", context.Canceled),
	} {
		if got := at.Explain(err); got.Causes != nil || got.Retryable || got.Code != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A CertificateError knows the endpoint and the roots.
func TestExplainOfACertificateError(t *testing.T) {
	at := rdsiam.Login{Endpoint: endpointOf(t, symptoms.Instance)}
	for _, symptom := range symptoms.All {
		err := at.Endpoint.DescribeCertificateError(symptom.Err, nil)
		var described *rdsiam.CertificateError
		if !errors.As(err, &described) {
			continue
		}
		got, bare := at.Explain(err), at.Explain(symptom.Err)
		if len(got.Causes) != 1 || got.Causes[0].Code != bare.Causes[0].Code || described.Fix != "" && got.Causes[0].Fix != described.Fix {
			t.Errorf("%s: %+v; the error says %s", symptom.Name, got, described.Fix)
		}
	}
}

// Every fix of a certificate fits into the text of the login's error.
func TestCertificateFixIsShort(t *testing.T) {
	for _, symptom := range symptoms.All {
		for _, at := range []rdsiam.Endpoint{
			endpointOf(t, symptoms.Instance), endpointOf(t, symptoms.Proxy), endpointOf(t, symptoms.Outside),
			endpoint(t, "127.0.0.1:6543", rdsiam.WithEndpoint(symptoms.Instance)),
			endpoint(t, symptoms.Instance, rdsiam.WithRootCAs(newAuthority(t, "ca").pool())),
		} {
			for _, base := range certificateBases(t) {
				err := at.DescribeCertificateError(symptom.Err, base)
				if !errors.As(err, new(*rdsiam.CertificateError)) {
					continue
				}
				d := &fakeDriver{logins: []rdsiam.Login{{Endpoint: at, User: "app_user_012"}}, err: err}
				_, err = rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
				if length := utf8.RuneCountInString(err.Error()); length > 300 {
					t.Errorf("%d characters: %v", length, err)
				}
			}
		}
	}
}

// database/sql logs in twice more for driver.ErrBadConn; Explain must know it all the same.
func TestExplainOfABadConnection(t *testing.T) {
	at := login(t)
	d := &fakeDriver{logins: []rdsiam.Login{at}, err: fmt.Errorf("mysql: %w", driver.ErrBadConn)}
	_, err := rdsiam.NewConnector(d, rdsiam.NewTokenSource(&provider{give: forever})).Connect(t.Context())
	if errors.Is(err, driver.ErrBadConn) {
		t.Error("database/sql will log in again")
	}
	for _, err := range []error{err, driver.ErrBadConn} {
		got := rdsiam.Explain(err)
		if len(got.Causes) != 2 || got.Causes[0].Code != causes.RejectedReadOnly || !got.Retryable {
			t.Errorf("%v: %+v", err, got)
		}
	}
}

func TestExplanationAsJSON(t *testing.T) {
	text, err := json.Marshal(rdsiam.Explain(symptoms.Postgres{Code: "3D000", Message: "no"}))
	const want = `{"code":"3D000","causes":[{"code":"no-database","text":"there is no database of this name; the token was accepted",` +
		`"fix":"correct the database name"}],"retryable":false}`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
}

// A source may keep its tokens in a database, and what that answers is not about the login.
func TestExplainRefusedTokenSource(t *testing.T) {
	at := rdsiam.Login{Endpoint: endpointOf(t, symptoms.Instance), User: "u"}
	for _, refusal := range []error{pam, symptoms.MySQL("Error 1045 (28000): Access denied for user 'vault'@'10.0.0.1' (using password: YES)")} {
		_, err := at.Token(t.Context(), rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
			return rdsiam.Token{}, refusal
		}))
		if got := at.Explain(err); got.Code != "" || len(got.Causes) > 0 || !got.Retryable {
			t.Errorf("%v: explained as %+v", refusal, got)
		}
	}
}
