//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package proxy

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// lockDirectory waits until no other process has the directory locked, and keeps it locked
// until unlock is called. The error is [fs.ErrNotExist] where it was removed meanwhile.
func lockDirectory(path string) (unlock func(), err error) {
	directory, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(directory.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		directory.Close()
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	locked, err := directory.Stat()
	if err == nil {
		var now fs.FileInfo
		if now, err = os.Lstat(path); err == nil && !os.SameFile(locked, now) {
			err = &os.PathError{Op: "lock", Path: path, Err: fs.ErrNotExist}
		}
	}
	if err != nil {
		directory.Close()
		return nil, err
	}
	return func() { directory.Close() }, nil
}
