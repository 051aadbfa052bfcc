# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest: which memory it has, and (DISK=1) the disk's DMA on both sides of BORDER (in MiB). ALLOCATE (MiB)
# has to be more than there is on either side.
grep 'System RAM' /proc/iomem | sed 's/^/layout: /'
if [ -n "${DISK:-}" ]; then
	wait_disk
	dma-pattern /dev/nvme0n1 4 11 both "$ALLOCATE" "$BORDER"
fi
