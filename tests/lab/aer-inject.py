#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""aer-inject.py BDF STATUS: has the kernel believe that the device reported an uncorrectable error; STATUS is the
AER capability's uncorrectable status register. Source: Linux, drivers/pci/pcie/aer_inject.c."""
import re
import struct
import sys


def main():
    domain, bus, device, function = (
        int(part, 16) for part in re.fullmatch(r"(\w+):(\w+):(\w+)\.(\w)", sys.argv[1]).groups()
    )
    # struct aer_error_inj: bus, dev, fn, uncor_status, cor_status, header_log0 to 3, domain
    error = struct.pack("<BBBxIIIIIII", bus, device, function, int(sys.argv[2], 0), 0, 0, 0, 0, 0, domain)
    with open("/dev/aer_inject", "wb", buffering=0) as injector:
        injector.write(error)


main()
