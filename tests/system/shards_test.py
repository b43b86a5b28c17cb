"""Replays of several shards, from outside: that they send the tape together, whatever the number of publishers, SUB threads
and workers, and what is said when the endpoints are not all of it."""

import signal
import unittest

from replay_test import TCP, TOPS_RECORDS, ReplayTest
from tapedeck_program import ITCH, TOPS, Folder, run, run_json


def setUpModule():
    global folder
    folder = Folder()
    unittest.addModuleCleanup(folder.close)


class Shards(ReplayTest):
    def test_two_shards_to_two_sub_threads_and_three_workers(self):
        tape = folder.tape(ITCH)
        digest = run_json("info", tape, "--digest", "--json")["digest"]
        for to in (f"{TCP},{TCP}", f"{self.ipc},{self.ipc}-second"):
            for dispatch in ("by-lane", "any"):
                with self.subTest(to=to, dispatch=dispatch):
                    report, receipts = self.play(tape, to=to,
                                                 subscribe=[("--workers", 3, "--dispatch", dispatch)])
                    self.assert_proved(report, receipts, 40_715, digest)
                    self.assertEqual((True, 2), (report["whole_tape"], report["shards"]))

    def test_any_number_of_shards_and_sub_threads_at_any_rate(self):
        tape = folder.tape(TOPS)
        digest = run_json("info", tape, "--digest", "--json")["digest"]
        for shards, threads in ((2, 1), (3, 2), (16, 4)):
            for rate in ("max", 2000):
                with self.subTest(shards=shards, threads=threads, rate=rate):
                    report, receipts = self.play(tape, "--shards", shards, "--rate", rate, "--late-limit", "10s", to=TCP,
                                                 subscribe=[("--subscribers", threads, "--workers", 2)] * 2)
                    self.assert_proved(report, receipts, TOPS_RECORDS, digest)
                    self.assertIs(report["whole_tape"], True)

    def test_small_blocks_and_no_skew_and_loops(self):
        tape = folder.tape(TOPS, "--block-size", "16KiB")
        report, receipts = self.play(tape, "--shards", 4, "--max-skew", 0, "--loop", 3, "--batch", "16KiB", to=TCP)
        self.assert_proved(report, receipts, 3 * TOPS_RECORDS, report["digest"])
        self.assertEqual(3, report["passes"])

    def test_lanes_of_a_tape(self):
        tape = folder.tape(TOPS)
        parts = []
        for lanes in ("0-7", "8-15"):
            report, receipts = self.play(tape, "--lanes", lanes, "--shards", 2, to=TCP)
            self.assert_proved(report, receipts, report["records"], report["digest"])
            self.assertIs(report["whole_tape"], False)
            parts.append(report["records"])
        self.assertEqual(TOPS_RECORDS, sum(parts))
        self.assertNotIn(0, parts)

    def test_a_copy_of_the_replay_elsewhere(self):
        tape = folder.tape(ITCH)
        replay = self.start("replay", tape, "--wait-for", 2, "--to", f"{TCP},{TCP}", "--to",
                            f"{self.ipc},{self.ipc}-second", "--json")
        first, copy = replay.wait_for(r"replay on (\S+) and (\S+), session on ").groups()
        subscribers = [self.subscribe(first), self.subscribe(copy)]
        report = self.finish(replay, 0)
        self.assert_proved(report, [self.finish(subscriber, 0) for subscriber in subscribers], 40_715,
                           report["digest"])

    def test_a_subscriber_may_come_first(self):
        endpoints = f"{self.ipc},{self.ipc}-second"
        subscriber = self.subscribe(endpoints)
        report = self.finish(self.start_replay(folder.tape(ITCH), to=endpoints)[0], 0)
        self.assert_proved(report, [self.finish(subscriber, 0)], 40_715, report["digest"])

    def test_a_killed_replay_of_shards_is_noticed(self):
        replay, endpoints = self.start_replay(folder.tape(TOPS), "--rate", 50, "--shards", 2, to=TCP, terminal=True)
        subscriber = self.subscribe(endpoints, "--silence", "1s")
        self.wait_until_sending(replay, 1000)
        replay.signal(signal.SIGKILL)
        self.assertIn("silent", self.finish(subscriber, 3)["problem"])

    def test_a_slow_subscriber_is_named(self):
        replay, endpoints = self.start_replay(folder.tape(TOPS), "--loop", 100, "--shards", 2, "--queue", "64KiB",
                                              to=TCP, terminal=True)
        subscriber = self.subscribe(endpoints, "--name", "snail", "--queue", "64KiB")
        self.wait_until_sending(replay)
        subscriber.signal(signal.SIGSTOP)
        replay.wait_for(r"held back for \S+ s by snail")
        subscriber.signal(signal.SIGCONT)
        report = self.finish(replay, 0)
        self.assert_proved(report, [self.finish(subscriber, 0)], 100 * TOPS_RECORDS, report["digest"])


class WhatIsRefused(ReplayTest):
    def test_a_subscriber_of_some_shards_only(self):
        replay, endpoints = self.start_replay(folder.tape(ITCH), to=f"{TCP},{TCP}")
        lonely = run("subscribe", endpoints.split(",")[0])
        self.assertEqual(2, lonely.returncode, lonely.stderr)
        self.assertIn("2 shards and 1 endpoints", lonely.stderr)
        self.assertIn(endpoints, lonely.stderr)
        replay.signal(signal.SIGINT)
        self.finish(replay, 130)

    def test_an_endpoint_where_nobody_is(self):
        replay, endpoints = self.start_replay(folder.tape(ITCH), to=f"{TCP},{TCP}")
        first = endpoints.split(",")[0]
        lost = run("subscribe", f"{first},{self.ipc}", "--silence", "200ms")
        self.assertEqual(2, lost.returncode, lost.stderr)
        self.assertIn("of the 2 shards of the replay only 1 were heard", lost.stderr)
        replay.signal(signal.SIGINT)
        self.finish(replay, 130)

    def test_options_that_cannot_be(self):
        tape = folder.tape(TOPS)
        for words, arguments in (("17 shards, but only 16 lanes", ("--to", TCP, "--shards", 17)),
                                 ("3 shards need", ("--to", f"{TCP},{TCP}", "--shards", 3)),
                                 ("1 to 256 shards", ("--to", TCP, "--shards", 0)),
                                 ("no lane 16", ("--to", TCP, "--lanes", "0-99")),
                                 ("bad list", ("--to", TCP, "--lanes", "7-1")),
                                 ("no shards", ("--to", "inproc://a,inproc://b"))):
            refused = run("replay", tape, *arguments)
            self.assertEqual(2, refused.returncode, refused.stderr)
            self.assertIn(words, refused.stderr)


if __name__ == "__main__":
    unittest.main()
