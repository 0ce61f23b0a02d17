#!/usr/bin/env bash
# Arrows point down only: fails if a package imports what it must not.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
refuse() { # package, pattern
    deps=$(go list -deps "$1")
    if found=$(grep -E "$2" <<<"$deps"); then
        echo "$1 imports $found" >&2
        status=1
    fi
}
pgx='github.com/jackc/pgx'
mysql='github.com/go-sql-driver/mysql'
refuse . "$pgx|$mysql"
refuse ./pgx "$mysql"
refuse ./mysql "$pgx"
refuse ./provision "$pgx|$mysql"
refuse ./rdsiamtest "$mysql|^testing\$"
refuse ./rdsiamtest 'pgx/v5$|pgxpool|stdlib'
refuse ./rdsiamtest/internal/mysql "$pgx|$mysql|rdsiam/rdsiamtest\$"
refuse ./rdsiamtest/internal/postgresql "$mysql|mysqlwire|pgconn|pgx/v5\$|rdsiam/rdsiamtest\$"
refuse ./internal/causes "$pgx|$mysql|rdsiam/rdsiam\$"
refuse ./internal/mysqlwire "$pgx|$mysql|rdsiam/rdsiam$"
refuse ./internal/pgrelay "$mysql|pgconn|pgx/v5\$|rdsiam/rdsiam$"
exit $status
