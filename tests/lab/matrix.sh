# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Handing devices to a Linux guest by handfast and, as the yardstick, by QEMU in the same run, for matrix*.test. In each
# guest the driver binds, data is moved and looked at, interrupts come the way they should; the driver is taken off and
# put back; the guest resets itself and does it all again. What QEMU does handfast has to do. matrix-report makes
# docs/devices.md of the lines "# matrix: DEVICES|DRIVERS|MODES|HANDFAST|QEMU". $MATRIX names some of the devices.
# shellcheck source=tests/lab/lib.sh
. tests/lab/lib.sh
# shellcheck source=tests/lab/vm.sh
. tests/lab/vm.sh
# shellcheck source=tests/lab/host.sh
. tests/lab/host.sh
: "${serial?}" "${KERNEL_LAB_ELF?}" "${GUEST_DEVICES_LAB?}"
declare -A place_of word_of driver_for mode_of plain_of kind_of
alone=()  # devices that have a guest to themselves
groups=() # "SLOTS NAME,NAME... LABEL"
bound=()  # PCI devices for vfio-pci
mdevs=()  # mediated devices that were made

# in_part PART PARTS
in_part() { case ",$2," in *",$1,"*) ;; *) return 1 ;; esac }

# read_part PART: its lines of matrix.devices, with $MATRIX those of it that are named. The devices that it takes to
# have are $needed.
read_part() {
	local name parts place driver mode plain kind

	needed=' '
	while read -r name parts place driver mode plain kind; do
		case $name in
		'' | '#'*) continue ;;
		+)
			if [ -z "${MATRIX-}" ] && in_part "$1" "$parts"; then
				groups+=("$place $driver $mode $plain${kind:+ $kind}")
				needed+="${driver//,/ } "
			fi
			continue
			;;
		esac
		place_of[$name]=$place driver_for[$name]=$driver mode_of[$name]=$mode plain_of[$name]=$plain kind_of[$name]=$kind
		if [ -n "${MATRIX-}" ]; then
			in_part "$name" "${MATRIX// /,}" || continue
			parts=${parts//[()]/}
		fi
		in_part "$1" "$parts" || continue
		alone+=("$name")
		needed+="$name "
	done <tests/lab/matrix.devices
}

# bdf_at PLACE
bdf_at() {
	case $1 in
	*/*) device_at "$1" ;;
	*) echo "0000:00:$1.0" ;;
	esac
}

# Two virtual functions of a disk, which get their queues from the physical one.
make_disk_functions() {
	local disk=$1 node give

	node=/dev/$(basename "/sys/bus/pci/devices/$disk/nvme/"nvme*)
	for give in "0 1 1 0" "0 1 0 0"; do
		# shellcheck disable=SC2086  # words
		python3 tests/lab/nvme-virt-mgmt.py "$node" $give || return 1
	done
	echo 1 >"/sys/bus/pci/devices/$disk/reset"
	echo 2 >"/sys/bus/pci/devices/$disk/sriov_numvfs" || return 1
	for give in "1 8 1 1" "1 8 0 2" "1 9 0 0"; do
		# shellcheck disable=SC2086  # words
		python3 tests/lab/nvme-virt-mgmt.py "$node" $give || return 1
	done
}

# make_virtual_functions BDF: two, that no driver of the host takes.
make_virtual_functions() {
	echo 0 >"/sys/bus/pci/devices/$1/sriov_drivers_autoprobe"
	if [ "$(driver_of "$1")" = nvme ]; then
		make_disk_functions "$1"
	else
		ip link set "$(net_of "$1")" up && echo 2 >"/sys/bus/pci/devices/$1/sriov_numvfs"
	fi
}

# make_mediated PARENT/TYPE
make_mediated() {
	local uuid

	uuid=$(cat /proc/sys/kernel/random/uuid)
	echo "$uuid" >"/sys/class/mdev_bus/${1%/*}/mdev_supported_types/${1#*/}/create" && mdevs+=("$uuid")
}

# find_device NAME: what the monitors call it.
find_device() {
	local name=$1 place=${place_of[$1]} bdf

	case $place in
	mdev:*)
		make_mediated "${place#mdev:}" || not_ok "$name can be made"
		word_of[$name]=sysfsdev=/sys/bus/mdev/devices/${mdevs[-1]}
		return
		;;
	vf:*)
		bdf=$(bdf_at "${place#vf:}")
		check_that "$name: virtual functions" make_virtual_functions "$bdf"
		bdf=$(basename "$(readlink "/sys/bus/pci/devices/$bdf/virtfn0")")
		;;
	*) bdf=$(bdf_at "$place") ;;
	esac
	word_of[$name]=host=$bdf
	bound+=("$bdf")
}

# plan VARIANT NAME...: sets $entries for the guest, the words $devices for the monitors, $drivers and $modes for the
# table, and $wanted, how much the guest has to find good in one round (guest-devices.sh). $slots=one: functions of one
# slot.
plan() {
	local variant=$1 name mode number=0 where more

	shift
	entries='' devices=() drivers='' modes=''
	wanted=1 # the kernel's log
	for name in "$@"; do
		mode=${mode_of[$name]} more=''
		[ "$variant" = native ] || mode=${plain_of[$name]}
		printf -v where '0x%02x.0x0' $((3 + number))
		[ "${slots-}" != one ] || printf -v where '0x03.0x%x' "$number"
		[ "${slots-}" != one ] || [ "$number" != 0 ] || more=,multifunction=on
		entries+="0000:00:${where:2:2}.${where:7}/${driver_for[$name]}/$mode/${kind_of[$name]} "
		drivers+="${drivers:+, }${driver_for[$name]}" modes+="${modes:+, }$mode"
		devices+=(-device "vfio-pci,${word_of[$name]},bus=pcie.0,addr=$where$more")
		# Its driver binds, it moves data, also after the rebinds; and interrupts, if a driver of the guest's has them.
		wanted=$((wanted + 3))
		[ "$mode" = none ] || [ "${driver_for[$name]}" = vfio-pci ] || wanted=$((wanted + 1))
		number=$((number + 1))
	done
}

# good_in_rounds: how much the guest found good in its first and its second round.
good_in_rounds() {
	awk '/^good: / {good++}
		/^guest: status/ {printf "%s%d", rounds++ ? " and " : "", good; good = 0}
		rounds == 2 {exit}' "$serial"
}

# judge STATUS: sets $verdict to "yes", or to what was wrong with the guest that ran.
judge() {
	local good bad

	good=$(good_in_rounds)
	bad=$(tr -d '\r' <"$serial" | sed -n 's/^bad: //p' | sort -u | tr '\n' ';')
	if [ -n "$bad" ]; then
		verdict="no: ${bad%;}"
	elif [ "$1" != 0 ]; then
		verdict="no: the guest did not come to its end twice"
	elif [ "$good" != "$wanted and $wanted" ]; then
		verdict="no: ${good:-0} things were good in two rounds, not $wanted in each"
	else
		verdict=yes
	fi
}

# found_before LABEL: prints the row of a comparison that was made before the lab host died.
found_before() {
	grep -sF "# matrix-again: $1|" "$kept"
	grep -sF "# matrix: $1|" "$kept"
}

# tried LABEL NAME ARGUMENT...: what $monitor can, of that name. Sets $verdict. A guest that fails is had once more, as
# the emulator has its days (docs/lab.md); that is said, and stands in the report. What the guest said is kept.
tried() {
	local label=$1 name=$2 where
	shift 2

	vm_twice "$@"
	judge $?
	[ "$verdict" != yes ] || return 0
	where=$TEST_NAME-${label//[ ,=]/-}-$name.serial
	cp "$serial" "$LAB_OUT/$where"
	echo "# matrix-again: $label|$name|${verdict#no: }" | tee -a "$kept"
	vm_twice "$@"
	judge $?
	[ "$verdict" = yes ] || cat "$serial" >>"$LAB_OUT/$where"
}

# compare VARIANT LABEL NAME...
compare() {
	local variant=$1 label=$2 ours theirs began=$SECONDS
	shift 2

	label+=$([ "$variant" = native ] || echo " with pci=nomsi")
	if found_before "$label"; then
		ok "$label # as found before the lab host died"
		return
	fi
	words="console=ttyS0 quiet panic=-1 vfio.enable_unsafe_noiommu_mode=1 AGAIN=1 REBIND=$rebind"
	[ "$variant" = native ] || words+=" pci=nomsi"
	plan "$variant" "$@"
	words+=" DEVICES=\"${entries% }\""
	common=(-smp 2 -m 256 -kernel "$KERNEL_LAB_ELF" -initrd "$GUEST_DEVICES_LAB" -append "$words" "${devices[@]}")
	tried "$label" handfast "${common[@]}"
	ours=$verdict
	[ "$ours" = yes ] || show
	# shellcheck disable=SC2054  # QEMU's commas
	monitor=(qemu-system-x86_64 -machine q35,accel=kvm -nodefaults -no-user-config)
	tried "$label" QEMU "${common[@]}"
	theirs=$verdict
	monitor=("$HANDFAST" -machine q35)
	echo "# $label: $((SECONDS - began)) s"
	row="# matrix: $label|$drivers|$modes|$ours|$theirs"
	echo "$row"
	if [ "$ours" = yes ]; then
		echo "$row" >>"$kept"
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

# matrix PART: all of it.
matrix() {
	local name before group names

	read_part "$1"
	[ -n "${alone[*]}${groups[*]}" ] || not_ok "part $1 of the matrix has none of: ${MATRIX-}"
	for name in $needed; do
		[ -n "${word_of[$name]-}" ] || find_device "$name"
	done
	before=$(host_state)
	[ ${#bound[@]} = 0 ] || check_that "bind takes all" "$HANDFAST" bind "${bound[@]}"
	for name in "${alone[@]}"; do
		both "$name" "$name"
	done
	for group in "${groups[@]}"; do
		read -r slots names group <<<"$group"
		IFS=, read -ra names <<<"$names"
		both "$group" "${names[@]}"
	done
	[ ${#bound[@]} = 0 ] || check_that "unbind gives all back" "$HANDFAST" unbind "${bound[@]}"
	check_equal "the host is as it was" '' "$(diff <(echo "$before") <(host_state))"
	for name in "${mdevs[@]}"; do
		echo 1 >"/sys/bus/mdev/devices/$name/remove"
	done
	done_testing
}

echo "# matrix-kernel: $(uname -r)"
echo "# matrix-qemu: $(qemu-system-x86_64 --version | sed -n '1s/ (.*//p')"
kept=$LAB_OUT/$TEST_NAME.kept # what a fresh lab host need not do again
rebind=2
[ -z "${FULL-}" ] || rebind=10 twice_seconds=600
