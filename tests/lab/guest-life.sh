# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest. END= on the kernel's command line says how it is to end.

# At the second time round a mark stands on the disk.
seen() { [ "$(dd if=/dev/nvme0n1 bs=512 skip=8 count=1 2>/dev/null | head -c "${#1}")" = "$1" ]; }
mark() { printf '%s' "$1" | dd of=/dev/nvme0n1 bs=512 seek=8 conv=sync 2>/dev/null && sync; }

echo "life: up"
case ${END:-poweroff} in
poweroff) ;;
reset) # once, then power off; the kernel's reboot= says by which way
	wait_disk
	if seen "$MARK"; then
		echo "life: second time"
	else
		mark "$MARK"
		echo "life: resetting"
		reboot -f
		sleep 100
	fi
	;;
reboot) reboot -f; sleep 100 ;;
panic) echo c >/proc/sysrq-trigger; sleep 100 ;;
wait) # for whatever comes from outside
	[ -z "${DISK:-}" ] || wait_disk
	echo "life: waiting"
	sleep 1000
	;;
echo) # answers lines from the serial port
	echo "life: listening"
	read -r line
	echo "life: heard '$line'"
	;;
esac
