"""Networks of the tests' own: a box for the publisher and some for subscribers, each with network interfaces eth1, eth2 and
so on, and one switch for all that have the same name. A box and a switch are network namespaces, a cable is a pair of veth.
Their names live in a mount namespace of this process: nobody else sees them, nothing clashes, and all of it goes with the
process, however that ends. Needs root."""

import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import subprocess
import unittest

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
NAMES = pathlib.Path("/run/netns")  # where `ip netns` keeps them
RELAY = os.environ.get("TAPEDECK_RELAY", "")  # relay.cc
DEADLINE_S = 40
numbers = itertools.count(1)
names_are_private = False


def why_not():
    """Why networks cannot be made here, if so."""
    return "" if os.geteuid() == 0 else "network namespaces need root"


def need_root():
    if why_not():
        raise unittest.SkipTest(why_not())


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=DEADLINE_S)
    if done.returncode:
        raise OSError(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def make_names_private():
    """From here on this process and what it starts have names of network namespaces of their own."""
    global names_are_private
    if names_are_private:
        return
    NAMES.mkdir(exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if (libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) or
            libc.mount(b"tmpfs", str(NAMES).encode(), b"tmpfs", 0, None)):
        raise OSError(ctypes.get_errno(), f"no private {NAMES}: {os.strerror(ctypes.get_errno())}")
    names_are_private = True


class Box:
    """A machine: a network namespace. Its interface ethN has the address 10.0.N.NUMBER, and takes multicast."""

    def __init__(self, name, number=0):
        self.name = name
        self.number = number
        run("ip", "netns", "add", name)
        run(*self.command("sysctl", "-q", "net.ipv6.conf.default.disable_ipv6=1"))  # its packets would be counted with ours
        self.ip("link", "set", "lo", "up")

    def address(self, nic=1):
        return f"10.0.{nic}.{self.number}"

    def command(self, *arguments):
        """What runs a program in here; it has the process id of the program, and ends when this process does."""
        return ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", self.name, *map(str, arguments)]

    def ip(self, *words):
        return run("ip", "-n", self.name, *words)

    def up(self, nic=1):
        self.ip("link", "set", f"eth{nic}", "up")
        self.ip("route", "replace", "224.0.0.0/4", "dev", f"eth{nic}", "metric", nic)

    def down(self, nic=1):
        self.ip("link", "set", f"eth{nic}", "down")

    def counters(self, nic=1):
        """Packets and bytes that an interface has sent and received: {"tx": {"packets", "bytes", "dropped"...}, "rx"...}."""
        return json.loads(self.ip("-json", "-statistics", "link", "show", f"eth{nic}"))[0]["stats64"]


class Network:
    """The publisher's box and those of subscribers, joined. Close it."""

    def __init__(self, subscribers=3, nics=2, mtu=1500):
        make_names_private()
        self.mtu = mtu
        self.prefix = f"net{next(numbers)}-"
        self.closing = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self.switches = {nic: self._switch(nic) for nic in range(1, nics + 1)}
            self.publisher = self._box("publisher", 1)
            self.subscribers = [self._box(f"subscriber{i}", i + 1) for i in range(1, subscribers + 1)]
            undo.pop_all()

    def close(self):
        self.closing.close()

    def shape(self, box, nic, rate, burst, limit):
        """The switch sends to this box no faster than this, and drops what does not fit into so short a queue."""
        run("tc", "-n", self.switches[nic].name, "qdisc", "replace", "dev", self._port(box), "root", "tbf",
            "rate", rate, "burst", burst, "limit", limit)

    def shaped(self, box, nic):
        """Packets that shape() has dropped."""
        shown = run("tc", "-n", self.switches[nic].name, "-json", "-statistics", "qdisc", "show", "dev", self._port(box))
        return json.loads(shown)[0]["drops"]

    def relay(self, box, nic, *options):
        """A relay in the cable between this box and the switch; its options are those of relay.cc. What it drops is what
        the publisher sends, or what a subscriber is sent. Not while programs use that interface."""
        relay = self._namespace(f"relay-{box.number}-{nic}")
        box.ip("link", "delete", f"eth{nic}")
        self._cable(box, f"eth{nic}", relay, "box")
        self._cable(self.switches[nic], self._port(box), relay, "switch")
        self._join(box, nic)
        for end, name in ((box, f"eth{nic}"), (self.switches[nic], self._port(box))):
            run("ip", "netns", "exec", end.name, "ethtool", "-K", name, "tx", "off")  # the relay sees packets as on a wire
        ways = ("box", "switch") if box is self.publisher else ("switch", "box")
        return self.closing.enter_context(Relay(relay.command(RELAY, *ways, *options)))

    def _namespace(self, name):
        box = Box(self.prefix + name)
        self.closing.callback(run, "ip", "netns", "delete", box.name)
        return box

    def _switch(self, nic):
        switch = self._namespace(f"switch{nic}")
        switch.ip("link", "add", "name", "bridge", "mtu", self.mtu, "up", "type", "bridge", "mcast_snooping", "0")
        return switch

    def _box(self, name, number):
        box = self._namespace(name)
        box.number = number
        for nic, switch in self.switches.items():
            self._cable(box, f"eth{nic}", switch, self._port(box))
            self._join(box, nic)
        return box

    def _cable(self, box, name, other, other_name):
        box.ip("link", "add", "name", name, "mtu", self.mtu, "up", "type", "veth",
               "peer", "name", other_name, "mtu", self.mtu, "netns", other.name)
        other.ip("link", "set", other_name, "up")

    def _join(self, box, nic):
        """Puts the cable's ends to use: an address, and a port of the switch."""
        self.switches[nic].ip("link", "set", self._port(box), "master", "bridge")
        box.ip("address", "add", f"{box.address(nic)}/24", "dev", f"eth{nic}")
        box.up(nic)

    @staticmethod
    def _port(box):
        return f"port{box.number}"


class Relay:
    """A relay that runs; close() or stop() ends it."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.close()
            raise OSError(f"the relay does not run: {command}")

    def stop(self):
        """Ends it and gives what it did: {"passed", "dropped", "overrun"}."""
        self.process.terminate()
        return json.loads(self.process.communicate(timeout=DEADLINE_S)[0])

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
