# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `bench/run start` measures, for bench/run, which sources this.
# shellcheck disable=SC2034,SC2154  # variables that it and bench/run have in common

default_pairs=5 page=docs/benchmarks.md
vmlinux=yes qboot=yes

# plan_option OPTION [VALUE]: returns how many words it took; 0: it is none of this part's.
plan_option() {
	case $1 in
	--no-vmlinux) vmlinux=no; return 1 ;;
	--no-qboot) qboot=no; return 1 ;;
	esac
	return 0
}

plan_prepare() {
	local runs=$(((pairs + 1) * 6)) elf=''

	[ -n "$kernel" ] || kernel=$("$lab_dir/kernel" lab bzImage)
	[ "$lab_kernel" != lab ] || [ "$vmlinux" = no ] || elf=${kernel%/*}/vmlinux
	initrd=$("$lab_dir/mkguest" --init "$bench/start/guest" --program read-rate)
	config=("bzImage=$kernel" "vmlinux=$elf" "initrd=$initrd" "qboot=$qboot")
	# The host reads the disk by the same program as the guest.
	cp "$("$lab_dir/mkguest" --build-program read-rate)" "$out/read-rate"
	# Made before the lab so that all of it is there to be read.
	head -c 64M /dev/urandom >"$out/disk.img"
	# A run takes 10 to 20 s.
	lab_words=(--devices nvme --disk "nvme=$out/disk.img" --timeout $((120 + runs * 60)))
}
