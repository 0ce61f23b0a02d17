package rdsmysql_test

import (
	"testing"

	"github.com/rdsiam/rdsiam/internal/test/codelist"
)

// Users read the list, and programs the codes.
func TestConfigCodes(t *testing.T) {
	source := codelist.Read(t)
	documented := source.Documented(t, "The codes of this package's ConfigErrors, besides those of package rdsiam, are:")
	codelist.Equal(t, source.Used("configError", 0), documented)
	if n := source.Literals("ConfigError"); n != 1 {
		t.Errorf("%d literals of ConfigError, want that of configError", n)
	}
}
