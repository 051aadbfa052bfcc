# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For the tests that run the freestanding guest (tests/guests/free). Sourced after host.sh.
: "${work?}" "${serial?}" "${messages?}"

GUEST_FREE=${GUEST_FREE?}

# What it knows, all in one guest, one slot after the other. Of shared memory there are two, whose small BARs share a
# page at times.
devices=() words=() slot=3
for ids in 1234:11e8 1b36:0010 8086:10d3 8086:10c9 1af4:1110 1b36:0005 1033:0194; do
	found=$(by_ids "$ids")
	for bdf in ${found:?no device $ids}; do
		devices+=("$bdf")
		words+=(-device "vfio-pci,host=$bdf,bus=pcie.0,addr=$(printf '0x%x' "$slot")")
		slot=$((slot + 1))
	done
done

# many_alone: from here on the guest has but the device with many messages, behind a port whose bus it can reset.
many=$(by_ids 1033:0194)
many_alone() {
	words=(-device "pcie-root-port,id=rp1,bus=pcie.0,addr=0x5" -device "vfio-pci,host=$many,bus=rp1,addr=0x0")
}

# run SECONDS TESTS: the guest makes these tests. Returns handfast's status.
run() {
	vm_start -smp 2 -m 256 -kernel "$GUEST_FREE" -append "$2" -no-reboot "${words[@]}"
	ended "$1"
}

# ended SECONDS: until handfast has come to its end, or is ended. Returns its status.
ended() {
	local left

	for ((left = $1; left > 0; left--)); do
		[ -d "/proc/$vm_pid" ] || break
		sleep 1
	done
	[ "$left" -gt 0 ] || kill "$vm_pid"
	wait "$vm_pid"
}

# found_before WHAT: it was good before the lab host died.
kept=$LAB_OUT/$TEST_NAME.kept
found_before() { grep -qsxF -- "$1" "$kept" && ok "$1 # as found before the lab host died"; }

# tried SECONDS TESTS: what the guest found.
tried() {
	local line status=0 good=1

	! found_before "$2" || return 0
	run "$@" || status=$?
	if grep -q 'triple fault' "$messages"; then
		echo "# the emulated processor shut down, or lost a timer, in the guest; once more: $2" >&2
		status=0
		run "$@" || status=$?
	fi
	while read -r line; do
		case $line in
		"bad: "*) not_ok "${line#bad: }" && good=0 ;;
		"good: "*) ok "${line#good: }" ;;
		esac
	done < <(tr -d '\r' <"$serial")
	check_equal "$2: the guest ran to its end" "0 0" "$status $(guest_status)" || good=0
	if [ "$good" = 1 ]; then
		echo "$2" >>"$kept"
	else
		show
	fi
}

# held: how many vectors the host gives away for so many messages. The guest stands still with each number of them,
# and with none, until it gets a character.
held() {
	local status=0

	held_once || status=$?
	if grep -q 'triple fault' "$messages"; then
		echo "# the emulated processor shut down, or lost a timer, in the guest; once more: many hold" >&2
		status=0
		held_once || status=$?
	fi
	check_equal "as many vectors of the host, and eventfds, as messages; and two eventfds for the line without" \
		"1 1, 2 2, 4 4, 8 8, 16 16, 0 2, " "$found"
	check_equal "many hold: the guest ran to its end" "0 0" "$status $(guest_status)" || show
}

held_once() {
	local count others='' eventfds keys

	[ -p "$work/keys" ] || mkfifo "$work/keys"
	exec {keys}<>"$work/keys"
	HANDFAST_LOG=debug "$HANDFAST" -machine q35 -cpu host -smp 2 -m 256 -display none -serial stdio -no-reboot \
		-kernel "$GUEST_FREE" -append "many hold" "${words[@]}" <"$work/keys" >"$serial" 2>"$messages" &
	vm_pid=$!
	found=''
	for count in 1 2 4 8 16 off; do
		wait_for 60 grep -q "^hold: $count\b" "$serial" || break
		eventfds=$(find "/proc/$vm_pid/fd" -lname '*\[eventfd\]' | wc -l)
		: "${others:=$((eventfds - 1))}" # those that it always has
		found+="$(grep -c "vfio-msi.*($many)" /proc/interrupts) $((eventfds - others)), "
		echo >&"$keys"
	done
	exec {keys}>&-
	ended 60
}

# yardstick SECONDS TESTS: what QEMU does otherwise.
yardstick() {
	local status=0

	timeout --foreground "$1" bench/start/qemu-guest -machine q35 -cpu host -smp 2 -m 256 -display none \
		-serial "file:$serial" -kernel "$GUEST_FREE" -append "$2" "${words[@]}" </dev/null >"$work/output" 2>&1 ||
		status=$?
	case $status in
	0) ;;
	124) echo "# QEMU, $2: not done after $1 seconds" ;;
	*) echo "# QEMU, $2: ended with status $status: $(tail -n 1 "$work/output")" ;;
	esac
	echo "# QEMU, $2: $(grep -c '^good' "$serial") good, $(grep -c '^bad' "$serial") bad"
	tr -d '\r' <"$serial" | sed -n 's/^bad: /#   /p'
}
