package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// String returns a table.
func (r result) String() string {
	var table strings.Builder
	fmt.Fprintf(&table, "| %s, writer %s | first good write | last failed write | failed | logins |\n|---|---|---|---|---|\n", r.engine, r.fault)
	for _, o := range r.variants {
		first := "never"
		if o.recovered {
			first = seconds(o.firstGood)
		}
		last := "none"
		switch {
		case !o.recovered:
			last = "to the end"
		case o.lastFailed < 0:
			last = "before"
		case o.failed > 0:
			last = seconds(o.lastFailed)
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %d | %d |\n", o.variant.name, first, last, o.failed, o.logins)
	}
	return table.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// judge fails where something does not recover that is documented to.
func judge(results []result) error {
	var failed []error
	for _, r := range results {
		for _, o := range r.variants {
			if !o.recovered && !o.variant.bare && o.variant.recovers(fault{name: r.fault}) {
				failed = append(failed, fmt.Errorf("%s, %s: %s does not write again: %w", r.engine, r.fault, o.variant.name, o.lastError))
			}
		}
	}
	return errors.Join(failed...)
}

const (
	tablesBegin = "<!-- failover -->\n"
	tablesEnd   = "<!-- /failover -->\n"
)

// replaceTables puts the tables between the marks of a document.
func replaceTables(path string, results []result) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), tablesBegin)
	_, tail, ends := strings.Cut(rest, tablesEnd)
	if !ok || !ends {
		return fmt.Errorf("%s has no place for the tables", path)
	}
	tables := make([]string, len(results))
	for i, r := range results {
		tables[i] = r.String()
	}
	return os.WriteFile(path, []byte(head+tablesBegin+strings.Join(tables, "\n")+tablesEnd+tail), 0o644)
}
