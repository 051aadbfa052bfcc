#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""nvme-virt-mgmt.py NODE CONTROLLER ACTION RESOURCE NUMBER

One Virtualization Management command (NVM Express 1.4, 5.22) to an NVMe controller with SR-IOV, in place of the
package nvme-cli: ACTION 1 sets the primary controller's flexible resources, 8 gives a secondary one its own,
9 sets it online; RESOURCE 0 is queues, 1 interrupts.
"""
import fcntl
import struct
import sys

NVME_IOCTL_ADMIN_CMD = 0xC0484E41
VIRTUALIZATION_MANAGEMENT = 0x1C

node, controller, action, resource, number = sys.argv[1], *map(int, sys.argv[2:])
command = struct.pack("=BBHIIIQQIIIIIIIIII", VIRTUALIZATION_MANAGEMENT, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                      controller << 16 | resource << 8 | action, number, 0, 0, 0, 0, 0, 0)
with open(node) as device:
    status = fcntl.ioctl(device, NVME_IOCTL_ADMIN_CMD, bytearray(command))
if status:
    sys.exit("%s: the command ended with status 0x%x" % (node, status))
