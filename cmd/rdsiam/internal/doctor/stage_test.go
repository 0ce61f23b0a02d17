package doctor_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/doctor"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/test/fakeaws"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

const (
	ordersHost = "orders.abc123.eu-west-1.rds.amazonaws.com"
	resourceID = "db-ORDERS0123456789ABCDEFGHIJ"
)

// stage is a database and an AWS that fit each other, and the case of a user who may log in.
// A test spoils one thing.
type stage struct {
	doctor.Case
	aws     *fakeaws.Server
	server  *rdsiamtest.Server
	config  aws.Config // what Case.AWS returns
	network *network
}

// credentials are those that the fake AWS knows.
var credentials = aws.Credentials{
	AccessKeyID: fakeaws.AccessKeyID, SecretAccessKey: fakeaws.SecretAccessKey, Source: "EnvConfigCredentials", AccountID: fakeaws.AccountID,
}

func newStage(t *testing.T, engine doctor.Engine, options ...rdsiamtest.Option) *stage {
	t.Helper()
	start, port := rdsiamtest.StartPostgreSQL, uint16(5432)
	if engine == doctor.MySQL {
		start, port = rdsiamtest.StartMySQL, 3306
	}
	server := start(t, append([]rdsiamtest.Option{
		rdsiamtest.WithEndpoint(ordersHost),
		rdsiamtest.WithResourceID(resourceID),
		rdsiamtest.WithIAMUser("app"),
		rdsiamtest.WithIdentity(rdsiamtest.Identity{Credentials: credentials, ARN: fakeaws.CallerARN, Policies: []string{policyFor(t, resourceID, "app").JSON()}}),
	}, options...)...)
	s := &stage{server: server, aws: fakeaws.Start(), network: &network{server: server}}
	t.Cleanup(s.aws.Close)
	s.aws.AddPrincipal(fakeaws.Principal{Kind: "User", Name: "sre"})
	s.config = s.aws.Config()
	s.setCredentials(credentials)
	s.Case = doctor.Case{
		Endpoint: ordersHost, DefaultPort: port, Engine: engine, User: "app", Network: s.network,
		RootCAs: server.CertificatePEM(), RootCAsFile: "ca.pem",
		AWS: func(context.Context) (aws.Config, error) { return s.config, nil },
	}
	return s
}

// inRDS adds the instance to the fake AWS.
func (s *stage) inRDS(change func(*fakeaws.Instance)) {
	instance := fakeaws.Instance{
		DBInstanceIdentifier: "orders", DbiResourceId: resourceID, Engine: "postgres", EngineVersion: "17.6", MasterUsername: "master",
		IAMDatabaseAuthenticationEnabled: true,
		Endpoint:                         &fakeaws.Address{Address: ordersHost, Port: int(s.DefaultPort)},
	}
	if s.Engine == doctor.MySQL {
		instance.Engine, instance.EngineVersion = "mysql", "8.4.6"
	}
	if change != nil {
		change(&instance)
	}
	s.aws.AddInstance(instance)
}

func (s *stage) setCredentials(c aws.Credentials) {
	s.config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil })
}

func policyFor(t *testing.T, id, user string) *rdsiam.Policy {
	t.Helper()
	arn, err := rdsiam.Resource{ID: id, Region: fakeaws.Region, AccountID: fakeaws.AccountID}.User(user)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := rdsiam.NewPolicy(arn)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// network leads to the server, unless told otherwise.
type network struct {
	server *rdsiamtest.Server
	lookup func(host string) ([]string, error)
	dial   func(ctx context.Context, address string) (net.Conn, error)
	alias  string
}

func (n *network) LookupHost(ctx context.Context, host string) ([]string, error) {
	if n.lookup != nil {
		return n.lookup(host)
	}
	return n.server.LookupHost(ctx, host)
}

func (n *network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if n.dial != nil {
		return n.dial(ctx, address)
	}
	return n.server.DialContext(ctx, network, address)
}

func (n *network) LookupCNAME(_ context.Context, host string) (string, error) {
	if n.alias == "" {
		return host + ".", nil
	}
	return n.alias + ".", nil
}

// examine returns the report and looks that no secret is in it.
func (s *stage) examine(t *testing.T) doctor.Report {
	t.Helper()
	var text strings.Builder
	printer := doctor.Printer{Out: &text}
	report := doctor.Examine(t.Context(), s.Case, printer.Print)
	if strings.Contains(text.String(), "X-Amz-Signature") || strings.Contains(text.String(), credentials.SecretAccessKey) {
		t.Errorf("the text has a secret in it:\n%s", text.String())
	}
	if t.Failed() || testing.Verbose() {
		t.Log("\n" + text.String())
	}
	return report
}

// result returns that of one check.
func result(t *testing.T, report doctor.Report, check string) doctor.Result {
	t.Helper()
	for _, result := range report.Checks {
		if result.Check == check {
			return result
		}
	}
	t.Fatalf("the report has no check %q", check)
	return doctor.Result{}
}
