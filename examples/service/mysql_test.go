package service_test

import (
	"database/sql"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/examples/service"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestCurrentUserMySQL(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithIAMUser("app"))
	config, err := mysql.ParseDSN(server.DSN("app"))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc = server.DialContext
	my, err := rdsmysql.New(config, rdsiam.WithRootCAs(server.RootCAs()))
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(my, rdsiam.NewTokenSource(server.Credentials())))
	defer db.Close()
	if user, err := service.CurrentUser(t.Context(), db); err != nil || user != "app@%" {
		t.Errorf("got %q, %v; want app@%%", user, err)
	}
}
