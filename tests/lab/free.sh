# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For the tests that run the freestanding guest (tests/guests/free). Sourced after host.sh.
: "${work?}" "${serial?}" "${messages?}"

GUEST_FREE=${GUEST_FREE?}

# What it knows, all in one guest, one slot after the other.
devices=() words=() slot=3
for ids in 1234:11e8 1b36:0010 8086:10d3 8086:10c9 1af4:1110 1b36:0005; do
	bdf=$(by_ids "$ids")
	devices+=("${bdf:?no device $ids}")
	words+=(-device "vfio-pci,host=$bdf,bus=pcie.0,addr=$(printf '0x%x' "$slot")")
	slot=$((slot + 1))
done

# run SECONDS TESTS: the guest makes these tests. Returns handfast's status.
run() {
	local left

	vm_start -smp 2 -m 256 -kernel "$GUEST_FREE" -append "$2" -no-reboot "${words[@]}"
	for ((left = $1; left > 0; left--)); do
		[ -d "/proc/$vm_pid" ] || break
		sleep 1
	done
	[ "$left" -gt 0 ] || kill "$vm_pid"
	wait "$vm_pid"
}

# tried SECONDS TESTS: what the guest found.
tried() {
	local line status=0 good=1

	run "$@" || status=$?
	if grep -q 'triple fault' "$messages"; then
		echo "# the emulated processor shut down in the guest; once more: $2" >&2
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
	[ "$good" = 1 ] || show
}

# yardstick SECONDS TESTS: what QEMU does otherwise.
yardstick() {
	local status=0

	timeout --foreground "$1" bench/qemu-guest -machine q35 -cpu host -smp 2 -m 256 -display none \
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
