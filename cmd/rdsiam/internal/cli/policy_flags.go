package cli

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam"
)

// policyFlags is the flags that say which database users a policy is for.
type policyFlags struct {
	api      apiFlags
	endpoint endpointArgument
	resource string
	account  string
	users    []string
	patterns []string
}

func (p *policyFlags) addTo(command *cobra.Command) {
	flags := command.Flags()
	p.api.addTo(command)
	p.endpoint.addTo(command)
	flags.StringVar(&p.resource, "resource", "", "id of the database, db-…, cluster-… or prx-…, or an ARN with it")
	flags.StringVar(&p.account, "account", "", "account of the database, 12 digits, with --resource ID")
	flags.StringArrayVarP(&p.users, "user", "u", nil, "database user, spelled as the database spells it; may be repeated")
	flags.StringArrayVar(&p.patterns, "user-pattern", nil, "database users by a pattern of IAM: *, ? and variables; may be repeated")
}

// databaseUsers returns the ARNs of the users, of which there is at least one.
func (p *policyFlags) databaseUsers(ctx context.Context, args []string) ([]rdsiam.UserARN, error) {
	if len(p.users)+len(p.patterns) == 0 {
		return nil, usagef("--user is missing: the database user to allow; it may be repeated")
	}
	resource, err := p.database(ctx, args)
	if err != nil {
		return nil, err
	}
	var users []rdsiam.UserARN
	for _, name := range p.users {
		user, err := resource.User(name)
		if err != nil {
			return nil, err
		}
		users = append(users, user)
	}
	for _, pattern := range p.patterns {
		user, err := resource.UserPattern(pattern)
		if err != nil {
			return nil, err
		}
		users = append(users, user)
	}
	return users, nil
}

// database returns the database that the flags name.
func (p *policyFlags) database(ctx context.Context, args []string) (rdsiam.Resource, error) {
	endpoint, err := p.endpoint.find(args)
	if err != nil {
		return rdsiam.Resource{}, err
	}
	switch {
	case endpoint != "" && p.resource != "":
		return rdsiam.Resource{}, usagef("ENDPOINT and --resource name the same thing; give one of them")
	case endpoint == "" && p.resource == "":
		return rdsiam.Resource{}, usagef("give ENDPOINT, the host of the database, as argument or with --endpoint, or --resource, its id")
	case endpoint != "" && p.account != "":
		return rdsiam.Resource{}, usagef("--account is for --resource; the RDS API tells the account of ENDPOINT")
	case endpoint != "":
		db, err := p.api.find(ctx, endpoint)
		if err != nil {
			return rdsiam.Resource{}, err
		}
		return db.Resource, nil
	case strings.HasPrefix(p.resource, "arn:"):
		return p.resourceInARN()
	case p.api.region == "" || p.account == "":
		return rdsiam.Resource{}, usagef("--resource %s needs --region and --account, those of the database", p.resource)
	}
	return rdsiam.Resource{ID: p.resource, Region: p.api.region, AccountID: p.account}, nil
}

// resourceInARN reads the ARN of a database user with or without the user, and that of a
// proxy, which ends with its id. ARNs of instances and clusters have names in place of ids.
func (p *policyFlags) resourceInARN() (rdsiam.Resource, error) {
	parsed, err := arn.Parse(p.resource)
	if err != nil {
		return rdsiam.Resource{}, usagef("--resource %s is not an ARN, which has six parts between colons", p.resource)
	}
	resource := rdsiam.Resource{Region: parsed.Region, AccountID: parsed.AccountID, Partition: parsed.Partition}
	kind, rest, _ := strings.Cut(parsed.Resource, ":")
	switch {
	case parsed.Service == "rds-db" && kind == "dbuser":
		resource.ID, _, _ = strings.Cut(rest, "/")
	case parsed.Service == "rds" && kind == "db-proxy":
		resource.ID = rest
	case parsed.Service == "rds":
		return rdsiam.Resource{}, usagef("--resource %s has the name of the %s, and policies need its id; name its host as ENDPOINT, or give "+
			"DbiResourceId or DbClusterResourceId", p.resource, kind)
	default:
		return rdsiam.Resource{}, usagef("--resource %s is not the ARN of a database user (arn:aws:rds-db:REGION:ACCOUNT:dbuser:ID) or of a proxy", p.resource)
	}
	if given := p.api.region; given != "" && given != resource.Region {
		return rdsiam.Resource{}, usagef("--region %s is not that of --resource, %s; leave it out", given, resource.Region)
	}
	if p.account != "" && p.account != resource.AccountID {
		return rdsiam.Resource{}, usagef("--account %s is not that of --resource, %s; leave it out", p.account, resource.AccountID)
	}
	return resource, nil
}
