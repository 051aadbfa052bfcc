# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How the lab packs an initrd: busybox, an init, the modules that a stock kernel needs in the order in which
# they must be loaded, programs with their shared libraries. Sourced after lib.sh.

# initrd_begin DIR: an empty root with busybox and the folders that an init mounts things on.
initrd_begin() {
	need_program busybox cpio
	mkdir -p "$1"/{bin,sbin,dev,proc,sys,tmp,run,etc,root,lib,lib64,usr,modules}
	cp "$(command -v busybox)" "$1/bin/busybox"
	if ! head -c 4 "$1/bin/busybox" | grep -q ELF || ldd "$1/bin/busybox" >/dev/null 2>&1; then
		die 125 "cannot make an initrd" "$(command -v busybox) is not a static program" "scripts/setup"
	fi
}

# initrd_modules DIR KERNEL_DIR NAME...: copies each module that is not built in, and before it what it needs,
# as DIR/modules/NNN-name.ko, unpacked; DIR's init loads them in that order.
initrd_modules() {
	local dir=$1 kernel=$2 version number=100 verb path name seen=' '

	shift 2
	[ -d "$kernel/root" ] || return 0 # the lab's kernel has no modules
	version=$(cat "$kernel/version")
	need_program modprobe
	while read -r verb path _; do
		[ "$verb" = insmod ] || continue
		name=${path##*/}
		name=${name%%.ko*}
		case $seen in *" $name "*) continue ;; esac
		seen+="$name "
		number=$((number + 1))
		case $path in
		*.ko) cp "$path" "$dir/modules/$number-$name.ko" ;;
		*.ko.xz) xz -dc "$path" >"$dir/modules/$number-$name.ko" ;;
		*.ko.zst) zstd -q -dc "$path" >"$dir/modules/$number-$name.ko" ;;
		*) die 125 "cannot unpack the module $path" ;;
		esac
	done < <(
		# One by one: modprobe stops at the first name that it does not know.
		for name in "$@"; do
			modprobe -d "$kernel/root" -S "$version" --show-depends "$name" 2>/dev/null || true
		done
	)
}

# initrd_program DIR FILE [PATH]: copies FILE to PATH (else /bin/name) with the libraries that it is linked to.
initrd_program() {
	local dir=$1 file=$2 path=${3:-/bin/${2##*/}} library

	[ -f "$file" ] || die 2 "cannot pack $file" "there is no such file"
	mkdir -p "$dir/$(dirname "$path")"
	cp -L "$file" "$dir/$path"
	while read -r library; do
		[ -e "$dir/$library" ] && continue
		mkdir -p "$dir/$(dirname "$library")"
		cp -L "$library" "$dir/$library"
	done < <(ldd "$file" 2>/dev/null | grep -o '/[^ ]*' || true)
}

# initrd_pack DIR FILE: the archive, not compressed (unpacking costs an emulated processor more than loading),
# the same bytes for the same content.
initrd_pack() {
	(
		cd "$1" || exit
		find . -exec touch -hd @0 {} +
		find . -print0 | LC_ALL=C sort -z | cpio --null -o -H newc --reproducible --quiet -R 0:0
	) >"$2.new.$$"
	mv "$2.new.$$" "$2"
}
