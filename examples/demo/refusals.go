package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rdsiam/rdsiam"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// beRefused shows three errors as a user reads them.
func (s *setting) beRefused(ctx context.Context, p *printer, _ *clients) error {
	p.part("Refused, and what a user reads then")
	for _, refusal := range []struct {
		title string
		try   func(context.Context) error
	}{
		{"the role's policy does not name the database user " + forbidden, s.withoutPolicy},
		{"the DSN turns TLS off; nothing is sent", s.withoutTLS},
		{"the database user " + outsider + " is no member of rds_iam; the server receives no token", s.withoutMembership},
	} {
		err := refusal.try(ctx)
		var misbehaved misbehavior
		if errors.As(err, &misbehaved) {
			return err
		}
		p.ok("%s", refusal.title)
		p.quote(err.Error())
	}
	return nil
}

// misbehavior is a login that was not refused as it should be.
type misbehavior string

func (m misbehavior) Error() string { return string(m) }

// withoutPolicy logs in as a user that the policy does not allow.
func (s *setting) withoutPolicy(ctx context.Context) error {
	err := s.pingAs(ctx, forbidden)
	var refused *rdsiam.LoginError
	if !errors.As(err, &refused) || !refused.Refused || lastReason(s.postgres) != rdsiamtest.ReasonPolicy {
		return misbehavior(fmt.Sprintf("user %s, who is not in the policy: %v (%s)", forbidden, err, lastReason(s.postgres)))
	}
	return err
}

// withoutTLS asks for a connection in clear text.
func (s *setting) withoutTLS(context.Context) error {
	_, err := rdspgx.ParseDSN(s.postgres.DSN(allowed) + "?sslmode=disable")
	var refused *rdsiam.ConfigError
	if !errors.As(err, &refused) {
		return misbehavior(fmt.Sprintf("sslmode=disable: %v", err))
	}
	return err
}

// withoutMembership logs in as a user that the server asks for a password.
func (s *setting) withoutMembership(ctx context.Context) error {
	before := len(s.postgres.Logins())
	err := s.pingAs(ctx, outsider)
	var refused *rdsiam.LoginError
	if !errors.As(err, &refused) {
		return misbehavior(fmt.Sprintf("user %s, who is outside rds_iam: %v", outsider, err))
	}
	for _, login := range s.postgres.Logins()[before:] {
		if login.PasswordReceived {
			return misbehavior(fmt.Sprintf("user %s, who is outside rds_iam: the server received a token", outsider))
		}
	}
	return err
}

func (s *setting) pingAs(ctx context.Context, user string) error {
	db, err := openPostgres(s.postgres, user, s.tokens)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}
