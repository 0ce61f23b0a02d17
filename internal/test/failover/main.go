// Command failover lets pools write to a real PostgreSQL primary with a streaming standby, and
// to a real MariaDB primary with a replica, and takes the primary away: killed, frozen,
// vanished from the network, demoted. It measures when each way to connect writes again.
//
//	go run ./internal/test/failover -document docs/operate.md
//
// It ends within ten minutes. Names are resolved as those of an Aurora cluster are: that of
// the cluster leads to the old writer for a while after the other one was promoted, and the
// old writer is back as a reader by then.
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
	document := flag.String("document", "", "file whose table of the failovers is replaced")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *document); err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
		os.Exit(1)
	}
}

// thorough is what the table is measured with.
var thorough = pace{detection: 2 * time.Second, names: 5 * time.Second, watched: 20 * time.Second, workers: 5}

func run(ctx context.Context, document string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	var results []result
	for _, e := range engines {
		for _, f := range faults {
			result, err := measure(ctx, e, f, thorough)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", e.name, f.name, err)
			}
			fmt.Println(result)
			results = append(results, result)
		}
	}
	if document != "" {
		if err := replaceTables(document, results); err != nil {
			return err
		}
	}
	return judge(results)
}
