# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the guest of the demo does with the disk that it is handed: a file system, and a file on it.
wait_disk || exit 1
read -r model </sys/class/nvme/nvme0/model
echo "guest: Linux $(uname -r) found a disk: $model, $(($(cat /sys/block/nvme0n1/size) / 2048)) MiB"
mke2fs -L from-guest /dev/nvme0n1 >/dev/null 2>&1 || exit 2
mkdir /disk
mount /dev/nvme0n1 /disk || exit 3
dd if=/dev/urandom of=/disk/data bs=1M count=4 2>/dev/null || exit 4
echo "Written by the guest, kernel $(uname -r), seconds since its start: $(cut -d ' ' -f 1 /proc/uptime)" >/disk/letter
sum=$(sha256sum </disk/data)
umount /disk || exit 5
echo "guest: wrote a file system with 4 MiB of data, sha256 ${sum%% *}"
