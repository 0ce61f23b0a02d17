package mysqlwire_test

import (
	"crypto/tls"
	"errors"
	"net"
	"testing"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestClientExec(t *testing.T) {
	server := rdsiamtest.StartMySQL(t, rdsiamtest.WithPasswordUser("app", "secret"), rdsiamtest.WithInMemory())
	host, _, _ := net.SplitHostPort(server.Endpoint())
	conn, err := server.DialContext(t.Context(), "tcp", server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client, err := mysqlwire.NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	account := mysqlwire.Account{Password: "secret", TLS: &tls.Config{RootCAs: server.RootCAs(), ServerName: host}}
	if _, err := client.LogIn(mysqlwire.Response{User: "app"}, account); err != nil {
		t.Fatal(err)
	}
	if err := client.Exec("SET SESSION TRANSACTION READ ONLY"); err != nil {
		t.Errorf("a statement without rows: %v", err)
	}
	var refused mysqlwire.Error
	if err := client.Exec("insert into t values (1)"); !errors.As(err, &refused) || refused.Number != 1792 {
		t.Errorf("a statement that is refused: %v, want error 1792", err)
	}
	if err := client.Exec("select 1"); !errors.Is(err, mysqlwire.ErrMalformed) {
		t.Errorf("a statement with rows: %v, want ErrMalformed", err)
	}
}
