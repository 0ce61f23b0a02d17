package attach

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rdsiam/rdsiam"
)

// maxVersions is how many versions IAM keeps of a managed policy.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html
const maxVersions = 5

// PlanManaged finds out how the holders get one managed policy together. It changes nothing.
//
// It needs iam:GetPolicy, iam:GetPolicyVersion, iam:GetRole and
// iam:ListAttachedRolePolicies (or the same for users and groups); to apply,
// iam:CreatePolicy and iam:AttachRolePolicy, and for a policy that is there already
// iam:ListPolicyVersions, iam:CreatePolicyVersion and iam:DeletePolicyVersion.
func PlanManaged(ctx context.Context, client *iam.Client, holders []Holder, wish Wish) ([]Change, error) {
	for _, holder := range holders {
		if err := holder.find(ctx, wish); err != nil {
			return nil, err
		}
	}
	resource := wish.Users[0].Resource()
	m := managed{client: client, wish: wish, arn: "arn:" + resource.Partition + ":iam::" + resource.AccountID + ":policy/" + wish.Policy}
	change, err := m.plan(ctx)
	if err != nil {
		return nil, err
	}
	changes := []Change{change}
	for _, holder := range holders {
		change, err := m.planAttachment(ctx, holder, change.New)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// managed is a managed policy that is there or is to be.
type managed struct {
	client *iam.Client
	wish   Wish
	arn    string
}

func (m managed) plan(ctx context.Context) (Change, error) {
	change := Change{Subject: "managed policy " + m.wish.Policy}
	before, attachments, err := m.current(ctx)
	if err != nil {
		return Change{}, fmt.Errorf("%s: %w", change.Subject, explain(err))
	}
	policy, err := change.document(m.wish, before)
	if err != nil || policy == nil {
		return change, err
	}
	if policy.Size() > int(rdsiam.ManagedPolicyLimit) {
		return Change{}, tooLong(change.Subject, policy.Size(), int(rdsiam.ManagedPolicyLimit),
			"spread the users over policies with other names (--name), or use a pattern (--user-pattern)")
	}
	if change.New {
		change.steps = append(change.steps, func(ctx context.Context) error { return m.create(ctx, policy.JSON()) })
		return change, nil
	}
	if attachments > 0 {
		change.Notes = append(change.Notes, "changes for everybody who has this policy: it is attached "+times(attachments))
	}
	oldest, err := m.versionInTheWay(ctx)
	if err != nil {
		return Change{}, fmt.Errorf("%s: %w", change.Subject, explain(err))
	}
	if oldest != "" {
		change.Notes = append(change.Notes, "deletes the version "+oldest+" of the policy, the oldest: IAM keeps "+strconv.Itoa(maxVersions))
		change.steps = append(change.steps, func(ctx context.Context) error { return m.deleteVersion(ctx, oldest) })
	}
	change.steps = append(change.steps, func(ctx context.Context) error { return m.createVersion(ctx, policy.JSON()) })
	return change, nil
}

// current returns the document that counts, "" where there is no such policy.
func (m managed) current(ctx context.Context) (document string, attachments int, err error) {
	policy, err := m.client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &m.arn})
	if isNoSuchEntity(err) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	version, err := m.client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &m.arn, VersionId: policy.Policy.DefaultVersionId})
	if err != nil {
		return "", 0, err
	}
	return aws.ToString(version.PolicyVersion.Document), int(aws.ToInt32(policy.Policy.AttachmentCount)), nil
}

// versionInTheWay returns the oldest version that does not count, if another one would be
// too many.
func (m managed) versionInTheWay(ctx context.Context) (string, error) {
	var versions []types.PolicyVersion
	pages := iam.NewListPolicyVersionsPaginator(m.client, &iam.ListPolicyVersionsInput{PolicyArn: &m.arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		versions = append(versions, page.Versions...)
	}
	if len(versions) < maxVersions {
		return "", nil
	}
	versions = slices.DeleteFunc(versions, func(v types.PolicyVersion) bool { return v.IsDefaultVersion })
	oldest := slices.MinFunc(versions, func(a, b types.PolicyVersion) int { return number(a) - number(b) })
	return aws.ToString(oldest.VersionId), nil
}

// number is that of v1, v2 and so on.
func number(v types.PolicyVersion) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(aws.ToString(v.VersionId), "v"))
	return n
}

func (m managed) create(ctx context.Context, document string) error {
	_, err := m.client.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: &m.wish.Policy, PolicyDocument: &document, Description: aws.String("Database log-ins with IAM. Written by rdsiam policy attach."),
	})
	return err
}

func (m managed) createVersion(ctx context.Context, document string) error {
	_, err := m.client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &m.arn, PolicyDocument: &document, SetAsDefault: true})
	return err
}

func (m managed) deleteVersion(ctx context.Context, id string) error {
	_, err := m.client.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &m.arn, VersionId: &id})
	return err
}

// planAttachment plans for one holder. A policy that is not there yet is attached to nobody.
func (m managed) planAttachment(ctx context.Context, holder Holder, isNew bool) (Change, error) {
	change := Change{Subject: holder.String()}
	if !isNew {
		attached, err := holder.api.attached(ctx)
		if err != nil {
			return Change{}, fmt.Errorf("%s: %w", holder, explain(err))
		}
		if slices.Contains(attached, m.arn) {
			return change, nil
		}
	}
	change.Notes = append(change.Notes, "gets the managed policy "+m.wish.Policy)
	change.steps = append(change.steps, func(ctx context.Context) error { return holder.api.attach(ctx, m.arn) })
	return change, nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}
