package agent

import (
	"errors"

	"golang.org/x/sys/unix"
)

// watch returns a function that waits for the end of the process, by a pidfd.
// https://man7.org/linux/man-pages/man2/pidfd_open.2.html
func watch(pid int) (ended func(), err error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, err
	}
	return func() {
		defer unix.Close(fd)
		for {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}, nil
}
