// Command soak logs in to a real PostgreSQL and a real MariaDB for minutes, in real time,
// while credentials, servers, clocks and the network fail. Beside the library's clients run
// those of a control: the bare drivers with a token signed anew for each login. What the
// library refuses beyond the control fails the run.
//
//	go run ./internal/test/soak -document docs/evidence.md
//
// It ends within ten minutes. Tokens are reused for 5 seconds and credentials live 80
// seconds, so that many lives fit.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	phase := flag.Duration("phase", 20*time.Second, "how long a fault lasts, at least; a rest of half of that follows")
	workers := flag.Int("workers", 200, "how many log in through the library; the control has a quarter of that on top")
	document := flag.String("document", "", "file whose table of the soak is replaced")
	only := flag.String("only", "", "run the phase of this name alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, options{*phase, *workers, *document, *only}); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

type options struct {
	phase    time.Duration
	workers  int
	document string
	only     string
}

func run(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	l, err := startLab(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	clients, err := newClients(l)
	if err != nil {
		return err
	}
	crowd := startCrowd(ctx, clients, o.workers)
	defer crowd.stop()
	var results []result
	for _, p := range l.phases(o.phase) {
		if o.only != "" && o.only != p.name {
			continue
		}
		r, err := crowd.run(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Println(r)
		results = append(results, r)
	}
	if o.document != "" {
		if err := replaceTable(o.document, results); err != nil {
			return err
		}
	}
	return judge(results)
}
