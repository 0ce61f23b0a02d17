package flagwords_test

import (
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/flagwords"
)

// The library's own errors are told without its options, which nobody can give in a shell.
func TestReplace(t *testing.T) {
	const host = "prod.abc123.eu-west-1.rds.amazonaws.com:5432"
	for _, tt := range []struct {
		address string
		options []rdsiam.EndpointOption
		want    string
	}{
		{"10.0.0.1:5432", nil, "name the endpoint, and the tunnel with --dial"},
		{"db.example.com:5432", nil, "or give --region to sign this name as it is"},
		{"prod.cluster-custom-abc123.eu-west-1.rds.amazonaws.com:5432", nil, "as ENDPOINT and what is dialled with --dial"},
		{"prod.global-abc123.global.rds.amazonaws.com:5432", nil, "with --region"},
		{host, []rdsiam.EndpointOption{rdsiam.WithRegion("us-east-1")}, `--region "us-east-1": contradicts`},
		{host, []rdsiam.EndpointOption{rdsiam.WithRegion("eu west")}, "leave --region out"},
		{host, []rdsiam.EndpointOption{rdsiam.WithRootCAs(nil)}, "leave --root-cas out"},
	} {
		_, err := rdsiam.ResolveEndpoint(tt.address, 5432, tt.options...)
		if err == nil {
			t.Errorf("%s is accepted", tt.address)
			continue
		}
		if got := flagwords.Replace(err.Error()); !strings.Contains(got, tt.want) || strings.Contains(got, "With") {
			t.Errorf("%s: %s; want %q in it, and no option", tt.address, got, tt.want)
		}
	}
}
