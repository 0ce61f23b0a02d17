package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// bashCompletion is the script of the package bash-completion, which that of rdsiam needs.
const bashCompletion = "/usr/share/bash-completion/bash_completion"

// completionCase is what somebody has typed before the Tab key, and what is then offered:
// all of it, in order.
type completionCase struct {
	typed string
	want  []string
	fish  []string // where it differs
}

var completionCases = []completionCase{
	{"rdsiam con", []string{"connect"}, nil},
	{"rdsiam pro", []string{"provision", "proxy"}, nil},
	{"rdsiam policy ", []string{"attach", "lint", "split"}, nil},
	{"rdsiam completion ", []string{"bash", "fish", "powershell", "zsh"}, nil},
	{"rdsiam help pol", []string{"policy"}, nil},
	{"rdsiam help policy ", []string{"attach", "lint", "split"}, nil},
	{"rdsiam proxy --no-", []string{"--no-local-auth"}, nil},
	{"rdsiam connect --ro", []string{"--root-cas"}, nil},
	{"rdsiam connect HOST:5432 --client ", []string{"pgcli", "psql"}, nil},
	{"rdsiam connect HOST:3306 --client my", []string{"mycli", "mysql"}, nil},
	{"rdsiam connect HOST --engine ", []string{"mariadb", "mysql", "postgresql"}, nil},
	{"rdsiam token --output ", []string{"json", "text"}, nil},
	{"rdsiam doctor --output j", []string{"json"}, nil},
	{"rdsiam enable --apply ", []string{"now", "window"}, nil},
	{"rdsiam policy --format ", []string{"json", "terraform"}, nil},
	{"rdsiam provision plan --format ", []string{"goose", "json", "migrate-down", "migrate-up", "sql"}, nil},
	{"rdsiam provision apply --reach ", []string{"direct", "proxy-end-to-end", "proxy-standard"}, nil},
	{"rdsiam connect --profile ", []string{"default", "dev", "of-credentials", "prod"}, nil},
	{"rdsiam token --profile de", []string{"default", "dev"}, nil},
	// Names of files where a file is meant, of directories where one is, and else none.
	{"rdsiam connect --root-cas a-", []string{"a-directory", "a-file.pem"}, nil},
	{"rdsiam proxy --password-file a-f", []string{"a-file.pem"}, nil},
	{"rdsiam policy lint a-f", []string{"a-file.pem"}, nil},
	{"rdsiam exec HOST:5432 --user app -- a-f", []string{"a-file.pem"}, nil},
	{"rdsiam proxy --listen a-", []string{"a-directory"}, []string{"a-directory", "a-file.pem"}},
	{"rdsiam connect a-", nil, nil},
	{"rdsiam connect --user a-", nil, nil},
	{"rdsiam proxy HOST:5432 a-", nil, nil},
	{"rdsiam token --region a-", nil, nil},
}

// completionDirectory is where the names to complete are.
func completionDirectory(t *testing.T) (directory string, environment []string) {
	t.Helper()
	directory = t.TempDir()
	if err := os.Mkdir(filepath.Join(directory, "a-directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a-file.pem":  "",
		"config":      "[default]\nregion = eu-west-1\n[profile dev]\n# [profile no]\n[ profile  prod ]\n[sso-session corporate]\n[services local]\n",
		"credentials": "[default]\n[dev]\n[of-credentials]\naws_access_key_id = [no]\n",
	} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return directory, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + directory, "LC_ALL=C", "TERM=dumb",
		"AWS_CONFIG_FILE=" + filepath.Join(directory, "config"), "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(directory, "credentials")}
}

// lineEditors are shells that complete what is typed in a terminal. The keys put all that is
// offered into the line, and print the line in place of running it.
var lineEditors = []struct {
	name      string
	arguments []string
	setUp     string
	keys      string
}{
	{"bash", []string{"--noprofile", "--norc", "-i"}, `PS1='' PS2=''
. ` + bashCompletion + `
. <(rdsiam completion bash)
bind 'set bell-style none'
bind '"\e*": insert-completions'
print_line() { echo "<$READLINE_LINE>"; READLINE_LINE=; }
bind -x '"\ep": print_line'
echo ready
`, "\x1b*\x1bp"},
	{"zsh", []string{"-f", "-i"}, `PS1= PS2= PROMPT_EOL_MARK=
autoload -Uz compinit; compinit -u -D
source <(rdsiam completion zsh)
zle -C all-matches complete-word _generic
bindkey '^Xa' all-matches
zstyle ':completion:all-matches:*' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert true
print_line() { print -r -- "<$BUFFER>"; BUFFER= }
zle -N print_line
bindkey '^Xp' print_line
echo ready
`, "\x18a\x18p"},
}

func TestCompletionInTerminal(t *testing.T) {
	for _, editor := range lineEditors {
		t.Run(editor.name, func(t *testing.T) {
			if _, err := exec.LookPath(editor.name); err != nil {
				skipOrFail(t, "no "+editor.name+" in PATH")
			}
			if _, err := os.Stat(bashCompletion); err != nil {
				skipOrFail(t, "no "+bashCompletion+": on Debian or Ubuntu, apt-get install bash-completion")
			}
			directory, environment := completionDirectory(t)
			shell := startInTerminal(t, directory, environment, editor.name, editor.arguments...)
			shell.send(editor.setUp)
			shell.until("\nready\r\n")
			for _, test := range completionCases {
				t.Run(test.typed, func(t *testing.T) {
					shell.send(test.typed + editor.keys)
					shell.until("<")
					line := strings.TrimSuffix(shell.until(">"), ">")
					kept, last := splitLast(test.typed)
					offered := candidates(strings.Fields(strings.TrimPrefix(line, kept)))
					if test.want == nil && slices.Equal(offered, []string{last}) {
						offered = nil // left as it was
					}
					if !strings.HasPrefix(line, kept) || !slices.Equal(offered, test.want) {
						t.Errorf("%s offers %q, want %q; the line is %q", editor.name, offered, test.want, line)
					}
				})
			}
		})
	}
}

// candidates are what is offered in order, without the slash that some shells put behind
// the name of a directory.
func candidates(offered []string) []string {
	for i := range offered {
		offered[i] = strings.TrimSuffix(offered[i], "/")
	}
	slices.Sort(offered)
	return offered
}

// splitLast splits a line before its last word, which may be empty.
func splitLast(line string) (kept, last string) {
	i := strings.LastIndexByte(line, ' ') + 1
	return line[:i], line[i:]
}

// Fish tells by itself what it would offer.
func TestCompletionFish(t *testing.T) {
	program, err := exec.LookPath("fish")
	if err != nil {
		skipOrFail(t, "no fish in PATH")
	}
	directory, environment := completionDirectory(t)
	for _, test := range completionCases {
		t.Run(test.typed, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), program, "--no-config", "-c", `rdsiam completion fish | source; complete -C $argv[1]`, test.typed)
			command.Dir, command.Env = directory, environment
			output, err := command.Output()
			if err != nil {
				t.Fatal(err)
			}
			var offered []string
			for line := range strings.Lines(string(output)) {
				candidate, _, _ := strings.Cut(strings.TrimSpace(line), "\t") // a description follows
				offered = append(offered, candidate)
			}
			offered = candidates(offered)
			want := test.want
			if test.fish != nil {
				want = test.fish
			}
			if !slices.Equal(offered, want) {
				t.Errorf("fish offers %q, want %q", offered, want)
			}
		})
	}
}
