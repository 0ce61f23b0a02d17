package attach_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/attach"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/test/fakeaws"
)

const policyARN = "arn:aws:iam::" + fakeaws.AccountID + ":policy/db"

// account is an AWS account whose role app gets the policy "db".
type account struct {
	*testing.T
	server *fakeaws.Server
	client *iam.Client
	app    attach.Holder
}

func newAccount(t *testing.T) account {
	t.Helper()
	server := fakeaws.Start()
	t.Cleanup(server.Close)
	server.SetPageSize(3)
	server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: "app"})
	app, err := attach.NewHolder(attach.Role, "app")
	if err != nil {
		t.Fatal(err)
	}
	return account{t, server, iam.NewFromConfig(server.Config()), app}
}

// document returns the policy of these users.
func (a account) document(names ...string) string {
	a.Helper()
	policy, err := rdsiam.NewPolicy(a.users(names...)...)
	if err != nil {
		a.Fatal(err)
	}
	return policy.JSON()
}

func (a account) users(names ...string) []rdsiam.UserARN {
	a.Helper()
	var users []rdsiam.UserARN
	for _, name := range names {
		users = append(users, user(a.T, name))
	}
	return users
}

// addManaged adds the managed policy with as many old versions, which the role has.
func (a account) addManaged(oldVersions int, document string) {
	versions := []fakeaws.PolicyVersion{{ID: fmt.Sprintf("v%d", oldVersions+1), Document: document, Default: true}}
	for i := range oldVersions {
		versions = append(versions, fakeaws.PolicyVersion{ID: fmt.Sprintf("v%d", i+1), Document: document})
	}
	a.server.AddPolicy(fakeaws.Policy{Name: "db", Versions: versions})
	a.server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: "app", Attached: []string{policyARN}})
}

func (a account) plan(managed bool, users ...string) ([]attach.Change, error) {
	a.Helper()
	wish := attach.Wish{Policy: "db", Users: a.users(users...)}
	if managed {
		return attach.PlanManaged(a.Context(), a.client, []attach.Holder{a.app}, wish)
	}
	return attach.Plan(a.Context(), a.client, []attach.Holder{a.app}, wish)
}

func (a account) mustPlan(managed bool, users ...string) []attach.Change {
	a.Helper()
	changes, err := a.plan(managed, users...)
	if err != nil {
		a.Fatal(err)
	}
	return changes
}

// apply returns what all changes did.
func (a account) apply(changes []attach.Change) (done []string, err error) {
	for _, change := range changes {
		steps, err := change.Apply(a.Context())
		done = append(done, steps...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Between a plan and its answer somebody else may change the policy. That is never lost.
func TestChangedMeanwhile(t *testing.T) {
	inline := func(a account, document string) {
		a.server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: "app", Inline: map[string]string{"db": document}})
	}
	tests := []struct {
		name    string
		managed bool
		before  func(account)
		change  func(account)
		wantErr bool
	}{
		{name: "inline, as it was", before: func(a account) { inline(a, a.document("old")) }, change: func(account) {}},
		{name: "inline, another document", wantErr: true,
			before: func(a account) { inline(a, a.document("old")) },
			change: func(a account) { inline(a, a.document("old", "theirs")) }},
		{name: "inline, made meanwhile", wantErr: true,
			before: func(account) {},
			change: func(a account) { inline(a, a.document("theirs")) }},
		{name: "inline, deleted meanwhile", wantErr: true,
			before: func(a account) { inline(a, a.document("old")) },
			change: func(a account) { a.server.AddPrincipal(fakeaws.Principal{Kind: "Role", Name: "app"}) }},
		{name: "managed, as it was", managed: true, before: func(a account) { a.addManaged(0, a.document("old")) }, change: func(account) {}},
		{name: "managed, another version", managed: true, wantErr: true,
			before: func(a account) { a.addManaged(0, a.document("old")) },
			change: func(a account) { a.addManaged(1, a.document("old")) }},
		{name: "managed, another document", managed: true, wantErr: true,
			before: func(a account) { a.addManaged(0, a.document("old")) },
			change: func(a account) { a.addManaged(0, a.document("theirs")) }},
		{name: "managed, full of versions", managed: true, wantErr: true,
			before: func(a account) { a.addManaged(4, a.document("old")) },
			change: func(a account) { a.addManaged(4, a.document("theirs")) }},
		{name: "managed, made meanwhile", managed: true, wantErr: true,
			before: func(account) {},
			change: func(a account) { a.addManaged(0, a.document("theirs")) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newAccount(t)
			test.before(a)
			changes := a.mustPlan(test.managed, "mine")
			test.change(a)
			principal, _ := a.server.Principal("Role", "app")
			policy, _ := a.server.Policy(policyARN)
			done, err := a.apply(changes)
			if !test.wantErr {
				if err != nil || len(done) == 0 {
					t.Fatalf("did %q, %v", done, err)
				}
				return
			}
			if !errors.As(err, new(*attach.ChangedError)) || len(done) > 0 {
				t.Fatalf("did %q, %v", done, err)
			}
			after, _ := a.server.Principal("Role", "app")
			policyAfter, _ := a.server.Policy(policyARN)
			if fmt.Sprint(after) != fmt.Sprint(principal) || fmt.Sprint(policyAfter) != fmt.Sprint(policy) {
				t.Errorf("changed %+v to %+v, %+v to %+v", principal, after, policy, policyAfter)
			}
		})
	}
}

// IAM takes a while until a new policy is known everywhere.
func TestNewPolicyIsNotKnownAtOnce(t *testing.T) {
	notYet := fakeaws.Failure{Status: 404, Code: "NoSuchEntity", Message: "Policy " + policyARN + " does not exist or is not attachable."}
	a := newAccount(t)
	a.server.Fail("iam:AttachRolePolicy", 2, notYet)
	done, err := a.apply(a.mustPlan(true, "app"))
	if err != nil || !slices.Equal(done, []string{"created the managed policy db", "attached the managed policy db to the role app"}) {
		t.Errorf("did %q, %v", done, err)
	}
	if principal, _ := a.server.Principal("Role", "app"); !slices.Equal(principal.Attached, []string{policyARN}) {
		t.Errorf("the role has %q", principal.Attached)
	}

	// One that was there is no longer: that is told at once.
	a = newAccount(t)
	a.server.AddPolicy(fakeaws.Policy{Name: "db", Versions: []fakeaws.PolicyVersion{{ID: "v1", Document: a.document("app"), Default: true}}})
	changes := a.mustPlan(true, "app")
	a.server.Fail("iam:AttachRolePolicy", 1, notYet)
	if done, err := a.apply(changes); err == nil || len(done) > 0 {
		t.Errorf("did %q, %v", done, err)
	}
}

// What was done before a failure is listed, and a second run goes on from there.
func TestInterrupted(t *testing.T) {
	a := newAccount(t)
	a.addManaged(4, a.document("old"))
	changes := a.mustPlan(true, "app")
	a.server.Fail("iam:CreatePolicyVersion", 1, fakeaws.Failure{Status: 409, Code: "ConcurrentModification", Message: "busy"})
	done, err := a.apply(changes)
	if err == nil || !strings.Contains(err.Error(), "busy") || !slices.Equal(done, []string{"deleted the version v1 of the managed policy db"}) {
		t.Fatalf("did %q, %v", done, err)
	}
	done, err = a.apply(a.mustPlan(true, "app"))
	if err != nil || !slices.Equal(done, []string{"wrote the managed policy db"}) {
		t.Errorf("did %q, %v", done, err)
	}
	for _, change := range a.mustPlan(true, "app") {
		if !change.IsEmpty() {
			t.Errorf("a third run would change %+v", change)
		}
	}
}

// A policy that is too long is refused before anything is written, and the fix says how to
// divide it.
func TestTooLong(t *testing.T) {
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("user_%03d", i))
	}
	for _, managed := range []bool{false, true} {
		a := newAccount(t)
		_, err := a.plan(managed, names...)
		var config *rdsiam.ConfigError
		if !errors.As(err, &config) || config.Code != "policy-too-long" {
			t.Errorf("error %v", err)
		}
		for _, action := range a.server.Actions() {
			if !strings.HasPrefix(action, "iam:Get") {
				t.Errorf("called %s", action)
			}
		}
	}
}

func TestPolicyNames(t *testing.T) {
	a := newAccount(t)
	holders := []attach.Holder{a.app}
	for _, name := range []string{"", "two words", "team/db", "größe", strings.Repeat("x", 129)} {
		wish := attach.Wish{Policy: name, Users: a.users("app")}
		_, inline := attach.Plan(t.Context(), a.client, holders, wish)
		_, managed := attach.PlanManaged(t.Context(), a.client, holders, wish)
		for _, err := range []error{inline, managed} {
			var config *rdsiam.ConfigError
			if !errors.As(err, &config) || config.Code != "policy-name" {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	if calls := a.server.Calls(); len(calls) > 0 {
		t.Errorf("calls %+v", calls)
	}
	wish := attach.Wish{Policy: "a_B+c=d,e.f@g-" + strings.Repeat("x", 100), Users: a.users("app")}
	if _, err := attach.Plan(t.Context(), a.client, holders, wish); err != nil {
		t.Error(err)
	}
}
