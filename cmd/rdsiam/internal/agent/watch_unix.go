//go:build unix

package agent

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// Watch returns a context that ends with ctx or with the process.
func Watch(ctx context.Context, pid int) (context.Context, error) {
	ended, err := watch(pid)
	if errors.Is(err, syscall.ESRCH) {
		return nil, err
	}
	if err != nil {
		ended = func() { poll(ctx, pid) }
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		ended()
	}()
	return ctx, nil
}

// poll returns when the process has ended or ctx has: for systems, and sandboxes, that
// cannot say so themselves.
func poll(ctx context.Context, pid int) {
	const interval = 200 * time.Millisecond
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
