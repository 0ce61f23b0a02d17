package attach

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rdsiam/rdsiam"
)

// user is the calls for a IAM user.
type user struct {
	client *iam.Client
	name   string
}

func (h user) arn(ctx context.Context) (string, error) {
	output, err := h.client.GetUser(ctx, &iam.GetUserInput{UserName: &h.name})
	if err != nil {
		return "", err
	}
	if output.User == nil {
		return "", errEmpty
	}
	return aws.ToString(output.User.Arn), nil
}

func (h user) inlineLimit() rdsiam.PolicyLimit { return rdsiam.InlineUserLimit }

func (h user) inline(ctx context.Context, policy string) (string, error) {
	output, err := h.client.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &h.name, PolicyName: &policy})
	if err != nil {
		return "", err
	}
	return aws.ToString(output.PolicyDocument), nil
}

func (h user) putInline(ctx context.Context, policy, document string) error {
	_, err := h.client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &h.name, PolicyName: &policy, PolicyDocument: &document})
	return err
}

func (h user) attached(ctx context.Context) ([]string, error) {
	var arns []string
	pages := iam.NewListAttachedUserPoliciesPaginator(h.client, &iam.ListAttachedUserPoliciesInput{UserName: &h.name})
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

func (h user) attach(ctx context.Context, policyARN string) error {
	_, err := h.client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &h.name, PolicyArn: &policyARN})
	return err
}

func (h user) detach(ctx context.Context, policyARN string) error {
	_, err := h.client.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &h.name, PolicyArn: &policyARN})
	return err
}
