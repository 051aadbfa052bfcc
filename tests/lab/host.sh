# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For the tests of check, list, bind and unbind (host-*.test). Sourced after vm.sh.
# shellcheck disable=SC2034  # some variables are for the tests
: "${work?}" "${serial?}" "${messages?}"

# A kernel that powers off at once, and one that stays (guest-short.S).
GUEST_OFF=${GUEST_OFF?} GUEST_HALT=${GUEST_HALT?}

# device_at SLOT-PATH: the BDF of the device of a set of lab/devices, by the slot of its port or bridge on the
# root bus and its own address behind that, as device_at 15/01.0.
device_at() {
	local found

	found=$(find /sys/devices/pci0000:00 -path "*/0000:00:${1%/*}.0/0000:*:${1#*/}" -prune -printf '%f\n')
	echo "${found:?no device at $1}"
}

# by_ids VENDOR:DEVICE: the BDF of the host's device.
by_ids() {
	local device

	for device in /sys/bus/pci/devices/*; do
		[ "$(cat "$device/vendor"):$(cat "$device/device")" != "0x${1%:*}:0x${1#*:}" ] || basename "$device"
	done
}

# disk_of BDF: the name of its disk, as nvme0n1.
disk_of() {
	local path

	for path in /sys/bus/pci/devices/"$1"/nvme/nvme*/nvme*n*; do
		[ ! -e "$path" ] || echo "${path##*/}"
	done
}

# net_of BDF: the name of its network interface.
net_of() { basename "/sys/bus/pci/devices/$1/net/"*; }

# short GUEST ARGUMENT...: runs a VM with one of the short guests, with its messages in $messages; for $as and
# $memory see agrees.
short() {
	local kernel=$1

	shift
	timeout --foreground 60 ${as[@]+"${as[@]}"} "$HANDFAST" -machine q35 -cpu host -m "${memory:-32}" -display none \
		-kernel "$kernel" "$@" </dev/null >"$work/output" 2>"$messages"
}

# short_start ARGUMENT...: one that stays, in the background. Its process is $vm_pid; it runs when it says "up".
short_start() {
	: >"$serial"
	"$HANDFAST" -machine q35 -cpu host -m 32 -display none -serial "file:$serial" -kernel "$GUEST_HALT" "$@" \
		</dev/null >"$work/output" 2>"$messages" &
	vm_pid=$!
}

# What a refusal gives as its causes, one a line.
causes() {
	awk '/^  because: / {inside = 1; sub(/^  because: /, "         ")}
		/^  try: / {inside = 0}
		inside {sub(/^ +/, ""); print}' "$messages"
}

# obstacles: what `check --json` found in the way, one a line. (Python would need seconds to start here.)
obstacles() {
	awk '/"level": *"obstacle"/ {obstacle = 1}
		obstacle && /"what":/ {
			sub(/^[^:]*: *"/, "")
			sub(/",?$/, "")
			gsub(/\\\//, "/")
			gsub(/\\"/, "\"")
			gsub(/\\n/, "\n")
			print
			obstacle = 0
		}' "$work/check"
}

# agrees NAME WANTED BDF...: `check` of the devices says WANTED, and a VM that is given them does as it says:
#   go        check says nothing is in the way, and the VM starts and ends well
#   PATTERN   check has an obstacle that the extended regular expression matches; the VM is refused, with status 1,
#             for that one ($instead: for another) and for nothing that check did not name
# and the host is as it was. $as: a command to run both under; $memory: the guest's, in MiB; $starts: what is started,
# one after the other, each more keys for -device.
as=() memory='' instead=''
starts=("")
agrees() {
	local name=$1 wanted=$2 status=0 before keys

	shift 2
	before=$(host_state)
	${as[@]+"${as[@]}"} "$HANDFAST" check --json "$@" >"$work/check" 2>"$work/check.errors" || status=$?
	obstacles >"$work/obstacles"
	if [ "$(tail -n 1 "$work/check")" != '}' ]; then
		not_ok "$name: check --json ends with status $status and no object" "$(head -n 20 "$work/check.errors")"
		return
	fi
	if [ "$wanted" = go ]; then
		check_equal "$name: check says go" "0 " "$status $(cat "$work/obstacles")"
	else
		check_equal "$name: check has status 1" 1 "$status"
		check_that "$name: check has the obstacle" grep -E -- "$wanted" "$work/obstacles" ||
			sed 's/^/#   obstacle: /' "$work/obstacles"
	fi
	for keys in "${starts[@]}"; do
		status=0
		# shellcheck disable=SC2046  # words
		short "$GUEST_OFF" $(printf -- "-device vfio-pci,host=%s$keys " "$@") || status=$?
		if [ "$wanted" = go ]; then
			check_equal "$name: and a VM starts with it" 0 "$status" || sed 's/^/#   /' "$messages"
		elif [ -n "$keys" ]; then
			refused_as_checked "$name$keys" "$wanted" "$status"
		else
			refused_as_checked "$name" "${instead:-$wanted}" "$status"
		fi
	done
	check_equal "$name: the host is as it was" '' "$(diff <(echo "$before") <(host_state))"
}

# After a start, what check had found being in $work/obstacles.
refused_as_checked() {
	local cause

	check_equal "$1: the VM is refused" 1 "$3"
	check_that "$1: for that obstacle" grep -E -- "$2" < <(causes) || sed 's/^/#   /' "$messages"
	while IFS= read -r cause; do
		grep -qxF -- "$cause" "$work/obstacles" ||
			not_ok "$1: check says nothing of this" "$cause" "$(cat "$work/obstacles")"
	done < <(causes)
}

# All that 200 times bind and unbind must not change: host_state, and who uses which module.
whole_state() {
	host_state
	[ ! -e /proc/modules ] || awk '{print "module", $1, $3, $4}' /proc/modules | sort
}
