# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest: uses a disk, and a network card, each time that one comes, and says so; and when it has left. Words
# of the kernel's command line: LOAD=1 the disk is read and written all the time.

# A number that each disk and card has of its own, so that one that comes while another leaves is noticed.
disk_there() { [ -b /dev/nvme0n1 ] && cat /sys/block/nvme0n1/diskseq 2>/dev/null; }
nic_there() { cat /sys/class/net/eth0/ifindex 2>/dev/null; }

# What a kernel says that has come to harm.
trouble() {
	dmesg | grep -iwE 'lockup|stalls?|stalled|hung task|call trace|unexpected irq|nobody cared|oops|kernel bug|timed out' \
		>/tmp/trouble && echo "hotplug: trouble: $(head -n 3 /tmp/trouble | tr '\n' ' ')"
	dmesg -c >/dev/null
}

pattern() { dma-pattern /dev/nvme0n1 1 "$((disks + 1))" both >/tmp/pattern 2>&1; }

# Returns 1 when it does not work, which is said unless it is because it has gone. Whose first try fails may have been
# about one that has gone, while the next has come.
use_disk() {
	if ! pattern && { ! disk_there >/dev/null || ! pattern; }; then
		! disk_there >/dev/null || { echo "hotplug: disk fails" && cat /tmp/pattern; }
		return 1
	fi
	disks=$((disks + 1))
	echo "hotplug: disk works $disks"
	[ -n "${LOAD:-}" ] || return 0
	while dma-pattern /dev/nvme0n1 1 "$disks" both >/dev/null 2>&1; do
		echo "hotplug: load"
	done &
}

use_nic() {
	if net_up eth0 && ping -q -c 1 -W 5 10.0.2.2 >/dev/null 2>&1; then
		echo "hotplug: nic works $nics"
	else
		echo "hotplug: nic fails $nics"
	fi
}

echo "hotplug: up $(uname -r)"
disks=0 nics=0 disk='' nic=''
while :; do
	now=$(disk_there)
	if [ -n "$disk" ] && [ "$now" != "$disk" ]; then
		disk=''
		trouble
		echo "hotplug: disk left $disks"
	fi
	if [ -z "$disk" ] && [ -n "$now" ]; then
		use_disk && disk=$(disk_there || echo "$now")
	fi
	now=$(nic_there)
	if [ -n "$nic" ] && [ "$now" != "$nic" ]; then
		nic=''
		trouble
		echo "hotplug: nic left $nics"
	fi
	if [ -z "$nic" ] && [ -n "$now" ]; then
		nic=$now nics=$((nics + 1))
		use_nic
	fi
	sleep 0.1
done
