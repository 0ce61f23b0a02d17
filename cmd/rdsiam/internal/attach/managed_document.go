package attach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rdsiam/rdsiam"
)

const (
	// maxVersions is how many versions IAM keeps of a managed policy.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html
	maxVersions = 5

	// lastNumber bounds the search: no set of policies has more, also with numbers of others
	// in between.
	lastNumber = 50
)

const description = "Database logins with IAM. Written by rdsiam policy attach."

// description marks the policies after the first. IAM never changes it, and nobody else
// gives it to a policy that happens to have such a name.
func (m *managed) description(p *part) string {
	if p.number == 1 {
		return description
	}
	return fmt.Sprintf("%s Part %d of %s.", description, p.number, m.wish.Policy)
}

// find looks for the policies that are there: until a number is missing, and those that
// somebody named has.
func (m *managed) find(ctx context.Context) error {
	last := m.lastAttached()
	for number := 1; number <= lastNumber; number++ {
		p := m.newPart(number)
		ours, err := m.read(ctx, p)
		switch {
		case number == 1 && p.partOf != "":
			return &rdsiam.ConfigError{Setting: "managed policy", Value: p.name, Problem: "is one of those into which " + p.partOf + " was divided",
				Fix: "give --name " + p.partOf}
		case err != nil:
			return fmt.Errorf("managed policy %s: %w", p.name, explain(err))
		case ours:
			m.parts = append(m.parts, p)
		case !p.exists:
			m.missing = append(m.missing, number)
			if number > last {
				return nil
			}
		}
	}
	return nil
}

// lastAttached is the highest number of a policy that somebody has.
func (m *managed) lastAttached() int {
	last := 0
	for _, arns := range m.attached {
		for _, arn := range arns {
			suffix, ok := strings.CutPrefix(arn, m.arn+"-")
			if number, err := strconv.Atoi(suffix); ok && err == nil && number <= lastNumber {
				last = max(last, number)
			}
		}
	}
	return last
}

// read asks for a policy, and reports whether it is one of these. The first one has to be.
func (m *managed) read(ctx context.Context, p *part) (ours bool, err error) {
	found, err := m.client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &p.arn})
	if isNoSuchEntity(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if found.Policy == nil {
		return false, errEmpty
	}
	p.exists, p.attachments = true, int(aws.ToInt32(found.Policy.AttachmentCount))
	said := aws.ToString(found.Policy.Description)
	if p.number > 1 && said != m.description(p) {
		return false, nil
	}
	if part, first, ok := strings.Cut(said, " of "); ok && strings.HasPrefix(part, description+" Part ") {
		p.partOf = strings.TrimSuffix(first, ".")
	}
	version, err := m.client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &p.arn, VersionId: found.Policy.DefaultVersionId})
	if err != nil {
		return false, err
	}
	if version.PolicyVersion == nil {
		return false, errEmpty
	}
	p.before, err = usersOf(aws.ToString(version.PolicyVersion.Document))
	return true, err
}

// planDocument plans to write a policy, if it has to change.
func (m *managed) planDocument(ctx context.Context, p *part, change *Change) error {
	if slices.Equal(texts(p.before), texts(p.after)) {
		return nil
	}
	policy, err := rdsiam.NewPolicy(p.after...)
	if err != nil {
		return err
	}
	document := policy.JSON()
	if !p.exists {
		change.steps = append(change.steps, func(ctx context.Context) error { return m.create(ctx, p, document) })
		return nil
	}
	if p.attachments > 0 {
		change.Notes = append(change.Notes, "changes for everybody who has this policy: it is attached "+times(p.attachments))
	}
	versions, err := m.oldVersions(ctx, p)
	if err != nil {
		return fmt.Errorf("%s: %w", change.Subject, explain(err))
	}
	if len(versions) == maxVersions-1 {
		oldest := versions[0]
		change.Notes = append(change.Notes, "deletes the version "+oldest+" of the policy, the oldest: IAM keeps "+strconv.Itoa(maxVersions))
		change.steps = append(change.steps, func(ctx context.Context) error { return m.deleteVersion(ctx, p, oldest) })
	}
	change.steps = append(change.steps, func(ctx context.Context) error { return m.createVersion(ctx, p, document) })
	return nil
}

// planRemoval plans to take a policy from everybody and to delete it.
func (m *managed) planRemoval(ctx context.Context, p *part, change *Change) error {
	holders, err := m.holdersOf(ctx, p)
	if err != nil {
		return err
	}
	versions, err := m.oldVersions(ctx, p)
	if err != nil {
		return fmt.Errorf("%s: %w", change.Subject, explain(err))
	}
	note := "is deleted: it is no longer needed"
	for i, holder := range holders {
		note += []string{", and taken from the ", ", the "}[min(i, 1)] + holder.String()
		change.steps = append(change.steps, func(ctx context.Context) error { return holder.api.detach(ctx, p.arn) })
	}
	change.Notes = append(change.Notes, note)
	for _, version := range versions {
		change.steps = append(change.steps, func(ctx context.Context) error { return m.deleteVersion(ctx, p, version) })
	}
	change.steps = append(change.steps, func(ctx context.Context) error {
		_, err := m.client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &p.arn})
		return err
	})
	return nil
}

// oldVersions returns the versions that do not count, the oldest first.
func (m *managed) oldVersions(ctx context.Context, p *part) ([]string, error) {
	var versions []types.PolicyVersion
	pages := iam.NewListPolicyVersionsPaginator(m.client, &iam.ListPolicyVersionsInput{PolicyArn: &p.arn})
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

func (m *managed) create(ctx context.Context, p *part, document string) error {
	_, err := m.client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &p.name, PolicyDocument: &document, Description: aws.String(m.description(p))})
	if errors.As(err, new(*types.EntityAlreadyExistsException)) {
		return fmt.Errorf("%w; somebody has made it meanwhile: run the command again", err)
	}
	return err
}

func (m *managed) createVersion(ctx context.Context, p *part, document string) error {
	_, err := m.client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &p.arn, PolicyDocument: &document, SetAsDefault: true})
	return err
}

func (m *managed) deleteVersion(ctx context.Context, p *part, id string) error {
	_, err := m.client.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &p.arn, VersionId: &id})
	return err
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}
