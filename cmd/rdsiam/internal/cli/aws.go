package cli

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// loadAWS reads the AWS configuration as the AWS CLI does. Region is that of the calls to
// AWS APIs; empty leaves it to the configuration.
func loadAWS(ctx context.Context, profile, region string) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, exitStatus{exitAWS, fmt.Errorf("cannot read the AWS configuration: %w", err)}
	}
	return loaded, nil
}
