package pages_test

import (
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/internal/causes"
)

// docs/errors.md names every code that programs may meet in a Cause or CredentialsError.
func TestErrorsHasEveryCode(t *testing.T) {
	page := readFile(t, "docs/errors.md")
	for _, code := range causes.Codes() {
		if !strings.Contains(page, "`"+code+"`") {
			t.Errorf("%s is missing", code)
		}
	}
}
