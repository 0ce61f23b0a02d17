package client

import (
	"net"
	"net/url"
	"strconv"
)

// PostgreSQLURL returns the URL of the proxy on TCP, as most drivers take it.
func (l Login) PostgreSQLURL() string { return l.url("postgresql", "sslmode=disable") }

// MySQLURL has no parameters: clients have none in common.
func (l Login) MySQLURL() string { return l.url("mysql", "") }

func (l Login) url(scheme, query string) string {
	address := url.URL{
		Scheme: scheme, User: url.UserPassword(l.User, l.Password), Host: net.JoinHostPort(loopback, strconv.Itoa(int(l.Port))),
		Path: "/" + l.Database, RawQuery: query,
	}
	return address.String()
}
