// Package vectors_test checks rdsiamtest's verifier, and the tokens of rdsiam, against
// tokens that the tools of AWS made. README.md says which and with what verdict.
package vectors_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// requestSet is testdata/requests.json: what every tool was asked for.
type requestSet struct {
	Time        time.Time
	Credentials map[string]credentials
	Requests    []request
}

type credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

func (c credentials) aws() aws.Credentials {
	return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
}

type request struct {
	Name        string
	Credentials string // a key of requestSet.Credentials
	Host        string
	Port        uint16
	Region      string
	User        string
	Server      string // endpoint of the server that is asked, where it is not host and port
}

func (r request) address() string { return fmt.Sprintf("%s:%d", r.Host, r.Port) }

func readRequests(t *testing.T) requestSet {
	t.Helper()
	var set requestSet
	readJSON(t, "testdata/requests.json", &set)
	return set
}

// vectorFile holds the tokens of one tool by the name of the request.
type vectorFile struct {
	Tool    string            `json:"tool"`
	Version string            `json:"version"`
	Tokens  map[string]string `json:"tokens"`
}

// tools are the names of the files in testdata, and of the columns in README.md.
var tools = []string{"awscli", "boto3", "rds-signer", "go"}

func readVectors(t *testing.T, tool string) vectorFile {
	t.Helper()
	var file vectorFile
	readJSON(t, "testdata/"+tool+".json", &file)
	return file
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// verdicts is a row of the table in README.md.
type verdicts struct {
	ofTool map[string]rdsiamtest.Reason
	ours   string // see TestOurs
}

// readVerdicts reads the table in README.md, by the name of the request.
func readVerdicts(t *testing.T) map[string]verdicts {
	t.Helper()
	file, err := os.Open("README.md")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	table := make(map[string]verdicts)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		cells := strings.Split(strings.Trim(lines.Text(), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) != 5 || cells[0] == "request" || strings.HasPrefix(cells[0], "-") {
			continue
		}
		botocore := rdsiamtest.Reason(cells[1])
		table[cells[0]] = verdicts{
			ofTool: map[string]rdsiamtest.Reason{
				"awscli": botocore, "boto3": botocore,
				"rds-signer": rdsiamtest.Reason(cells[2]), "go": rdsiamtest.Reason(cells[3]),
			},
			ours: cells[4],
		}
	}
	return table
}

// vector is a token of a tool and what is known of it.
type vector struct {
	tool    string
	request request
	signer  credentials
	token   string
	want    rdsiamtest.Reason
}

// readAll returns every vector, and fails the test unless each tool has a token, and
// README.md a verdict, for each request.
func readAll(t *testing.T) []vector {
	t.Helper()
	set, table := readRequests(t), readVerdicts(t)
	if len(table) != len(set.Requests) {
		t.Errorf("README.md has verdicts for %d requests, testdata has %d", len(table), len(set.Requests))
	}
	var all []vector
	for _, tool := range tools {
		file := readVectors(t, tool)
		if len(file.Tokens) != len(set.Requests) || file.Version == "" {
			t.Fatalf("%s: %d tokens for %d requests, version %q", tool, len(file.Tokens), len(set.Requests), file.Version)
		}
		for _, r := range set.Requests {
			v := vector{tool, r, set.Credentials[r.Credentials], file.Tokens[r.Name], table[r.Name].ofTool[tool]}
			if v.token == "" || v.want == "" {
				t.Fatalf("%s, %s: no token, or no verdict in README.md", tool, r.Name)
			}
			all = append(all, v)
		}
	}
	return all
}
