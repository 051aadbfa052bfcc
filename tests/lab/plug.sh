# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For the tests that plug devices into running VMs and unplug them. Sourced after host.sh.
# shellcheck disable=SC2034  # some variables are for the tests
: "${work?}" "${serial?}" "${disk_bdf?}" "${KERNEL_LAB?}" "${KERNEL_STOCK?}"

socket=$work/qmp.sock
words="console=ttyS0 quiet panic=-1"
# shellcheck disable=SC2054  # the commas are handfast's
machine=(-smp 2 -m 512 -qmp "unix:$socket,server,nowait"
	-device pcie-root-port,id=pcie.1,port=1,bus=pcie.0,addr=0x4 -device pcie-root-port,id=pcie.2,port=2,bus=pcie.0,addr=0x5
	-device pcie-root-port,id=fixed,port=3,bus=pcie.0,addr=0x6,hotplug=off)
lab=("${machine[@]}" -kernel "$KERNEL_LAB" -initrd "${GUEST_HOTPLUG_LAB?}")
stock=("${machine[@]}" -kernel "$KERNEL_STOCK" -initrd "${GUEST_HOTPLUG_STOCK?}")

# ask COMMAND [KEY=VALUE]...: its answer on one line; the status says whether it is an error.
ask() { "$HANDFAST" qmp "$socket" --timeout 60 "$@" >"$work/answer" 2>&1; }
answer() { tr '\n' ' ' <"$work/answer"; }
plug() { ask device_add driver=vfio-pci "$@"; }
# unplug ID [KEY=VALUE]...: until it has left.
unplug() {
	local id=$1
	shift

	"$HANDFAST" qmp "$socket" --timeout 60 --wait DEVICE_DELETED device_del "id=$id" "$@" >"$work/answer" 2>&1
}

# wrong TEXT PATTERN COMMAND...: an error whose text has it; nothing of the host changes.
wrong() {
	local text=$1 pattern=$2 before
	shift 2

	before=$(host_state)
	if ask "$@"; then
		not_ok "$text: no error" "$(answer)"
	elif ! answer | grep -qE -- "$pattern"; then
		not_ok "$text: it does not say: $pattern" "$(answer)"
	else
		check_equal "$text" "$before" "$(host_state)"
	fi
}

# What the VM has open, and its threads; one kind a line.
holdings() {
	find "/proc/$vm_pid/fd" -mindepth 1 -printf '%l\n' | sed 's/:\[[0-9]*\]$//' | sort | uniq -c | grep -v 'socket\|kvm-vfio'
	cat "/proc/$vm_pid/task"/*/comm | sort | uniq -c
	grep -c 'vfio-device' "/proc/$vm_pid/maps"
}
# KiB that it has written to besides the guest's memory.
own_memory() {
	awk '$1 == "Size:" {guest = $2 > 200000} $1 == "Private_Dirty:" && !guest {sum += $2} END {print sum}' "/proc/$vm_pid/smaps"
}
pinned() { awk '/^VmLck:/ {print $2}' "/proc/$vm_pid/status"; }
vm_runs() { kill -0 "$vm_pid"; }
vm_end() {
	kill "$vm_pid" 2>/dev/null
	wait "$vm_pid" 2>/dev/null
}
# The group's node can be opened by one process at a time.
group_is_free() { bash -c 'exec 9<>"$0"' "/dev/vfio/$(group_of "$1")"; }
has_driver() { [ "$(driver_of "$1")" = "$2" ]; }

# says_again SECONDS TEXT COUNT: until the guest has written it more often than that.
says_again() { wait_for "$1" more_than "$3" "$2"; }
more_than() { [ "$(times "$2")" -gt "$1" ]; }
times() { grep -cF -- "$1" "$serial"; }

# Guests that use everything that comes (guest-slots.sh). Some of the devices need room for I/O ports behind the port.
# shellcheck disable=SC2054  # the commas are handfast's
ports=(-smp 2 -m 512 -qmp "unix:$socket,server,nowait"
	-device pcie-root-port,id=pcie.1,port=1,bus=pcie.0,addr=0x4,io-reserve=4K
	-device pcie-root-port,id=pcie.2,port=2,bus=pcie.0,addr=0x5,io-reserve=4K
	-device pcie-root-port,id=pcie.3,port=3,bus=pcie.0,addr=0x6,io-reserve=4K)
slots_lab=("${ports[@]}" -kernel "$KERNEL_LAB" -initrd "${GUEST_SLOTS_LAB?}")
slots_stock=("${ports[@]}" -kernel "$KERNEL_STOCK" -initrd "${GUEST_SLOTS_STOCK?}")

# works DRIVER: the guest has used that driver's device, from begin to end, after this was asked; in 60 seconds.
works() { says_again 60 "slots: $1 works" $(($(times "slots: $1 works") + 1)); }
says() { grep -qF -- "$1" "$messages"; }

listener=''
# listen: what happens is written to $work/events from now on; told EVENT ID COUNT: it has happened so often.
listen() {
	[ -p "$work/pipe" ] || mkfifo "$work/pipe"
	exec 8<>"$work/pipe"
	[ -z "$listener" ] || kill "$listener" 2>/dev/null
	"$HANDFAST" qmp "$socket" <&8 >"$work/events" 2>&1 &
	listener=$!
	echo query-status >&8
	wait_for 20 grep -q '"running"' "$work/events"
}
told() { [ "$(grep -cE "\"event\": *\"$1\".*\"device\": *\"$2\"" "$work/events")" -ge "$3" ]; }
