// Package flagwords puts the flags of the command line in place of the options and fields
// of the library, whose texts name those.
package flagwords

import "strings"

// Replace returns text with the flags.
func Replace(text string) string { return words.Replace(text) }

var words = strings.NewReplacer(
	"behind a tunnel dial the tunnel and name the endpoint with WithEndpoint", "behind a tunnel name the endpoint, and the tunnel with --dial",
	"the endpoint given with rdsiam.WithEndpoint", "ENDPOINT",
	"with rdsiam.WithEndpoint", "as ENDPOINT and what is dialed with --dial",
	"with WithEndpoint", "as ENDPOINT and what is dialed with --dial",
	"rdsiam.WithEndpoint", "--dial",
	"WithEndpoint", "ENDPOINT",
	"with rdsiam.WithRegion", "with --region", "with WithRegion", "with --region", "give WithRegion", "give --region", "WithRegion", "--region",
	"with rdsiam.WithRootCAs", "with --root-cas", "with WithRootCAs", "with --root-cas", "rdsiam.WithRootCAs", "--root-cas", "WithRootCAs", "--root-cas",
	" into the pool", " into that file",
	"this package", "rdsiam",

	"provision.Adopt", "--adopt",
	"name in DropOptions.ReassignTo who gets it", "say who gets it with --reassign-to",
	"run a plan with DropOptions.KeepRole first", "run rdsiam provision drop --keep-role first",
	"DropOptions.ReassignTo", "--reassign-to",
	"ReassignTo and KeepRole", "--reassign-to and --keep-role",
	"InSchemas or FutureTablesOf", "--schema or --future-tables-of",
	"apply the plan with provision.Apply", "run rdsiam provision apply --yes",
	"see what provision.Check finds, and revoke that with Account.PlanExact", "see what rdsiam provision check finds, and revoke that with rdsiam provision apply --exact",
	"make the file with provision.PartialRevokes, or ", "",
	"as PlanExact does with what Check finds", "as rdsiam provision apply --exact does",
	"Account.AllowPlaintext", "--allow-plaintext", "Account.Comment", "--comment", "Account.Engine", "--engine", "Account.Grants", "rights",
	"Account.Host", "--host", "Account.MaxConnections", "--max-connections", "Account.MemberOf", "--member-of", "Account.Name", "--user",
	"Account.Reach", "--reach",
)
