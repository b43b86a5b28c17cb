"""tapedeck capture, killed with SIGKILL at any moment, again and again; then tapedeck recover. TAPEDECK_KILLS says how
often."""

import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from tapedeck_program import DEADLINE_S, FAULTS, TAPEDECK, records_of, run, run_json

KILLS = int(os.environ.get("TAPEDECK_KILLS", "20"))
TIME_S = 1_577_716_200
FLOWS = 24
SMALL = ("--decode", "raw", "--lanes", "4", "--block-size", "4KiB", "--segment-size", "96KiB")
HEADER = 64


def packet(number):
    """A packet of one of the flows; its payload begins with the number of the packet. Some are cut."""
    payload = struct.pack("<Q", number) + b"x" * (number * 37 % 400)
    udp = struct.pack(">HHHH", 40000, 5000 + number % FLOWS, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, 0x0A000001, 0xEF010203)
    frame = bytes(12) + b"\x08\x00" + ip + udp
    cut = 50 if number % 997 == 0 else len(frame)  # an entry of the ledger now and then
    return struct.pack("<IIII", TIME_S + number // 10**6, number % 10**6, cut, len(frame)) + frame[:cut]


def feed(pipe):
    """Writes packets until nobody reads them any more."""
    header = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    number = 0
    try:
        with open(pipe, "wb") as out:
            out.write(header)
            while True:
                out.write(packet(number))
                number += 1
    except BrokenPipeError:
        pass


def frame_ends(path):
    """Where the frames of a segment end, by their headers."""
    content = path.read_bytes()
    ends = {HEADER}
    at = HEADER
    while at + HEADER < len(content):
        at += HEADER + struct.unpack_from("<I", content, at + 28)[0]
        ends.add(at)
    return ends | {len(content)}


class Killed(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tapedeck-crash-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.tape = self.folder / "t.tape"
        self.log = self.folder / "writes"
        self.log.touch()

    def capture_and_kill(self, writes, torn):
        """Has a capture killed after so many writes: in the midst of the next one, or from outside at any time soon."""
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        environment = {**os.environ, "LD_PRELOAD": FAULTS, "TAPEDECK_FAULT_PATH": "t.tape/",
                       "TAPEDECK_FAULT_LOG": str(self.log)}
        if torn:
            environment["TAPEDECK_FAULT"] = f"write:{writes + 1}:KILL"
        program = subprocess.Popen([TAPEDECK, "capture", f"pcap:{pipe}", "-o", self.tape, *SMALL], env=environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        feeder = threading.Thread(target=feed, args=(pipe,))
        feeder.start()
        end = time.monotonic() + DEADLINE_S
        while not torn and len(self.log.read_bytes().splitlines()) < writes:
            self.assertIsNone(program.poll(), "capture ended by itself")
            self.assertLess(time.monotonic(), end, "waited in vain for writes")
        if not torn:
            program.kill()
        self.assertEqual(-signal.SIGKILL, program.wait(DEADLINE_S))
        feeder.join(DEADLINE_S)
        pipe.unlink()
        lines = [line.rsplit(" ", 1) for line in self.log.read_text().splitlines()]
        return [(pathlib.Path(path), int(end)) for path, end in lines if end != "synced"]

    def check_recovered(self, writes):
        unsealed = run("verify", self.tape)
        self.assertEqual(3, unsealed.returncode, unsealed.stdout)
        result = run_json("recover", self.tape, "--json")  # exit code 0: all that was written is there
        self.assertEqual((True, [], 0), (result["clean"], result["damage"], result["records_lost"]))
        self.assertEqual(0, run("verify", self.tape).returncode)
        segments = [(path, end) for path, end in writes if path.suffix == ".seg"]
        ends = {path: frame_ends(path) for path in {path for path, _ in segments}}
        for path, end in segments:
            self.assertIn(end, ends[path], f"{path}: the write that ended there had returned")
        self.check_records(records_of(self.tape))
        again = run_json("recover", self.tape, "--json")
        self.assertEqual([], again["repairs"])

    def check_records(self, records):
        """Of each lane, the records are those of its flows' packets, from the first on, without a gap."""
        lanes = {}
        for record in records:
            number = struct.unpack_from("<Q", bytes.fromhex(record["payload"]))[0]
            lanes.setdefault(record["lane"], []).append(number)
            self.assertTrue(record["topic"].endswith(f":{5000 + number % FLOWS}"), record["topic"])
        for lane, numbers in lanes.items():
            flows = {number % FLOWS for number in numbers}
            expected = [number for number in range(numbers[-1] + 1) if number % FLOWS in flows and number % 997 != 0]
            self.assertEqual([n for n in expected if n >= numbers[0]], [n for n in numbers if n % 997 != 0], lane)

    def test_nothing_is_lost_whose_write_had_returned(self):
        seed = int(os.environ.get("TAPEDECK_SEED", random.randrange(1 << 32)))
        chance = random.Random(seed)
        for kill in range(KILLS):
            writes = chance.randrange(2, 600)
            with self.subTest(seed=seed, kill=kill, writes=writes):
                self.check_recovered(self.capture_and_kill(writes, torn=kill % 2 == 0))
            shutil.rmtree(self.tape)
            self.log.write_bytes(b"")

    def test_a_recover_that_is_killed_itself_can_be_called_again(self):
        writes = self.capture_and_kill(200, torn=True)
        unrecovered = self.folder / "unrecovered"
        shutil.copytree(self.tape, unrecovered)
        for number in range(1, 100):
            shutil.rmtree(self.tape)
            shutil.copytree(unrecovered, self.tape)
            environment = {**os.environ, "LD_PRELOAD": FAULTS, "TAPEDECK_FAULT_PATH": "t.tape/",
                           "TAPEDECK_FAULT": f"write:{number}:KILL"}
            done = subprocess.run([TAPEDECK, "recover", self.tape], env=environment, capture_output=True, text=True,
                                  timeout=DEADLINE_S)
            if done.returncode == 0:
                break
            self.assertEqual(-signal.SIGKILL, done.returncode, done.stderr)
            with self.subTest(number=number):
                self.check_recovered(writes)
        self.assertGreater(number, 4)
        self.assertLess(number, 99)


if __name__ == "__main__":
    unittest.main()
