# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Running handfast in the lab, for the tests beside this file. Sourced after lib.sh.
# shellcheck disable=SC2034  # some variables are for the tests

# What tests/lab/guests made.
KERNEL_LAB=${KERNEL_LAB?} KERNEL_LAB_ELF=${KERNEL_LAB_ELF?}
KERNEL_STOCK=${KERNEL_STOCK?} KERNEL_STOCK_ELF=${KERNEL_STOCK_ELF?}
GUEST_UNPLUG_LAB=${GUEST_UNPLUG_LAB?} GUEST_UNPLUG_STOCK=${GUEST_UNPLUG_STOCK?}
GUEST_FIRST_LIGHT_LAB=${GUEST_FIRST_LIGHT_LAB?} GUEST_FIRST_LIGHT_STOCK=${GUEST_FIRST_LIGHT_STOCK?}
GUEST_LIFE_LAB=${GUEST_LIFE_LAB?} GUEST_LIFE_STOCK=${GUEST_LIFE_STOCK?}
GUEST_READS_LAB=${GUEST_READS_LAB?} GUEST_READS_STOCK=${GUEST_READS_STOCK?}
GUEST_DEVICES_LAB=${GUEST_DEVICES_LAB?} GUEST_PEER_LAB=${GUEST_PEER_LAB?}
GUEST_BARS_LAB=${GUEST_BARS_LAB?} GUEST_ROM_LAB=${GUEST_ROM_LAB?}
GUEST_LAYOUT_LAB=${GUEST_LAYOUT_LAB?} GUEST_SERIAL_LAB=${GUEST_SERIAL_LAB?}

disk_bdf=0000:01:00.0
nic_bdf=0000:02:00.0
work=$(mktemp -d) # in the lab's memory, gone with it
serial=$work/serial
messages=$work/messages
asked='' # the arguments of the VM that was started last

# spoiled: the processor of the VM that was started last shut down, where nothing asked for it, or lost a timer, which
# is KVM's and none of handfast's (docs/lab.md, "What is good to know").
spoiled() { shut_down || lost_timer; }

shut_down() { [[ $asked != *reboot=triple* ]] && grep -qs 'triple fault' "$messages"; }

# As the guest's kernel says, while no vCPU is kept from running by handfast: each is within KVM_RUN.
lost_timer() {
	local task

	grep -qs 'Possible timer handling issue' "$serial" && [ -d "/proc/${vm_pid-none}" ] || return 1
	for task in "/proc/$vm_pid/task"/*; do
		[[ $(cat "$task/comm") = vcpu* ]] || continue
		grep -qE '^(running|16 0x[0-9a-f]+ 0xae80 )' "$task/syscall" || return 1
	done
}

# vm ARGUMENT...: runs handfast to its end, with the guest's words in $serial and its own in $messages. Returns
# its status; 124 when it is not done after 150 seconds. A guest that was spoiled is run once more, and that is said.
vm() {
	local status=0

	vm_once "$@" || status=$?
	if spoiled; then
		echo "# the emulated processor shut down, or lost a timer, in the guest; once more: $*" >&2
		status=0
		vm_once "$@" || status=$?
	fi
	return "$status"
}

vm_once() {
	asked=$*
	HANDFAST_LOG=debug timeout --foreground 150 "$HANDFAST" -machine q35 -cpu host -display none \
		-serial "file:$serial" "$@" </dev/null >"$work/output" 2>"$messages"
}

# vm_start ARGUMENT...: the same in the background; its process is $vm_pid. $monitor is what runs the guest.
monitor=("$HANDFAST" -machine q35)
vm_start() {
	: >"$serial"
	asked=$*
	HANDFAST_LOG=debug "${monitor[@]}" -cpu host -display none -serial "file:$serial" "$@" \
		</dev/null >"$work/output" 2>"$messages" &
	vm_pid=$!
}

# vm_twice ARGUMENT...: runs a guest that resets itself whenever it has come to its end (AGAIN=1 in guest-devices.sh),
# until it has done so twice. Returns 1 when it does not.
vm_twice() {
	local status=0

	vm_twice_once "$@" || status=$?
	if spoiled; then
		echo "# the emulated processor shut down, or lost a timer, in the guest; once more: $*" >&2
		status=0
		vm_twice_once "$@" || status=$?
	fi
	return "$status"
}

vm_twice_once() {
	local until

	vm_start "$@"
	until=$((SECONDS + ${twice_seconds:-150}))
	while [ "$SECONDS" -lt "$until" ] && ! guest_came_twice && kill -0 "$vm_pid" 2>/dev/null; do
		sleep 0.5 # looking is work, too
	done
	kill "$vm_pid" 2>/dev/null
	wait "$vm_pid"
	guest_came_twice
}

guest_came_twice() { [ "$(grep -c '^guest: status' "$serial")" -ge 2 ]; }

# vm_says SECONDS TEXT: until the guest has written TEXT.
vm_says() { wait_for "$1" grep -qF -- "$2" "$serial"; }

# The status that the guest's test reported.
guest_status() { tr -d '\r' <"$serial" | sed -n 's/^guest: status //p' | tail -n 1; }

# guest_results NAME [PREFIX]: what the guest found, its lines "good: TEXT" and "bad: TEXT", as results of this test.
# PREFIX stands before them in what the guest says. Returns 1 when one is bad.
guest_results() {
	local name=$1 prefix=${2-} status=0 line

	while read -r line; do
		case $line in
		"${prefix}bad: "*)
			not_ok "$name: ${line#"${prefix}bad: "}"
			status=1
			;;
		"${prefix}good: "*) ok "$name: ${line#"${prefix}good: "}" ;;
		esac
	done < <(tr -d '\r' <"$serial")
	return "$status"
}

# What to look at after a failed test.
show() {
	sed 's/^/#   /' "$messages" | tail -n 20
	tr -d '\r' <"$serial" | tail -n 25 | sed 's/^/#   serial: /'
}

# What of the host handfast could have changed: drivers, overrides, nodes, the journal (but for the lock in it,
# which stays from the first command on).
host_state() {
	grep -H '' /sys/bus/pci/devices/*/driver_override
	find /sys/bus/pci/devices/*/ /dev/kvm /dev/vfio /dev/vfio/devices /var/lib/handfast /run/handfast -maxdepth 1 \
		\( -name driver -printf '%h %l\n' -o -path '/dev/*' -printf '%p %u:%g %m\n' -o \
		-path '*/handfast/*' ! -name lock -type f -print \) 2>/dev/null
}

# refused NAME PATTERN ARGUMENT...: handfast must end at once with status 1 and a message of three parts in
# which PATTERN (an extended regular expression, matched over the whole text as one line) is found, and the
# host must be as it was. $as may hold a command to run it under.
as=()
refused() {
	local name=$1 pattern=$2 before after status=0 text
	shift 2
	before=$(host_state)
	timeout 60 "${as[@]}" "$HANDFAST" "$@" </dev/null >"$work/output" 2>"$messages" || status=$?
	after=$(host_state)
	text=$(tr '\n' ' ' <"$messages")
	if [ "$status" -ne 1 ]; then
		not_ok "$name: the status is $status, not 1" "$text"
	elif ! grep -qE '^handfast: cannot .* because: .* try: ' <<<"$text"; then
		not_ok "$name: the message lacks one of its three parts" "$text"
	elif ! grep -qE -- "$pattern" <<<"$text"; then
		not_ok "$name: the message does not say: $pattern" "$text"
	elif [ "$before" != "$after" ]; then
		not_ok "$name: the host changed" "$(diff <(echo "$before") <(echo "$after"))"
	else
		ok "refused: $name"
	fi
}
