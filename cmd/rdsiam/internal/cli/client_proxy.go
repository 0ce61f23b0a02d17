package cli

import (
	"context"
	"net"
	"regexp"
	"strings"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/agent"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
)

// clientProxy is the proxy of one client.
type clientProxy struct {
	server    *proxy.Server
	listener  net.Listener
	listens   client.Proxy
	directory *agent.Directory
}

// openClientProxy makes a proxy that listens and has a token for the first connection.
func (f *clientFlags) openClientProxy(ctx context.Context, endpoint string) (*clientProxy, error) {
	database, err := f.at.resolve(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	database.doctor = "rdsiam doctor " + shellWords(f.at.arguments(endpoint))
	engine, err := f.at.proxyEngine(ctx, database)
	if err != nil {
		return nil, err
	}
	p := new(clientProxy)
	if f.tcp {
		p.listens.Password = proxy.RandomPassword()
	}
	// Whoever can connect is the client: the limit of other proxies protects nobody here.
	p.server, err = proxy.NewServer(engine, proxy.Settings{Password: p.listens.Password, MaxConnections: 10_000})
	if err != nil {
		return nil, err
	}
	if err := p.server.Ready(ctx); err != nil {
		return nil, err
	}
	label, _, _ := strings.Cut(database.Endpoint.Host(), ".")
	if p.directory, err = agent.NewDirectory(label); err != nil {
		return nil, err
	}
	p.listens.Directory = p.directory.Path
	if err := p.listen(engine, f.tcp); err != nil {
		p.directory.Remove()
		return nil, err
	}
	return p, nil
}

func (p *clientProxy) listen(engine proxy.Engine, tcp bool) (err error) {
	address := p.directory.Path
	if tcp {
		address = "127.0.0.1:0"
	}
	if p.listener, err = proxy.Listen(address, engine, false); err != nil {
		return err
	}
	if at, ok := p.listener.Addr().(*net.TCPAddr); ok {
		p.listens.Port = uint16(at.Port) //nolint:gosec // a port
	} else {
		p.listens.Socket = p.listener.Addr().String()
	}
	return nil
}

// serve serves the client until ctx ends. Then nobody waits for an answer, so that what
// still runs is cut, which is no error.
func (p *clientProxy) serve(ctx context.Context) {
	defer p.directory.Remove()
	_ = p.server.Serve(ctx, p.listener)
}

// plainWord is what shells read as it is.
var plainWord = regexp.MustCompile(`^[-\w./:@%+,]+$`)

// shellWords writes words for a POSIX shell, in quotes where they need them.
func shellWords(words []string) string {
	written := make([]string, len(words))
	for i, word := range words {
		if written[i] = word; !plainWord.MatchString(word) {
			written[i] = shellQuote(word)
		}
	}
	return strings.Join(written, " ")
}
