// Package flagwords puts the flags of the command line in place of the options of the
// library, whose texts name those.
package flagwords

import "strings"

// Replace returns text with the flags.
func Replace(text string) string { return words.Replace(text) }

var words = strings.NewReplacer(
	"behind a tunnel dial the tunnel and name the endpoint with WithEndpoint", "behind a tunnel name the endpoint, and the tunnel with --dial",
	"the endpoint given with rdsiam.WithEndpoint", "ENDPOINT",
	"with rdsiam.WithEndpoint", "as ENDPOINT and what is dialled with --dial",
	"with WithEndpoint", "as ENDPOINT and what is dialled with --dial",
	"rdsiam.WithEndpoint", "--dial",
	"WithEndpoint", "ENDPOINT",
	"with rdsiam.WithRegion", "with --region", "with WithRegion", "with --region", "give WithRegion", "give --region", "WithRegion", "--region",
	"with rdsiam.WithRootCAs", "with --root-cas", "with WithRootCAs", "with --root-cas", "rdsiam.WithRootCAs", "--root-cas", "WithRootCAs", "--root-cas",
	" into the pool", " into that file",
	"this package", "rdsiam",
)
