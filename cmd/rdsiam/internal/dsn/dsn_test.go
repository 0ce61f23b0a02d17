package dsn_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/dsn"
)

func TestMySQL(t *testing.T) {
	for text, want := range map[string]string{
		"u:p@tcp(h:3307)/d":         "u:p@tcp(h:3307)/d",
		"mysql://u:p%40@h/d":        "u:p@@tcp(h:3306)/d",
		"mariadb://u@h:3307/":       "u@tcp(h:3307)/",
		"mysql://u@h/d?timeout=5s":  "u@tcp(h:3306)/d?timeout=5s",
		"mysql://u@h/?tls=nonsense": "",
		"mysql://u:s3cret@h:x/":     "",
		"u:s3cret@tcp(h:3306":       "",
		"u@tcp(h)/d?strict=true":    "",
	} {
		config, err := dsn.MySQL(text)
		if want == "" {
			if !errors.Is(err, dsn.ErrUnreadable) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: %v, %v", text, config, err)
			}
			continue
		}
		if err != nil || config.FormatDSN() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestIsPostgreSQL(t *testing.T) {
	for text, want := range map[string]bool{
		"postgres://u@h/d": true, "postgresql:///d": true, "host=h user=u": true, " user = u": true, "service=prod": true,
		"mysql://u@h/d": false, "u:p@tcp(h:3306)/d": false, "u@/d?a=b": false, "": false,
	} {
		if got := dsn.IsPostgreSQL(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
