package doctor_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/doctor"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/test/fakeaws"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// What is well is found well: nothing failed, nothing to fix.
func TestHealthy(t *testing.T) {
	for _, engine := range []doctor.Engine{doctor.PostgreSQL, doctor.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			s := newStage(t, engine)
			s.inRDS(nil)
			s.Policy, s.PolicyFile = policyFor(t, resourceID, "app"), "policy.json"
			report := s.examine(t)
			if report.Failed != 0 || report.Warnings != 0 {
				t.Errorf("%d failed, %d warnings; want none", report.Failed, report.Warnings)
			}
			for _, check := range report.Checks {
				// The server of rdsiamtest has no catalog; see TestReal.
				if check.Status != doctor.OK && check.Check != "account" && check.Check != "session" {
					t.Errorf("%s is %s: %s", check.Check, check.Status, check.Found)
				}
			}
		})
	}
}

// textsAreBlank is whether errortext.TestWithoutTexts runs this with a library whose texts are
// each an x: what doctor does is the same then, and what it says is not.
var textsAreBlank = os.Getenv("RDSIAM_TEST_BLANK_TEXTS") != ""

// Every cause of a failure is staged, named by the check that finds it, and ends with what
// fixes it.
func TestCauses(t *testing.T) {
	const postgres, mysql = doctor.PostgreSQL, doctor.MySQL
	expired := credentials
	expired.CanExpire, expired.Expires = true, time.Now().Add(-time.Minute)
	short := credentials
	short.CanExpire, short.Expires = true, time.Now().Add(5*time.Minute)
	tests := []struct {
		name    string
		engine  doctor.Engine
		options []rdsiamtest.Option
		spoil   func(*testing.T, *stage)
		check   string
		status  doctor.Status
		found   string
		command string
	}{
		// Name and network.
		{"no such name", postgres, nil, func(_ *testing.T, s *stage) {
			s.network.lookup = noSuchHost
		}, "name", doctor.Failed, "there is no host " + ordersHost, "aws rds describe-db-instances --region eu-west-1"},
		{"resolver is down", postgres, nil, func(_ *testing.T, s *stage) {
			s.network.lookup = func(string) ([]string, error) { return nil, errors.New("i/o timeout") }
		}, "name", doctor.Failed, "does not answer", "nslookup " + ordersHost},
		{"closed port", postgres, nil, func(_ *testing.T, s *stage) {
			s.network.dial = func(context.Context, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			}
		}, "tcp", doctor.Failed, "nothing listens on " + ordersHost + ":5432", "aws rds describe-db-instances"},
		{"tunnel that is not there", postgres, nil, func(_ *testing.T, s *stage) {
			s.Dial = "localhost:15432"
			s.network.dial = func(context.Context, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			}
		}, "tcp", doctor.Failed, "nothing listens on localhost:15432, where --dial leads", "rdsiam doctor " + ordersHost + ":5432 --user app"},
		{"security group", mysql, nil, func(_ *testing.T, s *stage) {
			s.network.dial = func(context.Context, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
			}
		}, "tcp", doctor.Failed, "a security group, firewall", "aws ec2 authorize-security-group-ingress --region eu-west-1 --group-id SG-OF-THE-DATABASE --protocol tcp --port 3306"},

		{"no route", postgres, nil, func(_ *testing.T, s *stage) {
			s.network.dial = func(context.Context, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
			}
		}, "tcp", doctor.Failed, "cannot connect to " + ordersHost + ":5432: connect: network is unreachable", "--dial HOST:PORT"},
		{"no such cluster", postgres, nil, func(_ *testing.T, s *stage) {
			s.Endpoint = "prod.cluster-abc123.eu-west-1.rds.amazonaws.com"
			s.network.lookup = noSuchHost
		}, "name", doctor.Failed, "there is no host prod.cluster-abc123", "aws rds describe-db-clusters --region eu-west-1"},
		{"no such proxy", postgres, nil, func(_ *testing.T, s *stage) {
			s.Endpoint = proxyHost
			s.network.lookup = noSuchHost
		}, "name", doctor.Failed, "there is no host " + proxyHost, "aws rds describe-db-proxies --region eu-west-1"},

		// What is signed.
		{"address", postgres, nil, func(_ *testing.T, s *stage) { s.Endpoint = "10.0.3.17" },
			"endpoint", doctor.Failed, "not for an IP address", "--dial 10.0.3.17:5432"},
		{"address, by certificate", postgres, nil, func(_ *testing.T, s *stage) { s.Endpoint = "10.0.3.17" },
			"tls", doctor.Warning, "the server calls itself " + ordersHost, "rdsiam doctor " + ordersHost + ":5432 --user app --dial 10.0.3.17:5432"},
		{"tunnel", mysql, nil, func(_ *testing.T, s *stage) { s.Endpoint = "localhost:13306" },
			"endpoint", doctor.Failed, "a local name", "rds.amazonaws.com:3306 --user app --dial localhost:13306"},
		{"alias", postgres, nil, func(_ *testing.T, s *stage) { s.Endpoint, s.network.alias = "db.example.com", ordersHost },
			"endpoint", doctor.Failed, "db.example.com is an alias of " + ordersHost, "rdsiam doctor " + ordersHost + ":5432 --user app --dial db.example.com:5432"},
		{"unknown name", postgres, nil, func(_ *testing.T, s *stage) { s.Endpoint = "db.example.com" },
			"endpoint", doctor.Failed, "not the name of an RDS endpoint", "--dial db.example.com:5432"},
		{"name signed as it is", postgres, nil, func(_ *testing.T, s *stage) { s.Endpoint, s.Region = "db.example.com", "eu-west-1" },
			"endpoint", doctor.Warning, "no name of RDS", "--dial db.example.com:5432"},
		{"custom endpoint", postgres, nil, func(_ *testing.T, s *stage) {
			s.Endpoint = "reports.cluster-custom-abc123.eu-west-1.rds.amazonaws.com"
		}, "endpoint", doctor.Failed, "custom endpoint", "CLUSTER.cluster-abc123.eu-west-1.rds.amazonaws.com:5432"},
		{"global database", postgres, nil, func(_ *testing.T, s *stage) {
			s.Endpoint = globalHost
		}, "endpoint", doctor.Failed, "does not tell its region", "--region REGION"},
		{"wrong region", postgres, nil, func(_ *testing.T, s *stage) { s.Region = "us-east-1" },
			"endpoint", doctor.Failed, "contradicts the host name", "rdsiam doctor " + ordersHost + ":5432 --user app"},
		{"PrivateLink of DSQL", postgres, nil, func(_ *testing.T, s *stage) { s.Endpoint = "vpce-0123.dsql-fnh4.us-east-1.vpce.amazonaws.com:5432" },
			"endpoint", doctor.Failed, "a name of Aurora DSQL that is not one of a cluster", "rdsiam doctor CLUSTER.dsql.REGION.on.aws"},
		{"region of the configuration", postgres, nil, func(_ *testing.T, s *stage) { s.config.Region = "us-east-1" },
			"region", doctor.Warning, "the AWS configuration says us-east-1", "export AWS_REGION=eu-west-1"},

		{"address of version 6", postgres, nil, func(_ *testing.T, s *stage) { s.Endpoint = "[fd00::17]" },
			"endpoint", doctor.Failed, "not for an IP address", "--dial '[fd00::17]:5432'"},
		{"custom endpoint in capitals", postgres, nil, func(_ *testing.T, s *stage) {
			s.Endpoint = "Reports.Cluster-Custom-abc123.eu-west-1.rds.amazonaws.com"
		}, "endpoint", doctor.Failed, "custom endpoint", "CLUSTER.cluster-abc123.eu-west-1.rds.amazonaws.com:5432"},
		{"flags of the command line", postgres, nil, func(t *testing.T, s *stage) {
			s.Endpoint, s.DefaultPort, s.Database, s.Profile, s.ResourceID = "db.example.com", 6000, "shop", "prod", resourceID
			s.Policy, s.PolicyFile = policyFor(t, resourceID, "app"), "my policy.json"
		}, "endpoint", doctor.Failed, "not the name of an RDS endpoint",
			"--db shop --dial db.example.com:6000 --engine postgresql --root-cas ca.pem --profile prod --policy 'my policy.json' --resource " + resourceID},

		// TLS.
		{"no TLS in PostgreSQL", postgres, []rdsiamtest.Option{rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable)}, nil,
			"tls", doctor.Failed, "offers no TLS", "ParameterName=ssl,ParameterValue=1"},
		{"no TLS in MySQL", mysql, []rdsiamtest.Option{rdsiamtest.WithTLSMode(rdsiamtest.TLSUnavailable)}, nil,
			"tls", doctor.Failed, "offers no TLS", "nslookup " + ordersHost},
		{"authority that --root-cas lacks", postgres, []rdsiamtest.Option{rdsiamtest.WithTLSMode(rdsiamtest.UnknownAuthority)}, nil,
			"tls", doctor.Failed, "not trusted", "rdsiam doctor " + ordersHost + ":5432 --user app"},
		{"authority that is not of RDS", mysql, nil, func(_ *testing.T, s *stage) { s.RootCAs = nil },
			"tls", doctor.Failed, `shown is one by "rdsiamtest Root CA"`, "openssl s_client -connect " + ordersHost + ":3306 -starttls mysql"},
		{"another database answers", postgres, []rdsiamtest.Option{rdsiamtest.WithTLSMode(rdsiamtest.WrongName)}, nil,
			"tls", doctor.Failed, "the certificate is for another-name.invalid and not for " + ordersHost, "openssl s_client"},
		{"another database of RDS answers", postgres, nil, func(_ *testing.T, s *stage) {
			s.Endpoint = "bills.abc123.eu-west-1.rds.amazonaws.com"
		}, "tls", doctor.Failed, "the certificate is for " + ordersHost, "rdsiam doctor " + ordersHost + ":5432 --user app --dial bills.abc123"},
		{"expired certificate", postgres, []rdsiamtest.Option{rdsiamtest.WithTLSMode(rdsiamtest.ExpiredCertificate)}, nil,
			"tls", doctor.Failed, "the certificate is good from 1980", "--ca-certificate-identifier rds-ca-rsa2048-g1"},
		{"region without roots", postgres, nil, func(_ *testing.T, s *stage) {
			s.Endpoint, s.RootCAs = "orders.abc123.us-gov-west-1.rds.amazonaws.com", nil
		}, "tls", doctor.Failed, "have none for the region us-gov-west-1", "--root-cas FILE"},

		{"authority of nobody for a proxy", postgres, []rdsiamtest.Option{rdsiamtest.WithEndpoint(proxyHost)}, func(_ *testing.T, s *stage) {
			s.Endpoint, s.RootCAs = proxyHost, nil
		}, "tls", doctor.Failed, "not trusted", "apt-get install ca-certificates"},
		{"connection is cut", mysql, nil, func(_ *testing.T, s *stage) { s.server.SetFaults(rdsiamtest.Faults{CutAfter: -1}) },
			"tls", doctor.Failed, "the TLS handshake failed", "openssl s_client -connect " + ordersHost + ":3306 -starttls mysql"},
		{"host that may not log in", mysql, nil, greets(1130, "Host '10.0.3.9' is not allowed to connect to this MySQL server"),
			"tls", doctor.Failed, "before TLS: Error 1130 (HY000): Host '10.0.3.9' is not allowed to connect to this MySQL server: no account of this server may log in from this host",
			"RENAME USER 'app'@'HOST' TO 'app'@'%';"},
		{"too many connections", mysql, nil, greets(1040, "Too many connections"),
			"tls", doctor.Failed, "Error 1040 (HY000): Too many connections: the server has no connection left", "rdsiam doctor " + ordersHost},
		{"greeting that nobody explains", mysql, nil, greets(9999, "Out of order"),
			"tls", doctor.Failed, "the server ends the connection before TLS: Error 9999 (HY000): Out of order", "rdsiam doctor " + ordersHost},
		{"another protocol", postgres, nil, func(t *testing.T, s *stage) { s.network.server = newStage(t, mysql).server },
			"tls", doctor.Failed, "does not speak the protocol of PostgreSQL", "openssl s_client -connect " + ordersHost + ":5432 -starttls postgres"},

		// Credentials, whose they are, and when.
		{"no credentials", postgres, nil, func(_ *testing.T, s *stage) {
			s.config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, errors.New("no EC2 IMDS role found")
			})
		}, "credentials", doctor.Failed, "no EC2 IMDS role found", "aws configure sso"},
		{"no such profile", postgres, nil, func(_ *testing.T, s *stage) {
			s.Profile = "prod"
			s.AWS = func(context.Context) (aws.Config, error) {
				return aws.Config{}, errors.New("failed to get shared config profile, prod")
			}
		}, "credentials", doctor.Failed, "failed to get shared config profile, prod", "aws configure list --profile prod"},
		{"configuration without credentials", postgres, nil, func(_ *testing.T, s *stage) { s.config.Credentials = nil },
			"credentials", doctor.Failed, "there are no AWS credentials", "aws configure sso"},
		{"no credentials in the profile", postgres, nil, func(_ *testing.T, s *stage) {
			s.Profile = "prod"
			s.config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, errors.New("no EC2 IMDS role found")
			})
		}, "credentials", doctor.Failed, "no EC2 IMDS role found", "aws sso login --profile prod"},
		{"temporary key without its session token", postgres, nil, func(_ *testing.T, s *stage) {
			s.setCredentials(aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "x", Source: "EnvConfigCredentials"})
		}, "credentials", doctor.Failed, "the temporary key ASIAEXAMPLE from EnvConfigCredentials has no session token", "unset AWS_ACCESS_KEY_ID"},
		{"SSO session of no profile is over", postgres, nil, func(_ *testing.T, s *stage) {
			s.config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, errors.New("the SSO session has expired or is invalid")
			})
		}, "credentials", doctor.Failed, "the SSO session has expired", "aws sso login"},
		{"SSO session is over", postgres, nil, func(_ *testing.T, s *stage) {
			s.Profile = "prod"
			s.config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, errors.New("the SSO session has expired or is invalid")
			})
		}, "credentials", doctor.Failed, "the SSO session has expired", "aws sso login --profile prod"},
		{"expired credentials", postgres, nil, func(_ *testing.T, s *stage) { s.setCredentials(expired) },
			"credentials", doctor.Failed, "has expired", "unset AWS_ACCESS_KEY_ID"},
		{"credentials about to expire", postgres, nil, func(_ *testing.T, s *stage) { s.setCredentials(short) },
			"credentials", doctor.Warning, "until ", "unset AWS_ACCESS_KEY_ID"},
		{"credentials that AWS says are expired", postgres, nil, func(_ *testing.T, s *stage) {
			s.aws.Fail("sts:GetCallerIdentity", -1, fakeaws.Failure{Status: 403, Code: "ExpiredToken", Message: "The security token included in the request is expired"})
		}, "identity", doctor.Failed, "have expired", "unset AWS_ACCESS_KEY_ID"},
		{"unknown key", postgres, nil, func(_ *testing.T, s *stage) {
			s.setCredentials(aws.Credentials{AccessKeyID: "AKIDNOBODY", SecretAccessKey: "x"})
		}, "identity", doctor.Failed, "AWS does not know the key AKIDNOBODY", "aws configure sso"},
		{"session token of the global STS", postgres, nil, func(_ *testing.T, s *stage) {
			old := credentials
			old.AccessKeyID, old.SessionToken = "ASIAOLD", "session"
			s.setCredentials(old)
			s.aws.AddIdentity(fakeaws.Identity{AccessKeyID: old.AccessKeyID, SecretAccessKey: old.SecretAccessKey, SessionToken: "session", ARN: fakeaws.CallerARN, OnlyIn: "us-east-1"})
		}, "identity", doctor.Failed, "the session token is of the global endpoint of STS, and eu-west-1 does not know such ones", "export AWS_STS_REGIONAL_ENDPOINTS=regional; "},
		{"unknown key with a session token", postgres, nil, func(_ *testing.T, s *stage) {
			s.setCredentials(aws.Credentials{AccessKeyID: "ASIANOBODY", SecretAccessKey: "x", SessionToken: "session"})
		}, "identity", doctor.Failed, "AWS does not know the key ASIANOBODY", "aws configure sso"},
		{"wrong secret", postgres, nil, func(_ *testing.T, s *stage) {
			s.setCredentials(aws.Credentials{AccessKeyID: fakeaws.AccessKeyID, SecretAccessKey: "x"})
		}, "identity", doctor.Failed, "the secret key is not that of AKIDEXAMPLE", "aws configure sso"},
		{"role of the machinery", postgres, nil, func(_ *testing.T, s *stage) {
			s.aws.AddIdentity(fakeaws.Identity{AccessKeyID: fakeaws.AccessKeyID, SecretAccessKey: fakeaws.SecretAccessKey,
				ARN: "arn:aws:sts::123456789012:assumed-role/ecsTaskExecutionRole/1"})
		}, "identity", doctor.Warning, "ecsTaskExecutionRole", "aws sts get-caller-identity"},
		{"role of a node of EKS", postgres, nil, func(_ *testing.T, s *stage) {
			s.aws.AddIdentity(fakeaws.Identity{AccessKeyID: fakeaws.AccessKeyID, SecretAccessKey: fakeaws.SecretAccessKey,
				ARN: "arn:aws:sts::123456789012:assumed-role/eks-NodeInstanceRole-1X/i-0123"})
		}, "identity", doctor.Warning, "eks-NodeInstanceRole-1X", "aws sts get-caller-identity"},
		{"AWS does not tell whose", postgres, nil, func(_ *testing.T, s *stage) {
			s.Profile = "prod"
			s.aws.Fail("sts:GetCallerIdentity", -1, fakeaws.Failure{Status: 403, Code: "AccessDenied", Message: "explicit deny"})
		}, "identity", doctor.Warning, "AWS does not tell whose the credentials are: AccessDenied: explicit deny", "aws sts get-caller-identity --profile prod"},
		{"another partition", postgres, nil, func(_ *testing.T, s *stage) {
			s.aws.AddIdentity(fakeaws.Identity{AccessKeyID: fakeaws.AccessKeyID, SecretAccessKey: fakeaws.SecretAccessKey,
				ARN: "arn:aws-cn:iam::123456789012:user/sre"})
		}, "identity", doctor.Failed, "is of the partition aws-cn, and the database of aws", "aws configure list-profiles"},
		{"slow clock", postgres, nil, func(_ *testing.T, s *stage) { s.aws.SetClock(clockAhead(time.Hour)) },
			"clock", doctor.Failed, "slow: every token is born expired", "chronyc makestep"},
		{"fast clock", postgres, nil, func(_ *testing.T, s *stage) { s.aws.SetClock(clockAhead(-time.Hour)) },
			"clock", doctor.Failed, "fast: tokens are not valid yet", "chronyc makestep"},
		{"clock a little slow", postgres, nil, func(_ *testing.T, s *stage) { s.aws.SetClock(clockAhead(4 * time.Minute)) },
			"clock", doctor.Warning, "tokens live shorter", "chronyc makestep"},

		{"clock a little fast", postgres, nil, func(_ *testing.T, s *stage) { s.aws.SetClock(clockAhead(-2 * time.Minute)) },
			"clock", doctor.Warning, "this clock is 2m", "chronyc makestep"},

		// What the API of RDS knows.
		{"IAM is off", postgres, nil, func(_ *testing.T, s *stage) {
			s.inRDS(func(i *fakeaws.Instance) { i.IAMDatabaseAuthenticationEnabled = false })
		}, "database", doctor.Failed, "IAM authentication is off", "rdsiam enable " + ordersHost},
		{"IAM is pending", postgres, nil, func(_ *testing.T, s *stage) {
			s.inRDS(func(i *fakeaws.Instance) {
				i.IAMDatabaseAuthenticationEnabled = false
				i.PendingModifiedValues.IAMDatabaseAuthenticationEnabled = aws.Bool(true)
			})
		}, "database", doctor.Failed, "IAM authentication is pending until mon:03:00-mon:03:30", "rdsiam enable " + ordersHost},
		{"IAM is about to be off", postgres, nil, func(_ *testing.T, s *stage) {
			s.inRDS(func(i *fakeaws.Instance) { i.PendingModifiedValues.IAMDatabaseAuthenticationEnabled = aws.Bool(false) })
		}, "database", doctor.Warning, "IAM authentication is about to be turned off", "rdsiam enable " + ordersHost + " --apply now"},
		{"stopped instance", postgres, nil, func(_ *testing.T, s *stage) {
			s.Profile = "prod"
			s.inRDS(func(i *fakeaws.Instance) { i.DBInstanceStatus = "stopped" })
		}, "database", doctor.Failed, "is stopped", "aws rds start-db-instance --region eu-west-1 --profile prod --db-instance-identifier orders"},
		{"instance at work", postgres, nil, func(_ *testing.T, s *stage) {
			s.inRDS(func(i *fakeaws.Instance) { i.DBInstanceStatus = "rebooting" })
		}, "database", doctor.Warning, `is "rebooting"`, "aws rds wait db-instance-available --region eu-west-1 --db-instance-identifier orders"},
		{"stopped cluster", postgres, nil, inCluster("stopped"), "database", doctor.Failed, "is stopped", "aws rds start-db-cluster --region eu-west-1 --db-cluster-identifier prod"},
		{"cluster at work", postgres, nil, inCluster("failing-over"), "database", doctor.Warning, `is "failing-over"`,
			"aws rds wait db-cluster-available --region eu-west-1 --db-cluster-identifier prod"},
		{"engine without IAM", mysql, nil, func(_ *testing.T, s *stage) {
			s.inRDS(func(i *fakeaws.Instance) { i.Engine, i.EngineVersion = "mariadb", "10.6.20" })
		}, "database", doctor.Failed, "no IAM authentication", "aws rds describe-db-engine-versions --region eu-west-1 --engine mariadb"},
		{"another account", postgres, nil, func(*testing.T, *stage) {},
			"database", doctor.Failed, "account 123456789012 has no instance orders in eu-west-1", "--profile PROFILE"},
		{"proxy without IAM", postgres, []rdsiamtest.Option{rdsiamtest.WithEndpoint(proxyHost)}, func(_ *testing.T, s *stage) {
			s.Endpoint = s.aws.AddProxy(fakeaws.Proxy{DBProxyName: "p", EngineFamily: "POSTGRESQL"}).Endpoint
		}, "database", doctor.Failed, "no client can log in with a token", "IAMAuth=REQUIRED"},
		{"instance id for a cluster", postgres, nil, func(_ *testing.T, s *stage) {
			s.aws.AddCluster(fakeaws.Cluster{DBClusterIdentifier: "orders", DbClusterResourceId: "cluster-ABC", Engine: "aurora-postgresql", IAMDatabaseAuthenticationEnabled: true})
			s.inRDS(func(i *fakeaws.Instance) { i.DBClusterIdentifier, i.Engine = "orders", "aurora-postgresql" })
			s.ResourceID = resourceID
		}, "database", doctor.Failed, "--resource says " + resourceID + ", and AWS cluster-ABC", "rdsiam policy " + ordersHost + " --user app"},
		{"name for a resource id", postgres, nil, func(_ *testing.T, s *stage) { s.Offline, s.ResourceID = true, "orders" },
			"database", doctor.Failed, "orders", "--query 'DBInstances[].[DbiResourceId,DBClusterIdentifier]'"},
		{"name for a resource id of a cluster", postgres, nil, func(_ *testing.T, s *stage) {
			s.Endpoint, s.Offline, s.ResourceID = "prod.cluster-ro-abc123.eu-west-1.rds.amazonaws.com", true, "prod"
		}, "database", doctor.Failed, "--resource: prod", "aws rds describe-db-clusters --region eu-west-1 --db-cluster-identifier prod"},
		{"name for a resource id of a proxy", postgres, nil, func(_ *testing.T, s *stage) {
			s.Endpoint, s.Offline, s.ResourceID = proxyHost, true, "p"
		}, "database", doctor.Failed, "--resource: p", "aws rds describe-db-proxies --region eu-west-1 --db-proxy-name p"},
		{"master user", postgres, []rdsiamtest.Option{rdsiamtest.WithIAMUser("master")}, func(_ *testing.T, s *stage) {
			s.inRDS(nil)
			s.User = "master"
		}, "database", doctor.Warning, "is the master user", "rdsiam provision plan"},

		// The policy given.
		{"policy for another user", postgres, nil, withPolicy(resourceID, "App"),
			"policy", doctor.Failed, "does not allow arn:aws:rds-db:eu-west-1:123456789012:dbuser:" + resourceID + "/app", "rdsiam policy " + ordersHost + " --user app"},
		{"policy for another database", postgres, nil, withPolicy("db-RESTOREDFROM", "app"),
			"policy", doctor.Failed, "does not allow", "rdsiam policy "},
		{"policy for another account", postgres, nil, withPolicyText("rds-db:connect", "arn:aws:rds-db:eu-west-1:999999999999:dbuser:"+resourceID+"/app"),
			"policy", doctor.Failed, "does not allow arn:aws:rds-db:eu-west-1:123456789012", "rdsiam policy "},
		{"policy for rds instead of rds-db", postgres, nil, withPolicyText("rds:connect", "arn:aws:rds:eu-west-1:123456789012:dbuser:"+resourceID+"/app"),
			"policy", doctor.Failed, "rds:connect", "rdsiam policy "},
		{"policy with a name", postgres, nil, withPolicyText("rds-db:connect", "arn:aws:rds-db:eu-west-1:123456789012:dbuser:orders/app"),
			"policy", doctor.Failed, "orders", "rdsiam policy "},
		{"policy, offline", postgres, nil, func(t *testing.T, s *stage) {
			withPolicyText("rds-db:connect", "arn:aws:rds-db:eu-west-1:123456789012:dbuser/"+resourceID+"/app")(t, s)
			s.Offline = true
		}, "policy", doctor.Failed, "dbuser", "rdsiam policy lint policy.json"},
		{"policy, offline, without an id", postgres, nil, func(t *testing.T, s *stage) {
			withPolicy(resourceID, "app")(t, s)
			s.Offline = true
		}, "policy", doctor.Warning, "the resource id, which is not known", "aws rds describe-db-instances --region eu-west-1 --db-instance-identifier orders"},
		{"policy that opens too much, offline, without an id", postgres, nil, func(t *testing.T, s *stage) {
			withPolicyText("rds-db:connect", "arn:aws:rds-db:eu-west-1:123456789012:dbuser:*/app")(t, s)
			s.Offline = true
		}, "policy", doctor.Warning, "the resource id, which is not known", "aws rds describe-db-instances"},
		{"policy for another user, offline", postgres, nil, func(t *testing.T, s *stage) {
			withPolicy(resourceID, "App")(t, s)
			s.Offline, s.ResourceID = true, resourceID
		}, "policy", doctor.Failed, "does not allow arn:aws:rds-db:eu-west-1:ACCOUNT:dbuser:" + resourceID + "/app",
			"rdsiam policy --resource " + resourceID + " --region eu-west-1 --account ACCOUNT --user app"},
		{"policy that opens too much", postgres, nil, withPolicyText("rds-db:connect", "arn:aws:rds-db:eu-west-1:123456789012:dbuser:*/app"),
			"policy", doctor.Warning, "allows arn:aws:rds-db", "rdsiam policy lint policy.json"},

		// What only the login shows.
		{"identity without a policy", postgres, nil, func(t *testing.T, s *stage) {
			s.inRDS(nil)
			mustDo(t, s.server.SetPolicies())
		}, "login", doctor.Failed, `refused, FATAL: PAM authentication failed for user "app" (SQLSTATE 28000)`, "rdsiam policy attach " + ordersHost + " --user app --iam-user sre"},
		{"identity without a policy, MySQL", mysql, nil, func(t *testing.T, s *stage) {
			s.inRDS(nil)
			mustDo(t, s.server.SetPolicies())
		}, "login", doctor.Failed, "Error 1045", "rdsiam policy attach " + ordersHost},
		{"identity of IAM Identity Center", postgres, nil, func(t *testing.T, s *stage) {
			s.aws.AddIdentity(fakeaws.Identity{AccessKeyID: fakeaws.AccessKeyID, SecretAccessKey: fakeaws.SecretAccessKey,
				ARN: "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_dba_0123456789abcdef/ann"})
			s.inRDS(nil)
			mustDo(t, s.server.SetPolicies())
		}, "login", doctor.Failed, "lacks rds-db:connect", "rdsiam policy " + ordersHost + " --user app"},
		{"identity without a policy, by id", postgres, nil, func(t *testing.T, s *stage) {
			s.aws.Deny("rds:DescribeDBInstances")
			s.ResourceID = resourceID
			mustDo(t, s.server.SetPolicies())
		}, "login", doctor.Failed, "lacks rds-db:connect", "rdsiam policy attach --resource " + resourceID + " --region eu-west-1 --account 123456789012 --user app --iam-user sre"},
		{"identity without a policy, shard group", postgres, []rdsiamtest.Option{rdsiamtest.WithEndpoint("s.shardgrp-abc123.eu-west-1.rds.amazonaws.com")}, func(t *testing.T, s *stage) {
			s.Endpoint = "s.shardgrp-abc123.eu-west-1.rds.amazonaws.com"
			mustDo(t, s.server.SetPolicies())
		}, "login", doctor.Failed, "lacks rds-db:connect", "rdsiam policy attach CLUSTER.cluster-ID.eu-west-1.rds.amazonaws.com --user app"},
		{"role without a policy", postgres, nil, func(t *testing.T, s *stage) {
			s.Profile = "prod"
			s.aws.AddIdentity(fakeaws.Identity{AccessKeyID: fakeaws.AccessKeyID, SecretAccessKey: fakeaws.SecretAccessKey,
				ARN: "arn:aws:sts::123456789012:assumed-role/orders/i-0123"})
			s.inRDS(nil)
			mustDo(t, s.server.SetPolicies())
		}, "login", doctor.Failed, "lacks rds-db:connect", "rdsiam policy attach " + ordersHost + " --user app --profile prod --role orders"},
		{"credentials that are not accepted", postgres, nil, notAccepted,
			"login", doctor.Failed, "the token was signed by another AWS identity", "aws sts get-caller-identity"},
		{"identity that AWS does not tell, without a policy", postgres, nil, func(t *testing.T, s *stage) {
			s.aws.Fail("sts:GetCallerIdentity", -1, fakeaws.Failure{Status: 403, Code: "AccessDenied", Message: "explicit deny"})
			mustDo(t, s.server.SetPolicies())
		}, "login", doctor.Failed, "lacks rds-db:connect", "rdsiam policy attach " + ordersHost},
		{"proxy without IAM, login", mysql, []rdsiamtest.Option{rdsiamtest.WithEndpoint(proxyHost)}, func(t *testing.T, s *stage) {
			s.Endpoint = s.aws.AddProxy(fakeaws.Proxy{DBProxyName: "p", EngineFamily: "MYSQL"}).Endpoint
			mustDo(t, s.server.SetPolicies())
		}, "login", doctor.Failed, "the proxy has no IAM authentication, or no secret", "aws rds modify-db-proxy --region eu-west-1 --db-proxy-name p --auth"},
		{"proxy without the secret", postgres, []rdsiamtest.Option{rdsiamtest.WithEndpoint(proxyHost)}, func(_ *testing.T, s *stage) {
			s.Endpoint, s.Offline, s.User = proxyHost, true, "stranger"
		}, "login", doctor.Failed, "the proxy has no IAM authentication, or no secret", "aws rds modify-db-proxy --region eu-west-1 --db-proxy-name NAME --auth"},
		{"account without the plugin", mysql, []rdsiamtest.Option{rdsiamtest.WithPasswordUser("o'neil", "secret")}, func(_ *testing.T, s *stage) {
			s.inRDS(nil)
			s.User = "o'neil"
		}, "login", doctor.Failed, "it does not use the plugin AWSAuthenticationPlugin",
			`CREATE USER IF NOT EXISTS 'o''neil'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL; ALTER USER 'o''neil'@'%'`},
		{"name with a quotation mark", postgres, []rdsiamtest.Option{rdsiamtest.WithPasswordUser(`o"neil`, "secret")}, func(_ *testing.T, s *stage) {
			s.inRDS(nil)
			s.User = `o"neil`
		}, "login", doctor.Failed, "is no member of rds_iam", `GRANT rds_iam TO "o""neil";`},
		{"credentials that are not accepted, and a policy", postgres, nil, func(t *testing.T, s *stage) {
			notAccepted(t, s)
			s.Policy, s.PolicyFile, s.ResourceID = policyFor(t, resourceID, "App"), "policy.json", resourceID
		}, "login", doctor.Failed, "lacks rds-db:connect", "rdsiam policy attach --resource "},
		{"credentials that are not accepted, and a policy that allows", postgres, nil, func(t *testing.T, s *stage) {
			notAccepted(t, s)
			s.Policy, s.PolicyFile, s.ResourceID = policyFor(t, resourceID, "app"), "policy.json", resourceID
		}, "login", doctor.Failed, "the token was signed by another AWS identity", "aws sts get-caller-identity"},
		{"credentials that are not accepted, and a policy without an id", postgres, nil, func(t *testing.T, s *stage) {
			notAccepted(t, s)
			s.Policy, s.PolicyFile = policyFor(t, resourceID, "App"), "policy.json"
		}, "login", doctor.Failed, "the token was signed by another AWS identity", "aws sts get-caller-identity"},
		{"credentials that are not accepted, proxy", postgres, []rdsiamtest.Option{rdsiamtest.WithEndpoint(proxyHost)}, func(t *testing.T, s *stage) {
			notAccepted(t, s)
			s.Endpoint = proxyHost
		}, "login", doctor.Failed, "the credentials that signed the token expired", "unset AWS_ACCESS_KEY_ID"},
		{"writer of a global database has moved", postgres, []rdsiamtest.Option{rdsiamtest.WithRegion("eu-west-1"), rdsiamtest.WithEndpoint(globalHost)}, func(t *testing.T, s *stage) {
			s.Endpoint, s.Region = globalHost, "eu-west-1"
			mustDo(t, s.server.SetPolicies())
		}, "login", doctor.Failed, "the writer of the global database is in another region", "--region REGION"},
		{"error that nobody explains", postgres, nil, func(_ *testing.T, s *stage) {
			dials := 0
			s.network.dial = func(ctx context.Context, address string) (net.Conn, error) {
				if dials++; dials > 2 { // after tcp and tls
					return nil, errors.New("strange")
				}
				return s.server.DialContext(ctx, "tcp", address)
			}
		}, "login", doctor.Failed, "strange", "rdsiam doctor " + ordersHost + ":5432 --user app"},
		{"connection is lost", postgres, nil, func(_ *testing.T, s *stage) {
			dials := 0
			s.network.dial = func(ctx context.Context, address string) (net.Conn, error) {
				if dials++; dials > 2 { // after tcp and tls
					return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}
				}
				return s.server.DialContext(ctx, "tcp", address)
			}
		}, "login", doctor.Failed, "no route to host", "rdsiam doctor " + ordersHost + ":5432 --user app"},
		{"clock, seen by the database", postgres, nil, func(_ *testing.T, s *stage) {
			s.aws.SetClock(clockAhead(time.Hour))
			s.server.SetFaults(rdsiamtest.Faults{ClockOffset: time.Hour})
		}, "login", doctor.Failed, "the clock of this machine is wrong", "sudo chronyc makestep"},
		{"clock too fast, seen by the database", postgres, nil, func(_ *testing.T, s *stage) {
			s.aws.SetClock(clockAhead(-time.Hour))
			s.server.SetFaults(rdsiamtest.Faults{ClockOffset: -time.Hour})
		}, "login", doctor.Failed, "the clock of this machine is wrong", "sudo chronyc makestep"},
		{"account without IAM", postgres, []rdsiamtest.Option{rdsiamtest.WithPasswordUser("legacy", "secret")}, func(_ *testing.T, s *stage) {
			s.inRDS(nil)
			s.User = "legacy"
		}, "login", doctor.Failed, "is no member of rds_iam", `GRANT rds_iam TO "legacy";`},
		{"account without IAM, and IAM is off", postgres, []rdsiamtest.Option{rdsiamtest.WithPasswordUser("legacy", "secret")}, func(_ *testing.T, s *stage) {
			s.inRDS(func(i *fakeaws.Instance) { i.IAMDatabaseAuthenticationEnabled = false })
			s.User = "legacy"
		}, "login", doctor.Failed, "IAM database authentication is off", "rdsiam enable " + ordersHost},
		{"role in other letters", postgres, nil, func(_ *testing.T, s *stage) { s.User = "App" },
			"login", doctor.Failed, "is no member of rds_iam", `GRANT rds_iam TO "App";`},
	}
	var ofAWS []string // commands of the AWS CLI
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, test.engine, test.options...)
			if test.spoil != nil {
				test.spoil(t, s)
			}
			report := s.examine(t)
			for _, check := range report.Checks {
				if check.Status == doctor.Failed && (check.Fix == "" || check.Command == "") {
					t.Errorf("%s failed, and does not end with what fixes it: %+v", check.Check, check)
				}
				if strings.HasPrefix(check.Command, "rdsiam ") {
					s.runCommand(t, check.Command)
				}
				if strings.HasPrefix(check.Command, "aws ") && !slices.Contains(ofAWS, check.Command) {
					ofAWS = append(ofAWS, check.Command)
				}
			}
			got := result(t, report, test.check)
			if got.Status != test.status {
				t.Errorf("%s is %s: %s; want %s", test.check, got.Status, got.Found, test.status)
			}
			if !strings.Contains(got.Found, test.found) && !textsAreBlank {
				t.Errorf("found %q does not name %q", got.Found, test.found)
			}
			if !strings.Contains(got.Command, test.command) || (got.Fix == "" && got.Command == "") {
				t.Errorf("fix %q, command %q; want %q", got.Fix, got.Command, test.command)
			}
		})
	}
	t.Run("commands of the AWS CLI", func(t *testing.T) { checkAWSCommands(t, ofAWS) })
}

// notAccepted has neither AWS nor the database take the credentials.
func notAccepted(t *testing.T, s *stage) {
	s.aws.Fail("sts:GetCallerIdentity", -1, fakeaws.Failure{Status: 403, Code: "ExpiredToken", Message: "The security token included in the request is expired"})
	mustDo(t, s.server.SetPolicies())
}

// A fix says also what it brings about, and where it is to be done.
func TestFixOfLogin(t *testing.T) {
	tests := []struct {
		name   string
		engine doctor.Engine
		spoil  func(*stage)
		want   string
	}{
		{"policy of a user", doctor.PostgreSQL, func(*stage) {}, "allow it on arn:aws:rds-db:eu-west-1:"},
		{"policy of IAM Identity Center", doctor.PostgreSQL, func(s *stage) {
			s.aws.AddIdentity(fakeaws.Identity{AccessKeyID: fakeaws.AccessKeyID, SecretAccessKey: fakeaws.SecretAccessKey,
				ARN: "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_dba_0123456789abcdef/ann"})
		}, "put this into the permission set of the role"},
		{"role", doctor.PostgreSQL, func(s *stage) { s.User = "legacy" }, "; a member takes no password any more"},
		{"plugin", doctor.MySQL, func(s *stage) { s.User = "legacy" }, "; with the plugin an account takes no password any more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, test.engine, rdsiamtest.WithPasswordUser("legacy", "secret"))
			s.inRDS(nil)
			mustDo(t, s.server.SetPolicies())
			test.spoil(s)
			got := result(t, s.examine(t), "login")
			if !strings.HasPrefix(got.Fix, test.want) && !strings.HasSuffix(got.Fix, test.want) {
				t.Errorf("fix %q, want one with %q", got.Fix, test.want)
			}
		})
	}
}

// greets has a MySQL server send an error in place of its greeting.
func greets(number uint16, text string) func(*testing.T, *stage) {
	return func(_ *testing.T, s *stage) {
		s.network.dial = func(context.Context, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				packets := mysqlwire.Packets{Stream: server}
				packets.Write(mysqlwire.Error{Number: number, SQLState: "HY000", Text: text}.Encode()) // fails where the client only connects
			}()
			return client, nil
		}
	}
}

// inCluster makes the database an instance of a cluster in that state.
func inCluster(status string) func(*testing.T, *stage) {
	return func(_ *testing.T, s *stage) {
		s.aws.AddCluster(fakeaws.Cluster{DBClusterIdentifier: "prod", Engine: "aurora-postgresql", Status: status, IAMDatabaseAuthenticationEnabled: true})
		s.inRDS(func(i *fakeaws.Instance) { i.DBClusterIdentifier, i.Engine = "prod", "aurora-postgresql" })
	}
}

// What is found says where it comes from.
func TestFound(t *testing.T) {
	temporary := credentials
	temporary.SessionToken, temporary.CanExpire, temporary.Expires = "session", true, time.Now().Add(time.Hour)
	tests := []struct {
		name  string
		spoil func(*stage)
		check string
		found string
	}{
		{"dialed", func(s *stage) { s.Dial = "localhost:15432" }, "endpoint", "instance endpoint in eu-west-1, PostgreSQL on port 5432, dialed as localhost:15432"},
		{"dialed, TLS", func(s *stage) { s.Dial = "localhost:15432" }, "tls", "TLS 1.3"},
		{"long-term key", func(*stage) {}, "credentials", "long-term key AKIDEXAMPLE from EnvConfigCredentials"},
		{"temporary key", func(s *stage) { s.setCredentials(temporary) }, "credentials",
			"temporary key AKIDEXAMPLE from EnvConfigCredentials, until " + temporary.Expires.UTC().Format(time.RFC3339)},
		{"time without credentials", noCredentials, "clock", "of AWS's"},
		{"region of the host name", func(*stage) {}, "region", "eu-west-1, from the host name"},
		{"region given", func(s *stage) { s.Region = "eu-west-1" }, "region", "eu-west-1, from --region"},
		{"proxy", func(s *stage) {
			s.aws.AddProxy(fakeaws.Proxy{DBProxyName: "p", EngineFamily: "POSTGRESQL", DefaultAuthScheme: "IAM_AUTH"})
			s.Endpoint = proxyHost
		}, "database", "IAM authentication on"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, doctor.PostgreSQL)
			s.inRDS(nil)
			test.spoil(s)
			if got := result(t, s.examine(t), test.check); got.Status != doctor.OK || !strings.Contains(got.Found, test.found) {
				t.Errorf("%s is %s: %q; want ok: %q", test.check, got.Status, got.Found, test.found)
			}
		})
	}
}

// The log that names the reason is read where RDS writes it, and turned on where not.
func TestRefusalLog(t *testing.T) {
	for _, test := range []struct {
		name         string
		logs         []string
		fix, command string
	}{
		{"written", []string{"postgresql", "iam-db-auth-error"}, "read the log iam-db-auth-error, which names the reason",
			"aws logs tail /aws/rds/instance/orders/iam-db-auth-error --region eu-west-1 --since 15m"},
		{"not written", []string{"postgresql"}, "have RDS write the log iam-db-auth-error, which names the reason",
			"aws rds modify-db-instance --region eu-west-1 --db-instance-identifier orders --cloudwatch-logs-export-configuration " +
				`'{"EnableLogTypes":["iam-db-auth-error"]}'`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, doctor.PostgreSQL)
			s.inRDS(func(i *fakeaws.Instance) { i.EnabledCloudwatchLogsExports = test.logs })
			mustDo(t, s.server.SetPolicies())
			got := result(t, s.examine(t), "login")
			if len(got.Otherwise) == 0 {
				t.Fatal("there is no other cause")
			}
			if last := got.Otherwise[len(got.Otherwise)-1]; last.Fix != test.fix || last.Command != test.command {
				t.Errorf("otherwise %+v, want %q, %q", last, test.fix, test.command)
			}
			var text strings.Builder
			doctor.Printer{Out: &text}.Print(got)
			fits(t, text.String())
			if !strings.Contains(text.String(), "        "+test.command[:25]) {
				t.Errorf("the command is not printed:\n%s", text.String())
			}
		})
	}
}

// proxyHost is the endpoint that the fake AWS gives the proxy p.
const proxyHost = "p.proxy-abc123.eu-west-1.rds.amazonaws.com"

const globalHost = "shop.global-abc123.global.rds.amazonaws.com"

func noSuchHost(host string) ([]string, error) {
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func clockAhead(d time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(d) }
}

func withPolicy(id, user string) func(*testing.T, *stage) {
	return func(t *testing.T, s *stage) {
		s.inRDS(nil)
		s.Policy, s.PolicyFile = policyFor(t, id, user), "policy.json"
	}
}

func withPolicyText(action, resource string) func(*testing.T, *stage) {
	return func(t *testing.T, s *stage) {
		s.inRDS(nil)
		s.Policy, s.PolicyFile = parsePolicy(t, action, resource), "policy.json"
	}
}

func parsePolicy(t *testing.T, action, resource string) *rdsiam.Policy {
	t.Helper()
	policy, err := rdsiam.ParsePolicy(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "` + action + `", "Resource": "` + resource + `"}}`)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// What the checks before have ruled out is not named as a cause.
func TestRuledOut(t *testing.T) {
	s := newStage(t, doctor.PostgreSQL)
	s.inRDS(nil)
	mustDo(t, s.server.SetPolicies())
	got := result(t, s.examine(t), "login")
	if len(got.Otherwise) == 0 {
		t.Fatal("there is no other cause")
	}
	for _, other := range got.Otherwise {
		for _, words := range []string{"clock of this machine", "credentials that signed the token expired", "signed by another AWS identity"} {
			if strings.Contains(other.Text, words) {
				t.Errorf("%q is still a cause", other.Text)
			}
		}
	}

	s.Offline = true
	got = result(t, s.examine(t), "login")
	all := ""
	for _, other := range got.Otherwise {
		all += other.Text + "\n"
	}
	if !strings.Contains(all, "clock of this machine") {
		t.Errorf("offline, nothing is known of the clock, and the causes are only:\n%s", all)
	}
}

// An account whose plugin seems to be the right one is the last thing to look at.
func TestPluginSeemsRight(t *testing.T) {
	s := newStage(t, doctor.MySQL)
	s.inRDS(nil)
	mustDo(t, s.server.SetPolicies())
	others := result(t, s.examine(t), "login").Otherwise
	if len(others) < 2 || !strings.Contains(others[len(others)-1].Text, "does not use the plugin") {
		t.Errorf("other causes are %+v; want that of the plugin last", others)
	}
}

// A check that could not run says because of what, and is no failure.
func TestSkipped(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*stage)
		check string
		want  string
	}{
		{"offline", func(s *stage) { s.Offline = true }, "identity", "because of --offline"},
		{"offline, API", func(s *stage) { s.Offline = true }, "database", "because of --offline"},
		{"AWS is out of reach", func(s *stage) { s.aws.Close() }, "identity", "because AWS cannot be asked"},
		{"the API is not allowed", func(s *stage) { s.aws.Deny("rds:DescribeDBInstances") }, "database", "because AWS does not allow rds:DescribeDBInstances"},
		{"the API is not allowed, id given", func(s *stage) {
			s.aws.Deny("rds:DescribeDBInstances")
			s.ResourceID = resourceID
		}, "database", "--resource says " + resourceID},
		{"no policy", func(*stage) {}, "policy", "because no --policy was given"},
		{"no connection", func(s *stage) { s.network.dial = noRoute }, "login", "because of tcp"},
		{"no connection, TLS", func(s *stage) { s.network.dial = noRoute }, "tls", "because of tcp"},
		{"no connection, account", func(s *stage) { s.network.dial = noRoute }, "account", "because of login"},
		{"no connection, session", func(s *stage) { s.network.dial = noRoute }, "session", "because of login"},
		{"no address", func(s *stage) {
			s.network.dial = func(context.Context, string) (net.Conn, error) {
				return nil, &net.DNSError{Err: "no such host", Name: ordersHost, IsNotFound: true}
			}
		}, "tcp", "because of name: " + ordersHost + " has no address"},
		{"no verified TLS", func(s *stage) { s.RootCAs = nil }, "login", "because of tls: a token is sent to a verified server only"},
		{"no configuration", noConfiguration, "identity", "because of credentials: there is no AWS configuration"},
		{"no credentials", noCredentials, "identity", "because of credentials: there are none"},
		{"no credentials, API", noCredentials, "database", "because of identity"},
		{"no credentials, token", noCredentials, "token", "because of credentials"},
		{"no credentials, login", noCredentials, "login", "because of token"},
		{"offline, clock", func(s *stage) { s.Offline = true }, "clock", "because AWS was not asked for the time"},
		{"wrong clock", func(s *stage) {
			s.aws.SetClock(clockAhead(time.Hour))
			s.aws.Fail("sts:GetCallerIdentity", -1, fakeaws.Failure{Status: 403, Code: "SignatureDoesNotMatch", Message: "Signature not yet current"})
		}, "identity", "because of the clock"},
		{"AWS is behind a login page", func(s *stage) {
			s.aws.Fail("sts:GetCallerIdentity", -1, fakeaws.Failure{Status: 200, Page: "<html>log in</html>"})
		}, "database", "because of identity"},
		{"something answers for AWS", func(s *stage) {
			s.aws.Fail("sts:GetCallerIdentity", -1, fakeaws.Failure{Status: 200, Page: "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"})
		}, "identity", "something else answers in its place"},
		{"wrong region, TLS", func(s *stage) { s.Region = "us-east-1" }, "tls", "because of endpoint: there is no name to verify"},
		{"address of another server, TLS", func(s *stage) {
			s.Endpoint = "10.1.1.1"
			s.server.SetFaults(rdsiamtest.Faults{TLSMode: rdsiamtest.WrongName})
		}, "tls", "because of endpoint: there is no name to verify"},
		{"the API does not know the endpoint", func(s *stage) { s.Endpoint = "s.shardgrp-abc123.eu-west-1.rds.amazonaws.com" },
			"database", "because the API of RDS does not know this kind of endpoint"},
		{"the API fails", func(s *stage) {
			s.aws.Fail("rds:DescribeDBInstances", -1, fakeaws.Failure{Status: 400, Code: "InvalidParameterValue", Message: "no"})
		}, "database", "because the API of RDS failed"},
		{"address, name", func(s *stage) { s.Endpoint = "10.1.1.1" }, "name", "10.1.1.1 is an address"},
		{"address, region", func(s *stage) { s.Endpoint = "10.1.1.1" }, "region", "because of endpoint"},
		{"address, API", func(s *stage) { s.Endpoint = "10.1.1.1" }, "database", "because of endpoint"},
		{"address, token", func(s *stage) { s.Endpoint = "10.1.1.1" }, "token", "because of endpoint"},
		{"address", func(s *stage) { s.Endpoint = "10.1.1.1" }, "login", "because of endpoint"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, doctor.PostgreSQL)
			test.spoil(s)
			got := result(t, s.examine(t), test.check)
			if got.Status != doctor.Skipped || !strings.Contains(got.Found, test.want) {
				t.Errorf("%s is %s: %q; want skipped %q", test.check, got.Status, got.Found, test.want)
			}
		})
	}
}

func noRoute(context.Context, string) (net.Conn, error) { return nil, errors.New("no route") }

func noConfiguration(s *stage) {
	s.AWS = func(context.Context) (aws.Config, error) { return aws.Config{}, errors.New("no such profile") }
}

func noCredentials(s *stage) {
	s.config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("none")
	})
}

// A name that no policy can have is to be changed, which no command does for everybody.
func TestNameOfNoPolicy(t *testing.T) {
	s := newStage(t, doctor.PostgreSQL)
	withPolicy(resourceID, "app")(t, s)
	s.User = "łukasz"
	got := result(t, s.examine(t), "policy")
	if got.Status != doctor.Failed || !strings.Contains(got.Found, `no policy can name the user "łukasz"`) || got.Fix != "rename the account" {
		t.Errorf("policy is %s: %s, %s", got.Status, got.Found, got.Fix)
	}
}

// Without any right in AWS everything that needs none still runs, and the policy is
// evaluated with the id given.
func TestOffline(t *testing.T) {
	s := newStage(t, doctor.PostgreSQL)
	s.Offline, s.ResourceID = true, resourceID
	s.Policy, s.PolicyFile = policyFor(t, resourceID, "app"), "policy.json"
	report := s.examine(t)
	for _, check := range []string{"endpoint", "name", "tcp", "tls", "credentials", "region", "policy", "token", "login"} {
		if got := result(t, report, check); got.Status != doctor.OK {
			t.Errorf("%s is %s: %s", check, got.Status, got.Found)
		}
	}
	if got := result(t, report, "policy"); got.Found != "allows arn:aws:rds-db:eu-west-1:ACCOUNT:dbuser:"+resourceID+"/app" {
		t.Errorf("the account is not known, and told is %q", got.Found)
	}
	if calls := s.aws.Calls(); len(calls) != 0 {
		t.Errorf("AWS was called: %v", calls)
	}
	s.User = "reports"
	if got := result(t, s.examine(t), "policy"); got.Status != doctor.Failed || !strings.Contains(got.Found, ":ACCOUNT:dbuser:") {
		t.Errorf("policy of another user is %s: %s", got.Status, got.Found)
	}
}

// The token is sent to no server whose certificate does not verify.
func TestTokenStays(t *testing.T) {
	for _, engine := range []doctor.Engine{doctor.PostgreSQL, doctor.MySQL} {
		for _, mode := range []rdsiamtest.TLSMode{rdsiamtest.TLSUnavailable, rdsiamtest.WrongName, rdsiamtest.UnknownAuthority, rdsiamtest.ExpiredCertificate} {
			s := newStage(t, engine, rdsiamtest.WithTLSMode(mode))
			if got := result(t, s.examine(t), "login"); !strings.HasPrefix(got.Found, "because of tls") {
				t.Errorf("%s, TLS mode %d: login is %s: %s", engine, mode, got.Status, got.Found)
			}
			for _, try := range s.server.Logins() {
				t.Errorf("%s, TLS mode %d: the server saw a login: %+v", engine, mode, try)
			}
		}
	}
}

// A server that hangs costs each check its time limit and no more.
func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := func(ctx context.Context, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		s := &stage{network: &network{dial: hangs, lookup: func(string) ([]string, error) { return []string{"10.0.3.17"}, nil }}}
		s.setCredentials(credentials)
		s.Case = doctor.Case{Endpoint: ordersHost, DefaultPort: 5432, Engine: doctor.PostgreSQL, User: "app", Network: s.network, Offline: true,
			AWS: func(context.Context) (aws.Config, error) { return s.config, nil }}
		started := time.Now()
		got := result(t, s.examine(t), "tcp")
		if taken := time.Since(started); taken != 5*time.Second || got.Milliseconds != taken.Milliseconds() {
			t.Errorf("it took %v, and %d ms of that for tcp; want 5s", taken, got.Milliseconds)
		}
		if got.Status != doctor.Failed || !strings.Contains(got.Found, "does not answer") {
			t.Errorf("tcp is %s: %s", got.Status, got.Found)
		}
	})
}

// A server that accepts and says nothing is told from one that is not reached.
func TestSilentServer(t *testing.T) {
	for engine, want := range map[doctor.Engine]string{doctor.PostgreSQL: "the database hangs", doctor.MySQL: "speaks first"} {
		synctest.Test(t, func(t *testing.T) {
			accepts := func(context.Context, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go io.Copy(io.Discard, theirs)
				return ours, nil
			}
			s := &stage{network: &network{dial: accepts, lookup: func(string) ([]string, error) { return []string{"10.0.3.17"}, nil }}}
			s.setCredentials(credentials)
			s.Case = doctor.Case{Endpoint: ordersHost, DefaultPort: 5432, Engine: engine, User: "app", Network: s.network, Offline: true,
				AWS: func(context.Context) (aws.Config, error) { return s.config, nil }}
			got := result(t, s.examine(t), "tls")
			if got.Status != doctor.Failed || got.Found != ordersHost+":5432 accepts the connection and stays silent" || !strings.Contains(got.Fix, want) {
				t.Errorf("%s: tls is %s: %s; %s", engine, got.Status, got.Found, got.Fix)
			}
		})
	}
}

// Behind rdsiam local, advice is for that.
func TestLocal(t *testing.T) {
	s := newStage(t, doctor.PostgreSQL)
	s.Local = &doctor.Local{RootCAsFile: "/tmp/local/ca.pem"}
	s.User = "stranger"
	report := s.examine(t)
	if got := result(t, report, "login"); got.Status != doctor.Failed || got.Command != "rdsiam local --user stranger" {
		t.Errorf("login is %s: %s; %s", got.Status, got.Found, got.Command)
	}
	for _, check := range []string{"identity", "database"} {
		if got := result(t, report, check); got.Status != doctor.Skipped || !strings.Contains(got.Found, "rdsiam local") {
			t.Errorf("%s is %s: %s", check, got.Status, got.Found)
		}
	}
	if calls := s.aws.Calls(); len(calls) > 0 {
		t.Errorf("AWS was called: %v", calls)
	}
	s.RootCAs, s.RootCAsFile = nil, ""
	if got := result(t, s.examine(t), "tls"); got.Status != doctor.Failed || !strings.HasSuffix(got.Command, " --root-cas /tmp/local/ca.pem") {
		t.Errorf("tls is %s: %s; %s", got.Status, got.Found, got.Command)
	}
}

// An interrupt ends everything at once.
func TestInterrupt(t *testing.T) {
	s := newStage(t, doctor.PostgreSQL)
	ctx, cancel := context.WithCancel(t.Context())
	s.network.dial = func(ctx context.Context, _ string) (net.Conn, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	report := doctor.Examine(ctx, s.Case, nil)
	if last := report.Checks[len(report.Checks)-1].Check; last != "name" {
		t.Errorf("the last check is %s, want the one before the interrupt", last)
	}
}
