//go:build unix

package agent_test

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/agent"
)

func TestWatch(t *testing.T) {
	for name, watch := range map[string]func(*testing.T, int) <-chan struct{}{
		"by the system": func(t *testing.T, pid int) <-chan struct{} {
			ctx, err := agent.Watch(t.Context(), pid)
			if err != nil {
				t.Fatal(err)
			}
			return ctx.Done()
		},
		"by asking": func(t *testing.T, pid int) <-chan struct{} {
			done := make(chan struct{})
			go func() {
				defer close(done)
				agent.Poll(t.Context(), pid)
			}()
			return done
		},
	} {
		t.Run(name, func(t *testing.T) {
			program := exec.Command("cat")
			input, err := program.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := program.Start(); err != nil {
				t.Fatal(err)
			}
			ended := watch(t, program.Process.Pid)
			select {
			case <-ended:
				t.Error("ends while the process lives")
			default:
			}
			input.Close()
			_ = program.Wait()
			<-ended
			if _, err := agent.Watch(t.Context(), program.Process.Pid); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("a process that has ended: %v", err)
			}
		})
	}
}
