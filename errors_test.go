package rdsiam_test

import (
	"maps"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/test/codelist"
	iamtoken "github.com/rdsiam/rdsiam/internal/token"
)

// Users read the list, and programs the codes.
func TestConfigCodes(t *testing.T) {
	source := codelist.Read(t)
	used := source.Used("configError", 0)
	for _, maker := range []string{"refuse", "sourceReturned"} {
		maps.Copy(used, source.Used(maker, 0))
	}
	for _, damage := range iamtoken.Damages() {
		used["token-"+string(damage)] = true
	}
	codelist.Equal(t, used, source.Documented(t, "The codes of this package are:"))
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
