// Package examples_test logs in as the examples do, to servers on this machine, and to
// databases on AWS where variables name some.
package examples_test

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/rdsiam/rdsiam"
)

// The tests in this file were never run by the authors, who had no AWS account. They log
// in to databases of yours, with the AWS identity of your environment, and change
// nothing:
//
//	RDSIAM_AWS_POSTGRES_DSN='postgres://app@prod.abc123.eu-west-1.rds.amazonaws.com/app' \
//	RDSIAM_AWS_MYSQL_DSN='app@tcp(stock.abc123.eu-west-1.rds.amazonaws.com:3306)/app' \
//	go test -v -count=1 -run AWS .
//
// The same steps run against servers on this machine in TestSmokePostgreSQL and
// TestSmokeMySQL.

func TestAWSPostgreSQL(t *testing.T) {
	dsn := awsDSN(t, "RDSIAM_AWS_POSTGRES_DSN")
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal("RDSIAM_AWS_POSTGRES_DSN is not a connection string that pgx can read")
	}
	smokePostgreSQL(t, config, awsTokens(t))
}

func TestAWSMySQL(t *testing.T) {
	dsn := awsDSN(t, "RDSIAM_AWS_MYSQL_DSN")
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal("RDSIAM_AWS_MYSQL_DSN is not a DSN that go-sql-driver/mysql can read")
	}
	smokeMySQL(t, config, awsTokens(t))
}

func awsDSN(t *testing.T, variable string) string {
	t.Helper()
	dsn := os.Getenv(variable)
	if dsn == "" {
		t.Skipf("%s is not set: this test needs a database on AWS, and was never run by the authors", variable)
	}
	return dsn
}

func awsTokens(t *testing.T) rdsiam.TokenSource {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rdsiam.NewTokenSource(cfg.Credentials)
}
