// Package doctor finds out what keeps a login from working. It climbs a ladder of checks,
// each of which has what those before it found, and changes nothing on the way.
//
// Every check has a time limit and runs, or says because of what it was skipped. What fails
// ends with what fixes it. No result has a token in it.
package doctor

import (
	"context"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
)

// Case is what is examined.
type Case struct {
	Endpoint    string // host or host:port of the database
	DefaultPort uint16 // where Endpoint has none
	Dial        string // host:port to dial in its place, "" for none
	Engine      Engine
	User        string
	Database    string // "": postgres in PostgreSQL, none in MySQL

	Region      string // "": the host name tells it
	RootCAs     []byte // PEM; nil: those of the endpoint
	RootCAsFile string // where RootCAs came from

	Policy     *rdsiam.Policy // nil: none to evaluate
	PolicyFile string
	ResourceID string // of the database; "": the API of RDS is asked

	// AWS reads the AWS configuration; its Region does not matter.
	AWS     func(context.Context) (aws.Config, error)
	Profile string // that AWS reads, "" for the default
	// Offline leaves out every call to AWS.
	Offline bool
	// Local is nil for a database of AWS. It implies Offline.
	Local *Local

	// Network is nil for that of the machine.
	Network Network
}

// Engine is the protocol of a database.
type Engine string

// The engines; MariaDB speaks that of MySQL.
const (
	PostgreSQL Engine = "PostgreSQL"
	MySQL      Engine = "MySQL"
)

// Network reaches the database.
type Network interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// machine is the network of this machine.
type machine struct {
	net.Resolver
	net.Dialer
}

// check is one rung of the ladder.
type check struct {
	name  string
	limit time.Duration
	run   func(context.Context, *chart) Result
}

// ladder is in the order of what rests on what.
var ladder = []check{
	{"endpoint", 5 * time.Second, checkEndpoint},
	{"name", 5 * time.Second, checkName},
	{"tcp", 5 * time.Second, checkTCP},
	{"tls", 10 * time.Second, checkTLS},
	{"credentials", 35 * time.Second, checkCredentials}, // time for three tries of 10 seconds
	{"identity", 10 * time.Second, checkIdentity},
	{"clock", 10 * time.Second, checkClock},
	{"region", 5 * time.Second, checkRegion},
	{"database", 20 * time.Second, checkDatabase},
	{"policy", 5 * time.Second, checkPolicy},
	{"token", 5 * time.Second, checkToken},
	{"login", 20 * time.Second, checkLogin},
	{"account", 10 * time.Second, checkAccount},
	{"session", 10 * time.Second, checkSession},
}

// Examine runs every check and calls seen, where it is not nil, with each result as it
// comes. When ctx ends, so does the examination, and the report has what was found before.
func Examine(ctx context.Context, c Case, seen func(Result)) Report {
	chart := &chart{Case: c}
	defer chart.close()
	if chart.Network == nil {
		chart.Network = new(machine)
	}
	report := Report{Endpoint: c.Endpoint, User: c.User, Checks: []Result{}}
	for _, rung := range ladder {
		result := rung.examine(ctx, chart)
		if ctx.Err() != nil {
			break
		}
		report.add(result)
		if seen != nil {
			seen(result)
		}
	}
	return report
}

func (c check) examine(ctx context.Context, chart *chart) Result {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	started := time.Now()
	result := c.run(ctx, chart)
	result.Check, result.Milliseconds = c.name, time.Since(started).Milliseconds()
	return result
}
