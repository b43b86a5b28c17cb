"""What the system tests share: the program started and watched with deadlines, temporary folders, tapes of recorded
feeds, and an own CRC32C to check digests with."""

import contextlib
import json
import os
import pathlib
import pty
import re
import shutil
import struct
import subprocess
import tempfile
import threading
import time
import unittest

TAPEDECK = os.environ["TAPEDECK"]
FAULTS = os.environ.get("TAPEDECK_FAULTS", "")  # a library that plays a disk that fails: faults.cc
DATA = pathlib.Path(os.environ.get("TAPEDECK_DATA_DIR", "../shared/data"))
ITCH = DATA / "derived-itch50-mold64-esh4-20231225" / "esh4-itch-mold64-a.ns.pcap"
TOPS = DATA / "iex-tops16-20170710" / "TOPS16.pcap"
DEADLINE_S = 40


def need(path):
    """Recorded feeds are not part of the repository; where tests count, they must be there."""
    if path.exists():
        return
    if os.environ.get("CI") == "true":
        raise AssertionError(f"{path} is not there: set TAPEDECK_DATA_DIR")
    raise unittest.SkipTest(f"{path} is not there: set TAPEDECK_DATA_DIR")


def wait_for(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE_S} s in vain for {what}")
        time.sleep(0.005)  # between two looks


def run(*arguments):
    """Runs the program to its end."""
    return subprocess.run([TAPEDECK, *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE_S)


def run_json(*arguments, expect=0):
    done = run(*arguments)
    if done.returncode != expect:
        raise AssertionError(f"{arguments}: exit {done.returncode}, not {expect}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def records_of(tape, expect=0):
    """The records of a tape in their order of arrival, as `cat` gives them."""
    done = run("cat", tape, "--format", "json")
    if done.returncode != expect:
        raise AssertionError(f"cat {tape}: exit {done.returncode}, not {expect}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


class Program:
    """The program in the background, in a box of network.py if given. Its output is collected as it comes; its standard error is
    a terminal if asked."""

    def __init__(self, *arguments, terminal=False, box=None):
        self.arguments = arguments
        self.out = ""
        self.err = ""
        master, stderr = pty.openpty() if terminal else os.pipe()
        command = [TAPEDECK, *map(str, arguments)]
        self.process = subprocess.Popen(box.command(*command) if box else command, stdout=subprocess.PIPE, stderr=stderr)
        os.close(stderr)
        self.readers = [threading.Thread(target=self._read, args=("out", self.process.stdout.fileno())),
                        threading.Thread(target=self._read, args=("err", master))]
        for reader in self.readers:
            reader.start()
        self.master = master

    def _read(self, name, handle):
        with contextlib.suppress(OSError):  # a terminal whose other end was closed gives EIO
            while part := os.read(handle, 1 << 16):
                setattr(self, name, getattr(self, name) + part.decode(errors="replace"))

    def wait_for(self, expression, accept=lambda match: True):
        """Waits until standard error has a match that is accepted, and gives it."""
        end = time.monotonic() + DEADLINE_S
        while True:
            ended = self.process.poll() is not None
            for match in re.finditer(expression, self.err):
                if accept(match):
                    return match
            if ended or time.monotonic() > end:
                raise AssertionError(f"{self.arguments}: waited in vain for {expression!r}: {self.out}{self.err}")
            time.sleep(0.005)  # between two looks

    def signal(self, number):
        self.process.send_signal(number)

    def finish(self):
        """Waits for the end and gives the exit code."""
        try:
            code = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.arguments} did not end: {self.out}{self.err}") from None
        for reader in self.readers:
            reader.join(DEADLINE_S)
        return code

    def json(self):
        return json.loads(self.out)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join(DEADLINE_S)
        self.process.stdout.close()
        os.close(self.master)


class Folder:
    """A temporary folder with tapes in it, captured once for all tests of a script."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="tapedeck-"))
        self.tapes = {}

    def tape(self, feed, *options):
        need(feed)
        if (feed, options) not in self.tapes:
            tape = self.path / f"{len(self.tapes)}.tape"
            run_json("capture", f"pcap:{feed}", "-o", tape, "--json", *options)
            self.tapes[feed, options] = tape
        return self.tapes[feed, options]

    def close(self):
        shutil.rmtree(self.path)


def flip(path, offset):
    """Inverts one byte; a negative offset counts from the end."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    path.write_bytes(content)


def _crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc32c_table()


def crc32c(content, crc=0):
    crc ^= 0xFFFFFFFF
    table = _TABLE
    for byte in content:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def digest_of(records, topic_ids):
    """The digest of these records, in their order within each lane, as docs/tape-format.md defines it."""
    lanes = {}
    for record in records:
        payload = bytes.fromhex(record["payload"])
        content = struct.pack("<QIIQ", record["time_ns"], topic_ids[record["topic"]], len(payload),
                              record["source_time_ns"]) + payload
        content += bytes(-len(content) % 8)
        count, crc = lanes.get(record["lane"], (0, 0))
        lanes[record["lane"]] = count + 1, crc32c(content, crc)
    return f"{crc32c(b''.join(struct.pack('<IQI', lane, *lanes[lane]) for lane in sorted(lanes))):08x}"


def topic_ids_of(records):
    """Ids by name, where topics are numbered as they appear."""
    ids = {}
    for record in records:
        ids.setdefault(record["topic"], len(ids))
    return ids
