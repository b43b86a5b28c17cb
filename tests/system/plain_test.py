"""The plain wire from outside: our own subscriber proves the same over it as over the packed one, and a client without
any of our code receives the topics that it asked for, as they are on the tape."""

import collections
import os
import pathlib
import subprocess
import sys
import unittest

import tapedeck_program
from replay_test import COMPLETE, TCP, TOPS_RECORDS, ReplayTest
from tapedeck_program import TAPEDECK, TOPS, Folder, records_of, run, run_json

CLIENT = pathlib.Path(__file__).parent.parent / "consumer" / "plain_client.py"
SMALL_QUEUE = """
import sys, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.rcvhwm = 1
for prefix in sys.argv[2], "TDS/END/":
    socket.subscribe(prefix)
socket.connect(sys.argv[1])
records = 0
while not (message := socket.recv()).startswith(b"TDS/END/"):
    records += not message.startswith(b"TDS/")
print(records)
"""
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable  # the system's has python3-zmq


def setUpModule():
    global folder
    folder = Folder()
    unittest.addModuleCleanup(folder.close)


class Allocator(unittest.TestCase):
    @unittest.skipIf(b"__asan_init" in pathlib.Path(TAPEDECK).read_bytes(), "a sanitizer has its own")
    def test_it_is_mimalloc(self):
        done = subprocess.run([TAPEDECK, "--version"], capture_output=True, text=True, env={"MIMALLOC_VERBOSE": "1"})
        self.assertIn("mimalloc: process done", done.stderr)


class OurSubscriber(ReplayTest):
    def test_the_whole_tape_at_any_rate_from_any_shards_to_any_workers(self):
        for options, to, subscribe in ((("--rate", "max"), TCP, ("--workers", 2)),
                                       (("--rate", "max"), None, ("--workers", 2, "--dispatch", "any")),
                                       (("--rate", "2000"), TCP, ()),
                                       (("--shards", 2), TCP, ("--subscribers", 1)),
                                       (("--shards", 2), TCP, ("--workers", 3))):
            for codec in ("none", "lz4"):
                with self.subTest(options=options, subscribe=subscribe, codec=codec):
                    tape = folder.tape(TOPS, "--codec", codec)
                    digest = run_json("info", tape, "--digest", "--json")["digest"]
                    report, receipts = self.play(tape, "--wire", "plain", *options, to=to, subscribe=[subscribe],
                                                 expect=COMPLETE)
                    self.assert_proved(report, receipts, TOPS_RECORDS, digest)
                    self.assertIs(report["whole_tape"], True)

    def test_loops(self):
        report, receipts = self.play(folder.tape(TOPS), "--wire", "plain", "--loop", 3)
        self.assert_proved(report, receipts, 3 * TOPS_RECORDS, report["digest"])

    def test_a_selection_of_topics(self):
        report, receipts = self.play(folder.tape(TOPS), "--wire", "plain", "--topics", "iextp/POT,iextp/AAIT")
        self.assert_proved(report, receipts, report["records"], report["digest"])
        self.assertLess(487, report["records"])


class AnyClient(ReplayTest):
    def receive(self, tape, prefixes, *options):
        """What the client prints of a replay that waits for its subscriptions."""
        replay, endpoint = self.start_replay(tape, "--wire", "plain", "--wait-for", 0, "--wait-for-subscriptions",
                                             len(prefixes) + 1, *options)
        client = subprocess.run([PYTHON, CLIENT, endpoint, *prefixes], capture_output=True, text=True,
                                timeout=tapedeck_program.DEADLINE_S, check=True)
        self.finish(replay, COMPLETE)
        return [line.split(" ") for line in client.stdout.splitlines()]

    def test_it_receives_exactly_the_topics_that_it_subscribed_to(self):
        tape = folder.tape(TOPS)
        expected = collections.defaultdict(list)
        for record in records_of(tape):
            if record["topic"].startswith(("iextp/AA", "iextp/POT")):
                topic = expected[record["topic"]]
                topic.append([str(len(topic)), str(record["time_ns"]), str(record["source_time_ns"]), record["payload"]])
        self.assertLess(3, len(expected))
        for rate in ("max", "2000"):
            received = collections.defaultdict(list)
            for topic, *fields in self.receive(tape, ["iextp/AA", "iextp/POT"], "--rate", rate):
                received[topic].append(fields)
            self.assertEqual(expected, received)

    def test_it_receives_the_end_though_its_queue_is_full_when_the_replay_ends(self):
        """libzmq drops what a full SUB has not read yet when the other end of an ipc connection is closed."""
        replay, endpoint = self.start_replay(folder.tape(TOPS), "--wire", "plain", "--wait-for", 0,
                                             "--wait-for-subscriptions", 2)
        client = subprocess.run([PYTHON, "-c", SMALL_QUEUE, endpoint, "iextp/AA"], capture_output=True, text=True,
                                timeout=tapedeck_program.DEADLINE_S, check=True)
        self.finish(replay, COMPLETE)
        self.assertEqual(["539"], client.stdout.split())

    def test_it_receives_all_of_it_though_it_reads_slowly(self):
        self.assertEqual(TOPS_RECORDS, len(self.receive(folder.tape(TOPS), [""], "--queue", "64KiB")))


class WhatIsRefused(ReplayTest):
    def test_a_plain_replay_within_one_process(self):
        refused = run("replay", folder.tape(TOPS), "--to", "inproc://here", "--wire", "plain")
        self.assertEqual(2, refused.returncode)
        self.assertIn("the wire is packed", refused.stderr)


if __name__ == "__main__":
    unittest.main()
