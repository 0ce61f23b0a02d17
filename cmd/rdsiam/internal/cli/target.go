package cli

import (
	"context"
	"crypto/x509"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/hostname"
)

// engine is the protocol that a database speaks. MariaDB and MySQL speak one.
type engine string

const (
	postgreSQL engine = "postgresql"
	mySQL      engine = "mysql"
	mariaDB    engine = "mariadb"
)

// port is the port that RDS gives a database of the engine unless told otherwise.
func (e engine) port() uint16 {
	if e == postgreSQL {
		return 5432
	}
	return 3306
}

// target is the flags that say which database, as which user, and with which AWS identity.
type target struct {
	user    string
	region  string
	profile string
	engine  string
	dial    string
	rootCAs string
}

func (t *target) addTo(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVarP(&t.user, "user", "u", "", "database user, spelled as the database spells it")
	flags.StringVar(&t.region, "region", "", "AWS region, where the host name does not tell it")
	flags.StringVar(&t.profile, "profile", "", "profile of the AWS configuration (default $AWS_PROFILE)")
	flags.StringVar(&t.engine, "engine", "", "postgresql, mysql or mariadb, where the port is not 5432 or 3306")
	flags.StringVar(&t.dial, "dial", "", "address to dial instead, host:port: a tunnel or other way to ENDPOINT")
	flags.StringVar(&t.rootCAs, "root-cas", "", "PEM file of the certificate authorities to trust, instead of those of RDS")
}

// arguments are the arguments that say the same to another command.
func (t *target) arguments(endpoint string) []string {
	arguments := []string{endpoint}
	for _, flag := range []struct{ name, value string }{
		{"--user", t.user}, {"--region", t.region}, {"--profile", t.profile}, {"--engine", t.engine}, {"--dial", t.dial}, {"--root-cas", t.rootCAs},
	} {
		if flag.value != "" {
			arguments = append(arguments, flag.name, flag.value)
		}
	}
	return arguments
}

// engineOf tells the engine from --engine, or else from the port.
func (t *target) engineOf(port uint16) (engine, error) {
	switch given := engine(t.engine); {
	case given == postgreSQL, given == mySQL, given == mariaDB:
		return given, nil
	case t.engine != "":
		return "", usagef("--engine %q is none of postgresql, mysql, mariadb", t.engine)
	case port == postgreSQL.port():
		return postgreSQL, nil
	case port == mySQL.port():
		return mySQL, nil
	}
	return "", usagef("port %d does not tell which database it is; say --engine postgresql, mysql or mariadb", port)
}

// database is one database to log in to.
type database struct {
	rdsiam.Login
	dialed  string // host:port
	options []rdsiam.EndpointOption
	doctor  string // command that finds out why a login fails, "" for none
}

// resolve finds out what ENDPOINT, host or host:port, and the flags mean together.
func (t *target) resolve(ctx context.Context, endpoint string) (database, error) {
	defaultPort, err := t.defaultPort(endpoint)
	if err != nil {
		return database{}, err
	}
	d := database{dialed: endpoint}
	if t.region != "" {
		d.options = append(d.options, rdsiam.WithRegion(t.region))
	}
	if t.rootCAs != "" {
		pool, _, err := readRootCAsPEM(ctx, t.rootCAs)
		if err != nil {
			return database{}, err
		}
		d.options = append(d.options, rdsiam.WithRootCAs(pool))
	}
	if t.dial != "" {
		d.dialed = t.dial
		d.options = append(d.options, rdsiam.WithEndpoint(endpoint))
	}
	d.User = t.user
	d.Endpoint, err = rdsiam.ResolveEndpoint(d.dialed, defaultPort, d.options...)
	if err != nil {
		return database{}, err
	}
	if t.dial == "" {
		d.dialed = d.Endpoint.String()
	} else if _, _, err := net.SplitHostPort(t.dial); err != nil {
		d.dialed = net.JoinHostPort(t.dial, strconv.Itoa(int(defaultPort)))
	}
	return d, nil
}

// defaultPort is the port of ENDPOINT where it names none, which only --engine can tell, but
// for a cluster of Aurora DSQL.
func (t *target) defaultPort(endpoint string) (uint16, error) {
	if strings.Contains(endpoint, "/") {
		return 0, usagef("%q is a URL or path; write HOST or HOST:PORT", endpoint)
	}
	if _, port, err := net.SplitHostPort(endpoint); err == nil {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return 0, usagef("%q has the port %q; a port is a number from 1 to 65535", endpoint, port)
		}
		return uint16(number), nil
	}
	if hostname.NamesDSQL(hostname.Normalize(endpoint)) {
		return postgreSQL.port(), nil
	}
	if t.engine == "" {
		return 0, usagef("%q names no port; write %s:5432 (PostgreSQL) or %s:3306 (MySQL, MariaDB), or say --engine", endpoint, endpoint, endpoint)
	}
	engine, err := t.engineOf(0)
	return engine.port(), err
}

// requireUser refuses a login without a user, in the words of the command line.
func (t *target) requireUser(endpoint string) error {
	if user, host, ok := cutUser(endpoint); ok {
		return usagef("the user does not go into ENDPOINT; write %s --user %s", host, shellQuote(user))
	}
	if t.user == "" {
		return usagef("--user is missing: the database user to log in as")
	}
	return nil
}

// readRootCAsPEM also returns the text: a pipe can be read once only.
func readRootCAsPEM(ctx context.Context, name string) (*x509.CertPool, []byte, error) {
	text, err := readFile(ctx, "--root-cas", name)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, nil, usagef("--root-cas %s has no certificate in PEM form", name)
	}
	return pool, text, nil
}
