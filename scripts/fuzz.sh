#!/usr/bin/env bash
# Runs every fuzz target of every module for $FUZZTIME.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
for package in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
    case $package in ./examples*) continue ;; esac
    for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$package"/*_test.go | awk '{print $2}' | sort -u); do
        echo "fuzz $package $target"
        (cd "$package" && "$go" test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20s}" .)
    done
done
