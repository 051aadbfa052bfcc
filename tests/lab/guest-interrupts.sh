# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest. Words of the kernel's command line: DEVICES="DRIVER:MODE..." with the driver that each device
# goes to and how it is to interrupt (intx, msi, msix), REBIND=n times the driver is taken off and put back,
# RESET=MARK: the first time round the guest resets itself, for which a mark is left on the disk.
# Each finding is one line.

finding() {
	if [ "$1" -eq 0 ]; then echo "good: $2"; else echo "bad: $2"; fi
}

# address_of DRIVER: the device that it has.
address_of() { basename "$(readlink -f "/sys/bus/pci/drivers/$1/"*:* | head -n 1)"; }

# interface_of ADDRESS
interface_of() { basename "/sys/bus/pci/devices/$1/net/"*; }

# block_of ADDRESS: the disk below it.
block_of() {
	local found

	for found in /sys/block/*; do
		case $(readlink -f "$found") in
		*/"$1"/*) echo "/dev/${found##*/}" ;;
		esac
	done
}

has_block() { [ -n "$(block_of "$1")" ]; }
has_net() { [ -d "/sys/bus/pci/devices/$1/net" ]; }
has_hubs() { [ "$(find "/sys/bus/pci/devices/$1/" -name 'usb[0-9]*' -maxdepth 1 | wc -l)" = 2 ]; }

# Interrupts of one kind and device so far. For a line, of that line.
count_interrupts() {
	local address=$1 mode=$2 what number

	case $mode in
	intx) what="^ *$(cat "/sys/bus/pci/devices/$address/irq"):.*IO-APIC.*fasteoi" ;;
	msi) what="PCI-MSI-$address" ;;
	msix) what="PCI-MSIX-$address" ;;
	esac
	grep -E "$what" /proc/interrupts | while read -r number rest; do
		for number in $rest; do
			case $number in *[!0-9]*) break ;; *) echo "$number" ;; esac
		done
	done | awk '{sum += $1} END {print sum + 0}'
}

# use DRIVER ADDRESS: moves data through it, and looks at it where there is data.
use() {
	local interface block

	case $1 in
	nvme | ahci)
		wait_for 20 has_block "$2" || return 1
		block=$(block_of "$2")
		wait_disk "${block#/dev/}" && dma-pattern "$block" 1 "$round" both
		;;
	xhci_hcd)
		wait_for 20 has_hubs "$2"
		;;
	*)
		wait_for 20 has_net "$2" || return 1
		interface=$(interface_of "$2")
		ip address show dev "$interface" | grep -q 10.0.2.15 || net_up "$interface" || return 1
		ping -q -c 2 -s 1400 -W 5 10.0.2.2 >/dev/null
		;;
	esac
}

# The next network card gets the address.
leave() {
	local interface

	has_net "$1" || return 0
	interface=$(interface_of "$1")
	ip link set "$interface" down
	ip address flush dev "$interface"
}

round=1
for entry in $DEVICES; do
	driver=${entry%:*} mode=${entry#*:}
	wait_for 20 test -e "/sys/bus/pci/drivers/$driver/module" -o -d "/sys/bus/pci/drivers/$driver"
	address=$(address_of "$driver")
	use "$driver" "$address"
	finding $? "$driver moves data"
	first=$(count_interrupts "$address" "$mode")
	use "$driver" "$address"
	if [ "$driver" = xhci_hcd ]; then
		[ "$first" -gt 0 ]
	else
		[ "$(count_interrupts "$address" "$mode")" -gt "$first" ]
	fi
	finding $? "$driver interrupts by $mode"
	while [ "$round" -le "${REBIND:-0}" ]; do
		round=$((round + 1))
		leave "$address"
		echo "$address" >"/sys/bus/pci/drivers/$driver/unbind"
		echo "$address" >"/sys/bus/pci/drivers/$driver/bind"
		use "$driver" "$address" || break
	done
	[ "${REBIND:-0}" = 0 ] || finding "$((round <= REBIND))" "$driver moves data after each of $REBIND rebinds"
	leave "$address"
	round=1
done
if [ -n "${RESET:-}" ]; then
	wait_disk
	if [ "$(dd if=/dev/nvme0n1 bs=512 skip=8 count=1 2>/dev/null | head -c "${#RESET}")" != "$RESET" ]; then
		printf '%s' "$RESET" | dd of=/dev/nvme0n1 bs=512 seek=8 conv=sync 2>/dev/null && sync
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
