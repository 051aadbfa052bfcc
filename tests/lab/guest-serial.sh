# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest, with the kernel's mtty sample as a mediated device: a card with serial ports that give back
# what they are given. Words of the kernel's command line: PORTS=n, how many it has (0: no card); DISK=1: there is
# an NVMe disk too; BYTES=n to each port; REBIND=n times the card's driver is taken off and put back; RESET=MARK: the
# first time round the guest resets itself, for which a mark is left on the disk, beyond what DISK= overwrites.
# Each finding is one line.

finding() {
	if [ "$1" -eq 0 ]; then echo "good: $2"; else echo "bad: $2"; fi
}

# find_card: its address.
find_card() {
	local device

	for device in /sys/bus/pci/devices/*; do
		[ "$(cat "$device/vendor" "$device/device" | tr -d '\n')" != 0x43480x3253 ] || basename "$device"
	done
}

ports_of() { find "/sys/bus/pci/devices/$1/" -name 'ttyS[0-9]*' | sed 's/.*\///' | sort -u; }
has_ports() { [ "$(ports_of "$1" | wc -l)" = "$PORTS" ]; }

# Interrupts of the card's line so far, as long as one of its ports is open.
interrupts() {
	awk -v line="$(cat "/sys/bus/pci/devices/$card/irq"):" \
		'$1 == line && /fasteoi/ {for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i} END {print sum + 0}' /proc/interrupts
}

# echo_all SEED: through each port.
echo_all() {
	local port

	wait_for 20 has_ports "$card" || return 1
	for port in $(ports_of "$card"); do
		serial-echo "/dev/$port" "${BYTES:-600}" "$1" || return 1
	done
}

use_card() {
	local round=1 first last

	card=$(find_card)
	finding "$([ -n "$card" ]; echo $?)" "the card is there"
	echo_all 1
	finding $? "each of $PORTS ports gives back what is written"
	exec 3<>"/dev/$(ports_of "$card" | head -n 1)"
	first=$(interrupts)
	echo_all 2
	last=$(interrupts)
	exec 3>&-
	# At least one for each piece of 15 bytes.
	finding "$([ $((last - first)) -ge $((${BYTES:-600} / 15)) ]; echo $?)" "and interrupts by its line ($first, $last)"
	while [ "$round" -le "${REBIND:-0}" ]; do
		echo "$card" >/sys/bus/pci/drivers/serial/unbind
		echo "$card" >/sys/bus/pci/drivers/serial/bind
		echo_all "$round" || break
		round=$((round + 1))
	done
	[ "${REBIND:-0}" = 0 ] || finding "$((round <= REBIND))" "it works after each of $REBIND rebinds"
}

[ "${PORTS:-0}" = 0 ] || use_card
if [ -n "${DISK:-}" ]; then
	wait_disk && dma-pattern /dev/nvme0n1 1 7 both
	finding $? "the disk moves data"
fi
if [ -n "${RESET:-}" ]; then
	if [ "$(dd if=/dev/nvme0n1 bs=512 skip=8192 count=1 2>/dev/null | head -c "${#RESET}")" != "$RESET" ]; then
		printf '%s' "$RESET" | dd of=/dev/nvme0n1 bs=512 seek=8192 conv=sync 2>/dev/null && sync
		echo "good: resetting"
		reboot -f
		sleep 100
	fi
	echo "good: second time"
fi
dmesg | grep -iwE 'lockup|stalls?|stalled|hung task|call trace|unexpected irq|nobody cared|oops|timeout|timed out' >/tmp/trouble
[ ! -s /tmp/trouble ]
finding $? "no trouble in the kernel's log"
cat /tmp/trouble
