# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest: uses every disk and network card that is there, again and again, and says so by its driver; and
# when one has left. Words of the kernel's command line: HANDS=ACTION,... what is done each time that what is behind
# the port at 00:04.0 is asked for, where Linux does nothing: refuse; late (it leaves after 30 seconds, which is too
# late); off (the guest powers itself off). NATIVE=1: by the port's registers, and not by ACPI.

port=0000:00:04.0
slot=0 # ACPI's number of it

# A driver's device, in sysfs.
device_of() {
	for device in /sys/bus/pci/drivers/"$1"/0000:*; do
		[ ! -e "$device" ] || echo "$device"
	done
}

use_disk() {
	wait_disk && dma-pattern /dev/nvme0n1 1 "$round" both
}

# One card at a time has the address.
use_card() {
	local name status=0

	wait_for 20 test -e "$1/net" && name=$(ls "$1/net") && ip link set "$name" up &&
		wait_for 20 grep -q 1 "/sys/class/net/$name/carrier" || return 1
	ip address add 10.0.2.15/24 dev "$name"
	ping -q -c 1 -W 5 10.0.2.2 || status=$?
	ip address flush dev "$name"
	return "$status"
}

use() {
	case $1 in
	nvme) use_disk ;;
	*) use_card "$2" ;;
	esac >/tmp/use 2>&1
}

# What a kernel says that has come to harm.
trouble() {
	dmesg | grep -iwE 'lockup|stalls?|stalled|hung task|call trace|unexpected irq|nobody cared|oops|kernel bug|timed out' \
		>/tmp/trouble && echo "slots: trouble: $(head -n 3 /tmp/trouble | tr '\n' ' ')"
	dmesg -c >/dev/null
}

look_at() {
	local device

	device=$(device_of "$1")
	if [ -n "$device" ]; then
		: >"/tmp/$1"
		if use "$1" "$device"; then
			echo "slots: $1 works"
		elif [ -n "$(device_of "$1")" ]; then
			echo "slots: $1 fails"
			cat /tmp/use
		fi
	elif [ -e "/tmp/$1" ]; then
		rm "/tmp/$1"
		trouble
		echo "slots: $1 left"
	fi
}

# How often ACPI had something to say of slots.
told() { sed -n 's/^ *\([0-9]*\) .*/\1/p' /sys/firmware/acpi/interrupts/gpe01; }

asked() {
	if [ -n "${NATIVE:-}" ]; then
		slot-hand asked "$port"
	else
		[ "$(told)" != "$seen" ]
	fi
}

let_go() {
	for device in "/sys/bus/pci/devices/$port"/0000:??:00.?; do
		[ ! -e "$device" ] || echo 1 >"$device/remove"
	done
}

act() {
	case $1${NATIVE:-} in
	refuse) slot-hand refuse "$slot" ;;
	refuse1) slot-hand blink "$port" && sleep 1 && slot-hand shine "$port" ;;
	late) sleep 30 && let_go && slot-hand eject "$slot" ;;
	late1) slot-hand blink "$port" && sleep 30 && let_go && slot-hand off "$port" ;;
	off*) poweroff -f ;;
	esac
}

# In the background.
hands() {
	[ -z "${NATIVE:-}" ] || slot-hand listen "$port"
	for action in $(echo "$HANDS" | tr , ' '); do
		until asked; do
			usleep 100000
		done
		echo "slots: asked: $action"
		act "$action"
		seen=$(told)
		echo "slots: done: $action"
	done
}

echo "slots: up $(uname -r)"
seen=$(told)
[ -z "${HANDS:-}" ] || hands &
round=0
while :; do
	round=$((round + 1))
	for driver in nvme e1000e e1000 8139cp; do
		look_at "$driver"
	done
	sleep 0.5
done
