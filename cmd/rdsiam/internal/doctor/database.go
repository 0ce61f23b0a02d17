package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/errortext"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

// checkDatabase asks the API of RDS for the resource id and whether IAM authentication is on.
// Without it the id given counts.
func checkDatabase(ctx context.Context, c *chart) Result {
	if c.endpoint.IsZero() {
		return skipped("because of endpoint: it names no database")
	}
	if c.endpoint.Kind() == rdsiam.KindDSQL {
		return skipped("because a cluster of Aurora DSQL is none of RDS")
	}
	if because := c.noAPI(); because != "" {
		return c.givenResource(because)
	}
	database, err := rdsapi.Find(ctx, *c.aws, c.endpoint)
	if err != nil {
		return c.explainAPI(err)
	}
	c.database, c.resource = database, database.Resource
	if c.ResourceID != "" && c.ResourceID != database.Resource.ID {
		return failed("--resource says %s, and AWS %s", c.ResourceID, database.Resource.ID).
			fix("policies name what AWS says, for the "+string(database.Type)+" as a whole", c.policyCommand())
	}
	return c.describeDatabase()
}

// noAPI says why the API is not called, "" if it is.
func (c *chart) noAPI() string {
	because := c.noAWS()
	if because == "" && c.caller.arn == "" {
		because = "because of identity: it is not known whose the credentials are"
	}
	return because
}

// givenResource takes --resource for what the API did not tell.
func (c *chart) givenResource(because string) Result {
	if c.ResourceID == "" {
		return skipped("%s", because)
	}
	resource := rdsiam.Resource{
		ID: c.ResourceID, Region: c.endpoint.Region(), AccountID: firstOf(c.caller.account, anyAccount), Partition: c.endpoint.Partition(),
	}
	if _, err := resource.User(c.User); err != nil {
		return failed("--resource: %s", problemOf(err)).
			fix("policies name what AWS calls the resource id, and never the name", c.describeResource())
	}
	c.resource = resource
	return skipped("%s; --resource says %s", because, c.ResourceID)
}

// anyAccount stands for an account that nobody could be asked for.
const anyAccount = "000000000000"

func problemOf(err error) string {
	var config *rdsiam.ConfigError
	if errors.As(err, &config) {
		return config.Value + ": " + errortext.Config(config).Problem
	}
	return err.Error()
}

// describeResource is the command that tells the resource id.
func (c *chart) describeResource() string {
	name, _, _ := strings.Cut(c.endpoint.Host(), ".")
	switch c.endpoint.Kind() {
	case rdsiam.KindProxy:
		return c.awsCommand("rds describe-db-proxies", "--db-proxy-name "+name, "--query 'DBProxies[].DBProxyArn'")
	case rdsiam.KindCluster, rdsiam.KindReader:
		return c.awsCommand("rds describe-db-clusters", "--db-cluster-identifier "+name, "--query 'DBClusters[].DbClusterResourceId'")
	}
	return c.awsCommand("rds describe-db-instances", "--db-instance-identifier "+name, "--query 'DBInstances[].[DbiResourceId,DBClusterIdentifier]'")
}

func (c *chart) explainAPI(err error) Result {
	var (
		denied  *rdsapi.DeniedError
		missing *rdsapi.NotFoundError
		unasked *rdsapi.UnsupportedError
	)
	switch {
	case errors.As(err, &denied):
		return c.givenResource("because AWS does not allow " + denied.Action)
	case errors.As(err, &unasked):
		return c.givenResource("because the API of RDS does not know this kind of endpoint")
	case errors.As(err, &missing):
		return failed("account %s has no %s %s in %s with this endpoint", c.caller.account, missing.Type, missing.Name, c.endpoint.Region()).
			fix("sign in the account that owns the database: take its profile, or a role there; or check the spelling", c.withProfile("PROFILE"))
	}
	return c.givenResource(fmt.Sprintf("because the API of RDS failed: %v", err))
}

func (c *chart) withProfile(profile string) string {
	line := c.commandLine()
	line.profile = profile
	return line.String()
}

func (c *chart) describeDatabase() Result {
	d := c.database
	text := fmt.Sprintf("%s %s, %s", d.Type, d.Resource.ID, strings.TrimSpace(d.Engine+" "+d.EngineVersion))
	if support := d.IAMSupport(); support.Known && !support.Supported {
		return failed("%s: no IAM authentication: %s", text, support.Reason).
			fix("log in with a password, or have an engine, version or class that can", c.awsCommand("rds describe-db-engine-versions", "--engine "+d.Engine,
				"--query 'DBEngineVersions[].EngineVersion'"))
	}
	if d.Type == rdsapi.TypeProxy {
		return c.describeProxy(text)
	}
	enable := c.enableCommand()
	switch {
	case !d.IAM && d.PendingIAM != nil && *d.PendingIAM:
		return failed("%s: IAM authentication is pending until %s", text, firstOf(d.MaintenanceWindow, "the maintenance window")).
			fix("turn it on now", enable)
	case !d.IAM:
		return failed("%s: IAM authentication is off", text).fix("turn it on", enable)
	case d.PendingIAM != nil && !*d.PendingIAM:
		return warning("%s: IAM authentication is about to be turned off", text).fix("keep it on", enable)
	case d.Status == "stopped":
		return failed("%s is stopped", text).fix("start it; that takes some minutes", c.available())
	case d.Status != "available":
		return warning("%s is %q", text, d.Status).fix("wait until it is available", c.available())
	case d.MasterUser == c.User:
		return warning("%s, IAM on; %s is the master user", text, c.User).
			fix("once it is in rds_iam, PostgreSQL takes no password of it any more: use an account of its own", "rdsiam provision plan --help")
	}
	return found("%s, IAM authentication on", text)
}

func (c *chart) describeProxy(text string) Result {
	if !c.database.IAM {
		return failed("%s: no client can log in with a token: IAMAuth is not REQUIRED, and DefaultAuthScheme not IAM_AUTH", text).
			fix("require IAM for the secret of the account; --auth replaces the whole list, so name every secret", c.requireIAM())
	}
	return found("%s, IAM authentication on", text)
}
