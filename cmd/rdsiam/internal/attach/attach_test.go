package attach_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/attach"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/test/fakeaws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func user(t *testing.T, name string) rdsiam.UserARN {
	t.Helper()
	arn, err := rdsiam.Resource{ID: "db-A", Region: "eu-west-1", AccountID: fakeaws.AccountID}.User(name)
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

// Only a policy that is exactly as rdsiam writes it is changed: rewriting any other would lose
// what else it says.
func TestForeignPolicies(t *testing.T) {
	const arn = `"arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-A/app"`
	tests := []struct {
		name, document string
		ours           bool
	}{
		{"as rdsiam writes it", `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "rds-db:connect", "Resource": [` + arn + `]}]}`, true},
		{"written shorter", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["rds-db:connect"], "Resource": ` + arn + `}}`, true},
		{"a pattern", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect", "Resource": "arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-A/${aws:username}"}}`, true},
		{"old version", `{"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect", "Resource": ` + arn + `}}`, false},
		{"id", `{"Version": "2012-10-17", "Id": "x", "Statement": {"Effect": "Allow", "Action": "rds-db:connect", "Resource": ` + arn + `}}`, false},
		{"sid", `{"Version": "2012-10-17", "Statement": {"Sid": "x", "Effect": "Allow", "Action": "rds-db:connect", "Resource": ` + arn + `}}`, false},
		{"deny", `{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "rds-db:connect", "Resource": ` + arn + `}}`, false},
		{"two statements", `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "rds-db:connect", "Resource": ` + arn + `},
			{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}`, false},
		{"another action", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["rds-db:connect", "s3:*"], "Resource": ` + arn + `}}`, false},
		{"condition", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect", "Resource": ` + arn + `,
			"Condition": {"StringEquals": {"aws:PrincipalTag/team": "x"}}}}`, false},
		{"everything", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect", "Resource": "*"}}`, false},
		{"any database", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect", "Resource": "arn:aws:rds-db:*:*:dbuser:*/app"}}`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := fakeaws.Start()
			defer server.Close()
			server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: "app", Inline: map[string]string{"db": test.document}})
			role, err := attach.NewHolder(attach.Role, "app")
			if err != nil {
				t.Fatal(err)
			}
			changes, err := attach.Plan(t.Context(), iam.NewFromConfig(server.Config()), []attach.Holder{role}, attach.Wish{Policy: "db", Users: []rdsiam.UserARN{user(t, "batch")}})
			if (err == nil) != test.ours {
				t.Fatalf("changes %+v, %v", changes, err)
			}
			if test.ours && (len(changes[0].Kept) != 1 || len(changes[0].Added) != 1 || len(changes[0].Removed) != 0 || changes[0].New) {
				t.Errorf("%+v", changes[0])
			}
			if principal, _ := server.Principal("Role", "app"); principal.Inline["db"] != test.document {
				t.Error("the plan changed the policy")
			}
		})
	}
}

func TestNames(t *testing.T) {
	tests := []struct {
		kind attach.Kind
		in   string
		want string // "" for an error
	}{
		{attach.Role, "app", "role app"},
		{attach.Role, "arn:aws:iam::123456789012:role/app", "role app"},
		{attach.Role, "arn:aws:iam::123456789012:role/team/db/app", "role app"},
		{attach.Role, "arn:aws-cn:sts::123456789012:assumed-role/app/i-0abc", "role app"},
		{attach.User, "arn:aws:iam::123456789012:user/sre", "user sre"},
		{attach.Group, "arn:aws:iam::123456789012:group/admins", "group admins"},
		{attach.Role, "", ""},
		{attach.Role, "team/app", ""},
		{attach.Role, "two words", ""},
		{attach.Role, "arn:aws:iam::123456789012", ""},
		{attach.Role, "arn:aws:iam::123456789012:role", ""},
		{attach.Role, "arn:aws:iam::123456789012:user/app", ""},
		{attach.Role, "arn:aws:sts::123456789012:assumed-role/app", ""},
		{attach.User, "arn:aws:sts::123456789012:assumed-role/app/i-0abc", ""},
		{attach.Group, "arn:aws:iam::123456789012:policy/admins", ""},
	}
	for _, test := range tests {
		holder, err := attach.NewHolder(test.kind, test.in)
		if test.want == "" {
			if !errors.As(err, new(*rdsiam.ConfigError)) {
				t.Errorf("%q: %v, %v", test.in, holder, err)
			}
			continue
		}
		if err != nil || holder.String() != test.want {
			t.Errorf("%q: %v, %v, want %s", test.in, holder, err, test.want)
		}
	}
}

// Nothing is changed unless every role, user and group can be.
func TestPlanIsAllOrNothing(t *testing.T) {
	server := fakeaws.Start()
	defer server.Close()
	server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: "app"})
	client := iam.NewFromConfig(server.Config())
	app, err := attach.NewHolder(attach.Role, "app")
	if err != nil {
		t.Fatal(err)
	}
	gone, err := attach.NewHolder(attach.Role, "gone")
	if err != nil {
		t.Fatal(err)
	}
	wish := attach.Wish{Policy: "db", Users: []rdsiam.UserARN{user(t, "app")}}
	if changes, err := attach.Plan(t.Context(), client, []attach.Holder{app, gone}, wish); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("%+v, %v", changes, err)
	}
	if changes, err := attach.PlanManaged(t.Context(), client, []attach.Holder{app, gone}, wish); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("%+v, %v", changes, err)
	}
	for _, action := range server.Actions() {
		if !strings.HasPrefix(action, "iam:Get") {
			t.Errorf("a plan called %s", action)
		}
	}
}

// An answer that has nothing in it is not taken for a policy that is not there, which would
// be overwritten.
func TestEmptyAnswers(t *testing.T) {
	for _, action := range []string{"iam:GetRole", "iam:GetRolePolicy", "iam:GetPolicy", "iam:GetPolicyVersion"} {
		for _, page := range []string{"", "<html>captive portal</html>"} {
			server := fakeaws.Start()
			document := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect", "Resource": "` + user(t, "other").String() + `"}}`
			server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: "app", Inline: map[string]string{"db": document}})
			server.AddPolicy(fakeaws.Policy{Name: "db", Versions: []fakeaws.PolicyVersion{{ID: "v1", Document: document, Default: true}}})
			server.Fail(action, -1, fakeaws.Failure{Status: 200, Page: page})
			client := iam.NewFromConfig(server.Config())
			role, err := attach.NewHolder(attach.Role, "app")
			if err != nil {
				t.Fatal(err)
			}
			wish := attach.Wish{Policy: "db", Users: []rdsiam.UserARN{user(t, "app")}}
			_, inline := attach.Plan(t.Context(), client, []attach.Holder{role}, wish)
			_, managed := attach.PlanManaged(t.Context(), client, []attach.Holder{role}, wish)
			failed := []error{inline, managed}
			switch action {
			case "iam:GetRolePolicy":
				failed = failed[:1]
			case "iam:GetPolicy", "iam:GetPolicyVersion":
				failed = failed[1:]
			}
			for _, err := range failed {
				if err == nil {
					t.Errorf("%s answered %q, and that was taken for an answer", action, page)
				}
			}
			server.Close()
		}
	}
}
