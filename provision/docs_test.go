package provision_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// Pages show SQL in the second column of their tables, and in blocks. All of it must be what
// the page's account has; … stands for something left out.
func TestPagesShowWhatPlansSay(t *testing.T) {
	database := provision.ReadOnly("sre_db")
	for page, a := range map[string]provision.Account{
		"postgresql": {Engine: provision.PostgreSQL, Grants: []provision.Grant{provision.ReadOnly("sre", provision.FutureTablesOf("sre_owner"))}},
		"mysql":      {Engine: provision.MySQL, Grants: []provision.Grant{database}, MemberOf: []string{"app_reader"}},
		"mariadb":    {Engine: provision.MariaDB, Grants: []provision.Grant{database}, MemberOf: []string{"app_reader"}},
	} {
		a.Name = "iam_sre"
		text, err := os.ReadFile("../docs/provision-" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		sql := plan(t, a).String()
		shown := 0
		for _, s := range sqlOf(string(text)) {
			shown++
			rest := sql
			for part := range strings.SplitSeq(s, "…") {
				_, after, ok := strings.Cut(rest, strings.Trim(part, " ;"))
				if !ok {
					t.Errorf("%s: %s is not in the plan:\n%s", page, s, sql)
					break
				}
				rest = after
			}
		}
		if shown < 3 && page != "postgresql" || shown == 0 {
			t.Errorf("%s: found %d statements", page, shown)
		}
	}
}

var (
	codeSpan  = regexp.MustCompile("``[^|]+?``|`[^`]+`")
	codeBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")
)

// sqlOf returns the statements that a page says the plan has.
func sqlOf(page string) (all []string) {
	for line := range strings.Lines(page) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			for _, span := range codeSpan.FindAllString(cells[2], -1) {
				span = strings.Trim(strings.Trim(span, "`"), " ")
				if regexp.MustCompile(`^(SELECT|CREATE|ALTER|GRANT|SET) `).MatchString(span) {
					all = append(all, span)
				}
			}
		}
	}
	for _, block := range codeBlock.FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}
