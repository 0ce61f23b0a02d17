package connect

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/rdsiam/rdsiam"
)

func TestRegister(t *testing.T) {
	server := startPostgreSQL(t)
	register(tokensOf(server), rdsiam.WithEndpoint(server.Endpoint()))
	for user, accepted := range map[string]bool{"app": true, "stranger": false} {
		db, err := sql.Open("rds-postgres", "postgres://"+user+"@"+server.Addr().String()+"/shop")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.PingContext(t.Context()); (err == nil) != accepted || !accepted && !errors.As(err, new(*rdsiam.LoginError)) {
			t.Errorf("%s: %v", user, err)
		}
	}
	if db, err := sql.Open("rds-postgres", "postgres://app:secret@localhost/shop"); err == nil {
		t.Errorf("a DSN with a password was taken: %v", db)
	}
}
