# SPDX-License-Identifier: GPL-2.0-or-later
# Debian packages for contrib/quickstart and contrib/test: sourced by them.
#
# Promise: the only lasting change is installed packages. While apt-get runs, a policy-rc.d that refuses every service stands in
# the way of packages that would start one; whatever stood there before is put back, however the script ends.

POLICY=/usr/sbin/policy-rc.d

say() { printf '%s\n' "$*" >&2; }

die() { say "$0: $*"; exit 1; }

# names in the given lists, one per line
package_names() {
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@"
}

package_missing() {
	state=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) || return 0
	[ "$state" != installed ]
}

guard_on() {
	saved=
	if [ -e "$POLICY" ] || [ -h "$POLICY" ]; then
		saved=$(mktemp -d /tmp/postern-policy.XXXXXX)
		cp -a "$POLICY" "$saved/policy-rc.d"
	fi
	guarded=yes
	rm -f "$POLICY"
	printf '#!/bin/sh\n# postern is installing packages: no service may start\nexit 101\n' >"$POLICY"
	chmod 755 "$POLICY"
}

guard_off() {
	[ "${guarded-}" = yes ] || return 0
	rm -f "$POLICY"
	if [ -n "$saved" ]; then
		cp -a "$saved/policy-rc.d" "$POLICY"
		rm -rf "$saved"
	fi
	guarded=
}

apt_update_once() {
	[ "${apt_updated-}" = yes ] && return 0
	DEBIAN_FRONTEND=noninteractive apt-get -qq update >&2 || die "apt-get update failed"
	apt_updated=yes
}

# install_packages LIST... : installs what is missing, and nothing if nothing is
install_packages() {
	missing=
	for p in $(package_names "$@"); do
		if package_missing "$p"; then
			missing="$missing $p"
		fi
	done
	[ -n "$missing" ] || return 0
	say "installing:$missing"
	apt_update_once
	trap guard_off EXIT
	trap 'guard_off; exit 130' INT
	trap 'guard_off; exit 143' TERM HUP
	guard_on
	log=$(mktemp /tmp/postern-apt.XXXXXX)
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends --no-remove install $missing >"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "apt-get could not install:$missing"
	}
	rm -f "$log"
	guard_off
	trap - EXIT INT TERM HUP
}

# unpack_package NAME FOLDER : the files of a package below FOLDER; nothing is installed, no script of it runs
unpack_package() {
	[ -e "$2/.unpacked-$1" ] && return 0
	mkdir -p "$2/archives"
	if ! (cd "$2/archives" && apt-get -qq download "$1" 2>/dev/null); then
		apt_update_once
		(cd "$2/archives" && apt-get -qq download "$1") >&2 || return 1
	fi
	dpkg -x "$(ls -t "$2/archives/$1"_*.deb | head -n 1)" "$2" && touch "$2/.unpacked-$1"
}

unpack_servers() {
	for p in $(package_names "$1"); do
		unpack_package "$p" "$2" || die "cannot get package $p"
	done
}

# unpack_clients LIST FOLDER : the packages of the list, with what they need and is not installed; made anew when the list has changed
unpack_clients() {
	cmp -s "$1" "$2/list" && return 0
	rm -rf "$2"
	mkdir -p "$2/archives/partial"
	apt_update_once
	for p in $(package_names "$1"); do # one that cannot be had is skipped, with its test
		if package_missing "$p"; then
			apt-get -qq -y --no-install-recommends --no-remove --download-only -o Debug::NoLocking=1 \
				-o Dir::Cache::archives="$2/archives" install "$p" >"$2/log" 2>&1 || { say "no $p:"; tail -n 3 "$2/log" >&2; }
		fi
	done
	for f in "$2/archives"/*.deb; do
		[ -e "$f" ] && { dpkg -x "$f" "$2" || return 1; }
	done
	rm -rf "$2/archives"
	cp "$1" "$2/list"
}

# unpack_kernel FOLDER : Debian's own cloud kernel, for tests/vm
unpack_kernel() {
	[ -e "$1/.unpacked-kernel" ] && return 0
	kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-/ { print $2; exit }')
	if [ -z "$kernel" ]; then
		apt_update_once
		kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
	fi
	if [ -z "$kernel" ] || ! unpack_package "$kernel" "$1"; then
		say "no kernel package: suite vm will be skipped"
		return 0
	fi
	rm -rf "$1/archives"
	touch "$1/.unpacked-kernel"
}

# unpack_archives ARCHIVES FOLDER : a root file system of those packages; no script of theirs runs
unpack_archives() {
	for d in bin sbin lib lib64; do
		mkdir -p "$2/usr/$d" && ln -sfn "usr/$d" "$2/$d" || return 1
	done
	for f in "$1"/*.deb; do
		dpkg-deb --fsys-tarfile "$f" | tar -x -C "$2" --keep-directory-symlink --exclude='./usr/share/doc/*' \
			--exclude='./usr/share/man/*' --exclude='./usr/share/info/*' --exclude='./usr/share/locale/*' || return 1
	done
}

# download_closure LIST FOLDER : the packages of the list and all that they depend on, into FOLDER/archives
download_closure() {
	mkdir -p "$2/archives/partial"
	: >"$2/status" # apt is shown a system where nothing is installed
	# shellcheck disable=SC2046 # a list of words
	apt-get -qq -y --no-install-recommends --download-only -o Dir::State::status="$2/status" -o Debug::NoLocking=1 \
		-o Dir::Cache::archives="$2/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
		install $(package_names "$1") >"$2/log" 2>&1
}

# unpack_system LIST FOLDER : Debian with systemd in FOLDER/system, for tests/vm/boot.py; made anew when the list has changed
unpack_system() {
	cmp -s "$1" "$2/list" && return 0
	rm -rf "$2"
	if ! download_closure "$1" "$2"; then
		apt_update_once
		download_closure "$1" "$2" || { tail -n 5 "$2/log" >&2; say "no guest system: test vm_boot will be skipped"; return 0; }
	fi
	unpack_archives "$2/archives" "$2/system" || die "cannot unpack the guest system"
	rm -rf "$2/archives"
	cp "$1" "$2/list"
}
