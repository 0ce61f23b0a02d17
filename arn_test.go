package rdsiam_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
)

const dbID = "db-12ABC34DEFG5HIJ6KLMNOP78QR"

// database is an instance that a test changes as it needs.
func database(change func(*rdsiam.Resource)) rdsiam.Resource {
	r := rdsiam.Resource{ID: dbID, Region: "us-west-2", AccountID: "123456789012"}
	if change != nil {
		change(&r)
	}
	return r
}

func in(partition, region string) rdsiam.Resource {
	return rdsiam.Resource{ID: dbID, Region: region, AccountID: "123456789012", Partition: partition}
}

func withID(id string) rdsiam.Resource {
	return database(func(r *rdsiam.Resource) { r.ID = id })
}

func mustUser(t testing.TB, r rdsiam.Resource, name string) rdsiam.UserARN {
	t.Helper()
	arn, err := r.User(name)
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

func TestUser(t *testing.T) {
	const west = "arn:aws:rds-db:us-west-2:123456789012:dbuser:"
	tests := []struct {
		name     string
		resource rdsiam.Resource
		user     string
		want     string
	}{
		{"instance", database(nil), "david_lu", west + "db-12ABC34DEFG5HIJ6KLMNOP78QR/david_lu"},
		{"cluster", withID("cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I"), "jane_doe", west + "cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I/jane_doe"},
		{"proxy", withID("prx-0abc12def"), "app", west + "prx-0abc12def/app"},
		{"partition given", in("aws", "us-west-2"), "u", west + dbID + "/u"},
		{"China", in("", "cn-north-1"), "u", "arn:aws-cn:rds-db:cn-north-1:123456789012:dbuser:" + dbID + "/u"},
		{"GovCloud", in("aws-us-gov", "us-gov-west-1"), "u", "arn:aws-us-gov:rds-db:us-gov-west-1:123456789012:dbuser:" + dbID + "/u"},
		{"European sovereign cloud", in("", "eusc-de-east-1"), "u", "arn:aws-eusc:rds-db:eusc-de-east-1:123456789012:dbuser:" + dbID + "/u"},
		{"iso", in("", "us-iso-east-1"), "u", "arn:aws-iso:rds-db:us-iso-east-1:123456789012:dbuser:" + dbID + "/u"},
		{"iso-b", in("", "us-isob-east-1"), "u", "arn:aws-iso-b:rds-db:us-isob-east-1:123456789012:dbuser:" + dbID + "/u"},
		{"iso-e", in("", "eu-isoe-west-1"), "u", "arn:aws-iso-e:rds-db:eu-isoe-west-1:123456789012:dbuser:" + dbID + "/u"},
		{"iso-f", in("", "us-isof-south-1"), "u", "arn:aws-iso-f:rds-db:us-isof-south-1:123456789012:dbuser:" + dbID + "/u"},
		{"unknown region of an unknown partition", in("aws-new", "zz-middle-3"), "u", "arn:aws-new:rds-db:zz-middle-3:123456789012:dbuser:" + dbID + "/u"},
		{"wildcards and variables", database(nil), "a*b?c${aws:username}$", west + dbID + "/a${*}b${?}c${$}{aws:username}${$}"},
		{"other signs", database(nil), `é <a&b>/"\:`, west + dbID + `/é <a&b>/"\:`},
		{"edges of what policies hold", database(nil), "a\u00a0ÿ", west + dbID + "/a\u00a0ÿ"},
		{"edges of letters and digits", withID("db-AZ09az"), "u", west + "db-AZ09az/u"},
		{"as long as a name can be", database(nil), strings.Repeat("é", 128), west + dbID + "/" + strings.Repeat("é", 128)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			arn, err := tt.resource.User(tt.user)
			if err != nil {
				t.Fatal(err)
			}
			if arn.String() != tt.want {
				t.Errorf("got %s, want %s", arn, tt.want)
			}
			if name, ok := arn.User(); name != tt.user || !ok {
				t.Errorf("User() = %q, %t", name, ok)
			}
			parsed, err := rdsiam.ParseUserARN(tt.want)
			if err != nil || parsed != arn {
				t.Errorf("parsed %+v, %v; want %+v", parsed, err, arn)
			}
			again, err := arn.Resource().User(tt.user)
			if err != nil || again != arn {
				t.Errorf("made again: %+v, %v", again, err)
			}
		})
	}
	var zero rdsiam.UserARN
	if name, ok := zero.User(); zero.String() != "" || name != "" || ok {
		t.Errorf("the zero UserARN is %q, user %q, %t", zero, name, ok)
	}
}

func TestUserErrors(t *testing.T) {
	account := func(id string) rdsiam.Resource { return database(func(r *rdsiam.Resource) { r.AccountID = id }) }
	tests := []struct {
		name     string
		resource rdsiam.Resource
		user     string
		setting  string
	}{
		{"nothing", rdsiam.Resource{}, "u", "Resource.Region"},
		{"no region", in("aws", ""), "u", "Resource.Region"},
		{"region with a wildcard", in("aws", "us-*-1"), "u", "Resource.Region"},
		{"availability zone", in("aws", "us-east-1a"), "u", "Resource.Region"},
		{"region of another partition", in("aws-cn", "us-east-1"), "u", "Resource.Partition"},
		{"GovCloud region in aws", in("aws", "us-gov-west-1"), "u", "Resource.Partition"},
		{"unknown region without partition", in("", "zz-middle-3"), "u", "Resource.Partition"},
		{"partition of another cloud", in("gcp", "zz-middle-3"), "u", "Resource.Partition"},
		{"partition with a wildcard", in("aws-*", "zz-middle-3"), "u", "Resource.Partition"},
		{"account of 11 digits", account("12345678901"), "u", "Resource.AccountID"},
		{"account of 13 digits", account("1234567890123"), "u", "Resource.AccountID"},
		{"account with hyphens", account("1234-5678-90"), "u", "Resource.AccountID"},
		{"account of other digits", account("١٢٣٤٥٦"), "u", "Resource.AccountID"},
		{"account wildcard", account("*"), "u", "Resource.AccountID"},
		{"name of the database", withID("sre-testing"), "u", "Resource.ID"},
		{"id without text", withID("db-"), "u", "Resource.ID"},
		{"id with a hyphen", withID("db-a-b"), "u", "Resource.ID"},
		{"id wildcard", withID("db-*"), "u", "Resource.ID"},
		{"kind alone", withID("cluster"), "u", "Resource.ID"},
		{"no user", database(nil), "", "user"},
		{"user with NUL", database(nil), "a\x00b", "user"},
		{"user with a line feed", database(nil), "a\nb", "user"},
		{"user with DEL", database(nil), "a\x7fb", "user"},
		{"user with U+0085", database(nil), "a\u0085b", "user"},
		{"user outside Latin-1", database(nil), "пользователь", "user"},
		{"user not UTF-8", database(nil), "\xff", "user"},
		{"user with U+FFFD", database(nil), "\ufffd", "user"},
		{"space in front", database(nil), " u", "user"},
		{"space at the end", database(nil), "u ", "user"},
		{"user too long", database(nil), strings.Repeat("é", 129), "user"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			arn, err := tt.resource.User(tt.user)
			checkConfigError(t, err, tt.setting)
			if arn != (rdsiam.UserARN{}) {
				t.Errorf("got %v as well", arn)
			}
		})
	}
}

func checkConfigError(t *testing.T, err error, setting string) {
	t.Helper()
	var config *rdsiam.ConfigError
	if !errors.As(err, &config) {
		t.Fatalf("got %v, want a ConfigError", err)
	}
	if config.Setting != setting || config.Problem == "" || config.Fix == "" {
		t.Errorf("got %+v, want setting %q", config, setting)
	}
}

func TestUserPattern(t *testing.T) {
	for _, pattern := range []string{"*", "app_?", "${aws:username}", "${aws:PrincipalTag/dbuser, 'app'}", "a${*}*", "a$b*"} {
		arn, err := database(nil).UserPattern(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if name, ok := arn.User(); ok {
			t.Errorf("%s: is the user %q", pattern, name)
		}
		if parsed, err := rdsiam.ParseUserARN(arn.String()); err != nil || parsed != arn || !strings.HasSuffix(arn.String(), "/"+pattern) {
			t.Errorf("%s: parsed %v, %v", pattern, parsed, err)
		}
	}
	literal, err := database(nil).UserPattern("a$b${*}")
	if want := mustUser(t, database(nil), "a$b*"); err != nil || literal != want {
		t.Errorf("a pattern without wildcards is %v, %v; want %v", literal, err, want)
	}
	for _, bad := range []string{"", "${", "${}", "${aws:username", "* ", "ж*", "*\n"} {
		if arn, err := database(nil).UserPattern(bad); err == nil {
			t.Errorf("%q made %v", bad, arn)
		}
	}
}

func TestParseUserARNErrors(t *testing.T) {
	const good = "arn:aws:rds-db:us-west-2:123456789012:dbuser:" + dbID + "/app"
	if _, err := rdsiam.ParseUserARN(good); err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	tests := []struct{ name, text, setting string }{
		{"empty", "", "ARN"},
		{"star", "*", "ARN"},
		{"no arn", replace("arn:", "urn:"), "ARN"},
		{"five parts", "arn:aws:rds-db:us-west-2:123456789012", "ARN"},
		{"the database itself", "arn:aws:rds:us-west-2:123456789012:db:orders", "ARN"},
		{"service wildcard", replace("rds-db", "*"), "ARN"},
		{"slash after dbuser", replace("dbuser:", "dbuser/"), "ARN"},
		{"case of dbuser", replace("dbuser:", "dbUser:"), "ARN"},
		{"no user", replace("/app", ""), "ARN"},
		{"no partition", replace("arn:aws:", "arn::"), "Resource.Partition"},
		{"region and account swapped", replace("us-west-2:123456789012", "123456789012:us-west-2"), "Resource.Region"},
		{"region wildcard", replace("us-west-2", "*"), "Resource.Region"},
		{"account variable", replace("123456789012", "${aws:PrincipalAccount}"), "Resource.AccountID"},
		{"id wildcard", replace(dbID, "*"), "Resource.ID"},
		{"empty user", replace("/app", "/"), "user"},
		{"space before the user", replace("/app", "/ app"), "user"},
		{"open variable", replace("/app", "/${app"), "user pattern"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			arn, err := rdsiam.ParseUserARN(tt.text)
			checkConfigError(t, err, tt.setting)
			if arn != (rdsiam.UserARN{}) {
				t.Errorf("got %v as well", arn)
			}
		})
	}
}

// What is read is written so that it is read as the same; a literal user is spelled
// without a wildcard or variable of the user's making.
func FuzzParseUserARN(f *testing.F) {
	for _, user := range []string{"david_lu", "a*b?c${aws:username}$$", "a${*}", "$${*}", "${aws:PrincipalTag/a:b, 'c'}", "a/b:c", `<"\>`} {
		f.Add("arn:aws:rds-db:us-west-2:123456789012:dbuser:" + dbID + "/" + user)
	}
	f.Add("arn::rds-db:us-west-2:123456789012:dbuser:" + dbID + "/u")
	f.Add("arn:aws:rds-db:${a:b}:123456789012:dbuser:" + dbID + "/u")
	f.Fuzz(func(t *testing.T, text string) {
		arn, err := rdsiam.ParseUserARN(text)
		if err != nil {
			return
		}
		again, err := rdsiam.ParseUserARN(arn.String())
		if err != nil || again != arn {
			t.Fatalf("%q became %q, which became %q, %v", text, arn, again, err)
		}
		name, ok := arn.User()
		if !ok {
			if arn.String() != text {
				t.Fatalf("the pattern %q became %q", text, arn)
			}
			return
		}
		if literal, err := arn.Resource().User(name); err != nil || literal != arn {
			t.Fatalf("%q names %q, which makes %q, %v", text, name, literal, err)
		}
		rest := strings.NewReplacer("${*}", "", "${?}", "", "${$}", "").Replace(arn.String())
		if strings.ContainsAny(rest, "*?$") {
			t.Fatalf("the user %q is spelled %q", name, arn)
		}
	})
}

// Policies of Aurora DSQL name clusters and no users.
func TestResourcesOfDSQL(t *testing.T) {
	cluster := rdsiam.Resource{ID: "abcdefghijklmnopqrstuvwxyz", Region: "us-east-1", AccountID: "123456789012"}
	_, ofID := cluster.User("app")
	_, ofARN := rdsiam.ParseUserARN("arn:aws:dsql:us-east-1:123456789012:cluster/abcdefghijklmnopqrstuvwxyz")
	for code, err := range map[string]error{"resource-of-dsql": ofID, "arn-service": ofARN} {
		var refused *rdsiam.ConfigError
		if !errors.As(err, &refused) || refused.Code != code || !strings.Contains(refused.Error(), "Aurora DSQL") {
			t.Errorf("want %s: %v", code, err)
		}
	}
}
