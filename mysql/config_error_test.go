package rdsmysql_test

import (
	"testing"

	"github.com/rdsiam/rdsiam/internal/causes"
	"github.com/rdsiam/rdsiam/internal/test/codelist"
)

// The command line has words for each code of the list, and users read the doc comment.
func TestConfigCodes(t *testing.T) {
	source := codelist.Read(t)
	codelist.Equal(t, "the source", source.Used("configError", 0), causes.MySQLConfigCodes())
	documented := source.Documented(t, "The codes of this package's ConfigErrors, besides those of package rdsiam, are:")
	codelist.Equal(t, "the doc comment", documented, causes.MySQLConfigCodes())
	if n := source.Literals("ConfigError"); n != 1 {
		t.Errorf("%d literals of ConfigError, want that of configError", n)
	}
}
