# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a test in the lab may call. tests/lab/*.test are bash scripts that run as root in the lab host, from the
# project's folder; each sources this file and ends with `done_testing`. Headers in its first lines say what it
# needs:
#
#   # lab: --kernel stock --memory 8G     options of lab/run; tests with the same ones share one boot
#   # timeout: 90                         seconds (default 300)
#   # timeout-full: 900                   in `make test-all`, where that is longer
#   # full                                only in `make test-all`
#   # named                               only when it is named: another suite than `lab` does that
#   # short                               not in `make test-all`, where another suite does that in full
#
# Given in the environment: $HANDFAST; what tests/lab/guests prints; $GUEST_PROGRAM_<NAME>, the programs of
# tests/guests; $FULL (not empty in `make test-all`); $LAB_OUT (comes back, as build/logs/lab).
# Lines that a test writes to $LAB_OUT/$TEST_NAME.kept are there when it runs again because the lab host has died: what
# it need not do once more.
# With `# lab: --init systemd` a test may call lab-reboot: it runs from its beginning, with $LAB_BOOT one higher.
# A test that ends with another status than 0, before done_testing, or not at all, has failed.

tap_number=${TAP_NUMBER:-0}
tap_name=${TEST_NAME:-$(basename "$0" .test)}

# tap VERDICT TEXT: one line of the result.
tap() {
	tap_number=$((tap_number + 1))
	echo "$1 $tap_number - $tap_name: $2"
}

ok() { tap ok "$1"; }

# spoiled: whether what the test looks at was spoiled by the emulator. vm.sh knows when.
spoiled() { false; }

# not_ok TEXT [DETAIL...]: a failure; but where it was the emulator's, the test ends, and the driver runs it once more.
not_ok() {
	if spoiled; then
		echo "# $tap_name: $1: the emulated processor shut down, or lost a timer, in the guest"
		exit 75
	fi
	tap 'not ok' "$1"
	shift
	[ $# = 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
}

# skip TEXT WHY
skip() { tap ok "$1 # SKIP $2"; }

# check_that TEXT COMMAND...: ok when the command succeeds; what it printed is shown when it does not.
check_that() {
	local text=$1 output status

	shift
	if output=$("$@" 2>&1); then
		ok "$text"
	else
		status=$?
		not_ok "$text" "status $status of: $*" "$(tail -n 20 <<<"$output")"
		return 1
	fi
}

# check_not TEXT COMMAND...: ok when the command fails.
check_not() {
	local text=$1 output

	shift
	if output=$("$@" 2>&1); then
		not_ok "$text" "succeeded: $*" "$(tail -n 20 <<<"$output")"
		return 1
	fi
	ok "$text"
}

# check_equal TEXT WANTED FOUND
check_equal() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "wanted: $2" "found:  $3"
		return 1
	fi
}

# done_testing: the last line of every test; without it the test did not come to its end.
done_testing() { echo "1..$tap_number"; }

# driver_of BDF
driver_of() {
	local link

	link=$(readlink "/sys/bus/pci/devices/$1/driver") || link=none
	echo "${link##*/}"
}

# group_of BDF
group_of() {
	local link

	link=$(readlink "/sys/bus/pci/devices/$1/iommu_group") || link=none
	echo "${link##*/}"
}

# sysfs_bind BDF...: gives devices to vfio-pci by sysfs alone, for tests that are not about handfast's bind.
sysfs_bind() {
	local bdf

	for bdf in "$@"; do
		echo vfio-pci >"/sys/bus/pci/devices/$bdf/driver_override"
		[ ! -e "/sys/bus/pci/devices/$bdf/driver" ] || echo "$bdf" >"/sys/bus/pci/devices/$bdf/driver/unbind"
		echo "$bdf" >/sys/bus/pci/drivers_probe
		[ "$(driver_of "$bdf")" = vfio-pci ] || return 1
	done
}

# sysfs_unbind BDF...: and back to their own drivers.
sysfs_unbind() {
	local bdf

	for bdf in "$@"; do
		echo >"/sys/bus/pci/devices/$bdf/driver_override"
		[ ! -e "/sys/bus/pci/devices/$bdf/driver" ] || echo "$bdf" >"/sys/bus/pci/devices/$bdf/driver/unbind"
		echo "$bdf" >/sys/bus/pci/drivers_probe
	done
	wait_for 5 disks_ready
}

disks_ready() {
	local device disks

	for device in /sys/bus/pci/drivers/nvme/*:*; do
		[ -e "$device" ] || continue
		disks=("$device"/nvme/nvme*/nvme*n*)
		[ -e "${disks[0]}" ] || return 1
	done
}

# wait_for SECONDS COMMAND...: until it succeeds, looked at ten times a second. No test means its seconds as a limit of
# what it tests, and a busy machine makes a lab slow: whoever wants to wait less than a minute waits a minute.
wait_for() {
	local left=$((($1 < 60 ? 60 : $1) * 10))

	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.1
	done
}
