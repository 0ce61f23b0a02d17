//go:build unix

package proxy_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
)

// fileInfo is a file of an owner.
type fileInfo struct {
	os.FileInfo
	mode os.FileMode
	uid  uint32
}

func (f fileInfo) Mode() os.FileMode { return f.mode }
func (f fileInfo) Sys() any          { return &syscall.Stat_t{Uid: f.uid} }

func TestCheckPasswordFile(t *testing.T) {
	tests := []struct {
		uid   uint32
		mode  os.FileMode
		taken bool
	}{
		{1000, 0o600, true}, {1000, 0o400, true}, {1000, 0o640, false}, {1000, 0o604, false}, {1000, 0o700, false},
		{0, 0o600, true}, {0, 0o640, true}, {0, 0o440, true}, {0, 0o644, false}, {0, 0o660, false}, {0, 0o650, false},
		{1000, os.ModeNamedPipe | 0o600, true}, {1000, os.ModeNamedPipe | 0o644, false},
	}
	for _, tt := range tests {
		err := proxy.CheckPasswordFile("secret", fileInfo{mode: tt.mode, uid: tt.uid})
		var config *rdsiam.ConfigError
		if tt.taken && err != nil || !tt.taken && (!errors.As(err, &config) || config.Code != "password-file-mode") {
			t.Errorf("mode %v of %d: %v", tt.mode, tt.uid, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "defaultMode") || !strings.Contains(err.Error(), "fsGroup")) {
			t.Errorf("no advice for Kubernetes: %v", err)
		}
	}
}
