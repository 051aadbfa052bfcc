# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest: uses its disk and its network card in turns, and says when one has left. Words of the kernel's
# command line: NIC=1 there is a network card too, POWER=1 the disk's slot (1) is switched off and on once, by hand,
# END=seconds after which the guest resets, SECOND=1 there may be no disk, the second time round; STAY=seconds for which
# it goes on when both have left.

disk_there() { [ -e /sys/block/nvme0n1 ]; }
nic_there() { [ -e /sys/class/net/eth0 ]; }

if [ -n "${SECOND:-}" ] && ! wait_for 5 disk_there; then
	echo "unplug: no disk"
	exit 0
fi
wait_disk && dma-pattern /dev/nvme0n1 1 1 both
[ -z "${NIC:-}" ] || { wait_for 20 nic_there && net_up eth0 && ping -q -c 1 -W 5 10.0.2.2 >/dev/null; }
echo "unplug: ready $?"
if [ -n "${END:-}" ]; then
	sleep "$END"
	reboot -f
	sleep 100
fi

if [ -n "${POWER:-}" ]; then
	echo 0 >/sys/bus/pci/slots/1/power
	wait_for 20 test ! -e /sys/block/nvme0n1 && echo "unplug: switched off"
	echo 1 >/sys/bus/pci/slots/1/power
	wait_disk && dma-pattern /dev/nvme0n1 1 2 both
	echo "unplug: switched on $?"
fi

disk=1 nic=${NIC:-} round=1
while [ -n "$disk$nic" ]; do
	round=$((round + 1))
	if [ -n "$disk" ]; then
		if ! disk_there; then
			echo "unplug: disk left"
			disk=''
		elif dma-pattern /dev/nvme0n1 1 "$round" both >/tmp/pattern 2>&1; then
			echo "unplug: disk works"
		elif wait_for 10 disk_there; then
			echo "unplug: disk fails"
			cat /tmp/pattern
			sleep 5
		fi
	fi
	if [ -n "$nic" ]; then
		if ! nic_there; then
			echo "unplug: nic left"
			nic=''
		elif ping -q -c 1 -W 5 10.0.2.2 >/dev/null 2>&1; then
			echo "unplug: nic works"
		fi
	fi
	sleep 1
done
dmesg | grep -iwE 'lockup|stalls?|stalled|hung task|call trace|unexpected irq|nobody cared|oops|kernel bug|timeout|timed out|i/o error' \
	>/tmp/trouble
if [ -s /tmp/trouble ]; then
	echo "unplug: trouble"
	cat /tmp/trouble
else
	echo "unplug: no trouble"
fi
[ -z "${STAY:-}" ] || sleep "$STAY"
