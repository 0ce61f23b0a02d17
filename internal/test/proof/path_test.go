package proof_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// ourFiles returns the files of the library that the caller was called through.
func ourFiles() []string {
	pcs := make([]uintptr, 100)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var files []string
	for {
		frame, more := frames.Next()
		_, file, ours := strings.Cut(frame.Function, "github.com/rdsiam/rdsiam")
		if ours && !strings.HasPrefix(file, "/internal/test/") && !strings.HasPrefix(file, "/rdsiamtest") {
			files = append(files, filepath.Base(filepath.Dir(frame.File))+"/"+filepath.Base(frame.File))
		}
		if !more {
			slices.Sort(files)
			return slices.Compact(files)
		}
	}
}

// path is what a login went through.
type path struct {
	dialed, asked []string // files at the call of DialFunc and of the token source
}

func (p *path) source(tokens rdsiam.TokenSource) rdsiam.TokenSource {
	return rdsiam.TokenSourceFunc(func(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
		p.asked = ourFiles()
		return tokens.Token(ctx, login)
	})
}

func (p *path) dial(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		p.dialed = ourFiles()
		return dial(ctx, network, address)
	}
}

// A reader follows a login from sql.OpenDB to the socket, and to the signature, through few
// files. The token source that signs is one more, source.go.
func TestALoginCrossesFewFiles(t *testing.T) {
	const most = 5
	for name, open := range map[string]func(*testing.T, *path) driver.Connector{
		"pgx": func(t *testing.T, p *path) driver.Connector {
			server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser(allowed))
			config, err := pgx.ParseConfig(server.DSN(allowed))
			if err != nil {
				t.Fatal(err)
			}
			config.DialFunc, config.LookupFunc = p.dial(server.DialContext), server.LookupHost
			d, err := rdspgx.New(config, rdsiam.WithRootCAs(server.RootCAs()))
			if err != nil {
				t.Fatal(err)
			}
			return rdsiam.NewConnector(d, p.source(rdsiam.NewTokenSource(server.Credentials())))
		},
		"mysql": func(t *testing.T, p *path) driver.Connector {
			server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser(allowed))
			config, err := mysql.ParseDSN(server.DSN(allowed))
			if err != nil {
				t.Fatal(err)
			}
			config.DialFunc = p.dial(server.DialContext)
			d, err := rdsmysql.New(config, rdsiam.WithRootCAs(server.RootCAs()))
			if err != nil {
				t.Fatal(err)
			}
			return rdsiam.NewConnector(d, p.source(rdsiam.NewTokenSource(server.Credentials())))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var p path
			db := sql.OpenDB(open(t, &p))
			defer db.Close()
			if err := db.PingContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Logf("to the socket: %v; to the token source: %v", p.dialed, p.asked)
			if len(p.dialed) == 0 || len(p.dialed) > most {
				t.Errorf("%d files on the way to the socket: %v", len(p.dialed), p.dialed)
			}
			if len(p.asked) == 0 || len(p.asked)+1 > most {
				t.Errorf("%d files on the way to the token source: %v", len(p.asked), p.asked)
			}
		})
	}
}
