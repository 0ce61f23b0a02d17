package main

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"net"
	"strings"

	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/realserver"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const replicator, replicatorPassword = "replicator", "a replicator's password"

var mariaDB = engine{
	name: "MariaDB", port: "3306", verifier: rdsiamtest.NewMySQL,
	startPrimary: func(ctx context.Context, c *cluster, users []string) (*realserver.Server, error) {
		return startMariaDB(ctx, c, users, "1", "RESET MASTER")
	},
	startReplica: func(ctx context.Context, c *cluster, primary *realserver.Server) (*realserver.Server, error) {
		_, port, err := net.SplitHostPort(primary.Addr())
		if err != nil {
			return nil, err
		}
		return startMariaDB(ctx, c, c.engine.users(), port, // a number of its own: a server has the port of one that it follows only once
			"RESET MASTER", "SET GLOBAL gtid_slave_pos = ''", "SET GLOBAL read_only = 1",
			"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = "+port+", MASTER_USER = '"+replicator+
				"', MASTER_PASSWORD = '"+strings.ReplaceAll(replicatorPassword, "'", "''")+"', MASTER_USE_GTID = slave_pos",
			"START SLAVE")
	},
	// Its own binary log begins with the promotion.
	promote: []string{"STOP SLAVE", "RESET SLAVE ALL", "RESET MASTER", "SET GLOBAL read_only = 0"},
	demote:  []string{"SET GLOBAL read_only = 1"},
	variants: []variant{
		{name: "go-sql-driver/mysql alone, cluster endpoint, a token for each login", user: "bare", bare: true, open: openBareMySQL},
		{name: "`Connector`, cluster endpoint", user: "connector", never: []string{"killed", "demoted"}, open: openMySQL("")},
		{name: "`Connector`, cluster endpoint, rejectReadOnly", user: "connector_reject", open: openMySQL("&rejectReadOnly=true")},
		{name: "hook, cluster endpoint, rejectReadOnly", user: "hook_reject", open: openMySQLHook("&rejectReadOnly=true")},
	},
}

func startMariaDB(ctx context.Context, c *cluster, users []string, number string, statements ...string) (*realserver.Server, error) {
	server, err := realserver.StartMariaDB(ctx, realserver.Options{
		Check: c.check, Certificate: c.certificate, IAMUsers: users,
		PasswordUsers: map[string]string{replicator: replicatorPassword},
		Settings:      []string{"log-bin", "log-slave-updates", "server-id=" + number},
	})
	if err != nil {
		return nil, err
	}
	setUp := []string{"CREATE DATABASE app", "CREATE TABLE app.writes (n int)", "GRANT REPLICATION SLAVE ON *.* TO " + replicator}
	for _, user := range users {
		setUp = append(setUp, "GRANT INSERT ON app.* TO "+user)
	}
	if err := server.Exec(ctx, append(setUp, statements...)...); err != nil {
		server.Close()
		return nil, err
	}
	return server, nil
}

func mysqlConfig(c *cluster, user, parameters string) (*mysql.Config, error) {
	config, err := mysql.ParseDSN(user + "@tcp(" + c.engine.endpoint(clusterHost) + ")/app?timeout=2s&readTimeout=5s&writeTimeout=5s" + parameters)
	if err != nil {
		return nil, err
	}
	config.DialFunc = c.dial
	config.Logger = new(mysql.NopLogger)
	return config, nil
}

func openMySQL(parameters string) func(context.Context, *cluster, string) (writer, error) {
	return func(_ context.Context, c *cluster, user string) (writer, error) {
		config, err := mysqlConfig(c, user, parameters)
		if err != nil {
			return writer{}, err
		}
		my, err := rdsmysql.New(config, rdsiam.WithRootCAs(c.roots))
		if err != nil {
			return writer{}, err
		}
		return writerOf(sql.OpenDB(rdsiam.NewConnector(my, rdsiam.NewTokenSource(c.credentials())))), nil
	}
}

func openMySQLHook(parameters string) func(context.Context, *cluster, string) (writer, error) {
	return func(_ context.Context, c *cluster, user string) (writer, error) {
		return openHooked(c, user, parameters, rdsmysql.BeforeConnect(rdsiam.NewTokenSource(c.credentials()), rdsiam.WithRootCAs(c.roots)))
	}
}

// openBareMySQL is what is written by hand.
func openBareMySQL(_ context.Context, c *cluster, user string) (writer, error) {
	return openHooked(c, user, "", func(ctx context.Context, config *mysql.Config) (err error) {
		config.TLS, config.AllowCleartextPasswords = &tls.Config{RootCAs: c.roots, ServerName: clusterHost}, true
		config.Passwd, err = auth.BuildAuthToken(ctx, c.engine.endpoint(clusterHost), "eu-west-1", config.User, c.credentials())
		return err
	})
}

func openHooked(c *cluster, user, parameters string, hook func(context.Context, *mysql.Config) error) (writer, error) {
	config, err := mysqlConfig(c, user, parameters)
	if err != nil {
		return writer{}, err
	}
	if err := config.Apply(mysql.BeforeConnect(hook)); err != nil {
		return writer{}, err
	}
	var connector driver.Connector
	if connector, err = mysql.NewConnector(config); err != nil {
		return writer{}, err
	}
	return writerOf(sql.OpenDB(connector)), nil
}
