#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""pty-talker.py MESSAGES: finds the pseudo-terminal that handfast names in its messages, waits for the guest to
listen, types a line, and exits 0 when the guest has repeated it."""
import os
import re
import select
import sys
import time
import tty

deadline = time.monotonic() + 60
path = None
while not path:
    with open(sys.argv[1], encoding="utf-8") as messages:
        found = re.search(r"/dev/pts/\d+", messages.read())
    path = found and found.group(0)
    if time.monotonic() > deadline:
        sys.exit("pty-talker: no pseudo-terminal is named")
    time.sleep(0.02)
fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
tty.setraw(fd)
seen, said = b"", False
while b"life: heard 'over the pty'" not in seen:
    if not select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
        sys.exit("pty-talker: seen: %r" % seen[-400:])
    seen += os.read(fd, 4096)
    if b"life: listening" in seen and not said:
        os.write(fd, b"over the pty\r")
        said = True
