package iampolicy_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	connect = "rds-db:connect"
	appARN  = "arn:aws:rds-db:us-east-1:123456789012:dbuser:db-ABCDEFGHIJKL01234/app"
)

// allow is a policy with one statement that allows connect; elements is the
// rest of the statement.
func allow(elements string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"rds-db:connect",` + elements + `}]}`
}

func evaluate(t *testing.T, request iampolicy.Request, documents ...string) iampolicy.Decision {
	t.Helper()
	var policies []*iampolicy.Document
	for _, document := range documents {
		policy, err := iampolicy.Parse(document)
		if err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		policies = append(policies, policy)
	}
	return iampolicy.Evaluate(policies, request)
}

func TestResource(t *testing.T) {
	arn := func(user string) string { return strings.TrimSuffix(appARN, "app") + user }
	tests := []struct {
		name     string
		resource string // JSON
		user     string // the request's; "" is app
		want     bool
	}{
		{name: "exact", resource: `"` + appARN + `"`, want: true},
		{name: "array", resource: `["arn:aws:s3:::bucket","` + appARN + `"]`, want: true},
		{name: "star", resource: `"*"`, want: true},
		{name: "other user", resource: `"` + arn("app2") + `"`},
		{name: "case of the user", resource: `"` + arn("App") + `"`},
		{name: "any user", resource: `"` + arn("*") + `"`, want: true},
		{name: "any user of any resource", resource: `"arn:aws:rds-db:us-east-1:123456789012:dbuser:*/*"`, want: true},
		{name: "user of any resource", resource: `"arn:aws:rds-db:us-east-1:123456789012:dbuser:*/app"`, want: true},
		{name: "any region and account", resource: `"arn:aws:rds-db:*:*:dbuser:db-ABCDEFGHIJKL01234/app"`, want: true},
		{name: "other region", resource: `"arn:aws:rds-db:us-west-2:123456789012:dbuser:*/app"`},
		{name: "other account", resource: `"arn:aws:rds-db:us-east-1:999999999999:dbuser:*/app"`},
		{name: "other partition", resource: `"arn:aws-cn:rds-db:us-east-1:123456789012:dbuser:*/app"`},
		{name: "slash for colon after dbuser", resource: `"arn:aws:rds-db:us-east-1:123456789012:dbuser/db-ABCDEFGHIJKL01234/app"`},
		{name: "rds for rds-db", resource: `"arn:aws:rds:us-east-1:123456789012:dbuser:db-ABCDEFGHIJKL01234/app"`},
		{name: "one character", resource: `"` + arn("a?p") + `"`, want: true},
		{name: "one character is not none", resource: `"` + arn("ap?p") + `"`},
		{name: "one character at the end is not none", resource: `"` + arn("app?") + `"`},
		{name: "one character is not two", resource: `"` + arn("a?") + `"`},
		{name: "one character of several bytes", resource: `"` + arn("?") + `"`, user: "é", want: true},
		{name: "backtracking", resource: `"` + arn("a*a*b") + `"`, user: "aaxaxxb", want: true},
		{name: "backtracking in vain", resource: `"` + arn("a*a*b") + `"`, user: "aaxaxxc"},
		{name: "star matches nothing", resource: `"` + arn("app*") + `"`, want: true},
		{name: "star stays within its part", resource: `"arn:aws:rds-db:us-east-1:*:dbuser:db-ABCDEFGHIJKL01234/app:x"`,
			user: "app:x", want: true},
		{name: "star for the account and the rest", resource: `"arn:aws:rds-db:us-east-1:*"`, want: true},
		{name: "star for the region and the rest", resource: `"arn:aws:rds-db:*"`, want: true},
		{name: "star for the rest of another region", resource: `"arn:aws:rds-db:us-west-1:*"`},
		{name: "star for the rest of another service", resource: `"arn:aws:rds:*"`},
		{name: "star does not span parts", resource: `"arn:aws:*:123456789012:dbuser:x:db-ABCDEFGHIJKL01234/app"`},
		{name: "escaped star is a star", resource: `"` + arn("a${*}") + `"`, user: "a*", want: true},
		{name: "escaped star is no wildcard", resource: `"` + arn("a${*}") + `"`},
		{name: "escaped question mark is one", resource: `"` + arn("a${?}p") + `"`, user: "a?p", want: true},
		{name: "escaped question mark is no wildcard", resource: `"` + arn("a${?}p") + `"`},
		{name: "escaped dollar", resource: `"` + arn("a${$}{b}") + `"`, user: "a${b}", want: true},
		{name: "lone dollar", resource: `"` + arn("a$b") + `"`, user: "a$b", want: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			user := test.user
			if user == "" {
				user = "app"
			}
			request := iampolicy.Request{Action: connect, Resource: arn(user)}
			got := evaluate(t, request, allow(`"Resource":`+test.resource))
			if got.Allowed != test.want {
				t.Errorf("allowed = %t, want %t (%s)", got.Allowed, test.want, got.Reason)
			}
		})
	}
}

func TestAction(t *testing.T) {
	tests := []struct {
		name, action string // action as JSON members
		want         bool
	}{
		{"exact", `"Action":"rds-db:connect"`, true},
		{"case", `"Action":"RDS-DB:Connect"`, true},
		{"array", `"Action":["s3:GetObject","rds-db:connect"]`, true},
		{"service", `"Action":"rds-db:*"`, true},
		{"wildcard", `"Action":"rds-db:c?nn*"`, true},
		{"all", `"Action":"*"`, true},
		{"rds for rds-db", `"Action":"rds:connect"`, false},
		{"another", `"Action":"rds-db:other"`, false},
		{"not another", `"NotAction":["iam:*","s3:*"]`, true},
		{"not this one", `"NotAction":"rds-db:*"`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow",` + test.action + `,"Resource":"*"}}`
			got := evaluate(t, iampolicy.Request{Action: connect, Resource: appARN}, document)
			if got.Allowed != test.want {
				t.Errorf("allowed = %t, want %t (%s)", got.Allowed, test.want, got.Reason)
			}
		})
	}
}

func TestEffect(t *testing.T) {
	const (
		allowAll  = `{"Version":"2012-10-17","Statement":{"Sid":"Open","Effect":"Allow","Action":"*","Resource":"*"}}`
		denyApp   = `{"Version":"2012-10-17","Statement":{"Sid":"No","Effect":"Deny","Action":"rds-db:connect","Resource":"` + appARN + `"}}`
		denyOther = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"rds-db:connect","Resource":"arn:aws:rds-db:*:*:dbuser:*/other"}}`
		notApp    = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","NotResource":"` + appARN + `"}}`
		notOther  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","NotResource":"arn:aws:rds-db:*:*:dbuser:*/other"}}`
	)
	tests := []struct {
		name       string
		documents  []string
		want       bool
		wantReason string
	}{
		{"no policy", nil, false, "no statement allows"},
		{"allow", []string{allowAll}, true, `statement "Open" allows`},
		{"deny wins", []string{allowAll, denyApp}, false, `statement "No" denies`},
		{"deny wins in any order", []string{denyApp, allowAll}, false, `statement "No" denies`},
		{"deny of something else", []string{denyOther, allowAll}, true, `statement "Open" allows`},
		{"deny alone allows nothing", []string{denyOther}, false, "no statement allows"},
		{"NotResource of this one", []string{notApp}, false, "no statement allows"},
		{"NotResource of another", []string{notOther}, true, "statement 1 allows"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := evaluate(t, iampolicy.Request{Action: connect, Resource: appARN}, test.documents...)
			if got.Allowed != test.want || !strings.Contains(got.Reason, test.wantReason) {
				t.Errorf("decision = %t %q, want %t %q", got.Allowed, got.Reason, test.want, test.wantReason)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	dbuser := strings.TrimSuffix(appARN, "app")
	tests := []struct {
		name     string
		document string
		user     string // in the resource
		want     bool
	}{
		{"variable", allow(`"Resource":"` + dbuser + `${aws:username}"`), "app", true},
		{"another value", allow(`"Resource":"` + dbuser + `${aws:username}"`), "other", false},
		{"case of the key", allow(`"Resource":"` + dbuser + `${AWS:UserName}"`), "app", true},
		{"tag", allow(`"Resource":"` + dbuser + `${aws:PrincipalTag/dbuser}"`), "tag*", true},
		{"no wildcards in a value", allow(`"Resource":"` + dbuser + `${aws:PrincipalTag/dbuser}"`), "tagged", false},
		{"no value", allow(`"Resource":"` + dbuser + `${aws:PrincipalTag/none}"`), "app", false},
		{"no value, another resource", allow(`"Resource":["` + dbuser + `${aws:PrincipalTag/none}","*"]`), "app", true},
		{"default", allow(`"Resource":"` + dbuser + `${aws:PrincipalTag/none, 'app'}"`), "app", true},
		{"default not needed", allow(`"Resource":"` + dbuser + `${aws:username, 'other'}"`), "app", true},
		{"no value in NotResource", allow(`"NotResource":"` + dbuser + `${aws:PrincipalTag/none}"`), "app", false},
		{"NotResource", allow(`"NotResource":"` + dbuser + `${aws:username}"`), "other", true},
		{"old version has none", strings.Replace(allow(`"Resource":"`+dbuser+`${aws:username}"`), "2012-10-17", "2008-10-17", 1), "app", false},
		{"old version has none in conditions", strings.Replace(allow(`"Resource":"*","Condition":{"StringEquals":{"aws:username":"${aws:username}"}}`), "2012-10-17", "2008-10-17", 1), "app", false},
		{"no version has none", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + dbuser + `${aws:username}"}}`, "app", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := evaluate(t, iampolicy.Request{Action: connect, Resource: dbuser + test.user, Context: map[string]string{
				"aws:username":            "app",
				"aws:PrincipalTag/dbuser": "tag*",
			}, Absent: []string{"aws:PrincipalTag/"}}, test.document)
			if got.Allowed != test.want {
				t.Errorf("allowed = %t, want %t (%s)", got.Allowed, test.want, got.Reason)
			}
		})
	}
}

// Of several conditions that do not hold, the same one is told each time; of several
// statements that allow, the first.
func TestDecisionIsTheSameEachTime(t *testing.T) {
	request := iampolicy.Request{Action: connect, Resource: appARN, Context: map[string]string{"aws:username": "app", "aws:userid": "id"}}
	conditions := allow(`"Resource":"*","Condition":{"StringLike":{"aws:username":"x"},"StringEquals":{"aws:username":"x","aws:userid":"x"}}`)
	several := `{"Version":"2012-10-17","Statement":[{"Sid":"First","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"Second","Effect":"Allow","Action":"*","Resource":"*"}]}`
	for range 30 {
		if got := evaluate(t, request, conditions).Notes; len(got) != 1 || got[0] != "statement 1: condition StringEquals aws:userid does not hold" {
			t.Fatalf("notes = %q", got)
		}
		if got := evaluate(t, request, several).Reason; !strings.HasPrefix(got, `statement "First" allows`) {
			t.Fatalf("reason = %q", got)
		}
	}
}

// A resource that is no ARN is allowed by * alone.
func TestResourceOfAnotherKind(t *testing.T) {
	request := iampolicy.Request{Action: connect, Resource: "arn:aws"}
	if got := evaluate(t, request, allow(`"Resource":"`+appARN+`"`)); got.Allowed {
		t.Errorf("decision = %+v", got)
	}
	if got := evaluate(t, request, allow(`"Resource":"*"`)); !got.Allowed {
		t.Errorf("decision = %+v", got)
	}
}

// Why a statement with a variable did not match is told.
func TestVariableWithoutValueIsTold(t *testing.T) {
	document := allow(`"Resource":"arn:aws:rds-db:*:*:dbuser:*/${aws:username}"`)
	for _, test := range []struct {
		absent []string
		want   string
	}{
		{[]string{"aws:username"}, "policy variable aws:username has no value"},
		{nil, "is undecided: the value of policy variable aws:username is not known"},
	} {
		got := evaluate(t, iampolicy.Request{Action: connect, Resource: appARN, Absent: test.absent}, document)
		if got.Allowed || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], test.want) {
			t.Errorf("decision = %+v, want a note %q", got, test.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	statement := func(elements string) string { return `{"Statement":{` + elements + `}}` }
	tests := []struct{ name, document, want string }{
		{"empty", ``, "the document is empty"},
		{"cut off", `{"Statement":`, "not JSON"},
		{"array", `[]`, "not a JSON object"},
		{"text behind", allow(`"Resource":"*"`) + `x`, "text after"},
		{"second document", allow(`"Resource":"*"`) + `{}`, "text after"},
		{"not closed", strings.TrimSuffix(allow(`"Resource":"*"`), "}"), "not JSON"},
		{"key is no text", `{"Version":"2012-10-17",x}`, "not JSON"},
		{"no statement", `{"Version":"2012-10-17"}`, "no Statement"},
		{"no statements", `{"Version":"2012-10-17","Statement":[]}`, "empty list"},
		{"statement is text", `{"Statement":"Allow"}`, "not a JSON object"},
		{"statement is null", `{"Statement":null}`, "not a JSON object"},
		{"version", `{"Version":"2012-10-18","Statement":[]}`, `write "2012-10-17"`},
		{"version is a number", `{"Version":2012,"Statement":[]}`, "Version is not a string"},
		{"spelling", `{"statement":[]}`, `unknown element "statement"`},
		{"twice", `{"Statement":[],"Statement":[]}`, "given twice"},
		{"name is a number", statement(`"Sid":5,"Effect":"Allow","Action":"*","Resource":"*"`), "Sid is not a string"},
		{"effect is a number", statement(`"Effect":5,"Action":"*","Resource":"*"`), "Effect is not a string"},
		{"no effect", statement(`"Action":"*","Resource":"*"`), "no Effect"},
		{"effect", statement(`"Effect":"allow","Action":"*","Resource":"*"`), "write Allow or Deny"},
		{"no action", statement(`"Effect":"Allow","Resource":"*"`), "no Action"},
		{"both actions", statement(`"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"`), "both Action and NotAction"},
		{"action without service", statement(`"Effect":"Allow","Action":"connect","Resource":"*"`), "service:action"},
		{"action is null", statement(`"Effect":"Allow","Action":null,"Resource":"*"`), "not a string"},
		{"action has a number", statement(`"Effect":"Allow","Action":["*",1],"Resource":"*"`), "not a string"},
		{"no resource", statement(`"Effect":"Allow","Action":"*"`), "no Resource"},
		{"no resources", statement(`"Effect":"Allow","Action":"*","Resource":[]`), "empty list"},
		{"resource is no ARN", statement(`"Effect":"Allow","Action":"*","Resource":"db-ABC/app"`), "an ARN"},
		{"resource begins with a star", statement(`"Effect":"Allow","Action":"*","Resource":"*/app"`), "an ARN"},
		{"resource is empty", statement(`"Effect":"Allow","Action":"*","Resource":""`), "an ARN"},
		{"ARN of another scheme", statement(`"Effect":"Allow","Action":"*","Resource":"urn:aws:rds-db:a:b:c"`), "an ARN"},
		{"action begins with a star", statement(`"Effect":"Allow","Action":"*connect","Resource":"*"`), "service:action"},
		{"short ARN", statement(`"Effect":"Allow","Action":"*","Resource":"arn:aws:rds-db:us-east-1"`), "an ARN"},
		{"short ARN with a * for the service", statement(`"Effect":"Allow","Action":"*","Resource":"arn:aws:*"`), "an ARN"},
		{"short ARN with a user", statement(`"Effect":"Allow","Action":"*","Resource":"arn:aws:rds-db:*/app"`), "an ARN"},
		{"principal", statement(`"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"`), `unknown element "Principal"`},
		{"open variable", allow(`"Resource":"` + appARN + `${aws:username"`), "not closed"},
		{"variable without key", allow(`"Resource":"` + appARN + `${}"`), "no valid key"},
		{"default without quotes", allow(`"Resource":"` + appARN + `${aws:username, x}"`), "single quotes"},
		{"condition is text", allow(`"Resource":"*","Condition":"x"`), "not a JSON object"},
		{"operator is text", allow(`"Resource":"*","Condition":{"StringEquals":"x"}`), "not a JSON object"},
		{"condition value", allow(`"Resource":"*","Condition":{"StringEquals":{"aws:username":null}}`), "statement 1: Condition StringEquals aws:username is neither a text"},
		{"condition value is an object", allow(`"Resource":"*","Condition":{"StringEquals":{"aws:username":[{}]}}`), "is neither a text"},
		{"key given twice in a condition", allow(`"Resource":"*","Condition":{"StringEquals":{"aws:username":"a","aws:username":"b"}}`), `"aws:username" is given twice`},
		{"comma at the end", `{"Statement":{"Effect":"Allow","Action":"*","Resource":["*",]}}`, "not JSON"},
		{"no comma", `{"Statement":{"Effect":"Allow" "Action":"*","Resource":"*"}}`, "not JSON"},
		{"number for a key", `{1:2}`, "not JSON"},
		{"deep", `{"Statement":` + strings.Repeat("[", 1_000_000), "brackets"},
		{"condition variable", allow(`"Resource":"*","Condition":{"StringEquals":{"aws:username":"${"}}`), "not closed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := iampolicy.Parse(test.document)
			var parse *iampolicy.ParseError
			if !errors.As(err, &parse) {
				t.Fatalf("error = %v, want a ParseError", err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %q, want it to say %q", err, test.want)
			}
		})
	}
}

func TestParseErrorUnwrap(t *testing.T) {
	_, err := iampolicy.Parse(`{"Statement":x}`)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) || !strings.Contains(err.Error(), syntax.Error()) {
		t.Errorf("error = %v, want one that wraps the JSON decoder's", err)
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add(allow(`"Resource":"*"`), "app", "app")
	f.Add(allow(`"Resource":"arn:aws:rds-db:*:*:dbuser:*/${aws:username}"`), "app", "a*p")
	f.Add(allow(`"NotResource":["arn:a:b:c:d:e${*}${?}${$}","arn:::::${aws:username, 'x'}"]`), "${aws:username}", "")
	f.Add(`{"Statement":[{"Sid":"x","Effect":"Deny","NotAction":["a:b"],"Resource":"arn:*:*:*:*:*"}]}`, "*", "?")
	f.Add(allow(`"Resource":"arn:aws:rds-db:*","Condition":{"ForAllValues:ArnNotLikeIfExists":{"aws:username":"arn:*"},"DateLessThan":{"aws:username":1}}`), "a", "1")
	f.Add(allow(`"Resource":"*","Condition":{"StringLike":{"aws:username":["*","${aws:username}"]},"Null":{"x":[1]}}`), "a", "b")
	f.Fuzz(func(t *testing.T, document, user, name string) {
		policy, err := iampolicy.Parse(document)
		if err != nil {
			var parse *iampolicy.ParseError
			if !errors.As(err, &parse) {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		plain := strings.TrimPrefix(document, "\ufeff")
		if !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(plain)), "%7B") && !json.Valid([]byte(plain)) {
			t.Error("read, and is not JSON")
		}
		request := iampolicy.Request{
			Action:   connect,
			Resource: strings.TrimSuffix(appARN, "app") + user,
			Context:  map[string]string{"aws:username": name},
		}
		first := iampolicy.Evaluate([]*iampolicy.Document{policy}, request)
		unknown := request
		unknown.Context = nil
		if iampolicy.Evaluate([]*iampolicy.Document{policy}, unknown).Allowed {
			absent := unknown
			absent.Absent = []string{"aws:username"}
			if !first.Allowed || !iampolicy.Evaluate([]*iampolicy.Document{policy}, absent).Allowed {
				t.Error("allowed with less known")
			}
		}
		if again, err := iampolicy.Parse(string(policy.Indented())); err != nil || iampolicy.Evaluate([]*iampolicy.Document{again}, request).Allowed != first.Allowed {
			t.Errorf("written and read: %v\n%s", err, policy.Indented())
		}
		if again := iampolicy.Evaluate([]*iampolicy.Document{policy}, request); again.Allowed != first.Allowed {
			t.Error("two evaluations differ")
		}
		denyAll, err := iampolicy.Parse(`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)
		if err != nil {
			t.Fatal(err)
		}
		if iampolicy.Evaluate([]*iampolicy.Document{policy, denyAll}, request).Allowed {
			t.Error("allowed in spite of an explicit Deny")
		}
	})
}
