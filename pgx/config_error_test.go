package rdspgx_test

import (
	"maps"
	"testing"

	"github.com/rdsiam/rdsiam/internal/test/codelist"
)

// Users read the list, and programs the codes.
func TestConfigCodes(t *testing.T) {
	source := codelist.Read(t)
	used := source.Used("configError", 0)
	maps.Copy(used, source.Used("unsafe", 0))
	documented := source.Documented(t, "The codes of this package's ConfigErrors, besides those of package rdsiam, are:")
	codelist.Equal(t, used, documented)
	if n := source.Literals("ConfigError"); n != 1 {
		t.Errorf("%d literals of ConfigError, want that of configError", n)
	}
}
