// Package attach puts policies for database logins onto IAM roles, users and groups: inline
// policies, or one managed policy for all of them.
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

	steps []step
}

// step is one call that writes.
type step struct {
	done string // what it did, for people
	do   func(context.Context) error
}

func (c *Change) add(done string, do func(context.Context) error) {
	c.steps = append(c.steps, step{done, do})
}

// IsEmpty reports whether there is nothing to do.
func (c Change) IsEmpty() bool { return len(c.steps) == 0 }

// Apply does what is to be done, and returns what it did, also with an error. Right before it
// writes a policy it looks again whether that is still what the plan was made from, and stops
// with a [*ChangedError] if it is not. IAM has no call that does both at once: what somebody
// else writes within the same fraction of a second is lost.
func (c Change) Apply(ctx context.Context) (done []string, err error) {
	for _, step := range c.steps {
		if err := step.do(ctx); err != nil {
			return done, fmt.Errorf("%s: %w", c.Subject, explain(err))
		}
		done = append(done, step.done)
	}
	return done, nil
}

// ChangedError means that somebody changed a policy after the plan was made. It was not
// written.
type ChangedError struct{}

// Error says what happened and what to do.
func (*ChangedError) Error() string {
	return "somebody changed it after this plan was made, so it was left as it is; run the command again"
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

// What IAM takes as the name of a policy. A bound in the expression would be compiled at each
// start of the command, for milliseconds.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
var policyName = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]+$`)

const longestPolicyName = 128

func checkName(name string) error {
	if len(name) <= longestPolicyName && policyName.MatchString(name) {
		return nil
	}
	return &rdsiam.ConfigError{Code: "policy-name", Setting: "policy name", Value: name, Problem: "not one that IAM takes",
		Fix: "use letters, digits and any of _+=,.@-, at most 128"}
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
