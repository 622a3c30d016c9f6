#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# ./bootstrap.sh demo    install what is needed, build the release, analyse the captures of pcaps/
# ./bootstrap.sh check   install what is needed, build with sanitizers, run every test
# For Debian 12; needs root or sudo only when a package is missing.
set -euo pipefail
cd "$(dirname "$0")"

packages=(
	build-essential cmake ninja-build pkg-config
	libpcap-dev libnids-dev libnet1-dev libglib2.0-dev libsqlite3-dev libjansson-dev libarchive-dev zlib1g-dev
	libssl-dev libinih-dev libcap-ng-dev libmicrohttpd-dev libseccomp-dev libcmocka-dev
	python3 sqlite3 jq tcpdump tshark zstd xz-utils mandoc iproute2 systemd
)
# Of `check`, and of what .ci/run does after it: fuzzing, coverage, static analysis.
check_packages=(clang libclang-rt-14-dev gcovr cppcheck valgrind)

say() { printf '\n== %s\n' "$*"; }

install_packages() {
	local missing=() p
	for p in "${packages[@]}"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) == installed ]] || missing+=("$p")
	done
	((${#missing[@]})) || return 0
	local root=()
	if ((EUID != 0)); then
		command -v sudo >/dev/null || {
			echo "bootstrap.sh: packages are missing: ${missing[*]}; install them as root" >&2
			exit 1
		}
		root=(sudo)
	fi
	say "installing ${missing[*]}"
	"${root[@]}" apt-get update -q
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null
}

build() {	# preset [target]
	say "building ($1)"
	cmake --preset "$1" >/dev/null
	cmake --build --preset "$1" ${2:+--target "$2"}
}

demo() {
	build release sawatch
	local sawatch=build/release/sawatch
	work=$(mktemp -d)	# not local: the trap outlives this function
	trap 'rm -rf "$work"' EXIT

	say "every capture of pcaps/, one by one: the verdict"
	local f
	for f in pcaps/*.pcap*; do
		printf '%-46s %s\n' "$f" "$("$sawatch" -r "$f" -q | tail -1)"
	done

	say "one that is ill, at length: sawatch -r pcaps/spi-churn.pcap"
	"$sawatch" -r pcaps/spi-churn.pcap

	say "all into one history: sawatch -r pcaps --db history.db"
	"$sawatch" -r pcaps --db "$work/history.db" -q | tail -1

	say "and asked with plain sqlite3"
	local query='SELECT severity, code, coalesce(cause, "-") AS cause, tunnel,
  substr(summary, 1, 60) || "…" AS summary FROM v_alerts ORDER BY severity, code LIMIT 8'
	query=${query//\"/\'}
	echo "sqlite3 -box history.db \"$query\""
	sqlite3 -box "$work/history.db" "$query"
}

case "${1:-}" in
demo)
	install_packages
	demo
	;;
check)
	packages+=("${check_packages[@]}")
	install_packages
	build dev
	say "testing"
	exec ctest --preset dev
	;;
*)
	echo "usage: ./bootstrap.sh demo|check" >&2
	exit 1
	;;
esac
