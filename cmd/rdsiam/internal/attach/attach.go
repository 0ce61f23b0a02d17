// Package attach puts policies for database logins onto IAM roles, users and groups: inline
// policies, or managed policies for all of them.
//
// [Plan] and [PlanManaged] find out what is to be done and change nothing; [Change.Apply] does
// it. A policy that somebody else wrote is never touched.
package attach

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

// Wish is what a policy is to allow.
type Wish struct {
	Policy string           // its name
	Users  []rdsiam.UserARN // all of one account

	// Replace takes away every user that is not among Users. Otherwise those that the policy
	// allows already stay.
	Replace bool
}

// Change is what is to be done to one role, user or group, or to a managed policy. Its zero
// value is nothing.
type Change struct {
	Subject string   // who or what is changed, in words
	New     bool     // there is no such policy yet
	Added   []string // ARNs of database users, in order
	Removed []string
	Kept    []string
	Notes   []string // what else is done, or is good to know before

	// ARNs that another managed policy of the same set has had, or gets, and its name.
	MovedIn, MovedOut []string

	steps []step
}

// step is one call of the API.
type step func(context.Context) error

// IsEmpty reports whether there is nothing to do.
func (c Change) IsEmpty() bool { return len(c.steps) == 0 }

// Apply does what is to be done. After an error, part of it may be done; another plan tells.
func (c Change) Apply(ctx context.Context) error {
	for _, do := range c.steps {
		if err := do(ctx); err != nil {
			return fmt.Errorf("%s: %w", c.Subject, explain(err))
		}
	}
	return nil
}

// compare fills in the differences, and reports whether there are any.
func (c *Change) compare(before, after []rdsiam.UserARN) bool {
	oldTexts, newTexts := texts(before), texts(after)
	for _, text := range newTexts {
		if _, found := slices.BinarySearch(oldTexts, text); found {
			c.Kept = append(c.Kept, text)
		} else {
			c.Added = append(c.Added, text)
		}
	}
	for _, text := range oldTexts {
		if _, found := slices.BinarySearch(newTexts, text); !found {
			c.Removed = append(c.Removed, text)
		}
	}
	return len(c.Added)+len(c.Removed) > 0
}

// texts returns the ARNs in order, each once.
func texts(users []rdsiam.UserARN) []string {
	all := make([]string, len(users))
	for i, user := range users {
		all[i] = user.String()
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Plan finds out how the holders get an inline policy each. It changes nothing.
//
// It needs iam:GetRole, iam:GetRolePolicy and, to apply, iam:PutRolePolicy, or the same
// for users and groups.
func Plan(ctx context.Context, holders []Holder, wish Wish) ([]Change, error) {
	if err := checkName(wish.Policy); err != nil {
		return nil, err
	}
	var changes []Change
	for _, holder := range holders {
		if err := holder.find(ctx, wish); err != nil {
			return nil, err
		}
		change, err := planInline(ctx, holder, wish)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func planInline(ctx context.Context, holder Holder, wish Wish) (Change, error) {
	change := Change{Subject: "inline policy " + wish.Policy + " of the " + holder.String()}
	before, err := holder.api.inline(ctx, wish.Policy)
	if err != nil && !isNoSuchEntity(err) {
		return Change{}, fmt.Errorf("%s: %w", change.Subject, explain(err))
	}
	if err == nil && before == "" {
		return Change{}, fmt.Errorf("%s: %w", change.Subject, errEmpty)
	}
	var old []rdsiam.UserARN
	if before != "" {
		if old, err = usersOf(before); err != nil {
			return Change{}, fmt.Errorf("%s: %w", change.Subject, err)
		}
	}
	users := wish.Users
	if !wish.Replace {
		users = slices.Concat(old, users)
	}
	change.New = before == ""
	if !change.compare(old, users) {
		return change, nil
	}
	policy, err := rdsiam.NewPolicy(users...)
	if err != nil {
		return Change{}, err
	}
	if limit := holder.api.inlineLimit(); policy.Size() > int(limit) {
		return Change{}, tooLong(change.Subject, policy.Size(), int(limit), "use a managed policy (--managed), fewer users, or a pattern (--user-pattern)")
	}
	change.steps = append(change.steps, func(ctx context.Context) error { return holder.api.putInline(ctx, wish.Policy, policy.JSON()) })
	return change, nil
}

func tooLong(subject string, size, limit int, fix string) error {
	return &rdsiam.ConfigError{
		Setting: subject, Problem: fmt.Sprintf("would have %d characters, and IAM allows %d", size, limit), Fix: fix,
	}
}

// policyName is what IAM takes, with room for the number of a managed policy.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
var policyName = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,125}$`)

func checkName(name string) error {
	if policyName.MatchString(name) {
		return nil
	}
	return &rdsiam.ConfigError{Setting: "policy name", Value: name, Problem: "not one that IAM takes",
		Fix: "use letters, digits and any of _+=,.@-, at most 125"}
}

// errEmpty is returned for an answer without what it has to have: something else than AWS answers.
var errEmpty = errors.New("the answer of AWS is empty; see what is on the way to it")

func isNoSuchEntity(err error) bool { return errors.As(err, new(*types.NoSuchEntityException)) }

// explain says more than IAM does where people need it.
func explain(err error) error {
	if errors.As(err, new(*types.LimitExceededException)) {
		return fmt.Errorf("%w; the limits count all policies of a role, user or group: remove one, or use --managed or --user-pattern", err)
	}
	return rdsapi.Explain(err)
}

// accountOf returns the account in an ARN, "" where there is none.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return ""
	}
	return parts[4]
}
