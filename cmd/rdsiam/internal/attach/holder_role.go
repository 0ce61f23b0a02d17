package attach

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rdsiam/rdsiam"
)

// role is the calls for a role.
type role struct {
	client *iam.Client
	name   string
}

func (h role) arn(ctx context.Context) (string, error) {
	output, err := h.client.GetRole(ctx, &iam.GetRoleInput{RoleName: &h.name})
	if err != nil {
		return "", err
	}
	if output.Role == nil {
		return "", errEmpty
	}
	return aws.ToString(output.Role.Arn), nil
}

func (h role) inlineLimit() rdsiam.PolicyLimit { return rdsiam.InlineRoleLimit }

func (h role) inline(ctx context.Context, policy string) (string, error) {
	output, err := h.client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &h.name, PolicyName: &policy})
	if err != nil {
		return "", err
	}
	return aws.ToString(output.PolicyDocument), nil
}

func (h role) putInline(ctx context.Context, policy, document string) error {
	_, err := h.client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &h.name, PolicyName: &policy, PolicyDocument: &document})
	return err
}

func (h role) attached(ctx context.Context) ([]string, error) {
	var arns []string
	pages := iam.NewListAttachedRolePoliciesPaginator(h.client, &iam.ListAttachedRolePoliciesInput{RoleName: &h.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, policy := range page.AttachedPolicies {
			arns = append(arns, aws.ToString(policy.PolicyArn))
		}
	}
	return arns, nil
}

func (h role) attach(ctx context.Context, policyARN string) error {
	_, err := h.client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &h.name, PolicyArn: &policyARN})
	return err
}

func (h role) detach(ctx context.Context, policyARN string) error {
	_, err := h.client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &h.name, PolicyArn: &policyARN})
	return err
}
