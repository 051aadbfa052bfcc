#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""qmp-terminal.py HANDFAST SOCKET

Runs `handfast qmp SOCKET` on terminals of its own: completion, answers, an error, an event while a line is half
typed, history in a second run, a terminal that nobody knows. The VM at SOCKET must run, and does so afterwards.
$HOME is where history goes. Prints nothing and exits 0 when all holds, else says what was wanted and what was seen.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

HANDFAST, SOCKET = sys.argv[1:]
PROMPT = "(handfast) "


class Terminal:
    """handfast qmp on a terminal of 80 columns, and what that has shown."""

    def __init__(self, term):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = term
            os.execv(HANDFAST, [HANDFAST, "qmp", SOCKET])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def fail(self, text):
        os.kill(self.pid, signal.SIGKILL)
        sys.exit("qmp-terminal.py: wanted: %s; seen: %r" % (text, self.seen[-600:]))

    def read(self, seconds):
        """What it shows; "" at its end. A terminal's padding is dropped."""
        if not select.select([self.fd], [], [], max(0, seconds))[0]:
            return None
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            return ""
        text = data.replace(b"\0", b"").decode()
        self.seen += text
        return text or ("" if not data else "\0")

    def wants(self, pattern, why):
        """Reads until pattern comes, and takes all up to its end off what was seen."""
        deadline = time.monotonic() + 60
        while True:
            found = re.search(pattern, self.seen, re.DOTALL)
            if found:
                self.seen = self.seen[found.end():]
                return
            if not self.read(deadline - time.monotonic()):
                self.fail("%s: %s" % (why, pattern))

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def ends(self, wanted):
        deadline = time.monotonic() + 60
        while self.read(deadline - time.monotonic()):
            pass
        while time.monotonic() < deadline:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                if os.waitstatus_to_exitcode(status) != wanted:
                    sys.exit("qmp-terminal.py: wanted: status %d; seen: %d, %r"
                             % (wanted, os.waitstatus_to_exitcode(status), self.seen[-600:]))
                return
            time.sleep(0.02)
        self.fail("its end with status %d" % wanted)


def elsewhere(command):
    """A command on another connection, while this one is at the prompt."""
    subprocess.run([HANDFAST, "qmp", SOCKET, "--timeout", "60", command], check=True, stdout=subprocess.DEVNULL)


# How far the cursor is moved, and a row's rest taken away, are the terminal's own affair.
MOVES = r"(?:\r|\x08|\x1b\[[0-9;]*[A-Za-z])*"
AT_PROMPT = re.escape(PROMPT)


def first_run():
    shell = Terminal("vt100")
    shell.wants(AT_PROMPT, "a prompt")
    shell.type("query-st\t")
    shell.wants("query-st" + MOVES + "atus ", "a command completed by Tab")
    shell.type("\r")
    shell.wants(r'\r\n{\r\n.*"status": ?"running".*}\r\n' + AT_PROMPT, "its answer")
    shell.type("nosuch\r")
    shell.wants("CommandNotFound: The command nosuch has not been found\r\n" + AT_PROMPT, "an error, and a prompt")
    shell.type("device_\t\t")
    shell.wants(r"device_add +device_del\r\n" + AT_PROMPT + "device_", "what there is to choose from")
    shell.type("add addr=0x0 ho\t")
    shell.wants("st=", "a key of vfio-pci")
    shell.type("\x03")
    shell.wants(r"\^C\r\n" + AT_PROMPT, "a line that is dropped")
    shell.type("query-na")
    shell.wants("query-na", "what was typed")
    for command, event in (("stop", "STOP"), ("cont", "RESUME")):
        elsewhere(command)
        shell.wants(r'{ ?"event": ?"%s".*}\r\n' % event + AT_PROMPT + "query-na", "an event above the line")
    shell.type("me\r")
    shell.wants(r'me\r\n{\r\n *"name": ?"[^"]*"\r\n}\r\n' + AT_PROMPT, "the line that was half typed, run")
    shell.type('{"execute":"query-kvm","id":7}\r')
    shell.wants(r'"present": ?true\r\n}\r\n' + AT_PROMPT, "the answer to JSON")
    shell.type("\x04")
    shell.ends(0)


def second_run():
    shell = Terminal("vt100")
    shell.wants(AT_PROMPT, "a prompt")
    shell.type("\x1b[A\x1b[A")
    shell.wants("query-name", "the line before the last of the first run")
    shell.type("\r")
    shell.wants('"name"', "its answer")
    shell.wants(AT_PROMPT, "a prompt")
    shell.type("\x03")
    shell.ends(0)


def unknown_terminal():
    shell = Terminal("nobody-knows-it")
    shell.wants(AT_PROMPT, "a prompt")
    shell.type("query-na")
    shell.wants("query-na", "what was typed")
    elsewhere("stop")
    shell.wants(r'"STOP".*}\r\n' + AT_PROMPT + "query-na", "an event above the line")
    shell.type("\tx\x08\r")
    shell.wants('"name"', "its answer")
    elsewhere("cont")
    shell.wants('"RESUME"', "an event at the prompt")
    shell.type("\x04")
    shell.ends(0)


def check_file():
    path = os.path.join(os.environ["HOME"], ".local/state/handfast/qmp-history")
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    mode = os.stat(path).st_mode & 0o777
    wanted = ["query-status", "nosuch", "query-name", '{"execute":"query-kvm","id":7}', "query-name", ""]
    if lines != wanted or mode != 0o600:
        sys.exit("qmp-terminal.py: wanted: %r, mode 600; seen: %r, mode %o" % (wanted, lines, mode))


os.environ.pop("XDG_STATE_HOME", None)
first_run()
second_run()
check_file()
unknown_terminal()
