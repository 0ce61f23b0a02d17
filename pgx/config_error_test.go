package rdspgx_test

import (
	"maps"
	"testing"

	"github.com/rdsiam/rdsiam/internal/causes"
	"github.com/rdsiam/rdsiam/internal/test/codelist"
)

// The command line has words for each code of the list, and users read the doc comment.
func TestConfigCodes(t *testing.T) {
	source := codelist.Read(t)
	used := source.Used("configError", 0)
	maps.Copy(used, source.Used("unsafe", 0))
	codelist.Equal(t, "the source", used, causes.PGXConfigCodes())
	documented := source.Documented(t, "The codes of this package's ConfigErrors, besides those of package rdsiam, are:")
	codelist.Equal(t, "the doc comment", documented, causes.PGXConfigCodes())
	if n := source.Literals("ConfigError"); n != 1 {
		t.Errorf("%d literals of ConfigError, want that of configError", n)
	}
}
