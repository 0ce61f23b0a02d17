package rdsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdsiam/rdsiam"
)

// EnableIAM turns IAM authentication on: now, together with everything in Pending, or in the
// next maintenance window. It returns when AWS has accepted the change, which is before it is
// done. Config is that of [Find]. It needs rds:ModifyDBInstance or rds:ModifyDBCluster.
func (d *Database) EnableIAM(ctx context.Context, config aws.Config, now bool) error {
	client := rds.NewFromConfig(config, func(o *rds.Options) { o.Region = d.Resource.Region })
	switch d.Type {
	case TypeInstance:
		_, err := client.ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{
			DBInstanceIdentifier: &d.Name, EnableIAMDatabaseAuthentication: aws.Bool(true), ApplyImmediately: &now})
		return Explain(err)
	case TypeCluster:
		_, err := client.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{
			DBClusterIdentifier: &d.Name, EnableIAMDatabaseAuthentication: aws.Bool(true), ApplyImmediately: &now})
		return Explain(err)
	}
	return &rdsiam.ConfigError{Code: "iam-no-switch", Setting: string(d.Type), Value: d.Name, Problem: "has no switch for IAM authentication",
		Fix: "a proxy has it for each secret: see IAMAuth and DefaultAuthScheme of aws rds modify-db-proxy"}
}
