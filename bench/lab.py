# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benches share in the lab: devices for vfio-pci, the monitors' commands, reading what a guest and its
monitor say, and the turns in which they are measured. Every time is taken here, on the reading side, by one clock.
"""
import json
import os
import re
import select
import socket
import subprocess
import time

PCI = "/sys/bus/pci"
QEMU = ["qemu-system-x86_64", "-machine", "q35,accel=kvm", "-nodefaults", "-no-user-config"]
WORDS = "console=ttyS0 quiet panic=-1"  # the guest kernel's
STATUS = re.compile(rb"guest: status (\d+)")


class Unmeasurable(Exception):
    pass


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def driver_of(device):
    path = f"{PCI}/devices/{device}/driver"
    return os.path.basename(os.readlink(path)) if os.path.exists(path) else None


def bind_to_vfio(device):
    """By hand and not by `handfast bind`, so that --noise needs no handfast."""
    write(f"{PCI}/devices/{device}/driver_override", "vfio-pci")
    if driver_of(device):
        write(f"{PCI}/devices/{device}/driver/unbind", device)
    write(f"{PCI}/drivers_probe", device)
    if driver_of(device) != "vfio-pci":
        raise Unmeasurable(f"{device} does not go to vfio-pci")


def read_config(path):
    """What bench/run wrote, strings all of them; and beside it is what was measured before the lab host died."""
    with open(path) as file:
        config = json.load(file)
    return {**config, "pairs": int(config["pairs"]), "noise": config["noise"] == "yes",
            "kept": os.path.join(os.path.dirname(path), "kept")}


def handfast_or_noise(config):
    """How the monitor in handfast's place begins: with --noise it is QEMU, too."""
    return QEMU if config["noise"] else [config["handfast"], "-machine", "q35"]


def common_words(config, memory_mib, processors):
    return ["-cpu", "host", "-smp", str(processors), "-m", str(memory_mib), "-serial", "stdio", "-display", "none",
            "-no-reboot", "-initrd", config["initrd"], "-append", WORDS]


def show(words, config):
    """The command as a person would write it, without this machine's paths."""
    short = {config["handfast"]: "handfast", config["initrd"]: "INITRD", WORDS: f"'{WORDS}'"}
    return " ".join(short.get(word, word) for word in words)


def version_of(words):
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=30).stdout.split("\n")[0]
    except OSError as error:
        return str(error)


def circumstances(config):
    """What every result begins with."""
    return {"commit": config["commit"], "pairs": config["pairs"], "noise": config["noise"],
            "date": time.strftime("%Y-%m-%d", time.gmtime()), "kernel": os.uname().release,
            "qemu_version": version_of(["qemu-system-x86_64", "--version"]), "lab_cpus": os.cpu_count()}


class Qmp:
    """One connection. Messages come in lines; each is kept with the moment at which it was received."""

    def __init__(self, path, process, seconds=30):
        end = time.monotonic() + seconds
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if process.poll() is not None or time.monotonic() > end:
                    raise Unmeasurable(f"nobody listens on {path}") from None
                time.sleep(0.05)
        self.begun = b""
        self.messages = []  # (when, what)

    def fileno(self):
        return self.socket.fileno()

    def close(self):
        self.socket.close()

    def send(self, command, arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")

    def receive(self):
        """What there is. Returns false when the other side has hung up."""
        more = self.socket.recv(65536)
        now = time.monotonic()
        *lines, self.begun = (self.begun + more).split(b"\n")
        self.messages += [(now, json.loads(line)) for line in lines if line.strip()]
        return bool(more)

    def take(self, wanted):
        """The oldest message that is wanted, with its moment."""
        for at, (_, message) in enumerate(self.messages):
            if wanted(message):
                return self.messages.pop(at)
        return None


class Guest:
    """One guest's life in one monitor: its serial port and, if there is a socket, QMP."""

    def __init__(self, words, seconds, qmp_path=None):
        if qmp_path and os.path.exists(qmp_path):
            os.unlink(qmp_path)
        self.words = words
        self.output = b""
        self.heard = 0  # how far in the output somebody has waited for
        self.errors = open("/run/bench.errors", "w+b")
        self.qmp = None
        self.started = self.arrived = time.monotonic()
        self.deadline = self.started + seconds
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        if qmp_path:
            try:
                self.qmp = Qmp(qmp_path, self.process)
            except Unmeasurable as error:
                self.fail(str(error))
            self.wait(lambda: self.qmp.take(lambda message: "QMP" in message), "greeting")
            self.ask("qmp_capabilities")

    def fail(self, why):
        self.process.kill()
        self.process.wait()
        self.errors.seek(0)
        tail = self.output[-2000:] + b"\n--- standard error\n" + self.errors.read()[-2000:]
        raise Unmeasurable("%s\n%s\n%s" % (why, " ".join(self.words), tail.decode(errors="replace")))

    def hear(self, what, seconds):
        """Takes in what comes, from whichever side."""
        sources = [self.process.stdout] + ([self.qmp] if self.qmp else [])
        ready = select.select(sources, [], [], seconds)[0]
        if self.qmp in ready and not self.qmp.receive():
            self.qmp.close()
            self.qmp = None
        if self.process.stdout in ready:
            more = os.read(self.process.stdout.fileno(), 65536)
            self.arrived = time.monotonic()
            if not more:
                self.fail(f"the monitor ended before: {what}")
            self.output += more

    def wait(self, look, what):
        """What look() returns as soon as that is anything."""
        while True:
            found = look()
            if found:
                return found
            left = self.deadline - time.monotonic()
            if left <= 0:
                self.fail(f"not in time: {what}")
            self.hear(what, left)

    def wait_for(self, pattern):
        """The next match of pattern in the serial output, and the seconds from the start to its arrival."""
        match = self.wait(lambda: pattern.search(self.output, self.heard), pattern.pattern.decode())
        self.heard = match.end()
        return match, self.arrived - self.started

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def talk(self, what):
        if not self.qmp:
            self.fail(f"the monitor has closed its socket before: {what}")
        return self.qmp

    def ask(self, command, **arguments):
        """Seconds from a command to its answer."""
        begin = time.monotonic()
        self.talk(command).send(command, arguments)
        when, answer = self.wait(lambda: self.talk(command).take(lambda message: "event" not in message), command)
        if "error" in answer:
            self.fail(f"{command}: {answer['error']['desc']}")
        return when - begin

    def unplug(self, device):
        """Seconds from device_del to DEVICE_DELETED."""
        def is_end(message):
            return (message.get("event") in ("DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR")
                    and message["data"].get("device") == device)

        begin = time.monotonic()
        self.ask("device_del", id=device)
        when, message = self.wait(lambda: self.talk("DEVICE_DELETED").take(is_end), f"DEVICE_DELETED of {device}")
        if message["event"] != "DEVICE_DELETED":
            self.fail(f"the guest does not let go of {device}")
        return when - begin

    def end(self):
        """After the guest's script has been told to end, or has come to its end."""
        status, _ = self.wait_for(STATUS)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.fail("the monitor does not end after the guest did")
        if self.qmp:
            self.qmp.close()
        if status.group(1) != b"0" or self.process.returncode != 0:
            self.fail(f"the guest's status is {status.group(1).decode()}, the monitor's {self.process.returncode}")


def read_kept(path):
    """What a lab host that died has left: a line for each pair. The last one may be torn."""
    runs, again = [], []
    try:
        with open(path) as file:
            for line in file:
                try:
                    pair = json.loads(line)
                except ValueError:
                    continue
                runs += pair["runs"]
                again += pair["again"]
    except FileNotFoundError:
        pass
    return runs, again


def keep(path, runs, again):
    with open(path, "a") as file:
        # On a line of its own, whatever is torn before it.
        file.write("\n" + json.dumps({"runs": runs, "again": again}) + "\n")


def measure_one(measure, what, again):
    """The emulator now and then kills a guest (docs/lab.md): once more then, and that is written down."""
    try:
        return measure()
    except Unmeasurable as error:
        print(f"bench: once more: {error}", flush=True)
        again.append({**what, "why": str(error).split("\n")[0]})
        return measure()


def take_turns(path, pairs, rounds, measure):
    """Rounds are (labels, monitors' names); measure(labels, name, pair) makes one run, a dict. A B, then B A, and so
    on, pair 0 not being counted: it brings programs, kernel and initrd into the host's cache. A pair is kept when both
    halves are there, so that a lab host that dies costs one pair, and the halves come from one lab.
    Returns all runs, and those that had to be made again."""
    runs, again = read_kept(path)
    keep(path, [], [])  # so that bench/run sees that it got as far as this
    for labels, names in rounds:
        done = {run["pair"] for run in runs if labels.items() <= run.items()}
        left = [pair for pair in range(1, pairs + 1) if pair not in done]
        for pair in [0, *left] if left else []:
            these, failed = [], []
            for name in names if pair % 2 else reversed(names):
                what = {"pair": pair, **labels, "monitor": name}
                one = measure_one(lambda: measure(labels, name, pair), what, failed)
                these.append({**what, **one})
            again += failed
            if pair:
                runs += these
            keep(path, these if pair else [], failed)
    return runs, again


def finish(path, result):
    with open(path, "w") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
