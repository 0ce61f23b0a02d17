package usewith

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgxlisten"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"go.uber.org/goleak"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener")) // ent has no way to close a pool that another made
}

// connector returns one for PostgreSQL.
func connector(t *testing.T, server *rdsiamtest.Server, user string) *rdsiam.Connector {
	t.Helper()
	config, err := pgx.ParseConfig(server.DSN(user))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = server.DialContext, server.LookupHost
	pg, err := rdspgx.New(config, rdsiam.WithRootCAs(server.RootCAs()))
	if err != nil {
		t.Fatal(err)
	}
	return rdsiam.NewConnector(pg, rdsiam.NewTokenSource(server.Credentials()))
}

func open(t *testing.T, server *rdsiamtest.Server, user string) *sql.DB {
	t.Helper()
	db := sql.OpenDB(connector(t, server, user))
	t.Cleanup(func() { db.Close() })
	return db
}

func openMySQL(t *testing.T, server *rdsiamtest.Server, user string) *sql.DB {
	t.Helper()
	config, err := mysql.ParseDSN(server.DSN(user) + "&parseTime=true")
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc = server.DialContext
	my, err := rdsmysql.New(config, rdsiam.WithRootCAs(server.RootCAs()))
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(my, rdsiam.NewTokenSource(server.Credentials())))
	t.Cleanup(func() { db.Close() })
	return db
}

func poolConfig(t *testing.T, server *rdsiamtest.Server, user string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(server.DSN(user))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.DialFunc, config.ConnConfig.LookupFunc = server.DialContext, server.LookupHost
	config.BeforeConnect = rdspgx.BeforeConnect(rdsiam.NewTokenSource(server.Credentials()), rdsiam.WithRootCAs(server.RootCAs()))
	return config
}

func pool(t *testing.T, config *pgxpool.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// ask returns the user of a session.
type ask func(context.Context) (string, error)

const whoAmI = "select current_user"

// tools are asked by a user; each logs in when it is asked.
var tools = []struct {
	name  string
	start func(rdsiamtest.TB, ...rdsiamtest.Option) *rdsiamtest.Server
	open  func(t *testing.T, server *rdsiamtest.Server, user string) (ask, error)
}{
	{"GORM", rdsiamtest.StartPostgreSQL, func(t *testing.T, server *rdsiamtest.Server, user string) (ask, error) {
		return askGORM(openGORM(open(t, server, user)))
	}},
	{"GORM, MySQL", rdsiamtest.StartMySQL, func(t *testing.T, server *rdsiamtest.Server, user string) (ask, error) {
		return askGORM(openGORMMySQL(openMySQL(t, server, user)))
	}},
	{"sqlx", rdsiamtest.StartPostgreSQL, func(t *testing.T, server *rdsiamtest.Server, user string) (ask, error) {
		db := openSQLX(open(t, server, user))
		return func(ctx context.Context) (name string, err error) {
			err = db.GetContext(ctx, &name, whoAmI)
			return name, err
		}, nil
	}},
	{"ent", rdsiamtest.StartPostgreSQL, func(t *testing.T, server *rdsiamtest.Server, user string) (ask, error) {
		driver := openEnt(open(t, server, user))
		return func(ctx context.Context) (string, error) {
			var rows entsql.Rows
			if err := driver.Query(ctx, whoAmI, []any{}, &rows); err != nil {
				return "", err
			}
			defer rows.Close()
			return entsql.ScanString(rows)
		}, nil
	}},
	{"bun", rdsiamtest.StartPostgreSQL, func(t *testing.T, server *rdsiamtest.Server, user string) (ask, error) {
		db := openBun(open(t, server, user))
		return func(ctx context.Context) (name string, err error) {
			err = db.NewRaw(whoAmI).Scan(ctx, &name)
			return name, err
		}, nil
	}},
	{"bun, MySQL", rdsiamtest.StartMySQL, func(t *testing.T, server *rdsiamtest.Server, user string) (ask, error) {
		db := openBunMySQL(openMySQL(t, server, user))
		return func(ctx context.Context) (name string, err error) {
			err = db.NewRaw(whoAmI).Scan(ctx, &name)
			return name, err
		}, nil
	}},
	{"otelsql", rdsiamtest.StartPostgreSQL, func(t *testing.T, server *rdsiamtest.Server, user string) (ask, error) {
		db := openTraced(connector(t, server, user))
		t.Cleanup(func() { db.Close() })
		return func(ctx context.Context) (name string, err error) {
			err = db.QueryRowContext(ctx, whoAmI).Scan(&name)
			return name, err
		}, nil
	}},
	{"otelpgx", rdsiamtest.StartPostgreSQL, func(t *testing.T, server *rdsiamtest.Server, user string) (ask, error) {
		config := poolConfig(t, server, user)
		trace(config)
		return askPool(pool(t, config)), nil
	}},
	{"lib/pq", rdsiamtest.StartPostgreSQL, func(t *testing.T, server *rdsiamtest.Server, user string) (ask, error) {
		pg, err := newLibPQ("postgres://"+user+"@"+server.Addr().String()+"/app", rdsiam.WithEndpoint(server.Endpoint()), rdsiam.WithRootCAs(server.RootCAs()))
		if err != nil {
			return nil, err
		}
		db := sql.OpenDB(rdsiam.NewConnector(pg, rdsiam.NewTokenSource(server.Credentials())))
		t.Cleanup(func() { db.Close() })
		return func(ctx context.Context) (name string, err error) {
			err = db.QueryRowContext(ctx, whoAmI).Scan(&name)
			return name, err
		}, nil
	}},
	{"River's pool", rdsiamtest.StartPostgreSQL, func(t *testing.T, server *rdsiamtest.Server, user string) (ask, error) {
		own := pool(t, poolConfig(t, server, user))
		_, err := openRiver(own, workers(nil))
		return askPool(own), err
	}},
}

func askGORM(db *gorm.DB, err error) (ask, error) {
	return func(ctx context.Context) (name string, err error) {
		err = db.WithContext(ctx).Raw(whoAmI).Scan(&name).Error
		return name, err
	}, err
}

func askPool(pool *pgxpool.Pool) ask {
	return func(ctx context.Context) (name string, err error) {
		err = pool.QueryRow(ctx, whoAmI).Scan(&name)
		return name, err
	}
}

// Each tool logs in, says why it was refused, and goes on when its connections were cut.
func TestUseWith(t *testing.T) {
	logger.Default = logger.Discard // of GORM
	for _, tool := range tools {
		t.Run(tool.name, func(t *testing.T) {
			server := tool.start(t, rdsiamtest.WithIAMUser("app"))
			ask, err := tool.open(t, server, "app")
			if err != nil {
				t.Fatal(err)
			}
			wantUser(t, ask)
			server.DropConnections()
			wantUser(t, ask)

			refused, err := tool.open(t, server, "stranger")
			if err == nil {
				_, err = refused(t.Context())
			}
			// With a hook, the error is pgx's.
			if !errors.As(err, new(*rdsiam.LoginError)) && !errors.As(err, new(*pgconn.ConnectError)) {
				t.Errorf("refused with %v", err)
			}
			if causes := rdsiam.Explain(err).Causes; len(causes) == 0 {
				t.Errorf("%v is not explained", err)
			}
		})
	}
}

// wantUser asks as often as a pool needs to find out that its connections are gone.
func wantUser(t *testing.T, ask ask) {
	t.Helper()
	var err error
	for range 3 {
		var name string
		if name, err = ask(t.Context()); err == nil {
			if before, _, _ := strings.Cut(name, "@"); before != "app" {
				t.Errorf("logged in as %q", name)
			}
			return
		}
	}
	t.Error(err)
}

type greetArgs struct {
	Name string `json:"name"`
}

func (greetArgs) Kind() string { return "greet" }

type greeter struct {
	river.WorkerDefaults[greetArgs]
	greeted chan string
}

func (g *greeter) Work(_ context.Context, job *river.Job[greetArgs]) error {
	g.greeted <- job.Args.Name
	return nil
}

func workers(greeted chan string) *river.Workers {
	workers := river.NewWorkers()
	river.AddWorker(workers, &greeter{greeted: greeted})
	return workers
}

// startReal starts a real PostgreSQL behind rdsiamtest, whose sessions are those of the user app.
func startReal(t *testing.T) *rdsiamtest.Server {
	t.Helper()
	authority := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory())
	real, err := realserver.StartPostgreSQL(t.Context(), realserver.Options{
		Check:         func(context.Context, string, string) error { return errors.New("no tokens here") },
		Certificate:   authority.Certificate(),
		PasswordUsers: map[string]string{"app": "secret"},
	})
	if errors.As(err, new(*realserver.MissingError)) && os.Getenv("REQUIRE_SERVERS") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(real.Close)
	if err := real.Exec(t.Context(), "GRANT CREATE ON SCHEMA public TO app"); err != nil {
		t.Fatal(err)
	}
	return rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"),
		rdsiamtest.WithUpstream(rdsiamtest.Upstream{Network: "unix", Address: real.Socket(), User: "app", Password: "secret"}))
}

// A worker goes on after its connections were cut, also the one that listens.
func TestRiver(t *testing.T) {
	server := startReal(t)
	own := pool(t, poolConfig(t, server, "app"))
	migrator, err := rivermigrate.New(riverpgxv5.New(own), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
	greeted := make(chan string, 10)
	client, err := openRiver(own, workers(greeted))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer client.Stop(context.WithoutCancel(t.Context()))
	for _, name := range []string{"before", "after"} {
		for tries := 0; ; tries++ { // the pool finds out by the first of each connection
			_, err := client.Insert(t.Context(), greetArgs{name}, nil)
			if err == nil {
				break
			}
			if tries == 10 {
				t.Fatal(err)
			}
		}
		if got := <-greeted; got != name {
			t.Errorf("greeted %s", got)
		}
		server.DropConnections()
	}
}

// A listener that was cut logs in again by itself.
func TestListener(t *testing.T) {
	server := startReal(t)
	config := poolConfig(t, server, "app").ConnConfig
	listener := listen(config, rdsiam.NewTokenSource(server.Credentials()), rdsiam.WithRootCAs(server.RootCAs()))
	heard := make(chan string, 10)
	listener.ReconnectDelay = 10 * time.Millisecond
	listener.Handle("news", pgxlisten.HandlerFunc(func(_ context.Context, n *pgconn.Notification, _ *pgx.Conn) error {
		heard <- n.Payload
		return nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- listener.Listen(ctx) }()
	defer func() { cancel(); <-ended }()
	own := pool(t, poolConfig(t, server, "app"))
	for _, news := range []string{"before", "after"} {
		// Nobody says when a listener is ready: tell it until it has heard.
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			own.Exec(t.Context(), "select pg_notify('news', $1)", news)
			select {
			case got := <-heard:
				if got == news {
					tick.Stop()
					break
				}
				continue
			case <-tick.C:
				continue
			}
			break
		}
		server.DropConnections()
	}
}

// lib/pq verifies the endpoint behind a tunnel, and does not take a password from elsewhere.
func TestLibPQ(t *testing.T) {
	t.Setenv("PGPASSWORD", "a password")
	server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"))
	dsn := "postgres://app@" + server.Addr().String() + "/app"
	for _, test := range []struct {
		name    string
		dsn     string
		options []rdsiam.EndpointOption
		want    bool
	}{
		{"the endpoint", dsn, []rdsiam.EndpointOption{rdsiam.WithEndpoint(server.Endpoint()), rdsiam.WithRootCAs(server.RootCAs())}, true},
		{"sslmode=disable", dsn + "?sslmode=disable", []rdsiam.EndpointOption{rdsiam.WithEndpoint(server.Endpoint()), rdsiam.WithRootCAs(server.RootCAs())}, true},
		{"another endpoint", dsn, []rdsiam.EndpointOption{rdsiam.WithEndpoint("other.abc123.eu-central-1.rds.amazonaws.com:5432"), rdsiam.WithRootCAs(server.RootCAs())}, false},
		{"another authority", dsn, []rdsiam.EndpointOption{rdsiam.WithEndpoint(server.Endpoint())}, false},
		{"two hosts", "host=one,two user=app", nil, false},
	} {
		before := len(server.Logins())
		pg, err := newLibPQ(test.dsn, test.options...)
		if err == nil {
			var conn driver.Conn
			if conn, err = rdsiam.NewConnector(pg, rdsiam.NewTokenSource(server.Credentials())).Connect(t.Context()); err == nil {
				conn.Close()
			}
		}
		if (err == nil) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
		if !test.want && len(server.Logins()) != before {
			t.Errorf("%s: the server saw %+v", test.name, server.Logins()[before:])
		}
	}
}
