package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/examples/internal/lab"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// logIn asks the first questions.
func (s *setting) logIn(ctx context.Context, p *printer, c *clients) error {
	p.part("Logins with tokens in place of passwords")
	for _, q := range c.queries() {
		got, err := q.ask(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", q.client, err)
		}
		p.ok("%-24s  %s", q.client, got)
	}
	return nil
}

// outliveTokens keeps the pools busy until the first tokens have expired.
func (s *setting) outliveTokens(ctx context.Context, p *printer, c *clients) error {
	p.part(fmt.Sprintf("Expiry, accelerated: the servers' clock is %v ahead, so a token dies after %v instead of 15m; "+
		"a token is reused for 1s instead of 1m",
		15*time.Minute-tokenLife, tokenLife))
	kept, err := c.postgres.Conn(ctx)
	if err != nil {
		return err
	}
	defer kept.Close()
	if err := s.keepBusy(ctx, p, c); err != nil {
		return err
	}
	if err := s.presentFirstTokens(ctx, p); err != nil {
		return err
	}
	if _, err := answer(kept.QueryRowContext(ctx, "select current_user, version()")); err != nil {
		return fmt.Errorf("the connection that was open all the time: %w", err)
	}
	p.ok("a PostgreSQL connection that was open all the time: still answers")
	return nil
}

func (s *setting) keepBusy(ctx context.Context, p *printer, c *clients) error {
	started, before := time.Now(), s.logins()
	queries := 0
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for time.Now().Before(s.firstTokensExpired()) {
		for _, q := range c.queries() {
			if _, err := q.ask(ctx); err != nil {
				return fmt.Errorf("%s: %w", q.client, err)
			}
			queries++
		}
		<-pause.C
	}
	for _, login := range s.logins()[len(before):] {
		if !login.Accepted {
			return fmt.Errorf("a login of a busy pool was refused: %s: %s", login.Reason, login.Detail)
		}
	}
	tokens := s.tokens.count()
	if tokens < 3 {
		return fmt.Errorf("%d tokens: nothing was renewed", tokens)
	}
	p.ok("three busy pools, %.1f s: %d queries, %d logins, %d tokens, none refused",
		time.Since(started).Seconds(), queries, len(s.logins())-len(before), tokens)
	return nil
}

// firstTokensExpired is when the databases take none of the first tokens any more.
func (s *setting) firstTokensExpired() time.Time {
	last := s.tokens.firstFor(pgHost).Signed()
	if other := s.tokens.firstFor(myHost).Signed(); other.After(last) {
		last = other
	}
	return last.Add(tokenLife)
}

// logins returns what the databases have seen.
func (s *setting) logins() []rdsiamtest.Login {
	return append(s.postgres.Logins(), s.mysql.Logins()...)
}

// presentFirstTokens shows that the tokens that the pools have started with are dead.
func (s *setting) presentFirstTokens(ctx context.Context, p *printer) error {
	old := rdsiam.TokenSourceFunc(func(_ context.Context, login rdsiam.Login) (rdsiam.Token, error) {
		return s.tokens.firstFor(login.Endpoint.Host()), nil
	})
	for _, try := range []struct {
		product  string
		database *lab.Database
		open     func(*lab.Database, string, rdsiam.TokenSource) (*sql.DB, error)
	}{
		{"PostgreSQL", s.postgres, openPostgres},
		{"MySQL", s.mysql, openMySQL},
	} {
		db, err := try.open(try.database, allowed, old)
		if err != nil {
			return err
		}
		err = db.PingContext(ctx)
		db.Close()
		reason := lastReason(try.database)
		if err == nil || reason != rdsiamtest.ReasonExpired {
			return fmt.Errorf("the first token at %s: %s, %v", try.product, reason, err) //nolint:errorlint // nil where it was let in
		}
		p.ok("the first token once more, at %s: refused, %s", try.product, reason)
		p.quote(serverWords(err))
	}
	return nil
}

func lastReason(database *lab.Database) rdsiamtest.Reason {
	logins := database.Logins()
	if len(logins) == 0 {
		return ""
	}
	return logins[len(logins)-1].Reason
}

// serverWords returns what a server said, without what rdsiam makes of it.
func serverWords(err error) string {
	var postgres *pgconn.PgError
	var my *mysql.MySQLError
	switch {
	case errors.As(err, &postgres):
		return postgres.Error()
	case errors.As(err, &my):
		return my.Error()
	}
	return err.Error()
}
