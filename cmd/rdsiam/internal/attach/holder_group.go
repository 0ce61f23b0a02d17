package attach

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rdsiam/rdsiam"
)

// group is the calls for a group.
type group struct {
	client *iam.Client
	name   string
}

func (h group) arn(ctx context.Context) (string, error) {
	output, err := h.client.GetGroup(ctx, &iam.GetGroupInput{GroupName: &h.name})
	if err != nil {
		return "", err
	}
	if output.Group == nil {
		return "", errEmpty
	}
	return aws.ToString(output.Group.Arn), nil
}

func (h group) inlineLimit() rdsiam.PolicyLimit { return rdsiam.InlineGroupLimit }

func (h group) inline(ctx context.Context, policy string) (string, error) {
	output, err := h.client.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: &h.name, PolicyName: &policy})
	if err != nil {
		return "", err
	}
	return aws.ToString(output.PolicyDocument), nil
}

func (h group) putInline(ctx context.Context, policy, document string) error {
	_, err := h.client.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: &h.name, PolicyName: &policy, PolicyDocument: &document})
	return err
}

func (h group) attached(ctx context.Context) ([]string, error) {
	var arns []string
	pages := iam.NewListAttachedGroupPoliciesPaginator(h.client, &iam.ListAttachedGroupPoliciesInput{GroupName: &h.name})
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

func (h group) attach(ctx context.Context, policyARN string) error {
	_, err := h.client.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &h.name, PolicyArn: &policyARN})
	return err
}

func (h group) detach(ctx context.Context, policyARN string) error {
	_, err := h.client.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: &h.name, PolicyArn: &policyARN})
	return err
}
