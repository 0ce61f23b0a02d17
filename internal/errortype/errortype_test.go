package errortype_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/errortype"
)

func TestOf(t *testing.T) {
	timeout := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	tests := []struct {
		err        error
		kind, code string
	}{
		{nil, "", ""},
		{&rdsiam.LoginError{Code: "28000"}, "28000", "28000"},
		{&rdsiam.LoginError{}, "_OTHER", ""},
		{&rdsiam.ConfigError{}, "config", ""},
		{&rdsiam.CertificateError{Err: errors.New("unknown authority")}, "certificate", ""},
		{fmt.Errorf("dial: %w", context.Canceled), "canceled", ""},
		{context.DeadlineExceeded, "timeout", ""},
		{timeout, "timeout", ""},
		{&rdsiam.CredentialsError{}, "credentials", ""},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, "network", ""},
		{fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), "network", ""},
		{errors.New("anything"), "_OTHER", ""},
	}
	for _, tt := range tests {
		if kind, code := errortype.Of(tt.err); kind != tt.kind || code != tt.code {
			t.Errorf("%#v is %q with code %q, want %q and %q", tt.err, kind, code, tt.kind, tt.code)
		}
	}
}
