package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/smithy-go/logging"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

// loadAWS reads the AWS configuration as the AWS CLI does. Region is that of the calls to
// AWS APIs; empty leaves it to the configuration.
func loadAWS(ctx context.Context, profile, region string) (aws.Config, error) {
	client := awsClient()
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		// That of containers has a client of its own, without a time limit.
		config.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { o.HTTPClient = client }),
		config.WithLogger(logging.Nop{}), // it prints its own retries on standard error
	}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if missing := new(config.SharedConfigProfileNotExistError); errors.As(err, missing) {
		return aws.Config{}, exitStatus{exitAWS, fmt.Errorf("there is no profile %q in the AWS configuration; see aws configure list-profiles", missing.Profile)}
	}
	if err != nil {
		return aws.Config{}, exitStatus{exitAWS, fmt.Errorf("cannot read the AWS configuration: %w", err)}
	}
	return loaded, nil
}

// loadAPI is loadAWS for commands that are nothing without AWS: that there are no credentials
// shows before a call fails for it.
func loadAPI(ctx context.Context, profile, region string) (aws.Config, error) {
	loaded, err := loadAWS(ctx, profile, region)
	if err != nil {
		return aws.Config{}, err
	}
	wait := newCredentialsWait(ctx, loaded)
	defer wait.end()
	if _, err := loaded.Credentials.Retrieve(wait.ctx); err != nil {
		if ctx.Err() != nil {
			return aws.Config{}, fmt.Errorf("interrupted: %w", context.Cause(ctx))
		}
		return aws.Config{}, exitStatus{exitAWS, wait.explain(&rdsapi.NoCredentialsError{Err: err})}
	}
	return loaded, nil
}
