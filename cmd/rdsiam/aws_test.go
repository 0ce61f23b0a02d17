package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/test/fakeaws"
)

// TestAWSScripts runs the commands that ask AWS, against an account on loopback which has
// what the file aws.json of the script says. Commands of these scripts, beside exits:
//
//	called ACTION…                  those calls were made since the last "called", in this order
//	inline KIND NAME POLICY         print an inline policy of a Role, User or Group
//	attached KIND NAME              print the managed policies that it has
//	managed NAME                    print a managed policy and its versions
//	deny ACTION…                    refuse those calls from now on
func TestAWSScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script-aws",
		RequireExplicitExec: true,
		Setup:               setUpAWS,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "called": called, "inline": inline, "attached": attached, "managed": managed, "deny": deny,
		},
	})
}

// awsAccount is what Setup leaves for the commands.
type awsAccount struct {
	*fakeaws.Server
	seen int // calls that "called" has seen
}

type awsKey struct{}

func setUpAWS(env *testscript.Env) error {
	account := &awsAccount{Server: fakeaws.Start()}
	env.Defer(account.Close)
	env.Values[awsKey{}] = account
	env.Vars = append(env.Vars, account.Environ()...)
	world, err := os.ReadFile(filepath.Join(env.WorkDir, "aws.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return account.Load(world)
}

func accountOf(script *testscript.TestScript) *awsAccount {
	return script.Value(awsKey{}).(*awsAccount)
}

func called(script *testscript.TestScript, negated bool, want []string) {
	account := accountOf(script)
	all := account.Actions()
	got := all[account.seen:]
	account.seen = len(all)
	if negated || !slices.Equal(withoutRetries(got), withoutRetries(want)) {
		script.Fatalf("calls %q, want %q", got, want)
	}
}

// withoutRetries leaves out calls that the SDK makes again: smithy-go 1.28 closes a request's
// body when the answer begins, which on a busy machine cuts answers longer than net/http's
// buffer of 4 KB.
func withoutRetries(actions []string) []string {
	return slices.CompactFunc(slices.Clone(actions), func(a, b string) bool { return a == b && a == "iam:GetPolicyVersion" })
}

func inline(script *testscript.TestScript, negated bool, args []string) {
	if len(args) != 3 {
		script.Fatalf("usage: inline kind name policy")
	}
	principal, _ := accountOf(script).Principal(args[0], args[1])
	document, ok := principal.Inline[args[2]]
	if ok == negated {
		script.Fatalf("there are the policies %q", slices.Sorted(maps.Keys(principal.Inline)))
	}
	fmt.Fprint(script.Stdout(), document)
}

func attached(script *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		script.Fatalf("usage: attached kind name")
	}
	principal, _ := accountOf(script).Principal(args[0], args[1])
	fmt.Fprintln(script.Stdout(), strings.Join(principal.Attached, "\n"))
}

func managed(script *testscript.TestScript, negated bool, args []string) {
	if len(args) != 1 {
		script.Fatalf("usage: managed name")
	}
	policy, ok := accountOf(script).Policy("arn:aws:iam::" + fakeaws.AccountID + ":policy/" + args[0])
	if ok == negated {
		script.Fatalf("the policy is there: %t", ok)
	}
	for _, version := range policy.Versions {
		fmt.Fprintf(script.Stdout(), "%s default=%t\n%s\n", version.ID, version.Default, version.Document)
	}
}

func deny(script *testscript.TestScript, _ bool, actions []string) {
	accountOf(script).Deny(actions...)
}
