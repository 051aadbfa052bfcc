# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest: looks whether each assigned device does its work. Words of the kernel's command line:
#
#   DEVICES="ADDRESS/DRIVER/MODE/KIND..."   where a device sits, the driver it goes to, how it has to interrupt (intx,
#                                           msi, msix, none), and what is to be moved through it (below)
#   REBIND=n                                times the driver is taken off and put back
#   AFFINITY=1                              interrupts are moved between two processors while data is
#   AGAIN=1                                 in the end the guest resets itself, for as long as it is let
#
# Kinds: block (a disk), usb (a disk behind the controller), net (a NIC that reaches the lab's echo at
# 10.0.2.100:7), sound, frame (a frame buffer), serial (a card with two ports that give back what they are given), edu,
# testdev, shmem (driven by the program `drive`, with vfio-pci as their driver in the guest). Each finding is one line,
# and matrix.sh knows how many there have to be.

finding() {
	if [ "$1" -eq 0 ]; then echo "good: $2"; else echo "bad: $2"; fi
}

sysfs() { echo "/sys/bus/pci/devices/$address"; }

# block_of ADDRESS: the disk below it.
block_of() {
	local found

	for found in /sys/block/*; do
		case $(readlink -f "$found") in
		*/"$1"/*) echo "/dev/${found##*/}" ;;
		esac
	done
}

has_block() { [ -n "$(block_of "$address")" ]; }
# Below the device itself, or below the virtio device that it carries.
interface() {
	local found

	for found in "$(sysfs)/net/"* "$(sysfs)/virtio"*/net/*; do
		[ ! -e "$found" ] || basename "$found"
	done
}
has_net() { [ -n "$(interface)" ]; }

# Its lines of /proc/interrupts: for a line, of that line; where a driver names them itself, by that name.
interrupts() {
	local what

	case $mode in
	intx) what="^ *$(cat "$(sysfs)/irq"):.*IO-APIC.*fasteoi" ;;
	msi) what="PCI-MSI-$address" ;;
	msix) what="PCI-MSIX-$address" ;;
	esac
	grep -E "$what" /proc/interrupts
}

# Interrupts of the device so far.
count_interrupts() {
	local rest number

	interrupts | while read -r number rest; do
		for number in $rest; do
			case $number in *[!0-9]*) break ;; *) echo "$number" ;; esac
		done
	done | awk '{sum += $1} END {print sum + 0}'
}

# count_on PROCESSOR: those that came there.
count_on() { interrupts | awk -v field=$(($1 + 2)) '{sum += $field} END {print sum + 0}'; }

# wander: its interrupts go to one processor and then to the other, for as long as the file is there.
wander() {
	local mask number

	while [ -e /tmp/wander ]; do
		for mask in 2 1; do
			for number in $(interrupts | sed 's/:.*//'); do
				echo "$mask" >"/proc/irq/$number/smp_affinity"
			done
			sleep 0.05
		done
	done
}

# both_had ZERO ONE: each processor has had more of them than that.
both_had() { [ "$(count_on 0)" -gt "$1" ] && [ "$(count_on 1)" -gt "$2" ]; }

# use_wandering: in the end each processor has had some. (A small disk is done with a few.)
use_wandering() {
	local zero one wanderer status=0 tries=0

	zero=$(count_on 0) one=$(count_on 1)
	: >/tmp/wander
	wander &
	wanderer=$!
	while [ "$status" = 0 ] && [ "$tries" -lt 20 ] && ! both_had "$zero" "$one"; do
		tries=$((tries + 1)) round=$((round + 1))
		use
		status=$?
	done
	rm /tmp/wander
	wait "$wanderer"
	[ "$status" = 0 ] && both_had "$zero" "$one"
}

# What the lab sends back must be what was sent: 256 KiB over TCP. The way there stays open until all is back.
echo_service() {
	local nc status

	[ -s /tmp/sent ] || dd if=/dev/urandom of=/tmp/sent bs=4096 count=64 2>/dev/null
	rm -f /tmp/back /tmp/way
	mkfifo /tmp/way
	nc 10.0.2.100 7 </tmp/way >/tmp/back &
	nc=$!
	exec 3>/tmp/way
	cat /tmp/sent >&3
	wait_for 30 cmp -s /tmp/sent /tmp/back
	status=$?
	exec 3>&-
	kill "$nc" 2>/dev/null
	return "$status"
}

# A virtual function's driver gives its physical one a millisecond to answer, which is short in the lab.
link_up() {
	local name

	name=$(interface)
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		ip link set "$name" up && wait_for 10 grep -q 1 "/sys/class/net/$name/carrier" && return 0
		ip link set "$name" down
	done
	return 1
}

use_net() {
	wait_for 20 has_net && link_up || return 1
	ip address show dev "$(interface)" | grep -q 10.0.2.15 || ip address add 10.0.2.15/24 dev "$(interface)"
	ip route replace 10.0.2.0/24 dev "$(interface)"
	ping -q -c 2 -s 1400 -W 5 10.0.2.2 >/dev/null && echo_service
}

use_block() {
	wait_for 30 has_block || return 1
	dma-pattern "$(block_of "$address")" 1 "$round" both
}

# One second and a half of noise, at the pace of the device.
use_sound() {
	wait_for 20 test -e /dev/dsp || return 1
	dd if=/dev/urandom bs=1000 count=12 2>/dev/null | timeout 20 dd of=/dev/dsp bs=1000 2>/dev/null
}

ports() { find "$(sysfs)/" -name 'ttyS[0-9]*' | sed 's/.*\///' | sort -u; }
has_ports() { [ "$(ports | wc -l)" = 2 ]; }

use_serial() {
	local port

	wait_for 20 has_ports || return 1
	for port in $(ports); do
		serial-echo "/dev/$port" 150 $((round + 1)) || return 1
	done
}

# use: moves data through the device, and looks at it where there is data.
use() {
	case $kind in
	block | usb) use_block ;;
	net) use_net ;;
	sound) use_sound ;;
	serial) use_serial ;;
	frame) wait_for 20 test -e /dev/fb0 && drive "$address" frame none ;;
	*) drive "$address" "$kind" "$mode" ;;
	esac
}

bind() {
	[ ! -e "$(sysfs)/driver" ] || return 0
	[ "$driver" != vfio-pci ] || echo vfio-pci >"$(sysfs)/driver_override"
	echo "$address" >"/sys/bus/pci/drivers/$driver/bind" 2>/dev/null || echo "$address" >/sys/bus/pci/drivers_probe
}

# The next network card gets the address.
leave() {
	has_net || return 0
	ip link set "$(interface)" down
	ip address flush dev "$(interface)"
}

has_driver() { [ "$(basename "$(readlink "$(sysfs)/driver")")" = "$driver" ]; }

rebind() {
	round=0
	while [ "$round" -lt "${REBIND:-0}" ]; do
		round=$((round + 1))
		leave
		echo "$address" >"$(sysfs)/driver/unbind"
		bind
		use || return 1
	done
}

# device ENTRY
device() {
	local entry=$1 first name port

	address=${entry%%/*} entry=${entry#*/}
	driver=${entry%%/*} entry=${entry#*/}
	mode=${entry%%/*} kind=${entry#*/} name="$kind by $driver"
	[ "$driver" != vfio-pci ] || bind
	wait_for 20 has_driver
	finding $? "$name: its driver binds"
	round=0
	use
	finding $? "$name: moves data"
	if [ "$mode" != none ] && [ "$driver" != vfio-pci ]; then
		# A port has its line as long as it is open.
		port=$(ports | head -n 1)
		[ -z "$port" ] || exec 4<>"/dev/$port"
		first=$(count_interrupts)
		round=1
		use
		[ "$(count_interrupts)" -gt "$first" ]
		finding $? "$name: interrupts by $mode"
		exec 4>&-
	fi
	# (Those of nvme are where their queues are, and cannot be moved.)
	if [ -n "${AFFINITY:-}" ] && [ "$driver" != nvme ]; then
		use_wandering
		finding $? "$name: moves data while its interrupts go to one processor and to the other"
	fi
	if [ "${REBIND:-0}" != 0 ]; then
		rebind
		finding $? "$name: moves data after each of $REBIND rebinds"
	fi
	leave
}

for entry in $DEVICES; do
	device "$entry"
done
dmesg | grep -iwE 'lockup|stalls?|stalled|hung task|call trace|unexpected irq|nobody cared|oops|timeout|timed out' >/tmp/trouble
[ ! -s /tmp/trouble ]
finding $? "no trouble in the kernel's log"
cat /tmp/trouble
if [ -n "${AGAIN:-}" ]; then
	echo "guest: status 0"
	reboot -f
	sleep 100
fi
