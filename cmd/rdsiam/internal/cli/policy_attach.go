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
		Use:   "attach ENDPOINT --role ROLE... --user USER...",
		Short: "Let IAM roles, users or groups log in as database users",
		Long: `Put a policy onto IAM roles (--role), IAM users (--iam-user) and groups
(--group), with which they may log in as the database users (--user).

Each gets an inline policy of its own, named rdsiam-ID after the database, so
that nobody else is affected and it goes away with its owner. With --managed all
get one managed policy. Database users that such a policy allows already stay;
--replace takes away those that are not named. What is too long for one policy
is an error: see rdsiam policy split.

What will change is shown, and asked about unless --yes is given. Before it is
written it is read again, and left alone if somebody changed it meanwhile. A
second run changes nothing. A policy of the same name that has anything in it
that rdsiam does not write is left alone, with an error. Nothing is changed in
the database.

Needs iam:GetRole, GetRolePolicy and PutRolePolicy, or the same for users and
groups; --managed others: see docs/cli.md.`,
		Example: `  rdsiam policy attach prod.cluster-abc123.eu-west-1.rds.amazonaws.com \
    --role orders-service --user app
  rdsiam policy attach --role orders --role batch --iam-user sre \
    --managed --yes \
    --resource cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I --region eu-west-1 \
    --account 123456789012 --user app --user report`,
		Args: between(0, 1, "one ENDPOINT"),
		RunE: func(command *cobra.Command, args []string) error { return a.run(command.Context(), streams, args) },
	}
	a.users.addTo(command)
	flags := command.Flags()
	flags.StringArrayVar(&a.roles, "role", nil, "IAM role, by name or ARN; may be repeated")
	flags.StringArrayVar(&a.iamUsers, "iam-user", nil, "IAM user, by name or ARN; may be repeated")
	flags.StringArrayVar(&a.groups, "group", nil, "IAM group, by name or ARN; may be repeated")
	flags.StringVar(&a.name, "name", "", "name of the policy (default rdsiam-ID of the database)")
	flags.BoolVar(&a.managed, "managed", false, "one managed policy for all")
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

func (a *policyAttach) run(ctx context.Context, streams Streams, args []string) error {
	if len(a.roles)+len(a.iamUsers)+len(a.groups) == 0 {
		return usagef("name who may log in: --role, --iam-user or --group; --user is the database user")
	}
	users, err := a.users.databaseUsers(ctx, args)
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
	if err := applyChanges(ctx, streams.Err, changes); err != nil {
		return err
	}
	_, err = fmt.Fprintln(streams.Out, "done; new logins see it within a few seconds")
	return err
}

// applyChanges says what was done before a failure: a repetition goes on from there.
func applyChanges(ctx context.Context, out io.Writer, changes []attach.Change) error {
	var done []string
	for _, change := range changes {
		steps, err := change.Apply(ctx)
		done = append(done, steps...)
		if err == nil {
			continue
		}
		if len(done) == 0 {
			return fmt.Errorf("%w; nothing was changed", err)
		}
		fmt.Fprintln(out, "rdsiam: before it failed, rdsiam")
		for _, step := range done {
			fmt.Fprintln(out, "  "+step)
		}
		return fmt.Errorf("%w; what is listed above stays, and the same command goes on from there", err)
	}
	return nil
}

func (a *policyAttach) plan(ctx context.Context, users []rdsiam.UserARN) ([]attach.Change, error) {
	// IAM is one for all regions of a partition; that of the database tells the partition.
	config, err := loadAPI(ctx, a.users.api.profile, users[0].Resource().Region)
	if err != nil {
		return nil, err
	}
	client := iam.NewFromConfig(config)
	holders, err := a.holders()
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
	return attach.Plan(ctx, client, holders, wish)
}

func (a *policyAttach) holders() ([]attach.Holder, error) {
	var (
		holders []attach.Holder
		errs    []error
	)
	for _, of := range []struct {
		kind  attach.Kind
		given []string
	}{{attach.Role, a.roles}, {attach.User, a.iamUsers}, {attach.Group, a.groups}} {
		for _, given := range of.given {
			holder, err := attach.NewHolder(of.kind, given)
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
		}{{"  ", change.Kept}, {"- ", change.Removed}, {"+ ", change.Added}, {"! ", change.Notes}} {
			for _, line := range lines.texts {
				text.WriteString("  " + lines.sign + line + "\n")
			}
		}
	}
	_, err = io.WriteString(out, text.String())
	return count, err
}
