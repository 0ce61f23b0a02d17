package doctor

import (
	"slices"
	"strings"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

// awsCommand is a command of the AWS CLI, in the region of the database and with the profile
// of this examination.
func (c *chart) awsCommand(command string, arguments ...string) string {
	region := firstOf(c.endpoint.Region(), "REGION")
	return strings.Join(append([]string{"aws " + command + " --region " + region + c.profileFlag()}, arguments...), " ")
}

// whoAmI is the command that tells whose the credentials are.
func (c *chart) whoAmI() string { return "aws sts get-caller-identity" + c.profileFlag() }

// modifyInstance changes the instance that answers. The endpoints of a cluster do not tell
// which that is.
func (c *chart) modifyInstance(arguments ...string) string {
	name := "NAME"
	if c.endpoint.Kind() == rdsiam.KindInstance {
		name, _, _ = strings.Cut(c.endpoint.Host(), ".")
	}
	return c.awsCommand("rds modify-db-instance", append([]string{"--db-instance-identifier " + name}, arguments...)...)
}

// newCertificate has RDS issue one for the instance.
func (c *chart) newCertificate(now bool) string {
	arguments := []string{"--ca-certificate-identifier rds-ca-rsa2048-g1"}
	if now {
		arguments = append(arguments, "--apply-immediately")
	}
	return c.modifyInstance(arguments...)
}

// requireIAM has a proxy take tokens. The list of secrets is replaced as a whole.
func (c *chart) requireIAM() string {
	name := "NAME"
	if c.database != nil {
		name = c.database.Name
	}
	return c.awsCommand("rds modify-db-proxy", "--db-proxy-name "+name, "--auth AuthScheme=SECRETS,SecretArn=SECRET,IAMAuth=REQUIRED")
}

// authLog is the log of RDS that says why it refused a token.
const authLog = "iam-db-auth-error"

// logsRefusals reports whether RDS writes that log where it can be read.
func (c *chart) logsRefusals() bool {
	return c.database != nil && slices.Contains(c.database.LogExports, authLog)
}

// refusalLog is the command that reads the log, or has it written from now on.
func (c *chart) refusalLog() string {
	switch {
	case c.logsRefusals():
		return c.awsCommand("logs tail /aws/rds/"+string(c.database.Type)+"/"+c.database.Name+"/"+authLog, "--since 15m")
	case c.database != nil && c.database.Type == rdsapi.TypeCluster:
		return c.awsCommand("rds modify-db-cluster", "--db-cluster-identifier "+c.database.Name, logExport)
	}
	return c.modifyInstance(logExport)
}

const logExport = "--cloudwatch-logs-export-configuration '{\"EnableLogTypes\":[\"" + authLog + "\"]}'"

// available waits for the database, or starts it if it waits for that.
func (c *chart) available() string {
	d := c.database
	verb, of := "wait db-instance-available", "--db-instance-identifier "+d.Name
	if d.Type == rdsapi.TypeCluster {
		verb, of = "wait db-cluster-available", "--db-cluster-identifier "+d.Name
	}
	if d.Status == "stopped" {
		verb = "start-db-" + string(d.Type)
	}
	return c.awsCommand("rds "+verb, of)
}
