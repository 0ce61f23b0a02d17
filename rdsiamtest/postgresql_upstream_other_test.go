//go:build !unix

package rdsiamtest_test

import (
	"syscall"
	"testing"
)

// unprivileged has nothing to do where PostgreSQL runs as the user of the test.
func unprivileged(*testing.T, string) *syscall.SysProcAttr { return nil }
