// Package proof_test logs in to real PostgreSQL, MariaDB and MySQL servers, which ask
// rdsiamtest's verifier as the servers of RDS ask IAM, in every way that the library
// offers.
package proof_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/internal/test/wiretap"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// TestMain runs more parallel tests at once than there are processors, since those of this
// package wait for pauses. The flag -parallel overrides it.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

const (
	allowed   = "app"       // an IAM user that the policy allows
	forbidden = "forbidden" // an IAM user that it does not
	ordinary  = "ordinary"  // a user with a password
)

// lab is a real server, the verifier that it asks, and what records the wire.
type lab struct {
	verifier *rdsiamtest.Server
	server   *realserver.Server
	name     string // of the server, for the summary of the tests
	wire     *wiretap.Recorder
	tokens   *tokenKeeper
	log      *safeBuffer

	clockMutex sync.Mutex
	ahead      time.Duration
}

type startVerifier func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server

// newLab starts the installation with the options o, to which it adds what every lab has.
func newLab(t *testing.T, installation realserver.Installation, startVerifier startVerifier, o realserver.Options) *lab {
	t.Helper()
	l := &lab{wire: wiretap.New(), log: new(safeBuffer)}
	l.verifier = startVerifier(t,
		rdsiamtest.WithEndpoint("proof.abc123.eu-central-1.rds.amazonaws.com"),
		rdsiamtest.WithIAMUser(allowed, forbidden), rdsiamtest.WithClock(l.now))
	if err := l.verifier.SetPolicies(policyFor(t, allowed)); err != nil {
		t.Fatal(err)
	}
	l.tokens = &tokenKeeper{source: rdsiam.NewTokenSource(l.verifier.Credentials())}
	o.Check, o.Certificate = l.verifier.Verify, l.verifier.Certificate()
	o.IAMUsers, o.PasswordUsers = []string{allowed, forbidden}, map[string]string{ordinary: "a password"}
	o.Log = l.log
	server, err := installation.Start(t.Context(), o)
	var missing *realserver.MissingError
	if errors.As(err, &missing) && os.Getenv("REQUIRE_SERVERS") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		l.tokens.absent(t, "the server's log", l.log.String())
		if found := l.wire.Find(l.tokens.secrets()...); len(found) > 0 {
			t.Errorf("secrets on the wire in clear: %q", found)
		}
		if l.wire.Bytes() == 0 {
			t.Error("nothing went over the wire")
		}
	})
	l.server, l.name = server, fmt.Sprintf("%s %s (%s)", installation.Product, server.Version(), server.Method())
	return l
}

// policyFor allows a user of the verifier's database, by the library's own means.
func policyFor(t *testing.T, user string) string {
	t.Helper()
	database := rdsiam.Resource{Region: "eu-central-1", AccountID: "123456789012", ID: "db-RDSIAMTEST0123456789ABCDEF"}
	arn, err := database.User(user)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := rdsiam.NewPolicy(arn)
	if err != nil {
		t.Fatal(err)
	}
	return policy.JSON()
}

// now is the verifier's clock.
func (l *lab) now() time.Time {
	l.clockMutex.Lock()
	defer l.clockMutex.Unlock()
	return time.Now().Add(l.ahead)
}

func (l *lab) setClockAhead(d time.Duration) {
	l.clockMutex.Lock()
	defer l.clockMutex.Unlock()
	l.ahead = d
}

// dial reaches the real server, whatever the address.
func (l *lab) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return l.wire.Dial((&net.Dialer{}).DialContext)(ctx, "tcp", l.server.Addr())
}

func (l *lab) roots() rdsiam.EndpointOption { return rdsiam.WithRootCAs(l.verifier.RootCAs()) }

// lastReason is why the verifier accepted or refused the last token.
func (l *lab) lastReason() rdsiamtest.Reason {
	logIns := l.verifier.Logins()
	if len(logIns) == 0 {
		return ""
	}
	return logIns[len(logIns)-1].Reason
}

// stranger has keys that the verifier does not know.
func stranger() rdsiam.TokenSource {
	return rdsiam.NewTokenSource(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDSTRANGER", SecretAccessKey: "secret"}, nil
	}))
}

// way is one of the ways in which a program logs in. query runs a statement that
// returns one text.
type way struct {
	name  string
	query func(ctx context.Context, user string, tokens rdsiam.TokenSource, statement string) (string, error)
}

func queryDB(ctx context.Context, db *sql.DB, statement string) (text string, err error) {
	defer db.Close()
	err = db.QueryRowContext(ctx, statement).Scan(&text)
	return text, err
}

// refusal is what a client must read when its login is refused.
type refusal struct {
	name    string
	user    string
	tokens  rdsiam.TokenSource
	ahead   time.Duration // of the verifier's clock
	texts   []string      // in the error
	reason  rdsiamtest.Reason
	noToken bool // the server must not have been told a token
}

func (l *lab) proveRefusals(t *testing.T, ways []way, refusals []refusal) {
	for _, way := range ways {
		for _, refusal := range refusals {
			t.Run(way.name+"/"+refusal.name, func(t *testing.T) {
				t.Logf("server: %s", l.name)
				l.setClockAhead(refusal.ahead)
				defer l.setClockAhead(0)
				before := len(l.verifier.Logins())
				_, err := way.query(t.Context(), refusal.user, refusal.tokens, "SELECT 'in'")
				if err == nil {
					t.Fatal("logged in")
				}
				for _, text := range refusal.texts {
					if !strings.Contains(fmt.Sprintf("%+v", err), text) {
						t.Errorf("the error lacks %q:\n%+v", text, err)
					}
				}
				asked := len(l.verifier.Logins()) - before
				switch {
				case refusal.noToken && asked != 0:
					t.Errorf("the server was told %d tokens", asked)
				case !refusal.noToken && (asked != 1 || l.lastReason() != refusal.reason):
					t.Errorf("%d tokens checked, the last: %s; want 1, %s", asked, l.lastReason(), refusal.reason)
				}
				l.tokens.absent(t, "the error", fmt.Sprintf("%v %+v %#v", err, err, err))
			})
		}
	}
}

// tokenKeeper gives the tokens of source and remembers what of them is secret.
type tokenKeeper struct {
	source rdsiam.TokenSource
	mutex  sync.Mutex
	seen   []string
}

func (k *tokenKeeper) Token(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
	token, err := k.source.Token(ctx, login)
	if err == nil {
		_, query, _ := strings.Cut(token.Reveal(), "?")
		parameters, _ := url.ParseQuery(query)
		k.mutex.Lock()
		defer k.mutex.Unlock()
		k.seen = append(k.seen, token.Reveal(), parameters.Get("X-Amz-Signature"), parameters.Get("X-Amz-Security-Token"))
	}
	return token, err
}

func (k *tokenKeeper) secrets() []string {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return append([]string(nil), k.seen...)
}

func (k *tokenKeeper) absent(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range k.secrets() {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("%s holds a secret of a token", where)
		}
	}
}

type safeBuffer struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}
