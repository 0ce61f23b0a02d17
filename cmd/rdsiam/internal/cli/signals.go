package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// EndSignals are the signals that end a command in order. That of a closed terminal is one
// of them, unless nohup or a shell has had it ignored.
func EndSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}
