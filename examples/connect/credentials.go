package connect

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rdsiam/rdsiam"
)

// roleTokens signs as a role in the account of the database.
func roleTokens(cfg aws.Config, roleARN string) rdsiam.TokenSource {
	role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), roleARN)
	return rdsiam.NewTokenSource(role)
}

// loadConfig limits how long a credentials service may take: STS and SSO by the first
// option, the container endpoint of ECS and EKS by the second.
func loadConfig(ctx context.Context) (aws.Config, error) {
	client := awshttp.NewBuildableClient().WithTimeout(10 * time.Second)
	return config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(client),
		config.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { o.HTTPClient = client }))
}

// fetchedTokens gets tokens from elsewhere: a sidecar, a vault, another SDK.
func fetchedTokens(fetch func(ctx context.Context, endpoint, user string) (string, error)) rdsiam.TokenSource {
	return rdsiam.TokenSourceFunc(func(ctx context.Context, login rdsiam.Login) (rdsiam.Token, error) {
		text, err := fetch(ctx, login.Endpoint.String(), login.User)
		if err != nil {
			return rdsiam.Token{}, err
		}
		return rdsiam.NewToken(text, time.Time{}), nil // the text says when it expires
	})
}
