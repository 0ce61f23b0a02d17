package agent

import (
	"errors"

	"golang.org/x/sys/unix"
)

// watch returns a function that waits for the end of the process, by a kqueue.
func watch(pid int) (ended func(), err error) {
	queue, err := unix.Kqueue()
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(queue)
	end := unix.Kevent_t{Fflags: unix.NOTE_EXIT}
	unix.SetKevent(&end, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	if _, err := unix.Kevent(queue, []unix.Kevent_t{end}, nil, nil); err != nil {
		unix.Close(queue)
		return nil, err
	}
	return func() {
		defer unix.Close(queue)
		events := make([]unix.Kevent_t, 1)
		for {
			_, err := unix.Kevent(queue, nil, events, nil)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}, nil
}
