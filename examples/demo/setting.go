package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/examples/internal/lab"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const (
	pgHost = "shop.abc123.eu-west-1.rds.amazonaws.com"
	myHost = "stock.abc123.eu-west-1.rds.amazonaws.com"

	accountID    = "123456789012"
	pgResourceID = "db-DEMOPOSTGRESQL"
	myResourceID = "db-DEMOMYSQL"
)

// The database users.
const (
	allowed   = "app"     // logs in with tokens, and the role's policy names it
	forbidden = "reports" // logs in with tokens, and no policy names it
	outsider  = "legacy"  // is no member of rds_iam
)

// tokenLife is how long tokens live here.
const tokenLife = 4 * time.Second

// demoClock is what the databases read the age of tokens from: ahead by so much that
// the 15 minutes of a token are over after tokenLife.
func demoClock() time.Time { return time.Now().Add(15*time.Minute - tokenLife) }

// setting is what the demo happens in.
type setting struct {
	postgres, mysql *lab.Database
	tokens          *witness
}

// startSetting starts the databases, both at a time.
func startSetting(ctx context.Context, p *printer) (*setting, error) {
	s := new(setting)
	users := lab.Users{IAM: []string{allowed, forbidden}, Password: map[string]string{outsider: "a password that nobody uses"}}
	var postgresErr, mysqlErr error
	var both sync.WaitGroup
	both.Go(func() {
		s.postgres, postgresErr = lab.StartPostgreSQL(ctx, users,
			rdsiamtest.WithEndpoint(pgHost), rdsiamtest.WithAccountID(accountID), rdsiamtest.WithResourceID(pgResourceID),
			rdsiamtest.WithClock(demoClock))
	})
	both.Go(func() {
		s.mysql, mysqlErr = lab.StartMySQL(ctx, users,
			rdsiamtest.WithEndpoint(myHost), rdsiamtest.WithAccountID(accountID), rdsiamtest.WithResourceID(myResourceID),
			rdsiamtest.WithClock(demoClock))
	})
	both.Wait()
	if err := errors.Join(postgresErr, mysqlErr); err != nil {
		s.close()
		return nil, err
	}
	s.assumeRole()
	s.introduce(p)
	return s, nil
}

// rolePolicy allows logins as one user at both databases.
const rolePolicy = `{
	"Version": "2012-10-17",
	"Statement": [{
		"Effect": "Allow",
		"Action": "rds-db:connect",
		"Resource": [
			"arn:aws:rds-db:eu-west-1:` + accountID + `:dbuser:` + pgResourceID + `/` + allowed + `",
			"arn:aws:rds-db:eu-west-1:` + accountID + `:dbuser:` + myResourceID + `/` + allowed + `"
		]
	}]
}`

// assumeRole makes the identity that logs in.
func (s *setting) assumeRole() {
	credentials := &role{verifiers: []*rdsiamtest.Server{s.postgres.Server, s.mysql.Server}, policy: rolePolicy}
	s.tokens = newWitness(rdsiam.NewTokenSource(credentials, rdsiam.WithReuse(time.Second)))
}

func (s *setting) introduce(p *printer) {
	p.part("Servers. Each login is checked: signature, host, port, region, user, age, IAM policy.")
	for _, database := range []*lab.Database{s.postgres, s.mysql} {
		p.ok("%s: %s", database.Endpoint(), database)
		if missing := database.Missing(); missing != nil {
			p.quote("no real server: " + strings.TrimPrefix(missing.Error(), "realserver: "))
		}
	}
}

func (s *setting) close() {
	for _, database := range []*lab.Database{s.postgres, s.mysql} {
		if database != nil {
			database.Close()
		}
	}
}
