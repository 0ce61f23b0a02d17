package fakeaws_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/test/fakeaws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a server and returns the configuration of clients for it.
func start(t *testing.T) (*fakeaws.Server, aws.Config) {
	t.Helper()
	server := fakeaws.Start()
	t.Cleanup(server.Close)
	return server, server.Config()
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != want {
		t.Errorf("error %v, want the code %s", err, want)
	}
}

func TestCallerIdentity(t *testing.T) {
	server, config := start(t)
	got, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *got.Arn != fakeaws.CallerARN || *got.Account != fakeaws.AccountID {
		t.Errorf("identity %s of account %s", *got.Arn, *got.Account)
	}
	if actions := server.Actions(); !slices.Equal(actions, []string{"sts:GetCallerIdentity"}) {
		t.Errorf("calls %q", actions)
	}
}

func TestSignatures(t *testing.T) {
	key := func(id, secret, session string) aws.CredentialsProvider {
		return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: session}, nil
		})
	}
	tests := []struct {
		name        string
		credentials aws.CredentialsProvider
		want        string // code of the error; "" for none
	}{
		{"known key", key(fakeaws.AccessKeyID, fakeaws.SecretAccessKey, ""), ""},
		{"temporary key", key("ASIATEMPORARY", "other", "session"), ""},
		{"wrong secret", key(fakeaws.AccessKeyID, "wrong", ""), "SignatureDoesNotMatch"},
		{"unknown key", key("AKIAUNKNOWN", fakeaws.SecretAccessKey, ""), "InvalidClientTokenId"},
		{"session token of another key", key(fakeaws.AccessKeyID, fakeaws.SecretAccessKey, "session"), "InvalidClientTokenId"},
		{"temporary key without its session token", key("ASIATEMPORARY", "other", ""), "InvalidClientTokenId"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, config := start(t)
			server.AddIdentity(fakeaws.Identity{AccessKeyID: "ASIATEMPORARY", SecretAccessKey: "other", SessionToken: "session",
				ARN: "arn:aws:sts::123456789012:assumed-role/app/i-1"})
			config.Credentials = test.credentials
			_, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
			if test.want == "" && err != nil {
				t.Fatal(err)
			}
			if test.want != "" {
				wantCode(t, err, test.want)
			}
		})
	}
}

func TestClock(t *testing.T) {
	server, config := start(t)
	now := time.Now().Add(-4 * time.Minute)
	server.SetClock(func() time.Time { return now })
	config.RetryMaxAttempts = 1
	client := sts.NewFromConfig(config)
	if _, err := client.GetCallerIdentity(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for skew, want := range map[time.Duration]string{time.Hour: "Signature expired", -time.Hour: "Signature not yet current"} {
		now = time.Now().Add(skew)
		_, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
		wantCode(t, err, "SignatureDoesNotMatch")
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}

	response, err := http.Get(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if got := response.Header.Get("Date"); got != now.UTC().Format(http.TimeFormat) {
		t.Errorf("Date %s, want that of the clock", got)
	}
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("status %d for a request without a signature", response.StatusCode)
	}
}

func TestDescribe(t *testing.T) {
	server, config := start(t)
	want := server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "orders", IAMDatabaseAuthenticationEnabled: true,
		PendingModifiedValues: fakeaws.Pending{IAMDatabaseAuthenticationEnabled: aws.Bool(false)},
		CertificateDetails:    &fakeaws.Certificate{CAIdentifier: "rds-ca-rsa2048-g1", ValidTill: "2030-01-02T15:04:05Z"},
		DBParameterGroups:     []fakeaws.ParameterGroup{{DBParameterGroupName: "default.postgres16", ParameterApplyStatus: "in-sync"}},
	})
	client := rds.NewFromConfig(config)
	got, err := client.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	instance := got.DBInstances[0]
	if *instance.DbiResourceId != want.DbiResourceId || *instance.Endpoint.Address != "orders.abc123.eu-west-1.rds.amazonaws.com" ||
		*instance.Endpoint.Port != 5432 || !*instance.IAMDatabaseAuthenticationEnabled ||
		*instance.PendingModifiedValues.IAMDatabaseAuthenticationEnabled || instance.CertificateDetails.ValidTill.Year() != 2030 ||
		*instance.DBParameterGroups[0].DBParameterGroupName != "default.postgres16" {
		t.Errorf("instance %+v", instance)
	}
	config.Region = "us-west-2"
	_, err = rds.NewFromConfig(config).DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("orders")})
	wantCode(t, err, "DBInstanceNotFound")
}

func TestClusterAndMembers(t *testing.T) {
	server, config := start(t)
	server.AddCluster(fakeaws.Cluster{DBClusterIdentifier: "orders", CustomEndpoints: []string{"reports.cluster-custom-abc123.eu-west-1.rds.amazonaws.com"}})
	server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "orders-1", DBClusterIdentifier: "orders"})
	server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "orders-2", DBClusterIdentifier: "orders"})
	server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "other"})
	client := rds.NewFromConfig(config)
	clusters, err := client.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	cluster := clusters.DBClusters[0]
	if len(cluster.DBClusterMembers) != 2 || !*cluster.DBClusterMembers[0].IsClusterWriter || len(cluster.CustomEndpoints) != 1 || cluster.PendingModifiedValues != nil {
		t.Errorf("cluster %+v", cluster)
	}
	members, err := client.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{
		Filters: []types.Filter{{Name: aws.String("db-cluster-id"), Values: []string{"orders"}}}})
	if err != nil || len(members.DBInstances) != 2 {
		t.Errorf("members %+v, %v", members, err)
	}
	_, err = client.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("orders-1"),
		EnableIAMDatabaseAuthentication: aws.Bool(true)})
	wantCode(t, err, "InvalidParameterCombination")
}

func TestPages(t *testing.T) {
	server, config := start(t)
	server.SetPageSize(2)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		server.AddProxy(fakeaws.Proxy{DBProxyName: name, Auth: []fakeaws.Auth{{AuthScheme: "SECRETS", IAMAuth: "REQUIRED"}}})
	}
	var names []string
	for pages := rds.NewDescribeDBProxiesPaginator(rds.NewFromConfig(config), nil); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, proxy := range page.DBProxies {
			names = append(names, *proxy.DBProxyName+" "+string(proxy.Auth[0].IAMAuth))
		}
	}
	if got := strings.Join(names, ", "); got != "a REQUIRED, b REQUIRED, c REQUIRED, d REQUIRED, e REQUIRED" {
		t.Errorf("proxies %s", got)
	}
	if calls := len(server.Calls()); calls != 3 {
		t.Errorf("%d calls for five proxies in pages of two", calls)
	}
}

func TestModify(t *testing.T) {
	server, config := start(t)
	server.AddInstance(fakeaws.Instance{DBInstanceIdentifier: "orders", PendingModifiedValues: fakeaws.Pending{DBInstanceClass: "db.r8g.large"}})
	server.AddCluster(fakeaws.Cluster{DBClusterIdentifier: "orders"})
	client := rds.NewFromConfig(config)
	for _, immediately := range []bool{false, true} {
		instance, err := client.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("orders"),
			EnableIAMDatabaseAuthentication: aws.Bool(true), ApplyImmediately: &immediately})
		if err != nil {
			t.Fatal(err)
		}
		if !*instance.DBInstance.PendingModifiedValues.IAMDatabaseAuthenticationEnabled || *instance.DBInstance.IAMDatabaseAuthenticationEnabled {
			t.Errorf("answer %+v", instance.DBInstance)
		}
		cluster, err := client.ModifyDBCluster(t.Context(), &rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("orders"),
			EnableIAMDatabaseAuthentication: aws.Bool(true), ApplyImmediately: &immediately})
		if err != nil {
			t.Fatal(err)
		}
		if !*cluster.DBCluster.PendingModifiedValues.IAMDatabaseAuthenticationEnabled {
			t.Errorf("answer %+v", cluster.DBCluster)
		}
		instances, err := client.DescribeDBInstances(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		clusters, err := client.DescribeDBClusters(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		after := instances.DBInstances[0]
		if *after.IAMDatabaseAuthenticationEnabled != immediately || *clusters.DBClusters[0].IAMDatabaseAuthenticationEnabled != immediately {
			t.Errorf("ApplyImmediately=%t: %+v, %+v", immediately, after, clusters.DBClusters[0])
		}
		if (*after.DBInstanceClass == "db.r8g.large") != immediately {
			t.Errorf("ApplyImmediately=%t: class %s", immediately, *after.DBInstanceClass)
		}
	}
}

func TestFailures(t *testing.T) {
	server, config := start(t)
	server.Deny("rds:DescribeDBInstances")
	client := rds.NewFromConfig(config)
	_, err := client.DescribeDBInstances(t.Context(), nil)
	wantCode(t, err, "AccessDenied")
	if !strings.Contains(err.Error(), "is not authorized to perform: rds:DescribeDBInstances") {
		t.Error(err)
	}
	server.Fail("rds:DescribeDBClusters", 1, fakeaws.Throttling)
	if _, err = client.DescribeDBClusters(t.Context(), nil); err != nil {
		t.Errorf("the SDK did not try again: %v", err)
	}
	if got := len(server.Calls()); got != 3 {
		t.Errorf("%d calls, want the refused one, the throttled one, and its repetition", got)
	}
	_, err = client.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{MaxRecords: aws.Int32(5)})
	wantCode(t, err, "AccessDenied")
	_, err = client.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{MaxRecords: aws.Int32(5)})
	wantCode(t, err, "InvalidParameterValue")
	_, err = client.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{IncludeShared: aws.Bool(true)})
	wantCode(t, err, "ValidationError")
	_, err = client.DescribeEvents(t.Context(), nil)
	wantCode(t, err, "InvalidAction")
}

const document = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect", "Resource": "*"}}`

func TestInlinePolicies(t *testing.T) {
	server, config := start(t)
	server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: "app", Path: "/team/"})
	client := iam.NewFromConfig(config)
	role, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
	if err != nil || *role.Role.Arn != "arn:aws:iam::123456789012:role/team/app" {
		t.Fatalf("%+v, %v", role, err)
	}
	_, err = client.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("rdsiam")})
	wantCode(t, err, "NoSuchEntity")
	put := func(text string) error {
		_, err := client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("rdsiam"), PolicyDocument: &text})
		return err
	}
	if err := put(document); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("rdsiam")})
	if err != nil || !strings.HasPrefix(*got.PolicyDocument, "%7B%22Version%22%3A%20%222012") {
		t.Errorf("document %+v, %v", got, err)
	}
	wantCode(t, put("{"), "MalformedPolicyDocument")
	wantCode(t, put(strings.Replace(document, "*", "arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-A/"+strings.Repeat("x", 10240), 1)), "LimitExceeded")
	if principal, ok := server.Principal("Role", "app"); !ok || principal.Inline["rdsiam"] != document {
		t.Errorf("principal %+v", principal)
	}
}

func TestManagedPolicies(t *testing.T) {
	server, config := start(t)
	server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: "app"})
	client := iam.NewFromConfig(config)
	created, err := client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("orders"), PolicyDocument: aws.String(document)})
	if err != nil {
		t.Fatal(err)
	}
	arn := created.Policy.Arn
	if _, err := client.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("app"), PolicyArn: arn}); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := client.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(document), SetAsDefault: true}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = client.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(document)})
	wantCode(t, err, "LimitExceeded")
	_, err = client.DeletePolicyVersion(t.Context(), &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v5")})
	wantCode(t, err, "DeleteConflict")
	versions, err := client.ListPolicyVersions(t.Context(), &iam.ListPolicyVersionsInput{PolicyArn: arn})
	if err != nil || len(versions.Versions) != 5 || *versions.Versions[0].VersionId != "v5" || !versions.Versions[0].IsDefaultVersion {
		t.Errorf("versions %+v, %v", versions, err)
	}
	policy, err := client.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: arn})
	if err != nil || *policy.Policy.AttachmentCount != 1 || *policy.Policy.DefaultVersionId != "v5" {
		t.Errorf("policy %+v, %v", policy, err)
	}
	entities, err := client.ListEntitiesForPolicy(t.Context(), &iam.ListEntitiesForPolicyInput{PolicyArn: arn})
	if err != nil || len(entities.PolicyRoles) != 1 || *entities.PolicyRoles[0].RoleName != "app" {
		t.Errorf("entities %+v, %v", entities, err)
	}
}

// What IAM refuses of managed policies, this one refuses too.
func TestManagedPolicyLimits(t *testing.T) {
	server, config := start(t)
	server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: "app"})
	client := iam.NewFromConfig(config)
	create := func(name, text string) (*string, error) {
		created, err := client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &text, Description: aws.String("why")})
		if err != nil {
			return nil, err
		}
		return created.Policy.Arn, nil
	}
	sized := func(n int) string { // white space does not count
		text := strings.Replace(document, "*", "arn:aws:s3:::", 1)
		length := len(strings.ReplaceAll(text, " ", ""))
		return strings.Replace(text, "s3:::", "s3:::"+strings.Repeat("x", n-length), 1)
	}
	_, err := create("long", sized(6145))
	wantCode(t, err, "LimitExceeded")
	for _, name := range []string{"two words", "a/b", strings.Repeat("x", 129)} {
		_, err := create(name, document)
		wantCode(t, err, "ValidationError")
		_, err = client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("app"), PolicyName: &name, PolicyDocument: aws.String(document)})
		wantCode(t, err, "ValidationError")
	}
	attach := func(arn *string) error {
		_, err := client.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("app"), PolicyArn: arn})
		return err
	}
	for i := range 11 {
		arn, err := create(fmt.Sprintf("p%d", i), sized(6144))
		if err != nil {
			t.Fatal(err)
		}
		if err := attach(arn); i == 10 {
			wantCode(t, err, "LimitExceeded")
		} else if err != nil {
			t.Fatal(err)
		}
		policy, err := client.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: arn})
		if err != nil || *policy.Policy.Description != "why" {
			t.Errorf("policy %+v, %v", policy, err)
		}
	}
}

func TestLoad(t *testing.T) {
	server, config := start(t)
	if err := server.Load([]byte(`{"Instances": [{"DBInstanceIdentifier": "orders"}], "Deny": ["iam:GetRole"]}`)); err != nil {
		t.Fatal(err)
	}
	if err := server.Load([]byte(`{"Instance": []}`)); err == nil {
		t.Error("a field that is not there was taken")
	}
	if got, err := rds.NewFromConfig(config).DescribeDBInstances(t.Context(), nil); err != nil || len(got.DBInstances) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	_, err := iam.NewFromConfig(config).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
	wantCode(t, err, "AccessDenied")
}
