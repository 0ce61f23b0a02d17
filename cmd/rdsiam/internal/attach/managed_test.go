package attach_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/attach"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/test/fakeaws"
)

// account is an AWS account whose roles get the managed policy "db".
type account struct {
	*testing.T
	server *fakeaws.Server
	client *iam.Client
}

func newAccount(t *testing.T, roles ...string) account {
	t.Helper()
	server := fakeaws.Start()
	t.Cleanup(server.Close)
	server.SetPageSize(3)
	for _, role := range roles {
		server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: role})
	}
	return account{t, server, iam.NewFromConfig(server.Config())}
}

// usersOf returns so many users of a database.
func (a account) usersOf(database string, count int) []rdsiam.UserARN {
	a.Helper()
	users := make([]rdsiam.UserARN, count)
	for i := range users {
		var err error
		resource := rdsiam.Resource{ID: database, Region: "eu-west-1", AccountID: fakeaws.AccountID}
		if users[i], err = resource.User(fmt.Sprintf("%s_user_%03d", strings.ToLower(database), i)); err != nil {
			a.Fatal(err)
		}
	}
	return users
}

func (a account) plan(wish attach.Wish, roles ...string) ([]attach.Change, error) {
	a.Helper()
	var holders []attach.Holder
	for _, name := range roles {
		holder, err := attach.Role(a.client, name)
		if err != nil {
			a.Fatal(err)
		}
		holders = append(holders, holder)
	}
	if wish.Policy == "" {
		wish.Policy = "db"
	}
	return attach.PlanManaged(a.Context(), a.client, holders, wish)
}

// apply plans, applies, and looks that a second run would do nothing. On the way no role
// loses a user that it keeps in the end.
func (a account) apply(wish attach.Wish, roles ...string) []attach.Change {
	a.Helper()
	changes, err := a.plan(wish, roles...)
	if err != nil {
		a.Fatal(err)
	}
	names := []string{"app", "other"}
	before := make(map[string][]rdsiam.UserARN)
	all := slices.Concat(a.usersOf("db-A", 200), a.usersOf("db-B", 100))
	for _, name := range names {
		before[name] = a.allowed(name, all)
	}
	for _, change := range changes {
		if err := change.Apply(a.Context()); err != nil {
			a.Fatal(err)
		}
		for _, name := range names {
			stay := slices.DeleteFunc(slices.Clone(before[name]), func(user rdsiam.UserARN) bool { return wish.Replace && !slices.Contains(wish.Users, user) })
			if got := a.allowed(name, stay); len(got) != len(stay) {
				a.Errorf("after the change of %s the role %s may log in as %d users in place of %d", change.Subject, name, len(got), len(stay))
			}
		}
	}
	again, err := a.plan(wish, roles...)
	if err != nil {
		a.Fatal(err)
	}
	for _, change := range again {
		if !change.IsEmpty() {
			a.Errorf("a second run would change %+v", change)
		}
	}
	return changes
}

// allowed returns those of the users as which a role may log in.
func (a account) allowed(role string, users []rdsiam.UserARN) []rdsiam.UserARN {
	a.Helper()
	principal, _ := a.server.Principal("Role", role)
	documents := ""
	for _, arn := range principal.Attached {
		documents += a.document(arn)
	}
	return slices.DeleteFunc(slices.Clone(users), func(user rdsiam.UserARN) bool { return !strings.Contains(documents, `"`+user.String()+`"`) })
}

// document returns the version of a policy that counts. Those of this test have nothing in
// them but a list of users.
func (a account) document(arn string) string {
	a.Helper()
	stored, ok := a.server.Policy(arn)
	if !ok {
		a.Fatalf("there is no policy %s", arn)
	}
	for _, version := range stored.Versions {
		if version.Default {
			return version.Document
		}
	}
	a.Fatalf("%s has no version that counts", arn)
	return ""
}

// attached returns the names of the managed policies of a role.
func (a account) attached(role string) []string {
	principal, _ := a.server.Principal("Role", role)
	var names []string
	for _, arn := range principal.Attached {
		names = append(names, arn[strings.LastIndexByte(arn, '/')+1:])
	}
	slices.Sort(names)
	return names
}

func (a account) hasAttached(role string, want ...string) {
	a.Helper()
	if got := a.attached(role); !slices.Equal(got, want) {
		a.Errorf("%s has %q, want %q", role, got, want)
	}
}

func (a account) allows(role string, users []rdsiam.UserARN) {
	a.Helper()
	if got := len(a.allowed(role, users)); got != len(users) {
		a.Errorf("%s may log in as %d of %d users", role, got, len(users))
	}
}

func touched(changes []attach.Change) string {
	var subjects []string
	for _, change := range changes {
		if !change.IsEmpty() {
			subjects = append(subjects, change.Subject)
		}
	}
	return strings.Join(subjects, ", ")
}

// What is too long for one managed policy becomes several, which all get. Whoever had the
// one before it was divided gets the others too, named or not.
func TestManagedDivision(t *testing.T) {
	a := newAccount(t, "app", "other")
	users := a.usersOf("db-A", 120)
	a.apply(attach.Wish{Users: users[:60]}, "app")
	a.apply(attach.Wish{Users: users[:60]}, "other")
	a.hasAttached("app", "db")

	changes := a.apply(attach.Wish{Users: users}, "app")
	if len(a.attached("app")) < 2 {
		t.Fatalf("app has %q", a.attached("app"))
	}
	a.hasAttached("other", a.attached("app")...)
	a.allows("app", users)
	a.allows("other", users)
	moved := 0
	for _, change := range changes {
		if len(change.Removed) > 0 {
			t.Errorf("%s loses %q", change.Subject, change.Removed)
		}
		moved += len(change.MovedOut) - len(change.MovedIn)
	}
	if moved != 0 {
		t.Errorf("%d more users move away than arrive", moved)
	}
	if text := fmt.Sprintf("%+v", changes); !strings.Contains(text, ", to db-2") || !strings.Contains(text, ", from db") ||
		!strings.Contains(text, "has db already: together they are one policy") {
		t.Errorf("not told: %s", text)
	}

	// One more is one document more or one that changes, and nobody else's.
	for _, user := range a.usersOf("db-A", 124)[120:] {
		changes := a.apply(attach.Wish{Users: []rdsiam.UserARN{user}}, "app")
		if got := touched(changes); !strings.HasPrefix(got, "managed policy db") || strings.Contains(got, ",") {
			t.Errorf("one more user changes %s", got)
		}
	}
	a.allows("app", users)
}

// Databases have policies of their own as far as they fit.
func TestManagedByDatabase(t *testing.T) {
	a := newAccount(t, "app", "other")
	first, second := a.usersOf("db-A", 50), a.usersOf("db-B", 50)
	a.apply(attach.Wish{Users: first}, "app")
	changes := a.apply(attach.Wish{Users: second}, "app")
	a.hasAttached("app", "db", "db-2")
	for name, users := range map[string][]rdsiam.UserARN{"db": first, "db-2": second} {
		document := a.document("arn:aws:iam::" + fakeaws.AccountID + ":policy/" + name)
		for _, user := range users {
			if !strings.Contains(document, `"`+user.String()+`"`) {
				t.Errorf("%s does not allow %s", name, user)
			}
		}
	}
	if got := touched(changes); got != "managed policy db-2, role app" {
		t.Errorf("the second database changes %s", got)
	}
}

// Nothing is lost when it breaks off on the way, and a repetition goes on from there.
func TestManagedInterrupted(t *testing.T) {
	for _, action := range []string{"iam:CreatePolicy", "iam:AttachRolePolicy", "iam:CreatePolicyVersion"} {
		t.Run(action, func(t *testing.T) {
			a := newAccount(t, "app", "other")
			users := a.usersOf("db-A", 120)
			a.apply(attach.Wish{Users: users[:60]}, "app", "other")
			changes, err := a.plan(attach.Wish{Users: users}, "app")
			if err != nil {
				t.Fatal(err)
			}
			a.server.Fail(action, 1, fakeaws.Failure{Status: 409, Code: "ConcurrentModification", Message: "busy"})
			var failed error
			for _, change := range changes {
				if failed = change.Apply(t.Context()); failed != nil {
					break
				}
			}
			if failed == nil || !strings.Contains(failed.Error(), "busy") {
				t.Fatalf("error %v", failed)
			}
			a.allows("app", users[:60])
			a.allows("other", users[:60])
			a.apply(attach.Wish{Users: users}, "app")
			a.allows("app", users)
			a.allows("other", users)
		})
	}
}

// With Replace, policies that are no longer needed are taken from everybody and deleted.
func TestManagedReplace(t *testing.T) {
	a := newAccount(t, "app", "other")
	users := a.usersOf("db-A", 180)
	a.apply(attach.Wish{Users: users}, "app", "other")
	for _, user := range a.usersOf("db-A", 186)[180:] { // versions to delete
		a.apply(attach.Wish{Users: []rdsiam.UserARN{user}}, "app")
	}
	if len(a.attached("app")) < 3 {
		t.Fatalf("app has %q", a.attached("app"))
	}
	changes := a.apply(attach.Wish{Users: users[:10], Replace: true}, "app")
	a.hasAttached("app", "db")
	a.hasAttached("other", "db")
	if got := a.allowed("other", a.usersOf("db-A", 186)); len(got) != 10 {
		t.Errorf("other may log in as %d users", len(got))
	}
	if _, ok := a.server.Policy("arn:aws:iam::" + fakeaws.AccountID + ":policy/db-2"); ok {
		t.Error("db-2 is still there")
	}
	if text := fmt.Sprintf("%+v", changes); !strings.Contains(text, "is deleted: it is no longer needed, and taken from the role app, the role other") {
		t.Errorf("not told: %s", text)
	}
}

// Without Replace nothing is taken away, also where less would do.
func TestManagedKeeps(t *testing.T) {
	a := newAccount(t, "app", "other")
	users := a.usersOf("db-A", 3)
	for i, name := range []string{"db", "db-2"} {
		policy, err := rdsiam.NewPolicy(users[i])
		if err != nil {
			t.Fatal(err)
		}
		stored := fakeaws.Policy{Name: name, Versions: []fakeaws.PolicyVersion{{ID: "v1", Document: policy.JSON(), Default: true}}}
		if i > 0 {
			stored.Description = "Database logins with IAM. Written by rdsiam policy attach. Part 2 of db."
		}
		a.server.AddPolicy(stored)
	}
	a.apply(attach.Wish{Users: users}, "app")
	a.hasAttached("app", "db", "db-2")
	a.allows("app", users)
	a.apply(attach.Wish{Users: users, Replace: true}, "app")
	a.hasAttached("app", "db")
}

// A policy that only happens to have such a name is none of the set, also where somebody
// named has it.
func TestManagedNeighbours(t *testing.T) {
	a := newAccount(t, "app", "other")
	users := a.usersOf("db-A", 120)
	// Another program's, and one that rdsiam wrote under that name.
	a.server.AddPolicy(fakeaws.Policy{Name: "db-2", Versions: []fakeaws.PolicyVersion{{ID: "v1", Default: true,
		Document: `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`}}})
	neighbour := a.usersOf("db-B", 1)
	a.apply(attach.Wish{Policy: "db-3", Users: neighbour}, "other")

	a.apply(attach.Wish{Users: users}, "app")
	for _, name := range a.attached("app") {
		if name == "db-2" || name == "db-3" {
			t.Errorf("app got %s", name)
		}
	}
	a.hasAttached("other", "db-3")
	a.allows("app", users)
	if got := a.allowed("app", neighbour); len(got) > 0 {
		t.Errorf("app may log in as %s", got)
	}

	_, err := a.plan(attach.Wish{Policy: "db-4", Users: users}, "app")
	if err == nil || !strings.Contains(err.Error(), `managed policy "db-4": is one of those into which db was divided; give --name db`) {
		t.Errorf("error %v", err)
	}
}

// A number that is missing hides none of those that somebody named has.
func TestManagedGap(t *testing.T) {
	a := newAccount(t, "app", "other")
	users := a.usersOf("db-A", 2)
	for i, name := range []string{"db", "db-3"} {
		policy, err := rdsiam.NewPolicy(users[i])
		if err != nil {
			t.Fatal(err)
		}
		stored := fakeaws.Policy{Name: name, Versions: []fakeaws.PolicyVersion{{ID: "v1", Document: policy.JSON(), Default: true}}}
		if i > 0 {
			stored.Description = "Database logins with IAM. Written by rdsiam policy attach. Part 3 of db."
		}
		a.server.AddPolicy(stored)
	}
	const prefix = "arn:aws:iam::" + fakeaws.AccountID + ":policy/"
	a.server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: "app", Attached: []string{prefix + "db-3", prefix + "db-2026"}})
	changes, err := a.plan(attach.Wish{Users: users}, "app")
	if err != nil {
		t.Fatal(err)
	}
	if got := touched(changes); got != "role app" {
		t.Errorf("changes %s", got)
	}
	if calls := len(a.server.Calls()); calls > 12 {
		t.Errorf("%d calls", calls)
	}
}

// The limits of attached policies are told before anything is changed, as far as they are
// known: AWS raises them for those who ask, but not without end.
func TestManagedQuota(t *testing.T) {
	a := newAccount(t, "app", "other")
	a.server.SetAttachedQuota(20)
	users := a.usersOf("db-A", 800)
	changes := a.apply(attach.Wish{Users: users}, "app")
	a.allows("app", users)
	if n := len(a.attached("app")); n <= 10 || n > 20 {
		t.Fatalf("%d policies", n)
	}
	if text := fmt.Sprintf("%+v", changes); !strings.Contains(text, "managed policies: IAM attaches 10, or up to 20 if AWS was asked for more") {
		t.Errorf("not told: %s", text)
	}
	calls := len(a.server.Calls())
	_, err := a.plan(attach.Wish{Users: a.usersOf("db-A", 3000)}, "app")
	if err == nil || !strings.Contains(err.Error(), "and IAM attaches 20 to anybody at the most") {
		t.Errorf("error %v", err)
	}
	for _, call := range a.server.Calls()[calls:] {
		if !strings.HasPrefix(call.Action, "iam:Get") && !strings.HasPrefix(call.Action, "iam:List") {
			t.Errorf("called %s", call.Action)
		}
	}
}

func TestPolicyNames(t *testing.T) {
	a := newAccount(t, "app")
	role, err := attach.Role(a.client, "app")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "two words", "team/db", "größe", strings.Repeat("x", 126)} {
		wish := attach.Wish{Policy: name, Users: a.usersOf("db-A", 1)}
		_, inline := attach.Plan(t.Context(), []attach.Holder{role}, wish)
		_, managed := attach.PlanManaged(t.Context(), a.client, []attach.Holder{role}, wish)
		for _, err := range []error{inline, managed} {
			if err == nil || !strings.Contains(err.Error(), "not one that IAM takes") {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	if calls := a.server.Calls(); len(calls) > 0 {
		t.Errorf("calls %+v", calls)
	}
	wish := attach.Wish{Policy: "a_B+c=d,e.f@g-" + strings.Repeat("x", 100), Users: a.usersOf("db-A", 1)}
	if _, err := attach.Plan(t.Context(), []attach.Holder{role}, wish); err != nil {
		t.Error(err)
	}
}
