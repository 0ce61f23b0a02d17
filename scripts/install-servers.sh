#!/bin/sh
# Installs what the tests with real database servers need and this machine does
# not have: a PostgreSQL server, a MariaDB server, a C compiler, Node.js for the
# clients of other languages, and the programs that the command line runs or is compared
# with. For Debian and Ubuntu, as root. It starts no service.
#
# Exit status: 0 everything is there; 1 an installation failed; 2 something is
# missing and this is not root; 3 something is missing and there is no apt-get.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }

have_postgresql() {
	for dir in $(echo "$PATH" | tr ':' ' ') /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin; do
		[ -x "$dir/postgres" ] && return 0
	done
	return 1
}

have_mariadb() {
	{ have mariadbd || [ -x /usr/sbin/mariadbd ] || [ -x /usr/libexec/mariadbd ]; } && have mariadb-install-db && have mariadb
}

# A compiler alone is not enough, the headers of the C library come separately.
have_compiler() {
	for cc in cc gcc clang; do
		have "$cc" && echo '#include <sys/un.h>' | "$cc" -fsyntax-only -x c - 2>/dev/null && return 0
	done
	return 1
}

known() { apt-cache show "$1" >/dev/null 2>&1; }

# The server without its service, where the distribution has that separately.
mariadb_packages() {
	if known mariadb-server-core && known mariadb-client-core; then
		echo mariadb-server-core mariadb-client-core
	else
		echo mariadb-server
	fi
}

update() {
	echo "install-servers: apt-get update: the package lists are missing or out of date"
	apt-get update -qq || exit 1
}

# No service is started while this file exists and exits with 101. One that is
# there already is the machine's own business.
policy=/usr/sbin/policy-rc.d
forbid_services() {
	[ ! -e "$policy" ] || return 0
	temporary="$temporary $policy"
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

install() {
	# shellcheck disable=SC2086 # a list of names
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $1 >"$log" 2>&1
}

missing=
have_postgresql || missing="$missing postgresql"
have_mariadb || missing="$missing mariadb"
have_compiler || missing="$missing compiler"
{ have node && have npm; } || missing="$missing node"
{ have mariadb-dump && have mariadb-slap; } || missing="$missing clients"
{ have pgcli && have mycli; } || missing="$missing terminals"
/usr/bin/python3 -c 'import psycopg' 2>/dev/null || missing="$missing psycopg"
{ [ -x /usr/bin/aws ] && have faketime; } || missing="$missing awscli"
{ [ -e /usr/share/bash-completion/bash_completion ] && have zsh && have fish; } || missing="$missing shells"
if [ -z "$missing" ]; then
	echo "install-servers: PostgreSQL, MariaDB, a C compiler, Node.js and the clients are here, nothing to install"
	exit 0
fi
if ! have apt-get; then
	echo "install-servers: missing:$missing; this machine has no apt-get: install them its own way" >&2
	exit 3
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "install-servers: missing:$missing; run this as root: sudo $0" >&2
	exit 2
fi

log=$(mktemp)
temporary=$log
trap 'rm -f $temporary' EXIT
trap 'exit 1' HUP INT TERM
forbid_services
known postgresql || update
packages=
for part in $missing; do
	case $part in
	postgresql) names=postgresql why="a PostgreSQL server that asks for tokens" ;;
	mariadb) names=$(mariadb_packages) why="a MariaDB server that asks for tokens" ;;
	compiler) names="gcc libc6-dev" why="the C code through which the servers ask" ;;
	clients) names=mariadb-client why="programs that log in through rdsiam exec and rdsiam proxy" ;;
	terminals) names="pgcli mycli" why="clients that rdsiam connect runs" ;;
	psycopg) names=python3-psycopg why="the PostgreSQL client of Python, which rdsiam exec runs" ;;
	shells) names="bash-completion zsh fish" why="shells that complete the command line" ;;
	awscli) names="awscli faketime" why="what the tokens of the command line are compared with" ;;
	node) names="nodejs npm" why="the PostgreSQL and MySQL clients of Node.js, which log in too" ;;
	esac
	echo "install-servers: installing $names: $why"
	packages="$packages $names"
done
if ! install "$packages"; then
	update
	install "$packages" || {
		echo "install-servers: apt-get install$packages failed:" >&2
		tail -n 40 "$log" >&2
		exit 1
	}
fi
