package realserver_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
)

func TestNoServers(t *testing.T) {
	t.Setenv("NO_SERVERS", "1")
	for server, start := range startFuncs {
		o, _ := options(t, (&checker{}).check)
		s, err := start(t.Context(), o)
		if err == nil {
			s.Close()
		}
		var missing *realserver.MissingError
		if !errors.As(err, &missing) {
			t.Errorf("%s: error %v, want a MissingError", server, err)
		}
		// A machine without the server says so.
		if missing != nil && missing.Install == "" && !strings.Contains(missing.What, "NO_SERVERS=1") {
			t.Errorf("%s: %v, want the variable", server, err)
		}
	}
}
