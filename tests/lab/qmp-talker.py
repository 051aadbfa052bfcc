#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""qmp-talker.py SOCKET SOCKET: a dialogue byte by byte, with garbage in it, on two connections at once; and a
descriptor that is handed over."""
import json
import os
import socket
import sys


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rb")
        greeting = json.loads(self.lines.readline())
        assert greeting["QMP"]["version"]["package"].startswith("handfast-"), greeting

    def say(self, data, step=None):
        for at in range(0, len(data), step or len(data)):
            self.socket.sendall(data[at : at + (step or len(data))])

    def answer(self):
        """The next line that is no event."""
        while True:
            line = json.loads(self.lines.readline())
            if "event" not in line:
                return line


def main():
    one, two = Connection(sys.argv[1]), Connection(sys.argv[2])
    one.say(b'{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}', step=1)
    assert one.answer() == {"return": {}}
    # Not whole yet on one connection; the other is answered meanwhile.
    one.say(b'{"execute": "query-status", "id": [1, {"a": ')
    two.say(b'{"execute":"query-status","id":null}{"execute":"query-name","id":"x"}')
    answer = two.answer()
    assert answer["return"]["running"] is True and answer["id"] is None, answer
    assert two.answer() == {"return": {"name": "the tested"}, "id": "x"}
    one.say(b'null}]}\r\n')
    assert one.answer()["id"] == [1, {"a": None}]
    # exec-oob is for the connection that has enabled it.
    one.say(b'{"exec-oob":"query-name","id":"y"}')
    assert one.answer() == {"return": {"name": "the tested"}, "id": "y"}
    two.say(b'{"exec-oob":"query-name"}')
    assert two.answer()["error"]["desc"] == "QMP input member 'exec-oob' is unexpected"
    # Garbage of three sorts, each answered once, and sense behind it.
    for garbage in (b"hello\n", b'{"execute": "quit", \xc3("x":1}\n', b'{"execute":\xff'):
        one.say(garbage + b'{"execute":"query-status","id":2}', step=3)
        assert one.answer()["error"]["class"] == "GenericError"
        assert one.answer()["id"] == 2
    # A hundred in one write come back in order.
    two.say(b"".join(b'{"execute":"query-kvm","id":%d}' % number for number in range(100)))
    assert [two.answer()["id"] for _ in range(100)] == list(range(100))
    # A pipe's writing end goes over, is held, and is closed.
    reader, writer = os.pipe()
    socket.send_fds(one.socket, [b'{"execute":"getfd","arguments":{"fdname":"pipe"}}'], [writer])
    os.close(writer)
    assert one.answer() == {"return": {}}
    os.set_blocking(reader, False)
    try:
        os.read(reader, 1)
        raise AssertionError("the descriptor is not held")
    except BlockingIOError:
        pass
    two.say(b'{"execute":"closefd","arguments":{"fdname":"pipe"}}')
    assert two.answer() == {"return": {}}
    assert os.read(reader, 1) == b"", "the descriptor is not closed"


main()
