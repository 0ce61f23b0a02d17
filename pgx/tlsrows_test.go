package rdspgx_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
)

// witness is a server that notes what reaches it.
type witness struct {
	*fake
	mu     sync.Mutex
	states []tls.ConnectionState // guarded by mu; of verified handshakes
	tokens int                   // guarded by mu
	dials  int                   // guarded by mu
}

func startWitness(t testing.TB, certificateOf ...string) *witness {
	t.Helper()
	w := new(witness)
	w.fake = startFake(t, certificateOf, func(s *talk) {
		token, _ := s.askPassword()
		w.mu.Lock()
		w.states = append(w.states, s.conn.(*tls.Conn).ConnectionState())
		if strings.Contains(token, "?Action=connect") {
			w.tokens++
		}
		w.mu.Unlock()
		s.accept(nil)
	})
	return w
}

func (w *witness) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dials++
	w.mu.Unlock()
	return w.fake.DialContext(ctx, network, address)
}

// Each row of the table "TLS settings" in the README, as the server sees it.
func TestRowsOfTheTLSTable(t *testing.T) {
	refuse := func(tls.ConnectionState) error { return errors.New("refused by the caller") }
	type row struct {
		name, query string
		change      func(t *testing.T, w *witness, c *pgx.ConnConfig)
		ownRoots    bool   // the roots come from change
		wrongName   bool   // the server has the certificate of another
		want        string // "token", "no token": nothing after the handshake, "nothing": no dial
	}
	rows := []row{
		{name: "unix socket", change: func(_ *testing.T, _ *witness, c *pgx.ConnConfig) { c.Host = "/run/db" }, want: "nothing"},
		{name: "sslmode=disable", query: "?sslmode=disable", want: "nothing"},
		{name: "PGSSLROOTCERT", query: "?sslmode=require", ownRoots: true, change: func(_ *testing.T, w *witness, c *pgx.ConnConfig) { c.TLSConfig.RootCAs = w.roots }, want: "token"},
		{name: "own roots of another authority", ownRoots: true, change: func(_ *testing.T, _ *witness, c *pgx.ConnConfig) { c.TLSConfig.RootCAs = x509.NewCertPool() }, want: "no token"},
		{name: "VerifyConnection refuses", change: func(_ *testing.T, _ *witness, c *pgx.ConnConfig) { c.TLSConfig.VerifyConnection = refuse }, want: "no token"},
		{name: "VerifyPeerCertificate refuses", change: func(_ *testing.T, _ *witness, c *pgx.ConnConfig) {
			c.TLSConfig.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return errors.New("refused by the caller") }
		}, want: "no token"},
		{name: "ServerName of the endpoint", change: func(_ *testing.T, _ *witness, c *pgx.ConnConfig) { c.TLSConfig.ServerName = instance }, want: "token"},
		{name: "ServerName of another", change: func(_ *testing.T, _ *witness, c *pgx.ConnConfig) { c.TLSConfig.ServerName = other }, want: "nothing"},
		{name: "InsecureSkipVerify, wrong name", wrongName: true, change: func(_ *testing.T, _ *witness, c *pgx.ConnConfig) {
			c.TLSConfig = &tls.Config{InsecureSkipVerify: true}
		}, want: "no token"},
		{name: "InsecureSkipVerify", change: func(_ *testing.T, _ *witness, c *pgx.ConnConfig) { c.TLSConfig = &tls.Config{InsecureSkipVerify: true} }, want: "token"},
	}
	for _, query := range []string{"", "?sslmode=allow", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-ca", "?sslmode=verify-full"} {
		rows = append(rows, row{name: "verified" + query, query: query, want: "token"}, row{name: "wrong name" + query, query: query, wrongName: true, want: "no token"})
	}
	for _, row := range rows {
		for way, connect := range waysToConnect {
			t.Run(row.name+"/"+way, func(t *testing.T) {
				certificateOf := instance
				if row.wrongName {
					certificateOf = other
				}
				w := startWitness(t, certificateOf)
				config := parse(t, dsn+row.query)
				config.DialFunc, config.LookupFunc = w.DialContext, w.LookupHost
				if row.change != nil {
					row.change(t, w, config)
				}
				options := []rdsiam.EndpointOption{rdsiam.WithRootCAs(w.roots)}
				if row.ownRoots {
					options = nil
				}
				err := connect(t, config, rdsToken, options...)
				w.mu.Lock()
				defer w.mu.Unlock()
				switch row.want {
				case "token":
					if err != nil || w.tokens == 0 || w.tokens != len(w.states) || w.states[0].ServerName != instance || w.states[0].Version < tls.VersionTLS12 {
						t.Errorf("got %v; %d tokens in %d sessions", err, w.tokens, len(w.states))
					}
				case "no token":
					if err == nil || w.dials == 0 || w.tokens > 0 || len(w.states) > 0 {
						t.Errorf("got %v; %d dials, %d tokens, %d sessions", err, w.dials, w.tokens, len(w.states))
					}
				case "nothing":
					if err == nil || w.dials > 0 {
						t.Errorf("got %v; %d dials", err, w.dials)
					}
				}
			})
		}
	}
}
