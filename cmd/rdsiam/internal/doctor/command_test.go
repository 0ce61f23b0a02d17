package doctor_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/cli"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/doctor"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/test/fakeaws"
)

// wordsOf splits a command as a shell does.
func wordsOf(t *testing.T, command string) []string {
	t.Helper()
	text, err := exec.Command("sh", "-c", `printf '%s\n' `+command).Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// runCommand runs what a fix says, against the AWS of the stage. What logs in to a database,
// reads a file or has a word in capitals in it is only read.
func (s *stage) runCommand(t *testing.T, command string) {
	t.Helper()
	args := wordsOf(t, command)
	switch {
	case args[0] != "rdsiam":
		return
	case args[1] == "doctor", slices.Contains(args, "lint"), slices.Contains(args, "ROLE"), slices.Contains(args, "ACCOUNT"),
		strings.Contains(command, "NAME.ID"), strings.Contains(command, "CLUSTER."), slices.Contains(args, "--profile"):
		args = append(args, "--help")
	case slices.Contains(args, "attach"), args[1] == "enable":
		args = append(args, "--yes")
	}
	for _, variable := range s.aws.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	var out, said strings.Builder
	if code := cli.Run(t.Context(), args[1:], cli.Streams{In: strings.NewReader(""), Out: &out, Err: &said}); code != 0 {
		t.Errorf("%s: exit code %d: %s", strings.Join(args, " "), code, said.String())
	}
}

// What the doctor says to do about AWS fixes it: done, the check is no failure any more.
func TestCommandsFix(t *testing.T) {
	tests := []struct {
		name, check string
		spoil       func(*testing.T, *stage)
	}{
		{"IAM is off", "database", func(_ *testing.T, s *stage) {
			s.inRDS(func(i *fakeaws.Instance) { i.IAMDatabaseAuthenticationEnabled = false })
		}},
		{"IAM waits", "database", func(_ *testing.T, s *stage) {
			s.inRDS(func(i *fakeaws.Instance) {
				i.IAMDatabaseAuthenticationEnabled = false
				on := true
				i.PendingModifiedValues.IAMDatabaseAuthenticationEnabled = &on
			})
		}},
		{"no policy", "login", func(t *testing.T, s *stage) {
			s.inRDS(nil)
			mustDo(t, s.server.SetPolicies())
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, doctor.PostgreSQL)
			test.spoil(t, s)
			got := result(t, s.examine(t), test.check)
			if got.Status != doctor.Failed {
				t.Fatalf("%s is %s", test.check, got.Status)
			}
			s.runCommand(t, got.Command)
			// The database asks IAM, which is two servers here.
			if principal, _ := s.aws.Principal("User", "sre"); len(principal.Inline) > 0 {
				for _, document := range principal.Inline {
					mustDo(t, s.server.SetPolicies(document))
				}
			}
			if again := result(t, s.examine(t), test.check); again.Status != doctor.OK {
				t.Errorf("after %s it is %s: %s", got.Command, again.Status, again.Found)
			}
		})
	}
}

// awsCLI returns the AWS CLI, and skips the test where there is none that runs.
func awsCLI(t *testing.T) string {
	t.Helper()
	for _, candidate := range []string{"/usr/bin/aws", "aws"} {
		if err := exec.CommandContext(t.Context(), candidate, "--version").Run(); err == nil {
			return candidate
		}
	}
	const missing = "no AWS CLI that runs, as /usr/bin/aws or in PATH: on Debian or Ubuntu, apt-get install awscli"
	if os.Getenv("REQUIRE_SERVERS") == "1" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// The AWS CLI takes its commands, as far as it can tell without AWS.
func checkAWSCommands(t *testing.T, commands []string) {
	t.Helper()
	program := awsCLI(t)
	tried := make(map[string]bool)
	for _, command := range commands {
		args := wordsOf(t, command)
		// Those have no skeleton, or are not in every version.
		if slices.Contains([]string{"configure", "sso", "sts", "logs", "dsql"}, args[1]) || args[2] == "wait" || tried[args[2]] {
			continue
		}
		tried[args[2]] = true
		command = strings.NewReplacer("SecretArn=SECRET", "SecretArn=arn:aws:secretsmanager:eu-west-1:123456789012:secret:app", " --profile prod", "").Replace(command)
		command, _, _ = strings.Cut(command, " --query ")
		args = append(wordsOf(t, command)[1:], "--generate-cli-skeleton", "output")
		if text, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", command, err, text)
		}
	}
}
