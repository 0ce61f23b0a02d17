//go:build linux

package main

import (
	"bufio"
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// When rdsiam local is killed hard, its program ends, and the next one removes its directory.
func TestLocalKilled(t *testing.T) {
	lab := newClientLab(t)
	command := lab.shell(`exec rdsiam local -- sh -c 'echo $$; exec sleep 600'`)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	program, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // it was killed
	for deadline := time.Now().Add(30 * time.Second); !errors.Is(syscall.Kill(program, 0), syscall.ESRCH); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the program still runs")
		}
	}
	if output, err := lab.shell(`rdsiam local -- true`).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	lab.nothingLeft()
}
