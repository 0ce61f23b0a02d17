package attach

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rdsiam/rdsiam"
)

// calls is what IAM calls the same things for a role, a user and a group.
type calls struct {
	inlineLimit rdsiam.PolicyLimit

	arn       func(ctx context.Context, client *iam.Client, name string) (string, error)
	inline    func(ctx context.Context, client *iam.Client, name, policy string) (document string, err error)
	putInline func(ctx context.Context, client *iam.Client, name, policy, document string) error
	attach    func(ctx context.Context, client *iam.Client, name, policyARN string, o ...func(*iam.Options)) error

	// attached picks the names out of an answer of ListEntitiesForPolicy.
	attached func(*iam.ListEntitiesForPolicyOutput) (names []string)
}

var callsOf = map[Kind]calls{
	Role: {
		inlineLimit: rdsiam.InlineRoleLimit,
		arn: func(ctx context.Context, client *iam.Client, name string) (string, error) {
			output, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
			if err != nil || output.Role == nil {
				return "", orEmpty(err)
			}
			return aws.ToString(output.Role.Arn), nil
		},
		inline: func(ctx context.Context, client *iam.Client, name, policy string) (string, error) {
			output, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &policy})
			if err != nil {
				return "", err
			}
			return aws.ToString(output.PolicyDocument), nil
		},
		putInline: func(ctx context.Context, client *iam.Client, name, policy, document string) error {
			_, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &policy, PolicyDocument: &document})
			return err
		},
		attach: func(ctx context.Context, client *iam.Client, name, policyARN string, o ...func(*iam.Options)) error {
			_, err := client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &policyARN}, o...)
			return err
		},
		attached: func(page *iam.ListEntitiesForPolicyOutput) []string {
			return namesOf(page.PolicyRoles, func(role types.PolicyRole) *string { return role.RoleName })
		},
	},
	User: {
		inlineLimit: rdsiam.InlineUserLimit,
		arn: func(ctx context.Context, client *iam.Client, name string) (string, error) {
			output, err := client.GetUser(ctx, &iam.GetUserInput{UserName: &name})
			if err != nil || output.User == nil {
				return "", orEmpty(err)
			}
			return aws.ToString(output.User.Arn), nil
		},
		inline: func(ctx context.Context, client *iam.Client, name, policy string) (string, error) {
			output, err := client.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &name, PolicyName: &policy})
			if err != nil {
				return "", err
			}
			return aws.ToString(output.PolicyDocument), nil
		},
		putInline: func(ctx context.Context, client *iam.Client, name, policy, document string) error {
			_, err := client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: &policy, PolicyDocument: &document})
			return err
		},
		attach: func(ctx context.Context, client *iam.Client, name, policyARN string, o ...func(*iam.Options)) error {
			_, err := client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &policyARN}, o...)
			return err
		},
		attached: func(page *iam.ListEntitiesForPolicyOutput) []string {
			return namesOf(page.PolicyUsers, func(user types.PolicyUser) *string { return user.UserName })
		},
	},
	Group: {
		inlineLimit: rdsiam.InlineGroupLimit,
		arn: func(ctx context.Context, client *iam.Client, name string) (string, error) {
			output, err := client.GetGroup(ctx, &iam.GetGroupInput{GroupName: &name})
			if err != nil || output.Group == nil {
				return "", orEmpty(err)
			}
			return aws.ToString(output.Group.Arn), nil
		},
		inline: func(ctx context.Context, client *iam.Client, name, policy string) (string, error) {
			output, err := client.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: &name, PolicyName: &policy})
			if err != nil {
				return "", err
			}
			return aws.ToString(output.PolicyDocument), nil
		},
		putInline: func(ctx context.Context, client *iam.Client, name, policy, document string) error {
			_, err := client.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: &name, PolicyName: &policy, PolicyDocument: &document})
			return err
		},
		attach: func(ctx context.Context, client *iam.Client, name, policyARN string, o ...func(*iam.Options)) error {
			_, err := client.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &name, PolicyArn: &policyARN}, o...)
			return err
		},
		attached: func(page *iam.ListEntitiesForPolicyOutput) []string {
			return namesOf(page.PolicyGroups, func(group types.PolicyGroup) *string { return group.GroupName })
		},
	},
}

func namesOf[T any](entities []T, name func(T) *string) []string {
	names := make([]string, len(entities))
	for i, entity := range entities {
		names[i] = aws.ToString(name(entity))
	}
	return names
}

// orEmpty returns the error for an answer without what it has to have.
func orEmpty(err error) error {
	if err != nil {
		return err
	}
	return errEmpty
}
