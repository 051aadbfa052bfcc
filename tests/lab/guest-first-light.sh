# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest. Words of the kernel's command line say what to look at: DISK=seed, NET=1, HIGH=MiB of
# memory to touch so that DMA reaches above 4 GiB, CPUS=n, MEM=MiB, LSPCI=1. Each finding is one line.

finding() {
	if [ "$1" -eq 0 ]; then echo "good: $2"; else echo "bad: $2"; fi
}

if [ -n "${DISK:-}" ]; then
	wait_disk
	finding $? "the disk is there"
	# shellcheck disable=SC2086  # an absent HIGH is no word
	dma-pattern /dev/nvme0n1 "${MIB:-4}" "$DISK" both ${HIGH:-}
	finding $? "the disk gives back what was written"
	grep -qE 'MSI.*nvme0q0' /proc/interrupts
	finding $? "the disk's driver uses MSI-X"
	lspci -vvvd ::0108 >/tmp/lspci 2>/dev/null
	for shown in 'MSI-X: Enable+' 'Express (v2)' 'Power Management version' 'driver in use: nvme'; do
		grep -qF "$shown" /tmp/lspci
		finding $? "lspci shows the disk's $shown"
	done
fi
if [ -n "${NET:-}" ]; then
	net_up
	finding $? "the network card has a link"
	ping -q -c 3 -W 5 10.0.2.2 >/dev/null
	finding $? "10.0.2.2 answers a ping"
	grep -qE 'MSI.*eth0' /proc/interrupts
	finding $? "the network card's driver uses MSI-X"
	lspci -vvvd ::0200 >/tmp/lspci 2>/dev/null
	for shown in 'MSI-X: Enable+' 'MSI: Enable- Count=1/1' 'Express (v' 'Power Management version' \
		'Device Serial Number' 'I/O ports at' 'Interrupt: pin A routed to IRQ'; do
		grep -qF "$shown" /tmp/lspci
		finding $? "lspci shows the network card's $shown"
	done
	! grep -qE 'SR-IOV|Alternative Routing' /tmp/lspci
	finding $? "lspci shows nothing that does not work yet"
fi

[ "$(grep -c ^processor /proc/cpuinfo)" -eq "${CPUS:-1}" ]
finding $? "there are ${CPUS:-1} processors"
if [ -n "${PRESENT:-}" ]; then
	[ "$(cat /sys/devices/system/cpu/present)" = "$PRESENT" ]
	finding $? "the processors $PRESENT are present"
fi
memory=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
[ $((memory / 1024)) -gt $((MEM * 70 / 100)) ]
finding $? "there are $MEM MiB of memory"

dmesg >/tmp/log
# What a kernel says when tables or hardware are not as they should be. (The frequency driver's regret that
# there is no _CPC, and the standing advice on host bridge windows, are none.)
grep -iE 'ACPI.*(error|warning|bug|exception|fail|invalid|mismatch)|firmware bug|\[Firmware|fw bug' /tmp/log |
	grep -vE 'amd_pstate: the _CPC object is not present|if necessary, use "pci=nocrs"' >/tmp/complaints
[ ! -s /tmp/complaints ]
finding $? "no complaint about ACPI"
cat /tmp/complaints
grep -iE "can't claim|no compatible bridge window|failed to assign|no space for|BAR [0-9].*: assigned|: assigned \[" /tmp/log \
	>/tmp/moved
[ ! -s /tmp/moved ]
finding $? "the kernel keeps the addresses it finds"
cat /tmp/moved
grep -iwE 'lockup|stalls?|stalled|hung task|call trace|unexpected irq|nobody cared|oops' /tmp/log >/tmp/trouble
[ ! -s /tmp/trouble ]
finding $? "no trouble in the kernel's log"
cat /tmp/trouble
test -e /sys/bus/acpi/devices/LNXPWRBN:00
finding $? "found: the power button"
for word in 'kvm-clock' 'ECAM|MMCONFIG' 'rtc_cmos'; do
	grep -qE "$word" /tmp/log
	finding $? "found: $word"
done
if [ "${LSPCI:-0}" = 1 ]; then
	lspci -nnvvv 2>/dev/null | sed 's/^/lspci: /'
fi
