package rdsiamtest_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// request is what a token is made of, to make those that no SDK makes.
type request struct {
	credentials aws.Credentials
	scheme      string // its default port is left out of what is signed
	address     string
	region      string
	service     string
	date        time.Time
	query       url.Values
}

// goodRequest is accepted by the server.
func goodRequest(server *rdsiamtest.Server, user string) *request {
	return &request{
		credentials: server.Identities()[0].Credentials,
		scheme:      "https",
		address:     server.Endpoint(),
		region:      "us-east-1",
		service:     "rds-db",
		date:        time.Now(),
		query:       url.Values{"Action": {"connect"}, "DBUser": {user}, "X-Amz-Expires": {"900"}},
	}
}

// sign makes a token with the SDK's general signer.
func (r *request) sign(t testing.TB) string {
	t.Helper()
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	req, err := http.NewRequest(http.MethodGet, r.scheme+"://"+r.address+"/?"+r.query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), r.credentials, req, emptyHash, r.service, r.region, r.date)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(signed, r.scheme+"://")
}

// replaced replaces a part of a token that must be there.
func replaced(t testing.TB, token, old, by string) string {
	t.Helper()
	if !strings.Contains(token, old) {
		t.Fatalf("no %q in the token", old)
	}
	return strings.Replace(token, old, by, 1)
}

func wantReason(t *testing.T, err error, want rdsiamtest.Reason) {
	t.Helper()
	if want == rdsiamtest.ReasonAccepted {
		if err != nil {
			t.Errorf("error = %v, want the token accepted", err)
		}
		return
	}
	var refusal *rdsiamtest.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("error = %v, want %q", err, want)
		return
	}
	if refusal.Reason != want || refusal.Detail == "" {
		t.Errorf("refusal = %q, detail %q; want %q and a detail", refusal.Reason, refusal.Detail, want)
	}
}

// Each rule of the verifier is broken by one token, which is signed correctly
// wherever that is possible: it is refused for that reason and no other. What the
// client reads is the same for all.
func TestTampering(t *testing.T) {
	tests := []struct {
		name  string
		token func(t *testing.T, r *request) string
		want  rdsiamtest.Reason
	}{
		{"untouched", func(t *testing.T, r *request) string { return r.sign(t) }, rdsiamtest.ReasonAccepted},
		{"without slash", func(t *testing.T, r *request) string {
			return replaced(t, r.sign(t), "/?", "?")
		}, rdsiamtest.ReasonAccepted},
		{"other order", func(t *testing.T, r *request) string {
			address, query, _ := strings.Cut(r.sign(t), "?")
			pairs := strings.Split(query, "&")
			for i, j := 0, len(pairs)-1; i < j; i, j = i+1, j-1 {
				pairs[i], pairs[j] = pairs[j], pairs[i]
			}
			return address + "?" + strings.Join(pairs, "&")
		}, rdsiamtest.ReasonAccepted},
		{"host in upper case, signed in lower case", func(t *testing.T, r *request) string {
			return replaced(t, r.sign(t), "rdsiamtest.", "RDSIAMTEST.")
		}, rdsiamtest.ReasonAccepted},
		{"shorter X-Amz-Expires", func(t *testing.T, r *request) string {
			r.query.Set("X-Amz-Expires", "1")
			return r.sign(t)
		}, rdsiamtest.ReasonAccepted},

		{"empty", func(*testing.T, *request) string { return "" }, rdsiamtest.ReasonMalformed},
		{"a password", func(*testing.T, *request) string { return "hunter2?" }, rdsiamtest.ReasonMalformed},
		{"cut off", func(t *testing.T, r *request) string { return r.sign(t)[:255] }, rdsiamtest.ReasonMalformed},
		{"with scheme", func(t *testing.T, r *request) string { return "https://" + r.sign(t) }, rdsiamtest.ReasonMalformed},
		{"with a space behind", func(t *testing.T, r *request) string { return r.sign(t) + " " }, rdsiamtest.ReasonMalformed},
		{"encoded twice", func(t *testing.T, r *request) string { return url.QueryEscape(r.sign(t)) }, rdsiamtest.ReasonMalformed},
		{"decoded", func(t *testing.T, r *request) string {
			decoded, err := url.PathUnescape(r.sign(t))
			if err != nil {
				t.Fatal(err)
			}
			return decoded
		}, rdsiamtest.ReasonMalformed},
		{"parameter twice", func(t *testing.T, r *request) string { return r.sign(t) + "&Action=connect" }, rdsiamtest.ReasonMalformed},
		{"parameter too many", func(t *testing.T, r *request) string {
			r.query.Set("Extra", "1")
			return r.sign(t)
		}, rdsiamtest.ReasonMalformed},
		{"no DBUser", func(t *testing.T, r *request) string {
			r.query.Del("DBUser")
			return r.sign(t)
		}, rdsiamtest.ReasonMalformed},
		{"other action", func(t *testing.T, r *request) string {
			r.query.Set("Action", "DbConnect")
			return r.sign(t)
		}, rdsiamtest.ReasonMalformed},
		{"other service", func(t *testing.T, r *request) string {
			r.service = "dsql"
			return r.sign(t)
		}, rdsiamtest.ReasonMalformed},
		{"other algorithm", func(t *testing.T, r *request) string {
			return replaced(t, r.sign(t), "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512")
		}, rdsiamtest.ReasonMalformed},
		{"other signed headers", func(t *testing.T, r *request) string {
			return replaced(t, r.sign(t), "SignedHeaders=host", "SignedHeaders=host%3Bdate")
		}, rdsiamtest.ReasonMalformed},
		{"no X-Amz-Expires", func(t *testing.T, r *request) string {
			r.query.Del("X-Amz-Expires")
			return r.sign(t)
		}, rdsiamtest.ReasonMalformed},

		{"X-Amz-Expires too long", func(t *testing.T, r *request) string {
			r.query.Set("X-Amz-Expires", "901")
			return r.sign(t)
		}, rdsiamtest.ReasonExpiresParameter},
		{"X-Amz-Expires zero", func(t *testing.T, r *request) string {
			r.query.Set("X-Amz-Expires", "0")
			return r.sign(t)
		}, rdsiamtest.ReasonExpiresParameter},
		{"X-Amz-Expires no number", func(t *testing.T, r *request) string {
			r.query.Set("X-Amz-Expires", "15m")
			return r.sign(t)
		}, rdsiamtest.ReasonExpiresParameter},
		{"other host", func(t *testing.T, r *request) string {
			r.address = "other.abc123.us-east-1.rds.amazonaws.com:5432"
			return r.sign(t)
		}, rdsiamtest.ReasonHost},
		{"address instead of the host", func(t *testing.T, r *request) string {
			r.address = "127.0.0.1:5432"
			return r.sign(t)
		}, rdsiamtest.ReasonHost},
		{"trailing dot", func(t *testing.T, r *request) string {
			r.address = strings.Replace(r.address, ":", ".:", 1)
			return r.sign(t)
		}, rdsiamtest.ReasonHost},
		{"other port", func(t *testing.T, r *request) string {
			r.address = replaced(t, r.address, ":5432", ":5433")
			return r.sign(t)
		}, rdsiamtest.ReasonPort},
		{"no port", func(t *testing.T, r *request) string {
			r.address = replaced(t, r.address, ":5432", "")
			return r.sign(t)
		}, rdsiamtest.ReasonPort},
		{"other region", func(t *testing.T, r *request) string {
			r.region = "us-west-2"
			return r.sign(t)
		}, rdsiamtest.ReasonRegion},
		{"other user", func(t *testing.T, r *request) string {
			r.query.Set("DBUser", "other")
			return r.sign(t)
		}, rdsiamtest.ReasonUser},
		{"case of the user", func(t *testing.T, r *request) string {
			r.query.Set("DBUser", "APP")
			return r.sign(t)
		}, rdsiamtest.ReasonUser},
		{"other access key", func(t *testing.T, r *request) string {
			r.credentials.AccessKeyID = "ASIAOTHER"
			return r.sign(t)
		}, rdsiamtest.ReasonAccessKey},
		{"no session token", func(t *testing.T, r *request) string {
			r.credentials.SessionToken = ""
			return r.sign(t)
		}, rdsiamtest.ReasonSessionToken},
		{"other session token", func(t *testing.T, r *request) string {
			r.credentials.SessionToken += "x"
			return r.sign(t)
		}, rdsiamtest.ReasonSessionToken},

		{"other secret", func(t *testing.T, r *request) string {
			r.credentials.SecretAccessKey += "x"
			return r.sign(t)
		}, rdsiamtest.ReasonSignature},
		{"last digit of the signature", func(t *testing.T, r *request) string {
			return breakSignature(r.sign(t))
		}, rdsiamtest.ReasonSignature},
		{"signature in upper case", func(t *testing.T, r *request) string {
			token := r.sign(t)
			at := strings.LastIndexByte(token, '=')
			if token[at:] == strings.ToUpper(token[at:]) {
				t.Fatal("the signature has no letters")
			}
			return token[:at] + strings.ToUpper(token[at:])
		}, rdsiamtest.ReasonSignature},
		{"no signature", func(t *testing.T, r *request) string {
			token := r.sign(t)
			return token[:strings.LastIndexByte(token, '=')+1]
		}, rdsiamtest.ReasonSignature},
		{"user replaced after signing", func(t *testing.T, r *request) string {
			r.query.Set("DBUser", "other")
			return replaced(t, r.sign(t), "DBUser=other", "DBUser=app")
		}, rdsiamtest.ReasonSignature},
		{"port replaced after signing", func(t *testing.T, r *request) string {
			r.address = replaced(t, r.address, ":5432", ":5433")
			return replaced(t, r.sign(t), ":5433", ":5432")
		}, rdsiamtest.ReasonSignature},
		{"region replaced after signing", func(t *testing.T, r *request) string {
			r.region = "us-west-2"
			return replaced(t, r.sign(t), "us-west-2", "us-east-1")
		}, rdsiamtest.ReasonSignature},
		{"dated again after signing", func(t *testing.T, r *request) string {
			r.date = r.date.Add(-time.Hour)
			old, now := r.date.UTC().Format("20060102T15"), time.Now().UTC().Format("20060102T15")
			token := strings.ReplaceAll(r.sign(t), old, now)
			return strings.ReplaceAll(token, old[:8], now[:8])
		}, rdsiamtest.ReasonSignature},
		{"host signed in upper case", func(t *testing.T, r *request) string {
			r.address = strings.ToUpper(r.address)
			return r.sign(t)
		}, rdsiamtest.ReasonSignature},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app", "other"), rdsiamtest.WithInMemory())
				token := test.token(t, goodRequest(server, "app"))

				err := server.Verify(t.Context(), "app", token)
				// Verify has no address to go by: it looks at the token.
				wantReason(t, err, test.want)

				conn, err := pgx.ConnectConfig(t.Context(), pgxConfig(t, server, "app", token))
				logIn := lastLogin(t, server)
				if test.want == rdsiamtest.ReasonAccepted {
					if err != nil {
						t.Fatalf("connect: %v", err)
					}
					conn.Close(t.Context())
				} else {
					wantPgError(t, err, "28000", `PAM authentication failed for user "app"`)
				}
				if logIn.Reason != test.want || logIn.Accepted != (test.want == rdsiamtest.ReasonAccepted) {
					t.Errorf("login = %+v, want %q", logIn, test.want)
				}
				if token != "" && strings.Contains(fmt.Sprintf("%+v", server.Logins()), token) {
					t.Error("the log shows the token")
				}
			})
		})
	}
}

// The signature that botocore, the SDKs for Node and Go, and boto3 make.
func TestFixedPoint(t *testing.T) {
	const (
		user  = "app_user"
		token = "prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432/?Action=connect&DBUser=app_user" +
			"&X-Amz-Algorithm=AWS4-HMAC-SHA256" +
			"&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fus-east-1%2Frds-db%2Faws4_request" +
			"&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host" +
			"&X-Amz-Signature=b9afe92b54e9107e31c37b65717b753d484b3be7952d850756acf291ee32e309"
	)
	signed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	server := rdsiamtest.StartPostgreSQL(t,
		rdsiamtest.WithInMemory(),
		rdsiamtest.WithEndpoint("prod.cluster-abc123.us-east-1.rds.amazonaws.com"),
		rdsiamtest.WithIAMUser(user),
		rdsiamtest.WithClock(func() time.Time { return signed.Add(time.Minute) }),
		rdsiamtest.WithIdentity(rdsiamtest.Identity{
			Credentials: aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
			Policies:    []string{allowConnect("*")},
		}))
	wantReason(t, server.Verify(t.Context(), user, token), rdsiamtest.ReasonAccepted)
	got := lastLogin(t, server)
	if got.TokenAge != time.Minute || got.AccessKeyID != "AKIDEXAMPLE" || got.Endpoint != server.Endpoint() {
		t.Errorf("login = %+v, want an age of 1m, the access key and the endpoint", got)
	}
	wantReason(t, server.Verify(t.Context(), user, replaced(t, token, "b9af", "b9ae")), rdsiamtest.ReasonSignature)
}

// allowConnect is a policy that allows to log in as some users of the default
// server.
func allowConnect(user string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"rds-db:connect",` +
		`"Resource":"arn:aws:rds-db:us-east-1:123456789012:dbuser:db-RDSIAMTEST0123456789ABCDEF/` + user + `"}}`
}

func TestTokenAge(t *testing.T) {
	tests := []struct {
		name string
		age  time.Duration
		want rdsiamtest.Reason
	}{
		{"new", 0, rdsiamtest.ReasonAccepted},
		{"last millisecond", 899_999 * time.Millisecond, rdsiamtest.ReasonAccepted},
		{"last nanosecond", 15*time.Minute - 1, rdsiamtest.ReasonAccepted},
		{"fifteen minutes", 15 * time.Minute, rdsiamtest.ReasonExpired},
		{"a day", 24 * time.Hour, rdsiamtest.ReasonExpired},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
				token := tokenFor(t, server, "app")
				time.Sleep(test.age)
				conn, err := pgx.ConnectConfig(t.Context(), pgxConfig(t, server, "app", token))
				if err == nil {
					defer conn.Close(t.Context())
				}
				if got := lastLogin(t, server); got.Reason != test.want || got.TokenAge != test.age || got.Accepted != (err == nil) {
					t.Errorf("login = %+v, %v; want %q at %s", got, err, test.want, test.age)
				}
			})
		})
	}
}

// X-Amz-Expires shortens nothing: RDS counts fifteen minutes whatever it says.
func TestShorterExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		r := goodRequest(server, "app")
		r.query.Set("X-Amz-Expires", "60")
		token := r.sign(t)
		time.Sleep(15*time.Minute - 1)
		wantReason(t, server.Verify(t.Context(), "app", token), rdsiamtest.ReasonAccepted)
		time.Sleep(time.Nanosecond)
		wantReason(t, server.Verify(t.Context(), "app", token), rdsiamtest.ReasonExpired)
	})
}

func TestTokenFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory())
		r := goodRequest(server, "app")
		r.date = r.date.Add(5 * time.Minute)
		wantReason(t, server.Verify(t.Context(), "app", r.sign(t)), rdsiamtest.ReasonAccepted)
		r.date = r.date.Add(time.Second)
		wantReason(t, server.Verify(t.Context(), "app", r.sign(t)), rdsiamtest.ReasonNotYetValid)
	})
}

func TestPort443(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(),
			rdsiamtest.WithEndpoint("db.abc123.us-east-1.rds.amazonaws.com:443"))
		r := goodRequest(server, "app")
		withoutPort := r.sign(t) // as the SDK for Go and botocore
		r.scheme = "http"
		withPort := r.sign(t) // as the SDK for Node
		if withPort == withoutPort {
			t.Fatal("the signer signs the same for both")
		}
		wantReason(t, server.Verify(t.Context(), "app", withoutPort), rdsiamtest.ReasonAccepted)
		wantReason(t, server.Verify(t.Context(), "app", withPort), rdsiamtest.ReasonAccepted)
		wantReason(t, server.Verify(t.Context(), "app", breakSignature(withPort)), rdsiamtest.ReasonSignature)
	})
}

func TestCredentialsExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		credentials := aws.Credentials{
			AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "session+/=",
			CanExpire: true, Expires: time.Now().Add(10 * time.Minute),
		}
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory(),
			rdsiamtest.WithIdentity(rdsiamtest.Identity{Credentials: credentials, Policies: []string{allowConnect("app")}}))
		token := tokenFor(t, server, "app")
		time.Sleep(10*time.Minute - 1)
		wantReason(t, server.Verify(t.Context(), "app", token), rdsiamtest.ReasonAccepted)
		time.Sleep(time.Nanosecond)
		wantReason(t, server.Verify(t.Context(), "app", token), rdsiamtest.ReasonCredentialsExpired)
	})
}

func TestUnusualUserNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		users := []string{"Jane Doe", "a+b/c@d", "été", "a*b", "a?b", "${aws:username}", "per%20cent", "~-._"}
		server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser(users...), rdsiamtest.WithInMemory())
		for _, user := range users {
			conn := connectPGX(t, pgxConfig(t, server, user, tokenFor(t, server, user)))
			var got string
			if err := conn.QueryRow(t.Context(), "select current_user").Scan(&got); err != nil || got != user {
				t.Errorf("current_user = %q, %v; want %q", got, err, user)
			}
			conn.Close(t.Context())
		}
	})
}

func TestVerifyAccounts(t *testing.T) {
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(),
		rdsiamtest.WithIAMUser("app"), rdsiamtest.WithPasswordUser("old", "secret"))
	wantReason(t, server.Verify(t.Context(), "old", tokenFor(t, server, "old")), rdsiamtest.ReasonNotIAM)
	wantReason(t, server.Verify(t.Context(), "none", tokenFor(t, server, "none")), rdsiamtest.ReasonUnknownUser)
}

// One server with several names checks each token for the name that the client
// connected to.
func TestSeveralEndpoints(t *testing.T) {
	const (
		writer = "db.cluster-abc123.us-east-1.rds.amazonaws.com"
		reader = "db.cluster-ro-abc123.us-east-1.rds.amazonaws.com"
		other  = "db.cluster-abc123.eu-west-1.rds.amazonaws.com"
	)
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"),
		rdsiamtest.WithEndpoint(writer), rdsiamtest.WithEndpoint(reader), rdsiamtest.WithEndpoint(other),
		rdsiamtest.WithEndpoint(writer+":6432"))
	tests := []struct {
		host   string
		port   uint16
		region string
	}{
		{writer, 5432, "us-east-1"},
		{reader, 5432, "us-east-1"},
		{other, 5432, "eu-west-1"},
		{writer, 6432, "us-east-1"},
	}
	for i, dialed := range tests {
		for j, signed := range tests {
			token, err := auth.BuildAuthToken(t.Context(), fmt.Sprintf("%s:%d", signed.host, signed.port), signed.region,
				"app", server.Credentials())
			if err != nil {
				t.Fatal(err)
			}
			config := pgxConfig(t, server, "app", token)
			config.Host, config.Port, config.TLSConfig.ServerName = dialed.host, dialed.port, dialed.host
			conn, err := pgx.ConnectConfig(t.Context(), config)
			if err == nil {
				conn.Close(t.Context())
			}
			if (err == nil) != (i == j) {
				t.Errorf("token for %s:%d at %s:%d: %v", signed.host, signed.port, dialed.host, dialed.port, err)
			}
			if got, want := lastLogin(t, server).Endpoint, fmt.Sprintf("%s:%d", dialed.host, dialed.port); got != want {
				t.Errorf("login at %s, want %s", got, want)
			}
			// A checker behind a real server knows no address, only the token.
			if err := server.Verify(t.Context(), "app", token); err != nil {
				t.Errorf("Verify of a token for %s: %v", signed.host, err)
			}
		}
	}
}

func FuzzVerifyToken(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 5, 5, 0, time.UTC)
	server, err := rdsiamtest.NewPostgreSQL(rdsiamtest.WithInMemory(), rdsiamtest.WithIAMUser("app"),
		rdsiamtest.WithClock(func() time.Time { return now }))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { server.Close() })
	good := goodRequest(server, "app")
	good.date = now
	f.Add("app", good.sign(f))
	f.Add("app", strings.Replace(good.sign(f), "/?", "?", 1))
	f.Add("app", breakSignature(good.sign(f)))
	f.Add("", "")
	f.Add("app", "h:1?Action=connect&DBUser=%")
	f.Add("app", "h:1?Action=connect&DBUser=%zz&X-Amz-Date=%00")
	f.Add("app", strings.Repeat("&", 100)+"?"+strings.Repeat("X-Amz-Date=&", 3))
	secret := good.credentials.SecretAccessKey
	f.Fuzz(func(t *testing.T, user, token string) {
		err := server.Verify(t.Context(), user, token)
		var refusal *rdsiamtest.Refusal
		if err != nil && !errors.As(err, &refusal) {
			t.Fatalf("error of type %T", err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Error("the error shows the secret key")
		}
		if err == nil && user != "app" {
			t.Errorf("user %q was let in", user)
		}
	})
}
