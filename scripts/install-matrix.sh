#!/bin/sh
# Puts database servers of other versions than this machine's into a folder, for
# make test-matrix: those of Debian unstable, each with a file system of its own
# that it is run in by chroot. On Debian, as root. About 100 MB are downloaded, 600 MB kept.
#
# The folder is the argument. What is in it and works is left alone; remove it to
# get newer versions. It can hold nothing else.
#
# The packages are unpacked, not installed: no script of theirs is run, none of
# their services is started, and this machine's own packages stay as they are.
#
# Exit status: 0 everything is there; 1 it failed; 2 something is missing and
# this is not root; 3 something is missing and this machine cannot get it: no
# apt-get, no Debian mirror, or it does not answer.
set -eu

# What the programs need to live in a file system of their own.
base="base-files base-passwd dash coreutils sed grep"

servers="postgresql mariadb mysql"
packages() {
	case $1 in
	postgresql) echo "$base postgresql" ;;
	mariadb) echo "$base mariadb-server-core mariadb-client-core" ;;
	mysql) echo "$base mysql-server-core mysql-client-core" ;;
	esac
}

# Left out: perl is for scripts of the packages, the rest is for people.
unneeded_packages='^(perl|libperl|locales|libc-l10n)'
unneeded_folders="usr/share/doc usr/share/man usr/share/info usr/share/locale usr/share/i18n usr/share/perl"

say() { echo "install-matrix: $*"; }
stop() {
	status=$1
	shift
	say "$*" >&2
	exit "$status"
}

[ $# = 1 ] || stop 1 "usage: $0 FOLDER"
case $1 in
/*) matrix=$1 ;;
*) matrix=$PWD/$1 ;;
esac
new=$matrix/new # what is being made

# marker says that a folder is ours to remove things in.
marker="This folder is filled by scripts/install-matrix.sh and may be removed at any time."

ours() { [ "$(cat "$matrix/README" 2>/dev/null)" = "$marker" ]; }

# version runs a server's programs, which shows that all they need is there.
version() {
	root=$matrix/$1
	# A change of what is to be in there makes another one.
	[ "$(cat "$root/etc/install-matrix" 2>/dev/null)" = "$(packages "$1")" ] || return 1
	case $1 in
	postgresql)
		bin=$(cd "$root" && echo usr/lib/postgresql/*/bin)
		chroot "$root" "/$bin/initdb" --version >/dev/null && chroot "$root" "/$bin/psql" --version >/dev/null &&
			chroot "$root" "/$bin/postgres" --version
		;;
	mariadb) chroot "$root" mariadb --version >/dev/null && chroot "$root" mariadbd --version ;;
	mysql) chroot "$root" mysql --version >/dev/null && chroot "$root" mysqld --version ;;
	esac
} 2>/dev/null

find_missing() {
	missing=
	for server in $servers; do
		text=$(version "$server") && say "$server: ${text%% (-- *}" || missing="$missing $server"
	done
}

if [ "$(id -u)" -ne 0 ]; then
	stop 2 "servers in a folder are run by chroot: run this as root"
fi
if [ -e "$matrix" ] && ! ours && [ -n "$(ls -A "$matrix")" ]; then
	stop 1 "$matrix has something else in it: name another folder"
fi
mkdir -p "$matrix"
echo "$marker" >"$matrix/README"
exec 9>"$matrix/lock"
flock 9 # somebody else may be making it

# Tests that were killed leave their servers' data.
for server in $servers; do
	[ ! -d "$matrix/$server/tmp" ] || find "$matrix/$server/tmp" -mindepth 1 -maxdepth 1 -mmin +600 -exec rm -rf {} +
done

find_missing
[ -n "$missing" ] || exit 0

for tool in apt-get dpkg-deb; do
	command -v "$tool" >/dev/null || stop 3 "missing:$missing; this machine has no $tool to get them with"
done
for keyring in /usr/share/keyrings/debian-archive-keyring.pgp /usr/share/keyrings/debian-archive-keyring.gpg; do
	[ ! -e "$keyring" ] || break
done
[ -e "$keyring" ] || stop 3 "missing:$missing; this machine does not know Debian's keys: apt-get install debian-archive-keyring"

# The mirror is the one that this machine's own packages come from.
find_mirror() {
	# shellcheck disable=SC2016 # apt-get's variables
	apt-get indextargets --format '$(CREATED_BY) $(LABEL) $(COMPONENT) $(REPO_URI)' 2>/dev/null |
		sed -n 's/^Packages Debian main //p' | head -n 1
}
mirror=$(find_mirror)
if [ -z "$mirror" ]; then
	apt-get update -qq || true # without it, apt does not know what a mirror has
	mirror=$(find_mirror)
fi
[ -n "$mirror" ] || stop 3 "missing:$missing; this machine's apt has no Debian mirror"

trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM
rm -rf "$new"
mkdir -p "$new/apt/lists/partial" "$new/apt/archives/partial" "$new/apt/empty"
: >"$new/apt/status" # nothing is installed
echo "deb [signed-by=$keyring] $mirror unstable main" >"$new/apt/sources.list"

# apt is this machine's with its proxies and the like, but for what it knows of
# packages.
apt() {
	apt-get -qq -y -o Dir::State="$new/apt" -o Dir::State::status="$new/apt/status" \
		-o Dir::Cache="$new/apt" -o Dir::Etc::sourcelist="$new/apt/sources.list" -o Dir::Etc::sourceparts="$new/apt/empty" \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts="$new/apt/empty" \
		-o APT::Sandbox::User=root -o APT::Install-Recommends=false -o APT::Update::Error-Mode=any \
		-o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

say "getting$missing of Debian unstable"
apt update >"$new/log" 2>&1 || {
	cat "$new/log" >&2
	stop 3 "missing:$missing; the Debian mirror of this machine does not have unstable or does not answer"
}

# unpack makes the file system of one server from what apt says it needs.
unpack() {
	root=$new/$1
	mkdir "$root"
	# shellcheck disable=SC2046 # a list of names
	apt -s install $(packages "$1") | sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -Ev "$unneeded_packages" >"$new/names"
	# shellcheck disable=SC2046 # a list of names
	(cd "$new/apt/archives" && apt download $(cat "$new/names")) >"$new/log" 2>&1 || {
		cat "$new/log" >&2
		stop 3 "missing:$missing; a download failed"
	}
	while read -r name; do
		dpkg-deb -x "$new/apt/archives/$name"_*.deb "$root"
	done <"$new/names"
	for folder in $unneeded_folders; do
		rm -rf "${root:?}/$folder"
	done
	cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
	cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
	echo "127.0.0.1 localhost" >"$root/etc/hosts"
	mknod -m 666 "$root/dev/null" c 1 3
	packages "$1" >"$root/etc/install-matrix"
}

# A folder is in its place only when it is complete.
for server in $missing; do
	unpack "$server"
	rm -rf "${matrix:?}/$server"
	mv "$new/$server" "$matrix/$server"
done

find_missing
[ -z "$missing" ] || stop 1 "does not run:$missing"
