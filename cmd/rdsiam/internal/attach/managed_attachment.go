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
)

// How many managed policies IAM attaches to a role or user: unless AWS was asked for more,
// and at the most.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	defaultAttached = 10
	maxAttached     = 20
)

// everybody returns the holders named, and after them those who have a policy already. One
// policy alone concerns nobody else.
func (m *managed) everybody(ctx context.Context, named []Holder) ([]Holder, error) {
	everybody := slices.Clone(named)
	if len(m.parts) == 1 {
		return everybody, nil
	}
	for _, p := range m.parts {
		if !p.exists {
			continue
		}
		holders, err := m.holdersOf(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, holder := range holders {
			if !slices.ContainsFunc(everybody, func(known Holder) bool { return known.String() == holder.String() }) {
				everybody = append(everybody, holder)
			}
		}
	}
	return everybody, nil
}

// holdersOf returns who has a policy, other than as a permissions boundary.
func (m *managed) holdersOf(ctx context.Context, p *part) ([]Holder, error) {
	var holders []Holder
	pages := iam.NewListEntitiesForPolicyPaginator(m.client, &iam.ListEntitiesForPolicyInput{
		PolicyArn: &p.arn, PolicyUsageFilter: types.PolicyUsageTypePermissionsPolicy,
	})
	add := func(make func(*iam.Client, string) (Holder, error), name *string) error {
		holder, err := make(m.client, aws.ToString(name))
		holders = append(holders, holder)
		return err
	}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("managed policy %s: %w", p.name, explain(err))
		}
		for _, role := range page.PolicyRoles {
			err = firstError(err, add(Role, role.RoleName))
		}
		for _, user := range page.PolicyUsers {
			err = firstError(err, add(User, user.UserName))
		}
		for _, group := range page.PolicyGroups {
			err = firstError(err, add(Group, group.GroupName))
		}
		if err != nil {
			return nil, err
		}
	}
	return holders, nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// attachedTo asks, once, which managed policies a holder has.
func (m *managed) attachedTo(ctx context.Context, holder Holder) ([]string, error) {
	if arns, ok := m.attached[holder.String()]; ok {
		return arns, nil
	}
	arns, err := holder.api.attached(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", holder, explain(err))
	}
	m.attached[holder.String()] = arns
	return arns, nil
}

// planAttachment gives a holder the policies that it lacks.
func (m *managed) planAttachment(ctx context.Context, holder Holder) (Change, error) {
	change := Change{Subject: holder.String()}
	attached, err := m.attachedTo(ctx, holder)
	if err != nil {
		return Change{}, err
	}
	var has []string
	count := len(attached)
	for _, p := range m.parts {
		switch {
		case slices.Contains(attached, p.arn):
			has = append(has, p.name)
		case len(p.after) > 0:
			count++
			change.Notes = append(change.Notes, "gets the managed policy "+p.name)
			change.steps = append(change.steps, func(ctx context.Context) error { return holder.api.attach(ctx, p.arn) })
		}
	}
	if len(has) > 0 && len(change.steps) > 0 {
		change.Notes = append(change.Notes, "has "+strings.Join(has, ", ")+" already: together they are one policy")
	}
	if count > defaultAttached && len(change.steps) > 0 {
		change.Notes = append(change.Notes, fmt.Sprintf("will have %d managed policies: IAM attaches %d, or up to %s if AWS was asked for more",
			count, defaultAttached, strconv.Itoa(maxAttached)))
	}
	return change, nil
}
