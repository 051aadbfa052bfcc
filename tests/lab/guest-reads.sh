# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest: READS= reads of 4 KiB, one at a time.
wait_disk
[ "${READS:-0}" = 0 ] || read-rate /dev/nvme0n1 "$READS"
