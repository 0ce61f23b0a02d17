#!/usr/bin/env bash
# Runs govulncheck in every module where its database can be reached, and says so where it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."
database=https://vuln.go.dev
if ! curl --silent --fail --max-time 10 --output /dev/null "$database/index/modules.json"; then
    echo "govulncheck: skipped, since $database cannot be reached from here"
    exit 0
fi
while read -r file; do
    (cd "$(dirname "$file")" && go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./... </dev/null)
done < <(git ls-files go.mod '**/go.mod')
