# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest until it is ended from outside: says four times a second that it lives, what its kernel
# complained about, and how often its power button was pressed.

echo 1 >/proc/sys/kernel/watchdog_thresh # a processor that stands still for two seconds is complained about
[ -z "${DISK:-}" ] || wait_disk
button() { sed -n 's/^ *\([0-9]*\) .*/\1/p' /sys/firmware/acpi/interrupts/ff_pwr_btn; }
complaints() { dmesg | grep -cE 'BUG: soft lockup|detected.* stalls|blocked for more than'; }
# A processor that sleeps without its tick is not expected to be back in time; one that works is.
while :; do :; done &
echo "qmp: up"
number=0
while :; do
	number=$((number + 1))
	echo "qmp: tick $number complaints $(complaints) button $(button)"
	usleep 250000
done
