#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""socket-reader.py PATH TEXT: connects to a unix socket as soon as it is there, and exits 0 when TEXT arrives."""
import socket
import sys
import time

deadline = time.monotonic() + 60
connection = socket.socket(socket.AF_UNIX)
while True:
    try:
        connection.connect(sys.argv[1])
        break
    except OSError as error:
        if time.monotonic() > deadline:
            sys.exit("socket-reader: %s: %s" % (sys.argv[1], error.strerror))
        time.sleep(0.02)
connection.settimeout(60)
seen = b""
while sys.argv[2].encode() not in seen:
    part = connection.recv(4096)
    if not part:
        sys.exit("socket-reader: closed; seen: %r" % seen[-400:])
    seen += part
