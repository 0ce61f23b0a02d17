package rdsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsiam/rdsiam"
)

func (a api) findCluster(ctx context.Context, name string, endpoint rdsiam.Endpoint) (*Database, error) {
	cluster, err := a.cluster(ctx, name, endpoint)
	if err != nil {
		return nil, err
	}
	host := value(cluster.Endpoint)
	if endpoint.Kind() == rdsiam.KindReader {
		host = value(cluster.ReaderEndpoint)
	}
	if host != endpoint.Host() {
		return nil, &NotFoundError{Type: "cluster", Name: name, Endpoint: endpoint, Host: host}
	}
	return a.clusterDatabase(ctx, *cluster, endpoint)
}

func (a api) describeCluster(ctx context.Context, name string, endpoint rdsiam.Endpoint) (*Database, error) {
	cluster, err := a.cluster(ctx, name, endpoint)
	if err != nil {
		return nil, err
	}
	return a.clusterDatabase(ctx, *cluster, endpoint)
}

func (a api) cluster(ctx context.Context, name string, endpoint rdsiam.Endpoint) (*types.DBCluster, error) {
	output, err := a.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &name})
	if err != nil {
		return nil, explain(err, "cluster", name, endpoint)
	}
	if len(output.DBClusters) == 0 {
		return nil, &AnswerError{Problem: "no cluster", Value: "nothing"}
	}
	return &output.DBClusters[0], nil
}

func (a api) clusterDatabase(ctx context.Context, c types.DBCluster, endpoint rdsiam.Endpoint) (*Database, error) {
	resource, err := resourceOf(value(c.DBClusterArn), value(c.DbClusterResourceId))
	if err != nil {
		return nil, err
	}
	db := &Database{
		Type: TypeCluster, Name: value(c.DBClusterIdentifier), ARN: value(c.DBClusterArn), Resource: resource,
		Status: value(c.Status), Engine: value(c.Engine), EngineVersion: value(c.EngineVersion), MasterUser: value(c.MasterUsername),
		IAM: value(c.IAMDatabaseAuthenticationEnabled), MaintenanceWindow: value(c.PreferredMaintenanceWindow),
		LogExports: c.EnabledCloudwatchLogsExports,
	}
	if pending := c.PendingModifiedValues; pending != nil {
		db.PendingIAM, db.Pending = pending.IAMDatabaseAuthenticationEnabled, pendingChanges(*pending)
	}
	db.Instances, err = a.members(ctx, db.Name, endpoint)
	return db, err
}
