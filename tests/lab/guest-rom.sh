# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest: reads the option ROM of every network card, as "rom: VENDOR:DEVICE SUM BYTES", or "none".
# RESET=MARK on the kernel's command line: and once more after a reset, for which a mark is left on the disk.

# hundredths: of a second since the start.
hundredths() { sed 's/ .*//;s/\.//' /proc/uptime; }

read_rom() {
	local device=$1 ids start

	ids=$(cat "$device/vendor"):$(cat "$device/device")
	ids=$(echo "$ids" | sed 's/0x//g')
	if [ ! -e "$device/rom" ]; then
		echo "rom: $ids none"
		return
	fi
	echo 1 >"$device/rom"
	start=$(hundredths)
	cat "$device/rom" >/tmp/rom
	echo "time: $(($(hundredths) - start))0 ms"
	echo 0 >"$device/rom"
	echo "rom: $ids $(sha256sum </tmp/rom | cut -c 1-16) $(stat -c %s /tmp/rom)"
}

for device in /sys/bus/pci/devices/*; do
	case $(cat "$device/class") in 0x0200*) read_rom "$device" ;; esac
done
lspci -vvv 2>/dev/null | grep 'Expansion ROM' | sed 's/^[[:space:]]*/lspci: /'
dmesg | grep -iE "can't claim|no compatible bridge window|failed to assign|no space for|ROM.*(invalid|conflict)" |
	sed 's/^/bad: /'
dmesg | grep -E ': ROM \[' | sed 's/^/dmesg: /'
if [ -n "${RESET:-}" ]; then
	wait_disk
	if [ "$(dd if=/dev/nvme0n1 bs=512 skip=8 count=1 2>/dev/null | head -c "${#RESET}")" != "$RESET" ]; then
		printf '%s' "$RESET" | dd of=/dev/nvme0n1 bs=512 seek=8 conv=sync 2>/dev/null && sync
		echo "rom: resetting"
		reboot -f
		sleep 100
	fi
	echo "rom: second time"
fi
