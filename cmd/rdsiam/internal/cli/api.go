package cli

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

// apiFlags is the flags of commands that ask AWS about a database and do not log in to it.
type apiFlags struct {
	region  string
	profile string
}

func (f *apiFlags) addTo(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.region, "region", "", "AWS region, where the host name does not tell it")
	flags.StringVar(&f.profile, "profile", "", "profile of the AWS configuration (default $AWS_PROFILE)")
}

// find asks the RDS API what is behind host or host:port.
func (f *apiFlags) find(ctx context.Context, host string) (*rdsapi.Database, error) {
	db, _, err := f.findWithConfig(ctx, host)
	return db, err
}

// findWithConfig also returns the configuration with which it asked.
func (f *apiFlags) findWithConfig(ctx context.Context, host string) (*rdsapi.Database, aws.Config, error) {
	var options []rdsiam.EndpointOption
	if f.region != "" {
		options = append(options, rdsiam.WithRegion(f.region))
	}
	// The API does not care about the port.
	endpoint, err := rdsiam.ResolveEndpoint(host, postgreSQL.port(), options...)
	if err != nil {
		return nil, aws.Config{}, err
	}
	config, err := loadAPI(ctx, f.profile, endpoint.Region())
	if err != nil {
		return nil, aws.Config{}, err
	}
	db, err := rdsapi.Find(ctx, config, endpoint)
	if errors.As(err, new(*rdsapi.NotFoundError)) || errors.As(err, new(*rdsapi.UnsupportedError)) {
		err = usageError{err}
	}
	return db, config, err
}
