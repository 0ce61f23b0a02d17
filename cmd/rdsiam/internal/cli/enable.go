package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

const (
	applyNow    = "now"
	applyWindow = "window"
)

func newEnable(streams Streams) *cobra.Command {
	var e enable
	command := &cobra.Command{
		Use:   "enable ENDPOINT --apply now|window",
		Short: "Turn IAM authentication on for a database",
		Long: `Turn IAM authentication on for the instance or cluster behind ENDPOINT, a host
or host:port. Of an instance in a cluster it is the cluster that is changed.

--apply says when. "now" also applies every other change that waits for the
maintenance window, such as a new engine version, which may restart the
database; what waits is shown before. "window" waits for the window.

What will change is shown, and asked about unless --yes is given. A second run
changes nothing. Accounts with passwords go on as they are: to log in with IAM,
a database user has to be made for it, and a policy has to allow it. The server
needs 300 to 1000 MiB of memory for it, AWS says.

A proxy has no such switch: for one, the command says what to change. Needs
rds:ModifyDBInstance or ModifyDBCluster, and the permissions of rdsiam status.`,
		Example: `  rdsiam enable prod.cluster-abc123.eu-west-1.rds.amazonaws.com --apply now
  rdsiam enable orders.abc123.eu-west-1.rds.amazonaws.com --apply window --yes`,
		Args: between(0, 1, "one ENDPOINT"),
		RunE: func(command *cobra.Command, args []string) error {
			endpoint, err := e.endpoint.require(command, args)
			if err != nil {
				return err
			}
			return e.run(command.Context(), streams, endpoint)
		},
	}
	e.api.addTo(command)
	e.endpoint.addTo(command)
	command.Flags().StringVar(&e.apply, "apply", "", "now, or window: in the next maintenance window")
	command.Flags().BoolVar(&e.yes, "yes", false, "do not ask")
	// It fails only for a flag that does not exist.
	_ = command.RegisterFlagCompletionFunc("apply", cobra.FixedCompletions([]string{applyNow, applyWindow}, cobra.ShellCompDirectiveNoFileComp))
	return command
}

// enable is the flags of the command.
type enable struct {
	api      apiFlags
	endpoint endpointArgument
	apply    string
	yes      bool
}

func (e *enable) run(ctx context.Context, streams Streams, endpoint string) error {
	switch e.apply {
	case applyNow, applyWindow:
	case "":
		return usagef("--apply is missing: now, which also applies everything else that waits for the maintenance window, or window")
	default:
		return usagef("--apply %q is neither now nor window", e.apply)
	}
	db, config, err := e.api.findWithConfig(ctx, endpoint)
	if err != nil {
		return err
	}
	done, err := e.alreadyDone(db)
	if err != nil {
		return err
	}
	if done != "" {
		_, err := fmt.Fprintln(streams.Out, string(db.Type)+" "+db.Name+": "+done)
		return err
	}
	printEnable(streams.Out, db, e.apply)
	if !e.yes {
		if err := confirm(ctx, streams, "Change this?"); err != nil {
			return err
		}
	}
	if err := db.EnableIAM(ctx, config, e.apply == applyNow); err != nil {
		return err
	}
	return printNext(streams.Out, db, endpoint, e.apply)
}

// alreadyDone tells why there is nothing to do, "" where there is. The error tells why it
// cannot be done.
func (e *enable) alreadyDone(db *rdsapi.Database) (string, error) {
	support := db.IAMSupport()
	pending := db.PendingIAM
	switch {
	case db.Type == rdsapi.TypeProxy && db.IAM:
		return "clients can log in with IAM already", nil
	case db.Type == rdsapi.TypeProxy:
		return "", usagef("%s is a proxy: %s", db.Name, proxyFix(db))
	case db.IAM && (pending == nil || *pending):
		return "IAM authentication is on already", nil
	case e.apply == applyWindow && pending != nil && *pending:
		return "IAM authentication is being turned on already, or will be in the next maintenance window" + windowOf(db), nil
	case support.Known && !support.Supported:
		return "", usagef("%s %s cannot have IAM authentication: %s", db.Type, db.Name, support.Reason)
	case db.Status != "available":
		return "", fmt.Errorf("%s %s is in the state %q, in which AWS changes nothing; wait until it is available: rdsiam status", db.Type, db.Name, db.Status)
	}
	return "", nil
}

func proxyFix(db *rdsapi.Database) string {
	return "clients of the proxy log in with passwords; set IAMAuth=REQUIRED for the secrets of the users that are to log in with IAM:\n" +
		"  aws rds modify-db-proxy --region " + db.Resource.Region + " --db-proxy-name " + db.Name + " --require-tls --auth AuthScheme=SECRETS,SecretArn=…,IAMAuth=REQUIRED\n" +
		"--auth replaces the whole list: name every secret"
}

// printEnable shows what is going to change.
func printEnable(out io.Writer, db *rdsapi.Database, apply string) {
	when := "now"
	if apply == applyWindow {
		when = "in the next maintenance window" + windowOf(db)
	}
	fmt.Fprintf(out, "%s %s (%s %s, account %s, %s):\n", db.Type, db.Name, db.Engine, db.EngineVersion, db.Resource.AccountID, db.Resource.Region)
	current := onOff(db.IAM)
	if db.IAM { // there is something to do because it would not stay so
		current += ", off after the maintenance window"
	}
	fmt.Fprintf(out, "  IAM authentication: %s -> on, %s\n", current, when)
	if db.Type == rdsapi.TypeCluster {
		names := make([]string, len(db.Instances))
		for i, instance := range db.Instances {
			names[i] = instance.Name
		}
		fmt.Fprintf(out, "  for all instances of the cluster: %s\n", strings.Join(names, ", "))
	}
	if len(db.Pending) > 0 {
		if apply == applyNow {
			fmt.Fprintln(out, "  ! applied now as well, since it waits too, and may restart the database:")
		} else {
			fmt.Fprintln(out, "  what waits for the maintenance window too:")
		}
		for _, change := range db.Pending {
			fmt.Fprintln(out, "    "+change)
		}
	}
	if support := db.IAMSupport(); !support.Known {
		fmt.Fprintf(out, "  ! not known whether it can be on: %s; AWS refuses it if not\n", support.Reason)
	}
}

// printNext says what to do after the change was accepted.
func printNext(out io.Writer, db *rdsapi.Database, endpoint, apply string) error {
	when := "it takes some seconds"
	if apply == applyWindow {
		when = "it will be on after the next maintenance window" + windowOf(db)
	}
	_, err := fmt.Fprintf(out, `AWS has accepted the change; %s. Next:
  rdsiam status %[2]s                # until IAM is on
  rdsiam policy attach --endpoint %[2]s --role ROLE --user USER
  rdsiam provision plan --help       # the database user
  rdsiam doctor %[2]s --user USER
`, when, endpoint)
	return err
}
