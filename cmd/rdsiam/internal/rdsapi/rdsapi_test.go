package rdsapi_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/test/fakeaws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *fakeaws.Server {
	t.Helper()
	server := fakeaws.Start()
	t.Cleanup(server.Close)
	return server
}

func endpoint(t *testing.T, host string, options ...rdsiam.EndpointOption) rdsiam.Endpoint {
	t.Helper()
	e, err := rdsiam.ResolveEndpoint(host, 5432, options...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func find(t *testing.T, server *fakeaws.Server, host string) *rdsapi.Database {
	t.Helper()
	db, err := rdsapi.Find(t.Context(), server.Config(), endpoint(t, host))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestFindInstance(t *testing.T) {
	server := start(t)
	server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "orders", DbiResourceId: "db-ABC", Engine: "mysql", EngineVersion: "8.0.40",
		MasterUsername: "admin", IAMDatabaseAuthenticationEnabled: true,
		PendingModifiedValues: fakeaws.Pending{IAMDatabaseAuthenticationEnabled: aws.Bool(false), EngineVersion: "8.4.3", MasterUserPassword: "****"},
		CertificateDetails:    &fakeaws.Certificate{CAIdentifier: "rds-ca-rsa2048-g1", ValidTill: "2030-01-02T03:04:05Z"},
		DBParameterGroups:     []fakeaws.ParameterGroup{{DBParameterGroupName: "strict", ParameterApplyStatus: "pending-reboot"}}})
	db := find(t, server, "orders.abc123.eu-west-1.rds.amazonaws.com")
	if db.Type != rdsapi.TypeInstance || db.Name != "orders" || db.Engine != "mysql" || db.EngineVersion != "8.0.40" || db.MasterUser != "admin" ||
		db.Status != "available" || db.MaintenanceWindow == "" || !db.IAM || *db.PendingIAM || db.Proxy != nil {
		t.Errorf("%+v", db)
	}
	if want := (rdsiam.Resource{ID: "db-ABC", Region: "eu-west-1", AccountID: "123456789012", Partition: "aws"}); db.Resource != want {
		t.Errorf("resource %+v, want %+v", db.Resource, want)
	}
	if want := []string{"EngineVersion 8.4.3", "MasterUserPassword"}; !slices.Equal(db.Pending, want) {
		t.Errorf("pending %q, want %q", db.Pending, want)
	}
	instance := db.Instances[0]
	if len(db.Instances) != 1 || instance.CA != "rds-ca-rsa2048-g1" || !instance.CertificateUntil.Equal(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)) ||
		!slices.Equal(instance.ParameterGroups, []rdsapi.ParameterGroup{{Name: "strict", Status: "pending-reboot"}}) {
		t.Errorf("%+v", db.Instances)
	}
}

// The region of the calls is that of the endpoint, whatever the configuration says.
func TestFindUsesTheRegionOfTheEndpoint(t *testing.T) {
	server := start(t)
	server.AddInstance(fakeaws.Instance{Region: "ap-southeast-2", DBInstanceIdentifier: "orders"})
	db := find(t, server, "orders.abc123.ap-southeast-2.rds.amazonaws.com")
	if call := server.Calls()[0]; call.Region != "ap-southeast-2" || db.Resource.Region != "ap-southeast-2" {
		t.Errorf("call %+v, resource %+v", call, db.Resource)
	}
}

func TestFindCluster(t *testing.T) {
	server := start(t)
	server.SetPageSize(1)
	server.AddCluster(fakeaws.Cluster{DBClusterIdentifier: "prod", DbClusterResourceId: "cluster-ABC", IAMDatabaseAuthenticationEnabled: true,
		PendingModifiedValues: &fakeaws.Pending{EngineVersion: "16.6"}})
	for _, name := range []string{"prod-1", "prod-2", "prod-3"} {
		server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: name, DBClusterIdentifier: "prod"})
	}
	for _, host := range []string{"prod.cluster-abc123", "prod.cluster-ro-abc123", "prod-2.abc123"} {
		db := find(t, server, host+".eu-west-1.rds.amazonaws.com")
		if db.Type != rdsapi.TypeCluster || db.Resource.ID != "cluster-ABC" || !db.IAM || db.PendingIAM != nil || len(db.Instances) != 3 ||
			!slices.Equal(db.Pending, []string{"EngineVersion 16.6"}) {
			t.Errorf("%s: %+v", host, db)
		}
	}
}

func TestFindProxy(t *testing.T) {
	server := start(t)
	server.AddProxy(fakeaws.Proxy{DBProxyName: "front", DBProxyArn: "arn:aws:rds:eu-west-1:123456789012:db-proxy:prx-0a1b", RequireTLS: true,
		Auth: []fakeaws.Auth{{IAMAuth: "DISABLED", SecretArn: "a"}, {IAMAuth: "REQUIRED", SecretArn: "b"}}})
	server.AddProxyEndpoint(fakeaws.ProxyEndpoint{DBProxyEndpointName: "readers", DBProxyName: "front"})
	for _, host := range []string{"front.proxy-abc123", "readers.endpoint.proxy-abc123"} {
		db := find(t, server, host+".eu-west-1.rds.amazonaws.com")
		if db.Type != rdsapi.TypeProxy || db.Resource.ID != "prx-0a1b" || !db.IAM || !db.Proxy.RequireTLS || len(db.Proxy.Auth) != 2 || db.Instances != nil {
			t.Errorf("%s: %+v", host, db)
		}
	}
	for _, test := range []struct {
		proxy fakeaws.Proxy
		want  bool
	}{
		{fakeaws.Proxy{DBProxyName: "none"}, false},
		{fakeaws.Proxy{DBProxyName: "password", Auth: []fakeaws.Auth{{IAMAuth: "DISABLED"}}}, false},
		{fakeaws.Proxy{DBProxyName: "iam", DefaultAuthScheme: "IAM_AUTH"}, true},
	} {
		added := server.AddProxy(test.proxy)
		if db := find(t, server, added.Endpoint); db.IAM != test.want {
			t.Errorf("%s: IAM %t", added.DBProxyName, db.IAM)
		}
	}
}

func TestNotFound(t *testing.T) {
	server := start(t)
	server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "orders"})
	server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "fresh", DBInstanceStatus: "creating"})
	server.AddCluster(fakeaws.Cluster{DBClusterIdentifier: "prod"})
	server.AddProxy(fakeaws.Proxy{DBProxyName: "front"})
	server.AddProxyEndpoint(fakeaws.ProxyEndpoint{DBProxyEndpointName: "orphan", DBProxyName: "gone"})
	tests := []struct{ host, want string }{
		{"nobody.abc123", "has no instance nobody in eu-west-1"},
		{"orders.other9", "has no instance orders in eu-west-1 with the endpoint orders.other9.eu-west-1.rds.amazonaws.com (the one of that name has orders.abc123."},
		{"fresh.abc123", "has no instance fresh in eu-west-1 with the endpoint fresh.abc123.eu-west-1.rds.amazonaws.com; check"},
		{"nobody.cluster-abc123", "has no cluster nobody"},
		{"prod.cluster-ro-other9", "(the one of that name has prod.cluster-ro-abc123."},
		{"nobody.proxy-abc123", "has no proxy nobody"},
		{"front.proxy-other9", "(the one of that name has front.proxy-abc123."},
		{"nobody.endpoint.proxy-abc123", "has no proxy endpoint nobody"},
		{"orphan.endpoint.proxy-other9", "(the one of that name has orphan.endpoint.proxy-abc123."},
		{"orphan.endpoint.proxy-abc123", "has no proxy gone"},
	}
	for _, test := range tests {
		_, err := rdsapi.Find(t.Context(), server.Config(), endpoint(t, test.host+".eu-west-1.rds.amazonaws.com"))
		if !errors.As(err, new(*rdsapi.NotFoundError)) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want …%s…", test.host, err, test.want)
		}
	}
}

func TestUnsupported(t *testing.T) {
	server := start(t)
	for host, want := range map[string]string{
		"all.global-abc123.global.rds.amazonaws.com":    "endpoint of one of its clusters",
		"s.shardgrp-abc123.eu-west-1.rds.amazonaws.com": "writer endpoint of that cluster",
		"db.example.com": "RDS endpoint behind it",
	} {
		_, err := rdsapi.Find(t.Context(), server.Config(), endpoint(t, host, rdsiam.WithRegion("eu-west-1")))
		if !errors.As(err, new(*rdsapi.UnsupportedError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if calls := server.Calls(); len(calls) > 0 {
		t.Errorf("calls %+v", calls)
	}
}

func TestDenied(t *testing.T) {
	hosts := map[string]string{
		"rds:DescribeDBInstances":      "prod-1.abc123",
		"rds:DescribeDBClusters":       "prod.cluster-abc123",
		"rds:DescribeDBProxies":        "front.proxy-abc123",
		"rds:DescribeDBProxyEndpoints": "readers.endpoint.proxy-abc123",
	}
	for action, host := range hosts {
		server := start(t)
		server.Deny(action)
		_, err := rdsapi.Find(t.Context(), server.Config(), endpoint(t, host+".eu-west-1.rds.amazonaws.com"))
		var denied *rdsapi.DeniedError
		if !errors.As(err, &denied) || denied.Action != action || !errors.As(err, new(smithy.APIError)) {
			t.Errorf("%s: %v", action, err)
			continue
		}
		if !strings.Contains(err.Error(), "allow "+action+" in a policy") || strings.Contains(err.Error(), "RequestID") {
			t.Error(err)
		}
	}
	// The members of a cluster are another call.
	server := start(t)
	server.AddCluster(fakeaws.Cluster{DBClusterIdentifier: "prod"})
	server.Deny("rds:DescribeDBInstances")
	_, err := rdsapi.Find(t.Context(), server.Config(), endpoint(t, "prod.cluster-abc123.eu-west-1.rds.amazonaws.com"))
	if denied := new(rdsapi.DeniedError); !errors.As(err, &denied) || denied.Action != "rds:DescribeDBInstances" {
		t.Error(err)
	}
}

func TestDeniedOfOtherServices(t *testing.T) {
	server := start(t)
	server.Deny("sts:GetCallerIdentity")
	_, err := sts.NewFromConfig(server.Config()).GetCallerIdentity(t.Context(), nil)
	if denied := new(rdsapi.DeniedError); !errors.As(rdsapi.Explain(err), &denied) || denied.Action != "sts:GetCallerIdentity" {
		t.Errorf("%v", rdsapi.Explain(err))
	}
	if other := errors.New("other"); rdsapi.Explain(other) != other {
		t.Error("an error that is none of AWS was changed")
	}
}

// What the API answers goes into policies, so it is looked at.
func TestAnswersThatCannotBe(t *testing.T) {
	server := start(t)
	server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "arn", DBInstanceArn: "nothing"})
	server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "id", DbiResourceId: "orders"})
	for _, name := range []string{"arn", "id"} {
		_, err := rdsapi.Find(t.Context(), server.Config(), endpoint(t, name+".abc123.eu-west-1.rds.amazonaws.com"))
		if !errors.As(err, new(*rdsapi.AnswerError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnableIAM(t *testing.T) {
	server := start(t)
	server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "orders"})
	server.AddCluster(fakeaws.Cluster{DBClusterIdentifier: "prod"})
	server.AddProxy(fakeaws.Proxy{DBProxyName: "front"})
	for _, host := range []string{"orders.abc123", "prod.cluster-abc123"} {
		for _, now := range []bool{false, true} {
			db := find(t, server, host+".eu-west-1.rds.amazonaws.com")
			if err := db.EnableIAM(t.Context(), server.Config(), now); err != nil {
				t.Fatal(err)
			}
			after := find(t, server, host+".eu-west-1.rds.amazonaws.com")
			if after.IAM != now || (after.PendingIAM != nil) == now {
				t.Errorf("%s, now %t: %+v", host, now, after)
			}
		}
	}
	if err := find(t, server, "front.proxy-abc123.eu-west-1.rds.amazonaws.com").EnableIAM(t.Context(), server.Config(), true); !errors.As(err, new(*rdsiam.ConfigError)) {
		t.Error(err)
	}
}

func TestIAMSupport(t *testing.T) {
	tests := []struct {
		db   rdsapi.Database
		want string // yes, no, unknown
	}{
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "postgres"}, "yes"},
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "mysql"}, "yes"},
		{rdsapi.Database{Type: rdsapi.TypeCluster, Engine: "aurora-postgresql"}, "yes"},
		{rdsapi.Database{Type: rdsapi.TypeCluster, Engine: "aurora-mysql", Instances: []rdsapi.Instance{{Class: "db.r8g.large"}}}, "yes"},
		{rdsapi.Database{Type: rdsapi.TypeCluster, Engine: "aurora-mysql", Instances: []rdsapi.Instance{{Class: "db.r8g.large"}, {Class: "db.t3.small"}}}, "no"},
		{rdsapi.Database{Type: rdsapi.TypeCluster, Engine: "aurora-mysql", Instances: []rdsapi.Instance{{Class: "db.t2.small"}}}, "no"},
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "mariadb", EngineVersion: "10.11.9"}, "yes"},
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "mariadb", EngineVersion: "11.8.3"}, "yes"},
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "mariadb", EngineVersion: "10.6.20"}, "no"},
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "mariadb", EngineVersion: "12.3.1"}, "unknown"},
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "mariadb", EngineVersion: "?"}, "unknown"},
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "sqlserver-se"}, "no"},
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "oracle-ee"}, "no"},
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "db2-se"}, "no"},
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "custom-oracle-ee"}, "no"},
		{rdsapi.Database{Type: rdsapi.TypeInstance, Engine: "novel"}, "unknown"},
		{rdsapi.Database{Type: rdsapi.TypeProxy, Engine: "MYSQL"}, "yes"},
		{rdsapi.Database{Type: rdsapi.TypeProxy, Engine: "SQLSERVER"}, "no"},
	}
	for _, test := range tests {
		s := test.db.IAMSupport()
		got := map[[2]bool]string{{true, true}: "yes", {true, false}: "no", {false, false}: "unknown"}[[2]bool{s.Known, s.Supported}]
		if got != test.want || (s.Reason == "") != (got == "yes") {
			t.Errorf("%+v: %+v, want %s", test.db, s, test.want)
		}
	}
}

// Calls that fail are told in words that say what to do, and not in the story of the SDK.
func TestCallErrors(t *testing.T) {
	tests := []struct {
		name    string
		failure fakeaws.Failure
		want    string
	}{
		{"throttled", fakeaws.Throttling, "rds:DescribeDBInstances: Throttling: Rate exceeded; AWS is asked too often by this account"},
		{"overloaded", fakeaws.Failure{Status: 503, Page: "<html>Service Unavailable</html>"}, "is no error of AWS (HTTP status 503)"},
		{"overloaded, in XML", fakeaws.Failure{Status: 503, Page: "<html><body>Service Unavailable</body></html>"}, "is no error of AWS (HTTP status 503)"},
		{"overloaded, without a word", fakeaws.Failure{Status: 502}, "is no error of AWS (HTTP status 502)"},
		{"refused on the way", fakeaws.Failure{Status: 403, Page: "Blocked by policy <br>"}, "is no error of AWS (HTTP status 403)"},
		{"cut", fakeaws.Failure{Status: 500, Page: "<ErrorResponse><Error><Code>Thr"}, "is no error of AWS (HTTP status 500)"},
		{"page", fakeaws.Failure{Status: 200, Page: "<html>Please log in</html>"}, "the answer is not one of AWS: something else answers"},
		{"nothing", fakeaws.Failure{Status: 200}, "the RDS API answered nothing, which is no instance"},
		{"hangs", fakeaws.Failure{Hang: true}, "rds:DescribeDBInstances: AWS does not answer"},
		{"other", fakeaws.Failure{Status: 400, Code: "InvalidParameterValue", Message: "No."}, "rds:DescribeDBInstances: InvalidParameterValue: No."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := start(t)
			server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "orders"})
			server.Fail("rds:DescribeDBInstances", -1, test.failure)
			config := server.Config()
			config.RetryMaxAttempts = 1
			if test.failure.Hang {
				config.HTTPClient = &http.Client{Timeout: 100 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
			}
			_, err := rdsapi.Find(t.Context(), config, endpoint(t, "orders.abc123.eu-west-1.rds.amazonaws.com"))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "operation error") {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		server := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := rdsapi.Find(ctx, server.Config(), endpoint(t, "orders.abc123.eu-west-1.rds.amazonaws.com"))
		if err == nil || err.Error() != "rds:DescribeDBInstances: interrupted" {
			t.Errorf("error %v", err)
		}
	})
	t.Run("out of reach", func(t *testing.T) {
		server := start(t)
		config := server.Config()
		config.RetryMaxAttempts = 1
		server.Close()
		_, err := rdsapi.Find(t.Context(), config, endpoint(t, "orders.abc123.eu-west-1.rds.amazonaws.com"))
		if err == nil || !strings.Contains(err.Error(), "rds:DescribeDBInstances: AWS cannot be reached: ") {
			t.Errorf("error %v", err)
		}
	})
}
