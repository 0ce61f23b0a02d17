package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/attach"
)

func newPolicyAttach(streams Streams) *cobra.Command {
	var a policyAttach
	command := &cobra.Command{
		Use:   "attach --role ROLE... --endpoint HOST --user USER...",
		Short: "Let IAM roles, users or groups log in as database users",
		Long: `Put a policy onto IAM roles (--role), IAM users (--iam-user) and groups
(--group), with which they may log in as the database users (--user).

Each gets an inline policy of its own, named rdsiam-ID after the database, so
that nobody else is affected and it goes away with its owner. With --managed all
get one managed policy, which has room for more users; what does not fit into
one is divided into several, which count as one: whoever has one of them gets
all. Database users that such a policy allows already stay; --replace takes away
those that are not named, and managed policies that are no longer needed.

What will change is shown, and asked about unless --yes is given. A second run
changes nothing. A policy of the same name that has anything in it that rdsiam
does not write is left alone, with an error. Nothing is changed in the database.

Needs iam:GetRole, GetRolePolicy and PutRolePolicy, or the same for users and
groups; --managed others: see docs/cli.md.`,
		Example: `  rdsiam policy attach --role orders-service \
    --endpoint prod.cluster-abc123.eu-west-1.rds.amazonaws.com --user app
  rdsiam policy attach --role orders --role batch --iam-user sre \
    --managed --yes \
    --resource cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I --region eu-west-1 \
    --account 123456789012 --user app --user report`,
		Args: between(0, 0, ""),
		RunE: func(command *cobra.Command, _ []string) error { return a.run(command.Context(), streams) },
	}
	a.users.addTo(command)
	flags := command.Flags()
	flags.StringArrayVar(&a.roles, "role", nil, "IAM role, by name or ARN; may be repeated")
	flags.StringArrayVar(&a.iamUsers, "iam-user", nil, "IAM user, by name or ARN; may be repeated")
	flags.StringArrayVar(&a.groups, "group", nil, "IAM group, by name or ARN; may be repeated")
	flags.StringVar(&a.name, "name", "", "name of the policy (default rdsiam-ID of the database)")
	flags.BoolVar(&a.managed, "managed", false, "one managed policy for all, or several where it gets too long")
	flags.BoolVar(&a.replace, "replace", false, "take away database users that are not named")
	flags.BoolVar(&a.yes, "yes", false, "do not ask")
	return command
}

// policyAttach is the flags of the command.
type policyAttach struct {
	users                   policyFlags
	roles, iamUsers, groups []string
	name                    string
	managed, replace, yes   bool
}

func (a *policyAttach) run(ctx context.Context, streams Streams) error {
	if len(a.roles)+len(a.iamUsers)+len(a.groups) == 0 {
		return usagef("name who may log in: --role, --iam-user or --group; --user is the database user")
	}
	users, err := a.users.databaseUsers(ctx)
	if err != nil {
		return err
	}
	policy, err := rdsiam.NewPolicy(users...)
	if err != nil {
		return err
	}
	printNotes(streams.Err, policy)
	changes, err := a.plan(ctx, users)
	if err != nil {
		return err
	}
	count, err := printChanges(streams.Out, changes)
	if err != nil {
		return err // what nobody sees is not done
	}
	if count == 0 {
		_, err := fmt.Fprintln(streams.Out, "nothing to change")
		return err
	}
	if !a.yes {
		if err := confirm(ctx, streams, "Change this?"); err != nil {
			return err
		}
	}
	for i, change := range changes {
		if err := change.Apply(ctx); err != nil {
			if i > 0 {
				err = fmt.Errorf("%w; what is above that was done, and a repetition goes on from there", err)
			}
			return err
		}
	}
	_, err = fmt.Fprintln(streams.Out, "done; new logins see it within a few seconds")
	return err
}

func (a *policyAttach) plan(ctx context.Context, users []rdsiam.UserARN) ([]attach.Change, error) {
	// IAM is one for all regions of a partition; that of the database tells the partition.
	config, err := loadAPI(ctx, a.users.api.profile, users[0].Resource().Region)
	if err != nil {
		return nil, err
	}
	client := iam.NewFromConfig(config)
	holders, err := a.holders(client)
	if err != nil {
		return nil, err
	}
	wish := attach.Wish{Policy: a.name, Users: users, Replace: a.replace}
	if wish.Policy == "" {
		wish.Policy = "rdsiam-" + users[0].Resource().ID
	}
	if a.managed {
		return attach.PlanManaged(ctx, client, holders, wish)
	}
	return attach.Plan(ctx, holders, wish)
}

func (a *policyAttach) holders(client *iam.Client) ([]attach.Holder, error) {
	var (
		holders []attach.Holder
		errs    []error
	)
	for _, kind := range []struct {
		given []string
		make  func(*iam.Client, string) (attach.Holder, error)
	}{{a.roles, attach.Role}, {a.iamUsers, attach.User}, {a.groups, attach.Group}} {
		for _, given := range kind.given {
			holder, err := kind.make(client, given)
			holders, errs = append(holders, holder), append(errs, err)
		}
	}
	return holders, errors.Join(errs...)
}

// printChanges shows what is to be done, and returns how many changes do anything.
func printChanges(out io.Writer, changes []attach.Change) (count int, err error) {
	var text strings.Builder
	for _, change := range changes {
		if change.IsEmpty() {
			text.WriteString(change.Subject + ": as it should be\n")
			continue
		}
		count++
		state := ""
		if change.New {
			state = ", which is new"
		}
		text.WriteString(change.Subject + state + ":\n")
		for _, lines := range []struct {
			sign  string
			texts []string
		}{{"  ", change.Kept}, {"- ", change.Removed}, {"> ", change.MovedOut}, {"< ", change.MovedIn}, {"+ ", change.Added}, {"! ", change.Notes}} {
			for _, line := range lines.texts {
				text.WriteString("  " + lines.sign + line + "\n")
			}
		}
	}
	_, err = io.WriteString(out, text.String())
	return count, err
}
