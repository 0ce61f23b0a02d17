package main

import (
	"bytes"
	"os"
	"os/exec"

	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// BenchmarkConnect compares psql and pgbench that log in to a real server over TLS with a
// token of their own with the same under connect and through a proxy that was there before,
// in interleaved rounds. The figures are rates: what was measured divided by direct; control
// is a second direct run.
func BenchmarkConnect(b *testing.B) {
	for _, client := range []string{"psql", "pgbench"} {
		if _, err := exec.LookPath(client); err != nil {
			skipOrFail(b, err.Error())
		}
	}
	lab := newConnectLab(b)
	shown := regexp.MustCompile(`Time: ([0-9.]+) ms`) // by \timing; with 1 s and more a second form follows
	tps := regexp.MustCompile(`tps = ([0-9.]+) \(without initial`)
	const copyOut = "copy (select repeat('x', 99) from generate_series(1, 5000000)) to stdout"
	for _, measured := range []struct {
		name    string
		program []string
		rate    func(output []byte, wall time.Duration) float64
	}{
		{"start", []string{"psql", "-XAtc", "select 1"},
			func(_ []byte, wall time.Duration) float64 { return 1 / wall.Seconds() }},
		{"copy", []string{"psql", "-X", "-o", "/dev/null", "-c", `\timing on`, "-c", copyOut},
			func(output []byte, _ time.Duration) float64 { return 1 / number(b, shown, output) }},
		{"queries-1", []string{"pgbench", "-nS", "-M", "prepared", "-T", "2", "-c", "1"},
			func(output []byte, _ time.Duration) float64 { return number(b, tps, output) }},
		{"queries-4", []string{"pgbench", "-nS", "-M", "prepared", "-T", "2", "-c", "4", "-j", "2"},
			func(output []byte, _ time.Duration) float64 { return number(b, tps, output) }},
	} {
		b.Run(measured.name, func(b *testing.B) {
			ways := []string{"direct", "control", "proxy", "connect"}
			rates := make([][]float64, len(ways))
			for first := 0; b.Loop(); first++ {
				for next := range ways {
					i := (first + next) % len(ways)
					command := lab.command(b, ways[i], measured.program)
					start := time.Now()
					output := printed(b, command)
					rates[i] = append(rates[i], measured.rate(output, time.Since(start)))
				}
			}
			b.ReportMetric(medianOf(rates[0]), "per-s-direct")
			for i, way := range ways[1:] {
				ratios := make([]float64, len(rates[0]))
				for round := range ratios {
					ratios[round] = rates[1+i][round] / rates[0][round]
				}
				b.ReportMetric(medianOf(ratios), way)
			}
		})
	}
}

// connectLab is a real server and the ways to it.
type connectLab struct {
	rdsiam, port, roots, socket string
	environment                 []string
}

func newConnectLab(b *testing.B) *connectLab {
	b.Helper()
	variables := append(startReal(b, "PG", rdsiamtest.StartPostgreSQL, realserver.StartPostgreSQL, "GRANT CREATE ON SCHEMA public TO app"), connectVariables()...)
	program, err := exec.LookPath("rdsiam") // testscript.Main has put it into PATH
	if err != nil {
		b.Fatal(err)
	}
	lab := &connectLab{rdsiam: program, port: valueOf(b, variables, "_PORT"), roots: valueOf(b, variables, "_ROOTS"),
		socket: filepath.Join(b.TempDir(), "s"), environment: append(variables, "PATH="+os.Getenv("PATH"), "HOME="+b.TempDir())}
	server := exec.CommandContext(b.Context(), program, append([]string{"proxy", "--listen", lab.socket}, lab.flags()...)...)
	server.Env, server.Stderr = lab.environment, b.Output()
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Wait() })
	printed(b, lab.command(b, "connect", []string{"pgbench", "-iq"}))
	return lab
}

func (l *connectLab) flags() []string {
	return []string{endpointHost + ":" + l.port, "--dial", "127.0.0.1:" + l.port, "--root-cas", l.roots, "--user", "app", "--engine", "postgresql"}
}

// command is program on its way to the database.
func (l *connectLab) command(b *testing.B, way string, program []string) *exec.Cmd {
	b.Helper()
	var command *exec.Cmd
	var settings []string
	switch way {
	case "connect":
		arguments := append([]string{"connect"}, l.flags()...)
		arguments = append(arguments, "--db", "postgres", "--client", program[0], "--")
		command = exec.CommandContext(b.Context(), l.rdsiam, append(arguments, program[1:]...)...)
	case "proxy":
		command = exec.CommandContext(b.Context(), program[0], program[1:]...)
		settings = []string{"PGHOST=" + l.socket, "PGPORT=5432"}
	default:
		token := exec.CommandContext(b.Context(), l.rdsiam, "token", endpointHost+":"+l.port, "--user", "app")
		token.Env = l.environment
		command = exec.CommandContext(b.Context(), program[0], program[1:]...)
		settings = []string{"PGHOST=" + endpointHost, "PGHOSTADDR=127.0.0.1", "PGPORT=" + l.port, "PGSSLMODE=verify-full",
			"PGSSLROOTCERT=" + l.roots, "PGPASSWORD=" + string(bytes.TrimSpace(printed(b, token)))}
	}
	command.Env = append(slices.Clone(l.environment), append(settings, "PGUSER=app", "PGDATABASE=postgres")...)
	return command
}

func printed(b *testing.B, command *exec.Cmd) []byte {
	b.Helper()
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		b.Fatalf("%s: %v\n%s", command.Args[0], err, stderr.Bytes())
	}
	return output
}

func number(b *testing.B, pattern *regexp.Regexp, output []byte) float64 {
	b.Helper()
	found := pattern.FindSubmatch(output)
	if found == nil {
		b.Fatalf("no %s in %q", pattern, output)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func medianOf(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
