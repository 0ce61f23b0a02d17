#!/usr/bin/env bash
# The release procedure of CONTRIBUTING.md, tried: HEAD as v0.1.0 in a folder that serves as
# the module proxy, and installed from there into an empty module cache.
set -euo pipefail
cd "$(dirname "$0")/.."
module=github.com/rdsiam/rdsiam
version=v0.1.0
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# What the machine has downloaded already is not downloaded again.
GOPROXY="file://$temporary/proxy,file://$(go env GOMODCACHE)/cache/download,$(go env GOPROXY)"
export GOPROXY GONOSUMDB="$module,$module/*" GOMODCACHE="$temporary/cache" GOBIN="$temporary/bin" GOWORK=off
GOFLAGS="$(go env GOFLAGS) -modcacherw"
export GOFLAGS

# release FOLDER MODULE [PATHSPEC...]: puts what is committed of it into the proxy.
release() {
    local folder=$1 path=$2 versions="$temporary/proxy/$2/@v"
    shift 2
    mkdir -p "$versions"
    echo "$version" >>"$versions/list"
    printf '{"Version":"%s","Time":"2006-01-02T15:04:05Z"}\n' "$version" >"$versions/$version.info"
    cp "$temporary/work/$folder/go.mod" "$versions/$version.mod"
    git -C "$temporary/work/$folder" archive --format=zip --prefix="$path@$version/" -o "$versions/$version.zip" HEAD . "$@"
}

git clone -q . "$temporary/work"
others=()
for file in $(git ls-files '*/go.mod'); do others+=(":(exclude)${file%go.mod}"); done
release . "$module" "${others[@]}"

for folder in cmd/rdsiam otel; do
    (
        cd "$temporary/work/$folder"
        go mod edit -dropreplace "$module" -require "$module@$version"
        go mod tidy
    )
done
git -C "$temporary/work" -c user.name=release -c user.email=release@localhost commit -qam "release: require $version"
release cmd/rdsiam "$module/cmd/rdsiam"
release otel "$module/otel"

cd "$temporary"
go install "$module/cmd/rdsiam@$version"
bin/rdsiam version | tee /dev/stderr | grep -qx "rdsiam $version"

# A program that has the library and rdsotel, as a stranger gets them.
mkdir program && cd program
go mod init example.com/program 2>/dev/null
printf 'package main\n\nimport (\n\t_ "%s/mysql"\n\t_ "%s/otel"\n\t_ "%s/pgx"\n\t_ "%s/rdsiamtest"\n)\n\nfunc main() {}\n' \
    "$module" "$module" "$module" "$module" >main.go
go mod edit -require "$module@$version" -require "$module/otel@$version"
go mod tidy
go build .
