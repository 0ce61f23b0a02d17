package attach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rdsiam/rdsiam"
)

const (
	// maxVersions is how many versions IAM keeps of a managed policy.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html
	maxVersions = 5

	description = "Database logins with IAM. Written by rdsiam policy attach."
)

// PlanManaged finds out how the holders get one managed policy together. It changes nothing.
//
// It needs iam:GetRole (or GetUser, GetGroup), iam:GetPolicy and, for a policy that is there
// already, iam:GetPolicyVersion, iam:ListEntitiesForPolicy and iam:ListPolicyVersions; to
// apply, iam:CreatePolicy, iam:CreatePolicyVersion, iam:DeletePolicyVersion and
// iam:AttachRolePolicy (or the same for users and groups).
func PlanManaged(ctx context.Context, client *iam.Client, holders []Holder, wish Wish) ([]Change, error) {
	if err := checkName(wish.Policy); err != nil {
		return nil, err
	}
	for _, holder := range holders {
		if err := holder.find(ctx, client, wish); err != nil {
			return nil, err
		}
	}
	resource := wish.Users[0].Resource()
	p := managed{client, wish.Policy, "arn:" + resource.Partition + ":iam::" + resource.AccountID + ":policy/" + wish.Policy}
	changes, err := p.plan(ctx, holders, wish)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, explain(err))
	}
	return changes, nil
}

// managed is a managed policy, which may not be there.
type managed struct {
	client    *iam.Client
	name, arn string
}

// String returns such as "managed policy db".
func (p managed) String() string { return "managed policy " + p.name }

// state is what a managed policy is at one time; its zero value stands for one that is not
// there.
type state struct {
	version, document string // of the default version
	attachments       int    // how often it is attached
}

func (p managed) read(ctx context.Context) (state, error) {
	found, err := p.client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &p.arn})
	if isNoSuchEntity(err) {
		return state{}, nil
	}
	if err != nil || found.Policy == nil {
		return state{}, orEmpty(err)
	}
	version, err := p.client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &p.arn, VersionId: found.Policy.DefaultVersionId})
	if err != nil || version.PolicyVersion == nil || aws.ToString(version.PolicyVersion.Document) == "" {
		return state{}, orEmpty(err)
	}
	return state{aws.ToString(found.Policy.DefaultVersionId), *version.PolicyVersion.Document, int(aws.ToInt32(found.Policy.AttachmentCount))}, nil
}

// plan returns the change of the policy, and after it those of the holders.
func (p managed) plan(ctx context.Context, holders []Holder, wish Wish) ([]Change, error) {
	before, err := p.read(ctx)
	if err != nil {
		return nil, err
	}
	change := Change{Subject: p.String(), New: before.document == ""}
	document, err := change.document(before.document, wish, rdsiam.ManagedPolicyLimit,
		"use a pattern (--user-pattern), or divide it: print it with rdsiam policy, and let rdsiam policy split make several of it")
	if err != nil {
		return nil, err
	}
	switch {
	case change.New:
		change.add("created the "+p.String(), func(ctx context.Context) error { return p.create(ctx, document) })
	case document != "":
		if err := p.planVersion(ctx, &change, before, document); err != nil {
			return nil, err
		}
	}
	changes := []Change{change}
	attached, err := p.attached(ctx, change.New)
	if err != nil {
		return nil, err
	}
	for _, holder := range holders {
		change := Change{Subject: holder.String()}
		if !attached[holder.String()] {
			change.Notes = []string{"gets the " + p.String()}
			change.add("attached the "+p.String()+" to the "+holder.String(), func(ctx context.Context) error {
				return holder.calls().attach(ctx, p.client, holder.name, p.arn, changes[0].patience()...)
			})
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// planVersion plans to give a policy a new version.
func (p managed) planVersion(ctx context.Context, change *Change, before state, document string) error {
	if before.attachments > 0 {
		change.Notes = append(change.Notes, "changes for everybody who has this policy: it is attached "+times(before.attachments))
	}
	// What was read must still be so: another default version, or another document.
	unchanged := func(ctx context.Context) error {
		now, err := p.read(ctx)
		if err == nil && (now.version != before.version || now.document != before.document) {
			return new(ChangedError)
		}
		return err
	}
	versions, err := p.oldVersions(ctx)
	if err != nil {
		return err
	}
	if len(versions) == maxVersions-1 {
		oldest := versions[0]
		change.Notes = append(change.Notes, "deletes the version "+oldest+" of the policy, the oldest: IAM keeps "+strconv.Itoa(maxVersions))
		change.add("deleted the version "+oldest+" of the "+p.String(), func(ctx context.Context) error {
			if err := unchanged(ctx); err != nil {
				return err
			}
			_, err := p.client.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &p.arn, VersionId: &oldest})
			return err
		})
	}
	change.add("wrote the "+p.String(), func(ctx context.Context) error {
		if err := unchanged(ctx); err != nil {
			return err
		}
		_, err := p.client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &p.arn, PolicyDocument: &document, SetAsDefault: true})
		return err
	})
	return nil
}

// attached returns who has the policy, other than as a permissions boundary.
func (p managed) attached(ctx context.Context, isNew bool) (map[string]bool, error) {
	holders := make(map[string]bool)
	if isNew {
		return holders, nil
	}
	pages := iam.NewListEntitiesForPolicyPaginator(p.client, &iam.ListEntitiesForPolicyInput{
		PolicyArn: &p.arn, PolicyUsageFilter: types.PolicyUsageTypePermissionsPolicy,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for kind, calls := range callsOf {
			for _, name := range calls.attached(page) {
				holders[Holder{kind: kind, name: name}.String()] = true
			}
		}
	}
	return holders, nil
}

// oldVersions returns the versions that do not count, the oldest first.
func (p managed) oldVersions(ctx context.Context) ([]string, error) {
	var versions []types.PolicyVersion
	pages := iam.NewListPolicyVersionsPaginator(p.client, &iam.ListPolicyVersionsInput{PolicyArn: &p.arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		versions = append(versions, page.Versions...)
	}
	versions = slices.DeleteFunc(versions, func(v types.PolicyVersion) bool { return v.IsDefaultVersion })
	slices.SortFunc(versions, func(a, b types.PolicyVersion) int { return number(a) - number(b) })
	ids := make([]string, len(versions))
	for i, version := range versions {
		ids[i] = aws.ToString(version.VersionId)
	}
	return ids, nil
}

// number is that of v1, v2 and so on.
func number(v types.PolicyVersion) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(aws.ToString(v.VersionId), "v"))
	return n
}

func (p managed) create(ctx context.Context, document string) error {
	_, err := p.client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &p.name, PolicyDocument: &document, Description: aws.String(description)})
	if errors.As(err, new(*types.EntityAlreadyExistsException)) {
		return new(ChangedError)
	}
	return err
}

// patience returns what lets a call wait until IAM knows a new policy everywhere.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
func (c Change) patience() []func(*iam.Options) {
	if !c.New {
		return nil
	}
	return []func(*iam.Options){func(o *iam.Options) {
		code := (*types.NoSuchEntityException)(nil).ErrorCode()
		o.Retryer = retry.AddWithErrorCodes(retry.AddWithMaxBackoffDelay(retry.AddWithMaxAttempts(o.Retryer, 12), 2*time.Second), code)
	}}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}
