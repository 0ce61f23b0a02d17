package local

import (
	"context"
	"net"
	"net/url"
	"strconv"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

// Environment returns what programs need to know: an AWS identity, the file of the
// certificate authority, and each database in the two ways to reach it.
//
// HOST and PORT (and URL) are dialed and signed alike. ENDPOINT is the name of a
// database in RDS, to sign and verify where DIAL is dialed, as behind a tunnel: what
// rdsiam and its library take, since they sign no local names.
func (s *Server) Environment() (client.Environment, error) {
	known := s.postgresql
	if known == nil {
		known = s.mysql
	}
	credentials, err := known.Credentials().Retrieve(context.Background())
	if err != nil {
		return client.Environment{}, err
	}
	// A profile would have precedence over the keys.
	e := client.Environment{Unset: []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}}
	set := func(name, value string) { e.Set = append(e.Set, client.Variable{Name: name, Value: value}) }
	set("AWS_ACCESS_KEY_ID", credentials.AccessKeyID)
	set("AWS_SECRET_ACCESS_KEY", credentials.SecretAccessKey)
	set("AWS_SESSION_TOKEN", credentials.SessionToken)
	set("AWS_REGION", s.region)
	set("AWS_DEFAULT_REGION", s.region) // the name that the AWS CLI and boto3 know
	set("RDSIAM_USER", s.users[0])
	set("RDSIAM_ROOT_CAS", s.rootCAs())
	if s.postgresql != nil {
		// libpq before 15 verifies no addresses.
		s.postgresql.describe("RDSIAM_POSTGRES_", "localhost", set)
		set("RDSIAM_POSTGRES_URL", s.postgresURL())
	}
	if s.mysql != nil {
		// To the C libraries of MySQL and MariaDB, localhost means a socket.
		s.mysql.describe("RDSIAM_MYSQL_", "127.0.0.1", set)
		set("RDSIAM_MYSQL_URL", s.mysqlURL())
	}
	return e, nil
}

func (d *database) describe(prefix, host string, set func(name, value string)) {
	port := strconv.Itoa(int(d.port))
	set(prefix+"HOST", host)
	set(prefix+"PORT", port)
	set(prefix+"ENDPOINT", d.endpoint)
	set(prefix+"DIAL", net.JoinHostPort("127.0.0.1", port))
}

func (s *Server) postgresURL() string {
	address := url.URL{
		Scheme:   "postgresql",
		User:     url.User(s.users[0]),
		Host:     net.JoinHostPort("localhost", strconv.Itoa(int(s.postgresql.port))),
		Path:     "/" + s.postgresql.name,
		RawQuery: url.Values{"sslmode": {"verify-full"}, "sslrootcert": {s.rootCAs()}}.Encode(),
	}
	return address.String()
}

// mysqlURL has no parameters: clients have none in common.
func (s *Server) mysqlURL() string {
	address := url.URL{
		Scheme: "mysql",
		User:   url.User(s.users[0]),
		Host:   net.JoinHostPort("127.0.0.1", strconv.Itoa(int(s.mysql.port))),
		Path:   "/" + s.mysql.name,
	}
	return address.String()
}
