#!/usr/bin/env bash
# Runs every fuzz target of every module for $FUZZTIME.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# To make an input shorter takes up to a minute by default, during which nothing is tried.
fuzz() { # package, target
    if (cd "$1" && "$go" test -run '^$' -fuzz "^$2\$" -fuzztime "${FUZZTIME:-20s}" -fuzzminimizetime 1s .) 2>&1 | tee "$output"; then
        return 0
    fi
    time_was_over
}

# Before Go 1.27 a target may be called failed for no more than that its time is over, which
# is noticed in two places and sometimes in the wrong order (https://go.dev/issue/75804).
# Of what is wrong with the code, the output has more to say; and of a target that hangs,
# that it has tried nothing in the last reports, of which there is one every 3 seconds and one
# at the end. In one of them a target may just have been making inputs shorter.
time_was_over() {
    if ! grep -q '^    context deadline exceeded$' "$output" ||
        grep -qE 'Failing input|panic|fuzzing process|^        ' "$output" ||
        ! grep '^fuzz: elapsed: ' "$output" | tail -n 4 | grep -qE '\([1-9][0-9]*/sec\)'; then
        return 1
    fi
    echo "no failure: its time was over"
}

for package in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
    case $package in ./examples*) continue ;; esac
    for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$package"/*_test.go | awk '{print $2}' | sort -u); do
        echo "fuzz $package $target"
        fuzz "$package" "$target" || exit 1
    done
done
