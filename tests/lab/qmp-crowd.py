#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""qmp-crowd.py PID PLACE...: a hundred clients at once over all places (a socket's path, or HOST:PORT), each of which
gets its own answers; then some that never read, while others go on and the monitor's memory stays what it is."""
import json
import os
import selectors
import socket
import sys
import time

CLIENTS = 100
QUERIES = ("query-status", "query-name", "query-kvm", "query-vfio", "query-pci", "query-cpus-fast", "nosuch")
GROWTH_KB = 6 * 1024  # three clients' queues, and what libraries keep
EVENTS = 200
FLOOD_MOST = 8 << 20


def connect(place):
    host, colon, port = place.rpartition(":")
    if colon and port.isdigit():
        result = socket.create_connection((host, int(port)), 20)
    else:
        result = socket.socket(socket.AF_UNIX)
        result.settimeout(60)
        result.connect(place)
    return result


class Client:
    """One that asks everything, each question with an id of its own, and keeps what it hears."""

    def __init__(self, number, place):
        self.socket = connect(place)
        self.wanted = [(f"{number}-{at}", name) for at, name in enumerate(QUERIES * 3)]
        self.data = b""
        text = "".join(json.dumps({"execute": name, "id": identity}) for identity, name in self.wanted).encode()
        # In odd pieces: others have their turn in the midst of it.
        for at in range(0, len(text), 37):
            self.socket.sendall(text[at : at + 37])

    def lines(self):
        lines = [json.loads(line) for line in self.data.split(b"\r\n")[:-1]]
        return [line for line in lines if "QMP" not in line and "event" not in line]

    def is_done(self):
        return self.data.count(b'"id":') >= len(self.wanted) and len(self.lines()) >= len(self.wanted)

    def check(self):
        for (identity, name), line in zip(self.wanted, self.lines(), strict=True):
            assert line["id"] == identity, (identity, line)
            if name == "nosuch":
                assert line["error"]["class"] == "CommandNotFound", line
            elif name == "query-name":
                assert line["return"] == {"name": "the tested"}, line
            elif name == "query-status":
                assert line["return"]["running"] is True, line
            elif name == "query-vfio":
                assert line["return"]["dma"]["state"] == "mapped", line
            else:
                assert "return" in line, line


def crowd(places):
    clients = [Client(number, places[number % len(places)]) for number in range(CLIENTS)]
    until = time.monotonic() + 60
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        while selector.get_map():
            assert time.monotonic() < until, "not all were answered in a minute"
            for key, _ in selector.select(1):
                part = key.data.socket.recv(65536)
                assert part, "a client was thrown out"
                key.data.data += part
                if key.data.is_done():
                    selector.unregister(key.data.socket)
    for client in clients:
        client.check()
        client.socket.close()
    print(f"{CLIENTS} clients, {CLIENTS * len(clients[0].wanted)} answers")


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def flood(place):
    """Asks without end, and reads nothing. Returns when the monitor does not take any more."""
    result = connect(place)
    result.setblocking(False)
    asked, blocked = 0, 0
    while blocked < 20:
        try:
            asked += result.send(b'{"execute":"query-commands"}' * 100)
            blocked = 0
            assert asked < FLOOD_MOST, f"{asked} bytes are taken from who reads nothing"
        except BlockingIOError:
            blocked += 1
            time.sleep(0.1)
    return result, asked


def ask(client, name):
    client.send(json.dumps({"execute": name}).encode())
    while True:
        line = json.loads(client.lines.readline())
        if "event" not in line:
            assert "return" in line, line
            return


class Talker:
    def __init__(self, place):
        self.socket = connect(place)
        self.lines = self.socket.makefile("rb")
        self.lines.readline()

    def send(self, data):
        self.socket.sendall(data)


def deaf(pid, places):
    talker = Talker(places[0])
    before = memory(pid)
    silent = [connect(place) for place in places[:2]]
    flooder, asked = flood(places[0])
    longest = 0
    for number in range(EVENTS):
        began = time.monotonic()
        ask(talker, "cont" if number % 2 else "stop")
        longest = max(longest, time.monotonic() - began)
    grown = memory(pid) - before
    for one in (*silent, flooder):
        one.close()
    print(f"{asked} bytes of requests taken from who does not read, {EVENTS} events: {grown} KiB more, "
          f"the longest answer took {longest * 1000:.0f} ms")
    assert grown < GROWTH_KB, f"{grown} KiB more"
    assert longest < 10, f"an answer took {longest} s"


def main():
    pid, places = int(sys.argv[1]), sys.argv[2:]
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    crowd(places)
    deaf(pid, places)
    for _ in range(50):
        if len(os.listdir(f"/proc/{pid}/fd")) <= descriptors:
            break
        time.sleep(0.1)
    assert len(os.listdir(f"/proc/{pid}/fd")) <= descriptors, "descriptors of clients stay open"


main()
