//go:build unix

package proxy

import (
	"io/fs"
	"syscall"
)

// owner returns the id of the user that a file belongs to.
func owner(info fs.FileInfo) (uid int, ok bool) {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(status.Uid), true
}
