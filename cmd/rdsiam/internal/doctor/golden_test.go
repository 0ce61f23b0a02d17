package doctor_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/doctor"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/terminalpicture"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

//go:generate go test -run TestGolden -update .

var update = flag.Bool("update", false, "write the expected output anew")

// What differs from run to run in the output.
var (
	localAddress = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	precision    = regexp.MustCompile(`within \d+s`)
	cipher       = regexp.MustCompile(`TLSv1\.\d with TLS_\w+`)
)

// steady makes a result the same on every run.
func steady(r doctor.Result) doctor.Result {
	r.Found = localAddress.ReplaceAllString(r.Found, "10.0.3.17:5432")
	r.Found = precision.ReplaceAllString(r.Found, "within 1s")
	r.Found = cipher.ReplaceAllString(r.Found, "TLSv1.3 with TLS_AES_256_GCM_SHA384")
	r.Milliseconds = 0
	return r
}

// print returns the text of an examination, and the text with colors.
func print(t *testing.T, s *stage) (plain, colored string) {
	t.Helper()
	s.network.lookup = func(string) ([]string, error) { return []string{"10.0.3.17"}, nil }
	var texts [2]strings.Builder
	printers := [2]doctor.Printer{{Out: &texts[0]}, {Out: &texts[1], Color: true}}
	report := doctor.Examine(t.Context(), s.Case, func(r doctor.Result) {
		for _, printer := range printers {
			printer.Print(steady(r))
		}
	})
	for _, printer := range printers {
		printer.Summary(report)
	}
	return texts[0].String(), texts[1].String()
}

// golden compares with a file, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		mustDo(t, os.WriteFile(name, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s; if it should, run go generate\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}

// fits fails for lines of more than 80 columns.
func fits(t *testing.T, text string) {
	t.Helper()
	for _, line := range strings.Split(text, "\n") {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestGoldenGood(t *testing.T) {
	s, _ := newRealStage(t, doctor.PostgreSQL)
	s.Policy, s.PolicyFile = policyFor(t, resourceID, "app"), "policy.json"
	text, _ := print(t, s)
	fits(t, text)
	golden(t, filepath.Join("testdata", "good.txt"), text)
}

// illStage is a login that fails for several reasons at once.
func illStage(t *testing.T) *stage {
	t.Helper()
	s := newStage(t, doctor.PostgreSQL, rdsiamtest.WithPasswordUser("reports", "secret"))
	s.inRDS(nil)
	s.User = "reports"
	s.Policy, s.PolicyFile = parsePolicy(t, "rds-db:connect", "arn:aws:rds-db:eu-west-1:123456789012:dbuser:orders/reports"), "policy.json"
	return s
}

func TestGoldenBad(t *testing.T) {
	s := illStage(t)
	plain, colored := print(t, s)
	fits(t, plain)
	golden(t, filepath.Join("testdata", "bad.txt"), plain)

	const prompt = "\x1b[2m$\x1b[0m "
	picture, err := terminalpicture.SVG(prompt+"rdsiam doctor "+ordersHost+":5432 \\\n    --user reports --policy policy.json --root-cas ca.pem\n\n"+colored, 80)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("..", "..", "..", "..", "docs", "doctor.svg"), string(picture))
}

// The JSON is what docs/cli.md says: these fields, no others, with these values.
func TestJSON(t *testing.T) {
	report := illStage(t).examine(t)
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Endpoint *string `json:"endpoint"`
		User     *string `json:"user"`
		Failed   *int    `json:"failed"`
		Warnings *int    `json:"warnings"`
		Checks   []struct {
			Check        *string `json:"check"`
			Status       *string `json:"status"`
			Found        *string `json:"found"`
			Fix          string  `json:"fix"`
			Command      string  `json:"command"`
			Code         string  `json:"code"`
			Otherwise    []struct{ Code, Cause, Fix, Command *string }
			Milliseconds *int64 `json:"milliseconds"`
		} `json:"checks"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if read.Endpoint == nil || read.User == nil || read.Failed == nil || read.Warnings == nil {
		t.Fatalf("a field is missing in %s", text)
	}
	var names []string
	failed := 0
	for _, check := range read.Checks {
		if check.Check == nil || check.Status == nil || check.Found == nil || check.Milliseconds == nil {
			t.Fatalf("a field is missing in %s", text)
		}
		names = append(names, *check.Check)
		switch *check.Status {
		case "ok", "skipped":
			if check.Fix != "" || check.Command != "" {
				t.Errorf("%s is %s and says what to fix: %q %q", *check.Check, *check.Status, check.Fix, check.Command)
			}
		case "failed":
			failed++
			fallthrough
		case "warning":
			if check.Fix == "" && check.Command == "" {
				t.Errorf("%s is %s and does not say what to fix", *check.Check, *check.Status)
			}
		default:
			t.Errorf("status %q", *check.Status)
		}
	}
	if failed != *read.Failed || failed == 0 {
		t.Errorf("failed = %d, and there are %d", *read.Failed, failed)
	}
	const want = "endpoint name tcp tls credentials identity clock region database policy token login account session"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("checks = %s, want %s", got, want)
	}
}

// What a server says cannot act on the terminal, and long words are broken.
func TestPrinter(t *testing.T) {
	tests := []struct {
		name string
		in   doctor.Result
		want string
	}{
		{"control characters", doctor.Result{Check: "login", Status: doctor.OK, Found: "a\x1b[2Jb\x07c\u009bd"},
			"ok      login        a [2Jb c d\n"},
		{"long word", doctor.Result{Check: "policy", Status: doctor.OK, Found: "allows arn:aws:rds-db:eu-west-1:123456789012:dbuser:" + resourceID + "/app"},
			"ok      policy       allows arn:aws:rds-db:eu-west-1:123456789012:dbuser:\n                     " + resourceID + "/app\n"},
		{"shell", doctor.Result{Check: "x", Status: doctor.Failed, Found: "f", Command: strings.Repeat("word ", 14) + "'two  words'"},
			"failed  x            f\n        " + strings.Repeat("word ", 13) + "\\\n          word 'two  words'\n"},
		{"flag and value", doctor.Result{Check: "x", Status: doctor.Failed, Found: "f", Command: strings.Repeat("word ", 12) + "--user app --yes"},
			"failed  x            f\n        " + strings.Repeat("word ", 12) + "\\\n          --user app --yes\n"},
		{"each cause with its fix", doctor.Result{Check: "login", Status: doctor.Failed, Found: "refused: A", Fix: "do a", Command: "a --now",
			Otherwise: []doctor.Cause{{Text: "B", Fix: "do b"}, {Text: "C", Fix: "do c", Command: "c;"}}},
			"failed  login        refused: A\n                     fix: do a\n        a --now\n" +
				"                     or B\n                     fix: do b\n" +
				"                     or C\n                     fix: do c\n        c;\n"},
		{"SQL", doctor.Result{Check: "x", Status: doctor.Failed, Found: "f", Command: `GRANT rds_iam TO "` + strings.Repeat("a b ", 15) + `";`},
			"failed  x            f\n        GRANT rds_iam TO\n        \"" + strings.Repeat("a b ", 15) + "\";\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			doctor.Printer{Out: &b}.Print(test.in)
			if b.String() != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", b.String(), test.want)
			}
		})
	}
}
