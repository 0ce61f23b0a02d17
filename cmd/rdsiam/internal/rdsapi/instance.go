package rdsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsiam/rdsiam"
)

// findInstance returns the cluster where the instance is a member of one.
func (a api) findInstance(ctx context.Context, name string, endpoint rdsiam.Endpoint) (*Database, error) {
	output, err := a.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name})
	if err != nil {
		return nil, explain(err, "instance", name, endpoint)
	}
	if len(output.DBInstances) == 0 {
		return nil, &AnswerError{Problem: "no instance", Value: "nothing"}
	}
	instance := output.DBInstances[0]
	host := ""
	if instance.Endpoint != nil {
		host = value(instance.Endpoint.Address)
	}
	if host != endpoint.Host() {
		return nil, &NotFoundError{Type: "instance", Name: name, Endpoint: endpoint, Host: host}
	}
	if cluster := value(instance.DBClusterIdentifier); cluster != "" {
		return a.describeCluster(ctx, cluster, endpoint)
	}
	return instanceDatabase(instance)
}

func instanceDatabase(i types.DBInstance) (*Database, error) {
	resource, err := resourceOf(value(i.DBInstanceArn), value(i.DbiResourceId))
	if err != nil {
		return nil, err
	}
	db := &Database{
		Type: TypeInstance, Name: value(i.DBInstanceIdentifier), ARN: value(i.DBInstanceArn), Resource: resource,
		Status: value(i.DBInstanceStatus), Engine: value(i.Engine), EngineVersion: value(i.EngineVersion), MasterUser: value(i.MasterUsername),
		IAM: value(i.IAMDatabaseAuthenticationEnabled), MaintenanceWindow: value(i.PreferredMaintenanceWindow),
		LogExports: i.EnabledCloudwatchLogsExports, Instances: []Instance{memberOf(i)},
	}
	if pending := i.PendingModifiedValues; pending != nil {
		db.PendingIAM, db.Pending = pending.IAMDatabaseAuthenticationEnabled, pendingChanges(*pending)
	}
	return db, nil
}

func memberOf(i types.DBInstance) Instance {
	member := Instance{
		Name: value(i.DBInstanceIdentifier), Status: value(i.DBInstanceStatus), Class: value(i.DBInstanceClass), CA: value(i.CACertificateIdentifier),
	}
	if i.CertificateDetails != nil {
		member.CertificateUntil = value(i.CertificateDetails.ValidTill)
	}
	for _, group := range i.DBParameterGroups {
		member.ParameterGroups = append(member.ParameterGroups, ParameterGroup{value(group.DBParameterGroupName), value(group.ParameterApplyStatus)})
	}
	return member
}

// members returns the instances of a cluster.
func (a api) members(ctx context.Context, cluster string, endpoint rdsiam.Endpoint) ([]Instance, error) {
	var members []Instance
	pages := rds.NewDescribeDBInstancesPaginator(a, &rds.DescribeDBInstancesInput{
		Filters: []types.Filter{{Name: aws.String("db-cluster-id"), Values: []string{cluster}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain(err, "cluster", cluster, endpoint)
		}
		for _, instance := range page.DBInstances {
			members = append(members, memberOf(instance))
		}
	}
	return members, nil
}

// resourceOf joins the id that policies name with the rest of the ARN of the API.
func resourceOf(text, id string) (rdsiam.Resource, error) {
	parsed, err := arn.Parse(text)
	if err != nil {
		return rdsiam.Resource{}, &AnswerError{Problem: "no ARN", Value: text}
	}
	resource := rdsiam.Resource{ID: id, Region: parsed.Region, AccountID: parsed.AccountID, Partition: parsed.Partition}
	if _, err := resource.User("user"); err != nil {
		return rdsiam.Resource{}, &AnswerError{Problem: "no resource id that policies can name", Value: text + " with the id " + id, Err: err}
	}
	return resource, nil
}
