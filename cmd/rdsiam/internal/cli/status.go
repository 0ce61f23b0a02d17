package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

func newStatus(streams Streams) *cobra.Command {
	var (
		api      apiFlags
		endpoint endpointArgument
		output   outputFormat
	)
	command := &cobra.Command{
		Use:   "status ENDPOINT",
		Short: "Tell whether IAM authentication is on for a database",
		Long: `Ask the RDS API about the instance, cluster or proxy behind ENDPOINT, a host or
host:port: whether IAM authentication is on, what waits for the maintenance
window, the id that policies name, and the certificate authority. Of an instance
in a cluster it tells about the cluster, which has the switch.

It changes nothing and does not connect to the database. Needs
rds:DescribeDBInstances, DescribeDBClusters, DescribeDBProxies or
DescribeDBProxyEndpoints, depending on ENDPOINT.`,
		Example: `  rdsiam status prod.cluster-abc123.eu-west-1.rds.amazonaws.com
  rdsiam status orders.abc123.eu-west-1.rds.amazonaws.com --output json`,
		Args: between(0, 1, "one ENDPOINT"),
		RunE: func(command *cobra.Command, args []string) error {
			endpoint, err := endpoint.require(command, args)
			if err != nil {
				return err
			}
			db, err := api.find(command.Context(), endpoint)
			if err != nil {
				return err
			}
			if output == outputJSON {
				return writeJSON(streams.Out, newStatusReport(db))
			}
			return printStatus(streams.Out, db, endpoint)
		},
	}
	api.addTo(command)
	endpoint.addTo(command)
	output.addTo(command)
	return command
}

func printStatus(out io.Writer, db *rdsapi.Database, endpoint string) error {
	lines := []line{
		{string(db.Type), db.Name + ", " + db.Status},
		{"engine", strings.TrimSpace(db.Engine + " " + db.EngineVersion)},
		{"resource id", db.Resource.ID},
		{"account", db.Resource.AccountID + ", " + db.Resource.Region},
		{"IAM", iamLine(db)},
	}
	if len(db.Pending) > 0 {
		lines = append(lines, line{"pending", strings.Join(db.Pending, ", ") + windowOf(db)})
	}
	if db.Proxy != nil {
		lines = append(lines, proxyLines(db.Proxy)...)
	}
	for _, i := range db.Instances {
		lines = append(lines, line{"CA", caLine(i, db.Type == rdsapi.TypeCluster)})
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintf(table, "%s\t%s\n", l.name, l.value)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if next := nextAfterStatus(db, endpoint); next != "" {
		_, err := fmt.Fprintln(out, "\n"+next)
		return err
	}
	return nil
}

// iamLine says whether IAM authentication is on, will be, and could be.
func iamLine(db *rdsapi.Database) string {
	text := onOff(db.IAM)
	if pending := db.PendingIAM; pending != nil && *pending != db.IAM {
		text += "; will be " + onOff(*pending) + ": the change is under way, or waits for the maintenance window" + windowOf(db)
	}
	switch support := db.IAMSupport(); {
	case db.IAM || support.Known && support.Supported:
	case support.Known:
		text += "; cannot be on: " + support.Reason
	default:
		text += "; not known whether it can be on: " + support.Reason
	}
	return text
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func windowOf(db *rdsapi.Database) string {
	if db.MaintenanceWindow == "" {
		return ""
	}
	return " (" + db.MaintenanceWindow + " UTC)"
}

func caLine(i rdsapi.Instance, named bool) string {
	text := i.CA
	if !i.CertificateUntil.IsZero() {
		text += ", certificate until " + i.CertificateUntil.UTC().Format(time.DateOnly)
	}
	if named {
		text += ": " + i.Name
	}
	return text
}

func proxyLines(p *rdsapi.Proxy) []line {
	tls := "required"
	if !p.RequireTLS {
		tls = "not required; logins with a token need it all the same"
	}
	lines := []line{{"TLS", tls}, {"scheme", p.DefaultAuthScheme + ": " + schemeMeaning(p.DefaultAuthScheme)}}
	for _, auth := range p.Auth {
		lines = append(lines, line{"secret", auth.SecretARN + ": IAM " + strings.ToLower(auth.IAMAuth)})
	}
	return lines
}

// schemeMeaning tells what the proxy does at the database.
func schemeMeaning(scheme string) string {
	if scheme == "IAM_AUTH" {
		return "the proxy logs in to the database with IAM too, as its role"
	}
	return "the proxy logs in to the database with the passwords in its secrets"
}

// nextAfterStatus is what to do about it, "" where there is nothing.
func nextAfterStatus(db *rdsapi.Database, endpoint string) string {
	support := db.IAMSupport()
	switch {
	case db.Type == rdsapi.TypeProxy && !db.IAM:
		return proxyFix(db)
	case db.IAM || db.PendingIAM != nil && *db.PendingIAM || support.Known && !support.Supported:
		return ""
	}
	return "to turn it on: rdsiam enable " + endpoint + " --apply now"
}
