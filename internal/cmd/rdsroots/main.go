// Command rdsroots makes the file of root certificates that is embedded in
// package rdsiam from a bundle that AWS publishes.
//
// Download the bundle of the commercial regions first:
//
//	https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
//
// Compare its SHA-256 with a source of its own, then run, from the root of the module,
//
//	go run ./internal/cmd/rdsroots -in global-bundle.pem -sha256 <hex> -date <day of download> -out internal/roots/rds.pem
//
// The same input always gives the same output: certificates are judged expired
// at the given date, and sorted.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

const bundleURL = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"

func main() {
	in := flag.String("in", "", "bundle of PEM certificates, as downloaded")
	sum := flag.String("sha256", "", "expected SHA-256 of the bundle, in hexadecimal")
	date := flag.String("date", "", "day on which AWS published exactly this bundle, as 2006-01-02")
	out := flag.String("out", "", "file to write")
	flag.Parse()
	if err := run(*in, *sum, *date, *out); err != nil {
		fmt.Fprintln(os.Stderr, "rdsroots:", err)
		os.Exit(1)
	}
}

func run(in, sum, date, out string) error {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return fmt.Errorf("-date: %w", err)
	}
	bundle, err := os.ReadFile(in)
	if err != nil {
		return fmt.Errorf("-in: %w; the bundle is at %s", err, bundleURL)
	}
	actual := sha256.Sum256(bundle)
	if got := hex.EncodeToString(actual[:]); !strings.EqualFold(got, sum) {
		return fmt.Errorf("-sha256: the bundle has %s, expected %q", got, sum)
	}
	roots, err := readRoots(bundle, day)
	if err != nil {
		return err
	}
	return os.WriteFile(out, format(roots, hex.EncodeToString(actual[:]), day), 0o644)
}
