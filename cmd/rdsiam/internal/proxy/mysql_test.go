package proxy_test

import (
	"database/sql"
	"net"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// mysqlConfig connects to a proxy as a program does that knows nothing of tokens.
func mysqlConfig(r *running, user, password string) *mysql.Config {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.Passwd = "tcp", r.address, user, password
	if proxy.IsSocket(r.address) {
		config.Net = "unix"
	}
	return config
}

func mysqlDB(config *mysql.Config) (*sql.DB, error) {
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func openMySQL(t testing.TB, config *mysql.Config) *sql.DB {
	t.Helper()
	db, err := mysqlDB(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// rawMySQL is a connection that was logged in by hand, without a password.
func rawMySQL(t testing.TB, r *running) (packets *mysqlwire.Packets, conn net.Conn, id uint32) {
	t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	packets = &mysqlwire.Packets{Stream: conn, Limit: 1 << 20}
	payload, err := packets.Read()
	if err != nil {
		t.Fatal(err)
	}
	greeting, err := mysqlwire.ParseGreeting(payload)
	if err != nil {
		t.Fatal(err)
	}
	response := mysqlwire.Response{
		Capabilities: mysqlwire.ClientProtocol41 | mysqlwire.ClientSecureConnection | mysqlwire.ClientPluginAuth,
		MaxPacket:    1 << 24, Collation: 45, User: app, Plugin: mysqlwire.CachingSHA2,
	}
	if err := packets.Write(response.Encode()); err != nil {
		t.Fatal(err)
	}
	if answer, err := packets.Read(); err != nil || answer[0] != mysqlwire.PacketOK {
		t.Fatalf("login: %q, %v", answer, err)
	}
	return packets, conn, greeting.ConnectionID
}
