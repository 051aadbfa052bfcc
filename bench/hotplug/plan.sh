# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `bench/run hotplug` measures, for bench/run, which sources this.
# shellcheck disable=SC2034,SC2154  # variables that it and bench/run have in common

default_pairs=10 page=docs/benchmarks-hotplug.md
sizes=512,4096,8192

# plan_option OPTION [VALUE]: returns how many words it took; 0: it is none of this part's.
plan_option() {
	case $1 in
	--sizes) sizes=$2; return 2 ;;
	esac
	return 0
}

plan_prepare() {
	local size largest=0 seconds=120

	[[ $sizes =~ ^[1-9][0-9]*(,[1-9][0-9]*)*$ ]] || die 2 "--sizes $sizes are no guest sizes in MiB, as 512,4096"
	for size in ${sizes//,/ }; do
		[ "$size" -le "$largest" ] || largest=$size
		# A run takes half a minute to two, most of it where much memory is pinned; here are four times that.
		seconds=$((seconds + (pairs + 1) * 2 * (120 + size / 20)))
	done
	# A start is not measured, and an ELF starts sooner.
	[ -n "$kernel" ] || kernel=$("$lab_dir/kernel" lab vmlinux)
	initrd=$("$lab_dir/mkguest" --init "$bench/hotplug/guest" --program pauses)
	config=("guest_kernel=$kernel" "initrd=$initrd" "sizes=$sizes")
	# The monitor, the tables for KVM and the IOMMU and the host itself have 2 GiB beside the largest guest.
	lab_words=(--devices nvme,e1000e --memory "$((largest + 2048))M" --timeout "$seconds")
}
