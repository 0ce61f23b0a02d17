package rdsmysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
)

func Example() {
	var cfg aws.Config // of config.LoadDefaultConfig

	my, err := rdsmysql.ParseDSN("app@tcp(prod.abc123.eu-west-1.rds.amazonaws.com:3306)/app?parseTime=true")
	if err != nil {
		log.Fatal(err)
	}
	tokens := rdsiam.NewTokenSource(cfg.Credentials)
	db := sql.OpenDB(rdsiam.NewConnector(my, tokens))
	defer db.Close()
}

// A token callback of your own in place of NewTokenSource: here the token comes from a
// file that another process keeps fresh.
func ExampleNew_tokenSourceFunc() {
	config := mysql.NewConfig()
	config.User = "app"
	config.Net = "tcp"
	config.Addr = "prod.abc123.eu-west-1.rds.amazonaws.com:3306"
	config.DBName = "app"

	my, err := rdsmysql.New(config)
	if err != nil {
		log.Fatal(err)
	}
	tokens := rdsiam.TokenSourceFunc(func(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
		text, err := os.ReadFile("/run/tokens/" + login.User + "@" + login.Endpoint.Host())
		if err != nil {
			return rdsiam.Token{}, err
		}
		return rdsiam.NewToken(string(text), time.Time{}), nil // the text says when it expires
	})
	db := sql.OpenDB(rdsiam.NewConnector(my, tokens))
	defer db.Close()

	fmt.Println(my.Login(), "in", my.Login().Endpoint.Region())
	// Output: app@prod.abc123.eu-west-1.rds.amazonaws.com:3306 in eu-west-1
}

// The hook, for programs that make the connector of go-sql-driver/mysql themselves.
func ExampleBeforeConnect() {
	var cfg aws.Config // of config.LoadDefaultConfig

	config, err := mysql.ParseDSN("app@tcp(prod.abc123.eu-west-1.rds.amazonaws.com:3306)/app")
	if err != nil {
		log.Fatal(err)
	}
	tokens := rdsiam.NewTokenSource(cfg.Credentials)
	if err := config.Apply(mysql.BeforeConnect(rdsmysql.BeforeConnect(tokens))); err != nil {
		log.Fatal(err)
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
}
