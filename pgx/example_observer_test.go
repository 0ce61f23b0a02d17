package rdspgx_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// A hook sees the tokens but not how a login ends. Tokens are watched by a source around
// the source, and logins by a tracer of pgx.
func ExampleBeforeConnect_observer() {
	server, err := rdsiamtest.NewPostgreSQL(rdsiamtest.WithIAMUser("app")) // in place of RDS
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	config, err := pgxpool.ParseConfig(server.DSN("app"))
	if err != nil {
		log.Fatal(err)
	}
	config.ConnConfig.DialFunc, config.ConnConfig.LookupFunc = server.DialContext, server.LookupHost

	config.BeforeConnect = rdspgx.BeforeConnect(watched(rdsiam.NewTokenSource(server.Credentials())),
		rdsiam.WithRootCAs(server.RootCAs()))
	config.ConnConfig.Tracer = loginTracer{}
	ctx := context.Background()
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Ping(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// token for app@rdsiamtest.abc123.us-east-1.rds.amazonaws.com:5432, reused: false, error: <nil>
	// app is logged in
}

// watched prints which tokens are asked for. A Token never prints its text.
func watched(tokens rdsiam.TokenSource) rdsiam.TokenSource {
	return rdsiam.TokenSourceFunc(func(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
		token, err := tokens.Token(ctx, login)
		fmt.Printf("token for %s, reused: %v, error: %v\n", login, token.Reused(), err)
		return token, err
	})
}

// loginTracer prints how logins end. It prints the text of the error and its causes, never
// the error's Config, whose password may be the token.
type loginTracer struct{}

func (loginTracer) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	return context.WithValue(ctx, loginTracer{}, data.ConnConfig.User)
}

func (loginTracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	user := ctx.Value(loginTracer{})
	if data.Err != nil {
		fmt.Printf("%v is not logged in: %v\n%v", user, data.Err, rdsiam.Explain(data.Err))
		return
	}
	fmt.Println(user, "is logged in")
}

func (loginTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (loginTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
