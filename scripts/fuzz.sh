#!/usr/bin/env bash
# Runs every fuzz target of every module for $FUZZTIME.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
output=$(mktemp)
trap 'rm -f "$output"' EXIT

fuzz() { # package, target
    (cd "$1" && "$go" test -run '^$' -fuzz "^$2\$" -fuzztime "${FUZZTIME:-20s}" .) 2>&1 | tee "$output"
}

# Before Go 1.27 a target may fail for no more than that its time is over, when that is
# noticed in two places in the wrong order (https://go.dev/issue/75804). Then it has to pass
# at the second try. Of what is wrong with the code, the output has more to say.
time_was_over() {
    grep -q '^    context deadline exceeded$' "$output" &&
        ! grep -qE 'Failing input|panic|fuzzing process|^        ' "$output"
}

for package in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
    case $package in ./examples*) continue ;; esac
    for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$package"/*_test.go | awk '{print $2}' | sort -u); do
        echo "fuzz $package $target"
        fuzz "$package" "$target" || { time_was_over && echo "once more: $target" && fuzz "$package" "$target"; }
    done
done
