package rdsiam_test

import (
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
)

func TestTerraformErrors(t *testing.T) {
	policy := mustPolicy(t, mustUser(t, database(nil), "app"))
	for _, name := range []string{"", "1a", "-a", "a b", `a"`, "${x}", "é"} {
		text, err := policy.Terraform(name)
		checkConfigError(t, err, "name of the data source")
		if text != "" {
			t.Errorf("%q: got %s as well", name, text)
		}
	}
	variable := mustPolicy(t, mustUser(t, database(nil), "a&{aws:username}"))
	if _, err := variable.Terraform("x"); err == nil {
		t.Error("what Terraform turns into a variable was written")
	}
}

// A document without a version has no policy variables. Terraform would give it the
// version that has them.
func TestTerraformKeepsTheVersion(t *testing.T) {
	old := mustParse(t, `{"Statement":{"Effect":"Allow","Action":"rds-db:connect","Resource":"`+appARN+`${*}"}}`)
	text, err := old.Terraform("x")
	if err != nil || !strings.Contains(text, `version = "2008-10-17"`) {
		t.Errorf("%v\n%s", err, text)
	}
	if strings.Contains(old.JSON(), "Version") {
		t.Errorf("the JSON text has a version: %s", old.JSON())
	}
}

func TestTerraformOfTheZeroPolicy(t *testing.T) {
	var zero rdsiam.Policy
	if text, err := zero.Terraform("x"); err == nil {
		t.Errorf("got %s", text)
	}
}
