package doctor

import (
	"database/sql"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

// chart is a Case and what the checks found so far. What a check did not find is zero.
type chart struct {
	Case

	endpoint rdsiam.Endpoint // that is signed; zero: there is none
	dialed   string          // host:port
	reached  bool            // by TCP
	secure   bool            // TLS verified

	aws         *aws.Config
	credentials aws.Credentials
	caller      caller
	stranger    bool           // AWS does not accept the credentials
	skew        *time.Duration // of AWS's clock against this one
	clockBad    bool

	database *rdsapi.Database
	resource rdsiam.Resource // ID is "" where it is not known
	allowed  bool            // by the policy given, for this user of the resource
	token    bool            // one can be signed
	plugin   plugin

	db *sql.DB // logged in
}

// caller is whose the credentials are.
type caller struct{ arn, account, partition string }

// noAWS says why AWS is not called, "" if it is.
func (c *chart) noAWS() string {
	switch {
	case c.Local != nil:
		return "because of rdsiam local, behind which there is no AWS"
	case c.Offline:
		return "because of --offline"
	}
	return ""
}

func (c *chart) close() {
	if c.db != nil {
		c.db.Close()
	}
}

func (c *chart) dialedHost() string {
	host, _, err := net.SplitHostPort(c.dialed)
	if err != nil {
		return c.dialed
	}
	return host
}
