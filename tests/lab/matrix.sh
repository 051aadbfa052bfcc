# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Handing devices to a Linux guest by handfast and, as the yardstick, by QEMU in the same run, for matrix*.test. In each
# guest the driver binds, data is moved and looked at, interrupts come the way they should; the driver is taken off and
# put back; the guest resets itself and does it all again. What QEMU does handfast has to do. matrix-report makes
# docs/devices.md of the lines "# matrix: DEVICES|DRIVERS|MODES|HANDFAST|QEMU". $MATRIX names some of the devices.
# Sourced after host.sh.
: "${serial?}" "${KERNEL_LAB_ELF?}" "${GUEST_DEVICES_LAB?}"
declare -A bdf_of driver_for mode_of plain_of kind_of run_of
names=() bound=()

# bdf_at PLACE
bdf_at() {
	case $1 in
	vf:*) basename "$(readlink "/sys/bus/pci/devices/$(device_at "${1#vf:}")/virtfn0")" ;;
	*/*) device_at "$1" ;;
	*) echo "0000:00:$1.0" ;;
	esac
}

# read_devices RUN...: those lines of matrix.devices.
read_devices() {
	local name place driver mode plain kind run

	while read -r name place driver mode plain kind run; do
		case $name in '' | '#'*) continue ;; esac
		case " $* " in *" $run "*) ;; *) continue ;; esac
		names+=("$name")
		bdf_of[$name]=$(bdf_at "$place")
		driver_for[$name]=$driver mode_of[$name]=$mode plain_of[$name]=$plain kind_of[$name]=$kind run_of[$name]=$run
		bound+=("${bdf_of[$name]}")
	done <tests/lab/matrix.devices
}

# plan VARIANT NAME...: sets $entries for the guest, the words $devices for the monitors, $drivers and $modes for the
# table. $slots=one: functions of one slot.
plan() {
	local variant=$1 name mode number=0 where more

	shift
	entries='' devices=() drivers='' modes=''
	for name in "$@"; do
		mode=${mode_of[$name]} more=''
		[ "$variant" = native ] || mode=${plain_of[$name]}
		printf -v where '0x%02x.0x0' $((3 + number))
		[ "${slots-}" != one ] || printf -v where '0x03.0x%x' "$number"
		[ "${slots-}" != one ] || [ "$number" != 0 ] || more=,multifunction=on
		entries+="0000:00:${where:2:2}.${where:7}/${driver_for[$name]}/$mode/${kind_of[$name]} "
		drivers+="${drivers:+, }${driver_for[$name]}" modes+="${modes:+, }$mode"
		devices+=(-device "vfio-pci,host=${bdf_of[$name]},bus=pcie.0,addr=$where$more")
		number=$((number + 1))
	done
}

# judge STATUS: sets $verdict to "yes", or to what was wrong with the guest that ran.
judge() {
	local good bad

	good=$(grep -ac '^good: ' "$serial")
	bad=$(tr -d '\r' <"$serial" | sed -n 's/^bad: //p' | sort -u | tr '\n' ';')
	if [ -n "$bad" ]; then
		verdict="no: ${bad%;}"
	elif [ "$1" != 0 ]; then
		verdict="no: the guest did not come to its end twice"
	elif [ $((good % 2)) != 0 ] || [ "$good" = 0 ]; then
		verdict="no: $good things were good in two rounds"
	else
		verdict=yes
	fi
}

# compare VARIANT LABEL NAME...
compare() {
	local variant=$1 label=$2 ours theirs
	shift 2

	label+=$([ "$variant" = native ] || echo " with pci=nomsi")
	words="console=ttyS0 quiet panic=-1 vfio.enable_unsafe_noiommu_mode=1 AGAIN=1 REBIND=$rebind"
	[ "$variant" = native ] || words+=" pci=nomsi"
	plan "$variant" "$@"
	words+=" DEVICES=\"${entries% }\""
	common=(-smp 2 -m 256 -kernel "$KERNEL_LAB_ELF" -initrd "$GUEST_DEVICES_LAB" -append "$words" "${devices[@]}")
	vm_twice "${common[@]}"
	judge $?
	ours=$verdict
	[ "$ours" = yes ] || show
	# shellcheck disable=SC2054  # QEMU's commas
	monitor=(qemu-system-x86_64 -machine q35,accel=kvm -nodefaults -no-user-config)
	vm_twice "${common[@]}"
	judge $?
	monitor=("$HANDFAST" -machine q35)
	theirs=$verdict
	echo "# matrix: $label|$drivers|$modes|$ours|$theirs"
	if [ "$ours" = yes ]; then
		ok "$label"
	elif [ "$theirs" = yes ]; then
		not_ok "$label: QEMU can, handfast not" "$ours"
	else
		not_ok "$label: neither can" "handfast: $ours" "QEMU: $theirs"
	fi
}

# both LABEL NAME...: as the drivers like it, and by lines where all have one.
both() {
	local label=$1 name
	shift

	compare native "$label" "$@"
	[ -n "${FULL-}" ] || return 0
	for name in "$@"; do
		[ "${plain_of[$name]}" != - ] || return 0
	done
	compare plain "$label" "$@"
}

# each: every device that was read and is not for groups only.
each() {
	local name

	for name in "${names[@]}"; do
		if [ -n "${MATRIX-}" ]; then
			case " $MATRIX " in *" $name "*) ;; *) continue ;; esac
		elif [ "${run_of[$name]}" = part ] || { [ -z "${FULL-}" ] && [ "${run_of[$name]}" = all ]; }; then
			continue
		fi
		both "$name" "$name"
	done
}

echo "# matrix-kernel: $(uname -r)"
echo "# matrix-qemu: $(qemu-system-x86_64 --version | sed -n '1s/ (.*//p')"
rebind=2
twice_seconds=240
[ -z "${FULL-}" ] || rebind=10
