package doctor

import "context"

// checkRegion says which region signs, and whether other programs on this machine would
// sign for another.
func checkRegion(_ context.Context, c *chart) Result {
	if c.endpoint.IsZero() {
		return skipped("because of endpoint: it has none")
	}
	region := c.endpoint.Region()
	origin := "from the host name"
	if c.Region != "" {
		origin = "from --region"
	}
	if c.aws != nil && c.aws.Region != "" && c.aws.Region != region {
		return warning("%s, %s; the AWS configuration says %s", region, origin, c.aws.Region).
			fix("rdsiam signs for the right one; programs that sign for that of the configuration are refused", "export AWS_REGION="+region)
	}
	return found("%s, %s", region, origin)
}
