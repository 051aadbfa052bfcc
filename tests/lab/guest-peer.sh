# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs in the guest: MODE=reach or miss, see tests/guests/peer.c.
peer 0000:00:03.0 0000:00:04.0 "${MODE:-reach}"
