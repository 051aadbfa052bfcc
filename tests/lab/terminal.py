#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""terminal.py HANDFAST ARGUMENT...

Runs handfast on a terminal of its own, twice: the first time types a line at the guest, which answers and powers
off; the second time types ^C while the guest waits. Both times the terminal's modes must be restored. Exits 0
when all holds, else says what did not.
"""
import os
import pty
import select
import signal
import sys
import termios
import time


def fail(text, seen):
    print("terminal.py: %s; seen: %r" % (text, seen[-400:]))
    sys.exit(1)


def read_until(fd, wanted, seconds):
    seen = b""
    deadline = time.monotonic() + seconds
    while wanted not in seen:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            fail("no %r in %d s" % (wanted, seconds), seen)
        try:
            seen += os.read(fd, 4096)
        except OSError:
            fail("it ended before %r" % wanted, seen)
    return seen


def finish(pid, fd):
    """The status of the process; its output is read meanwhile, for a full terminal would stop it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                os.read(fd, 4096)
            except OSError:
                pass
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
    os.kill(pid, signal.SIGKILL)
    fail("it does not end", b"")
    return None


def run(words, keys):
    parent, child = pty.openpty()
    before = termios.tcgetattr(child)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.close(parent)
        import fcntl
        fcntl.ioctl(child, termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(child, fd)
        os.execv(words[0], words)
    read_until(parent, b"life: listening", 60)
    if termios.tcgetattr(child) == before:
        fail("the terminal is not raw while the guest runs", b"")
    os.write(parent, keys)
    if keys.endswith(b"\r"):
        read_until(parent, b"life: heard 'hello there'", 20)
    status = finish(pid, parent)
    if termios.tcgetattr(child) != before:
        fail("the terminal's modes are not restored", b"")
    return status


def main():
    status = run(sys.argv[1:], b"hello there\r")
    if status != 0:
        fail("power-off gave status %r" % status, b"")
    status = run(sys.argv[1:], b"\x03")
    if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGINT:
        fail("^C gave status %r" % status, b"")


main()
