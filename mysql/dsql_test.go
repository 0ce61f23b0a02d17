package rdsmysql_test

import (
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

// A cluster of Aurora DSQL speaks another protocol.
func TestDSQL(t *testing.T) {
	_, err := rdsmysql.New(testConfig(func(c *mysql.Config) { c.Addr = "abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws:3306" }))
	var refused *rdsiam.ConfigError
	if !errors.As(err, &refused) || refused.Code != "dsql-not-mysql" {
		t.Errorf("got %v", err)
	}
}
