package rdsiam_test

import (
	"maps"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/causes"
	"github.com/rdsiam/rdsiam/internal/test/codelist"
	iamtoken "github.com/rdsiam/rdsiam/internal/token"
)

// The command line has words for each code of the list, and users read the doc comment:
// both must have every code that the source has.
func TestConfigCodes(t *testing.T) {
	source := codelist.Read(t)
	used := source.Used("configError", 0)
	for _, maker := range []string{"refuse", "sourceReturned"} {
		maps.Copy(used, source.Used(maker, 0))
	}
	for _, damage := range iamtoken.Damages() {
		used["token-"+string(damage)] = true
	}
	codelist.Equal(t, "the source", used, causes.ConfigCodes())
	codelist.Equal(t, "the doc comment", source.Documented(t, "The codes of this package are:"), causes.ConfigCodes())
	if got := source.Literals("ConfigError"); got != 1 {
		t.Errorf("%d literals of ConfigError in place of configError", got)
	}
}

// An @ in the user of a URL cuts the host in two.
func TestAtSignInTheUser(t *testing.T) {
	const want = `rdsiam: endpoint: has an @ in it, which no host name has; ` +
		`write an @ in the user of a postgres:// URL as %40; give nothing but host or host:port as endpoint`
	_, err := rdsiam.ResolveEndpoint("example.com@"+instanceHost, 5432)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
