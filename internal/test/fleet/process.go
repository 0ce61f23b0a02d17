package fleet

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
)

// process is one process of a fleet.
type process struct {
	login     rdsiam.Login
	tokens    rdsiam.TokenSource
	connector *rdsiam.Connector
	limiter   *limiter
	retry     Retry
}

func (f Fleet) newProcess(n int, login rdsiam.Login, server *server) *process {
	if f.Shared {
		n = 0
	}
	credentials := aws.Credentials{
		AccessKeyID:     fmt.Sprintf("ASIAFLEET%011d", n),
		SecretAccessKey: fmt.Sprintf("secret of session %d", n),
		SessionToken:    fmt.Sprintf("session %d", n),
	}
	provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil })
	tokens := rdsiam.NewTokenSource(provider, rdsiam.WithReuse(f.Reuse))
	return &process{
		login:     login,
		tokens:    tokens,
		connector: rdsiam.NewConnector(&network{login, server}, tokens),
		limiter:   newLimiter(f.Limit),
		retry:     f.Retry,
	}
}

// ask asks for a token at a given time, as a login to the server of before did.
func (p *process) ask(ctx context.Context, at time.Time) {
	sleepUntil(ctx, at)
	_, _ = p.tokens.Token(ctx, p.login) // a source that has none fails the logins too
}

// comeBack logs in a connection that was lost, as often as it takes.
func (p *process) comeBack(ctx context.Context, lost time.Time, chance *rand.Rand) {
	sleepUntil(ctx, lost)
	in := p.limiter.scout(ctx)
	for failures := 1; ctx.Err() == nil; failures++ {
		if p.logIn(ctx, chance) == nil {
			in()
			return
		}
		sleepUntil(ctx, time.Now().Add(p.retry.wait(failures, chance)))
	}
}

func (p *process) logIn(ctx context.Context, chance *rand.Rand) error {
	defer p.limiter.wait(ctx)()
	_, err := p.connector.Connect(context.WithValue(ctx, chanceKey{}, chance))
	return err
}

func sleepUntil(ctx context.Context, at time.Time) {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// network is the rdsiam.Driver of a process: it stands for the driver, and for the way to
// the server and back.
type network struct {
	login  rdsiam.Login
	server *server
}

var _ rdsiam.Driver = (*network)(nil)

type chanceKey struct{}

// Open asks for a token when it has connected, as rdspgx does, and sends it once the TLS
// handshake is done.
func (n *network) Open(ctx context.Context, tokens rdsiam.TokenSource) (driver.Conn, error) {
	chance := ctx.Value(chanceKey{}).(*rand.Rand)
	time.Sleep(between(chance, time.Millisecond, 3*time.Millisecond))
	if err := n.server.dial(); err != nil {
		return nil, err
	}
	token, err := n.login.Token(ctx, tokens)
	if err != nil {
		return nil, err
	}
	time.Sleep(between(chance, 5*time.Millisecond, 15*time.Millisecond))
	return nil, n.server.logIn(token.Reveal())
}

func (n *network) Login() rdsiam.Login { return n.login }

func (n *network) Refused(err error) (code string, ok bool) {
	return "28000", errors.Is(err, errRefused)
}

func (n *network) Driver() driver.Driver { return nil }
