"""tapedeck replay and tapedeck subscribe, from outside, over real sockets and real feeds: that all of it arrives, that
nothing is lost without being told, and what each of them says and does when something goes wrong."""

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import tempfile
import unittest

import tapedeck_program
from tapedeck_program import ITCH, TOPS, Folder, Program, digest_of, flip, records_of, run, run_json, topic_ids_of

REPORT_KEYS = {"verdict", "whole_tape", "records", "messages_per_s", "bytes_per_s", "seconds", "rate_asked",
               "rate_reached", "receipts", "pacing"}
RECEIPT_KEYS = {"complete", "records", "payload_bytes", "gaps", "records_lost", "digest", "late_p50_ns", "late_p99_ns",
                "late_max_ns"}
SMALL_BLOCKS = ("--block-size", "16KiB", "--lanes", "4")
TCP = "tcp://127.0.0.1:0"
TOPS_RECORDS = 57_674
COMPLETE = (0, 4)  # of a paced replay whose lateness is not the subject: a machine that tests run on may be busy


def setUpModule():
    global folder
    folder = Folder()
    unittest.addModuleCleanup(folder.close)


class ReplayTest(unittest.TestCase):
    def setUp(self):
        self.sockets = tempfile.mkdtemp(prefix="tapedeck-")
        self.addCleanup(shutil.rmtree, self.sockets)
        self.ipc = f"ipc://{self.sockets}/replay"

    def start(self, *arguments, **options):
        program = Program(*arguments, **options)
        self.addCleanup(program.close)
        return program

    def start_replay(self, tape, *options, to=None, terminal=False):
        """A replay that listens, and where."""
        replay = self.start("replay", tape, "--to", to or self.ipc, "--json", *options, terminal=terminal)
        return replay, replay.wait_for(r"replay on (\S+), session on (\S+?):? ")[1]

    def subscribe(self, endpoint, *options):
        return self.start("subscribe", endpoint, "--json", *options)

    def finish(self, program, code):
        self.assertIn(program.finish(), code if isinstance(code, tuple) else (code,), program.out + program.err)
        return program.json()

    def play(self, tape, *options, to=None, subscribe=((),), expect=0, expect_subscriber=0):
        """A whole replay to as many subscribers as there are tuples of options; its report and their receipts."""
        replay, endpoint = self.start_replay(tape, "--wait-for", len(subscribe), *options, to=to)
        subscribers = [self.subscribe(endpoint, *more) for more in subscribe]
        report = self.finish(replay, expect)
        return report, [self.finish(subscriber, expect_subscriber) for subscriber in subscribers]

    def wait_until_sending(self, replay, records=1):
        """Until the replay, on a terminal, has sent so many records."""
        replay.wait_for(r"([\d,]+) records sent", lambda match: int(match[1].replace(",", "")) >= records)

    def assert_proved(self, report, receipts, records, digest):
        self.assertIn(report["verdict"], ("as-asked", "late"))
        self.assertEqual((records, digest), (report["records"], report["digest"]))
        self.assertEqual(len(receipts), len(report["receipts"]))
        for receipt in receipts:
            self.assertEqual((True, records, digest), (receipt["complete"], receipt["records"], receipt["digest"]))
            self.assertTrue(receipt["acknowledged"] and receipt["equal"], receipt)
        for receipt in report["receipts"]:
            self.assertEqual((True, True, digest), (receipt["complete"], receipt["equal"], receipt["digest"]))


class WhatArrives(ReplayTest):
    def test_the_whole_tape_over_each_transport_and_dispatch(self):
        tape = folder.tape(ITCH)
        info = run_json("info", tape, "--digest", "--json")
        self.assertEqual(40_715, info["records"])
        for to in (TCP, None):
            for dispatch in ("by-lane", "any"):
                with self.subTest(to=to, dispatch=dispatch):
                    report, receipts = self.play(tape, "--rate", "max", to=to,
                                                 subscribe=[("--workers", 2, "--dispatch", dispatch)])
                    self.assert_proved(report, receipts, 40_715, info["digest"])
                    self.assertIs(report["whole_tape"], True)
                    self.assertLessEqual(REPORT_KEYS, report.keys())
                    self.assertLessEqual({"p50_ns", "p99_ns", "p999_ns", "max_ns"}, report["pacing"].keys())
                    self.assertLessEqual(RECEIPT_KEYS, receipts[0].keys())
                    self.assertEqual(info["payload_bytes"], receipts[0]["payload_bytes"])
                    self.assertEqual("max", report["rate_asked"])

    def test_a_black_box_in_the_same_process(self):
        tape = folder.tape(ITCH)
        digest = run_json("info", tape, "--digest", "--json")["digest"]
        for workers in (1, 2):
            report = run_json("replay", tape, "--to", "inproc://here", "--workers", workers, "--json")
            self.assertTrue(report["whole_tape"])
            self.assertEqual([(True, True, digest)],
                             [(r["complete"], r["equal"], r["digest"]) for r in report["receipts"]])
        for option in (("--session-endpoint", "tcp://127.0.0.1:*"), ("--wait-for", "1"),
                       ("--wait-for-subscriptions", "1"), ("--on-slow", "drop"), ("--silence", "1s"),
                       ("--max-skew", "1s"), ("--queue", "1MiB")):
            refused = run("replay", tape, "--to", "inproc://here", *option)
            self.assertEqual(2, refused.returncode, option)
            self.assertIn(f"{option[0]} does nothing", refused.stderr)
        refused = run("replay", tape, "--to", "tcp://127.0.0.1:*", "--wait-for", "0", "--workers", "2")
        self.assertEqual(2, refused.returncode, refused.stderr)
        refused = run("subscribe", "inproc://here")
        self.assertEqual(2, refused.returncode)
        self.assertIn("within one process", refused.stderr)

    def test_in_the_order_of_arrival(self):
        tape = folder.tape(TOPS)
        digest = run_json("info", tape, "--digest", "--json")["digest"]
        for rate in ("max", 1000):
            report, receipts = self.play(tape, "--ordered", "--rate", rate, "--late-limit", "10s")
            self.assert_proved(report, receipts, TOPS_RECORDS, digest)
            self.assertGreater(report["frames"], TOPS_RECORDS / 4)
            self.assertIs(report["whole_tape"], True)

    def test_a_subscriber_that_handles_some_topics_only(self):
        tape = folder.tape(TOPS)
        topic = records_of(tape)[0]["topic"]
        wanted = [record for record in records_of(tape) if record["topic"] == topic]
        report, receipts = self.play(tape, subscribe=[("--topics", topic), ("--exclude", "."), ()])
        self.assert_proved(report, receipts, TOPS_RECORDS, report["digest"])
        self.assertEqual([len(wanted), 0, TOPS_RECORDS], [receipt["handled"] for receipt in receipts])
        self.assertEqual(sum(record["size"] for record in wanted), receipts[0]["payload_bytes"])

    def test_the_report_goes_to_a_file_too(self):
        path = f"{self.sockets}/report.json"
        report, _ = self.play(folder.tape(ITCH), "--report", path)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(report, json.load(file))

    def test_a_subscriber_may_come_first(self):
        subscriber = self.subscribe(self.ipc)
        replay, _ = self.start_replay(folder.tape(ITCH))
        report = self.finish(replay, 0)
        self.assert_proved(report, [self.finish(subscriber, 0)], 40_715, report["digest"])

    def test_a_paced_replay_sends_the_same_records_in_time(self):
        tape = folder.tape(TOPS)
        info = run_json("info", tape, "--digest", "--json")
        report, receipts = self.play(tape, "--rate", 100, "--late-limit", "5s", to=TCP)
        self.assert_proved(report, receipts, TOPS_RECORDS, info["digest"])
        self.assertEqual("as-asked", report["verdict"])
        self.assertGreaterEqual(report["seconds"], (info["last_time_ns"] - info["first_time_ns"]) / 100e9)
        self.assertEqual(100, report["rate_asked"])
        self.assertAlmostEqual(100, report["rate_reached"], delta=5)
        self.assertIs(report["whole_tape"], True)

    def test_two_subscribers_each_get_all_of_it(self):
        report, receipts = self.play(folder.tape(TOPS), subscribe=[("--name", "one"), ("--name", "two")])
        self.assert_proved(report, receipts, TOPS_RECORDS, report["digest"])
        self.assertEqual({"one", "two"}, {receipt["subscriber"] for receipt in report["receipts"]})

    def test_a_compressed_tape_has_the_same_digest_at_full_speed_and_paced(self):
        digest = run_json("info", folder.tape(TOPS), "--digest", "--json")["digest"]
        for rate in ("max", "1000"):
            report, receipts = self.play(folder.tape(TOPS, "--codec", "lz4"), "--rate", rate, expect=COMPLETE)
            self.assert_proved(report, receipts, TOPS_RECORDS, digest)

    def test_small_batches_and_small_blocks_change_nothing(self):
        tape = folder.tape(ITCH, *SMALL_BLOCKS)
        digest = run_json("info", tape, "--digest", "--json")["digest"]
        report, receipts = self.play(tape, "--batch", "4KiB", "--queue", "64KiB")
        self.assert_proved(report, receipts, 40_715, digest)
        self.assertGreater(report["frames"], 100)

    def test_three_loops_send_everything_three_times(self):
        for rate in ("max", "5000"):
            report, receipts = self.play(folder.tape(TOPS), "--loop", 3, "--rate", rate, expect=COMPLETE)
            self.assert_proved(report, receipts, 3 * TOPS_RECORDS, report["digest"])
            self.assertEqual((3, False), (report["passes"], report["whole_tape"]))

    def test_without_a_subscriber_nothing_is_proved(self):
        done = run("replay", folder.tape(ITCH), "--to", self.ipc, "--wait-for", 0)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("nothing is proved", done.stdout)
        report = run_json("replay", folder.tape(ITCH), "--to", self.ipc, "--wait-for", 0, "--json")
        self.assertEqual(([], False, 40_715), (report["receipts"], report["proved"], report["records"]))


class WhatIsSelected(ReplayTest):
    """Each selection gives what a filter over `cat` gives."""

    @classmethod
    def setUpClass(cls):
        cls.records = records_of(folder.tape(TOPS))
        cls.ids = topic_ids_of(cls.records)
        cls.times = sorted(record["time_ns"] for record in cls.records)

    def check(self, wanted, *options, tape=None):
        chosen = [record for record in self.records if wanted(record)]
        self.assertTrue(0 < len(chosen) < len(self.records), len(chosen))
        report, receipts = self.play(tape or folder.tape(TOPS), *options, expect=COMPLETE)
        self.assert_proved(report, receipts, len(chosen), digest_of(chosen, self.ids))
        self.assertIs(report["whole_tape"], False)

    def test_topics(self):
        topics = [name for name in self.ids if name.endswith(("/SPY", "/AAPL"))]
        self.assertEqual(2, len(topics))
        self.check(lambda r: r["topic"] in topics, "--topics", ",".join(topics))

    def test_a_regular_expression_and_an_exception_to_it(self):
        self.check(lambda r: re.search("/S", r["topic"]) and not re.search("Y$", r["topic"]), "--regex", "/S",
                   "--exclude", "Y$")

    def test_topics_or_a_regular_expression(self):
        topic = next(name for name in self.ids if name.endswith("/SPY"))
        self.check(lambda r: r["topic"] == topic or re.search("/QQ", r["topic"]), "--topics", topic, "-e", "/QQ")

    def test_a_stretch_of_time_with_both_its_ends(self):
        start, end = self.times[9_000], self.times[12_000]
        self.check(lambda r: start <= r["time_ns"] <= end, "--start", start, "--end", end)

    def test_a_stretch_by_offset_and_duration(self):
        start = self.times[0] + 100_000_000_000
        self.check(lambda r: start <= r["time_ns"] <= start + 20_000_000_000, "--start-offset", "100s", "--duration", "20s")

    def test_a_paced_stretch_of_some_topics(self):
        start = self.times[0] + 100_000_000_000
        self.check(lambda r: start <= r["time_ns"] <= start + 10_000_000_000 and not re.search("/[A-M]", r["topic"]),
                   "--start-offset", "100s", "--duration", "10s", "-x", "/[A-M]", "--rate", 100)

    def test_parts_of_compressed_blocks_that_are_larger_than_a_batch(self):
        self.check(lambda r: re.search("/A", r["topic"]), "--regex", "/A", "--batch", "4KiB",
                   tape=folder.tape(TOPS, "--codec", "lz4"))


class WhatIsDamaged(ReplayTest):
    def damaged(self, name, offset):
        tape = tempfile.mkdtemp(dir=folder.path)
        shutil.copytree(folder.tape(ITCH, *SMALL_BLOCKS), tape, dirs_exist_ok=True)
        found = sorted(os.path.join(at, file) for at, _, files in os.walk(tape) for file in files if file == name)
        largest = max(found, key=os.path.getsize)
        content = tapedeck_program.pathlib.Path(largest)
        flip(content, offset if isinstance(offset, int) else int(offset(content.stat().st_size)))
        return tape

    def test_a_damaged_block_is_left_out_and_told(self):
        tape = self.damaged("000000.seg", lambda size: size * 0.4)
        sound = records_of(tape, expect=3)
        self.assertTrue(30_000 < len(sound) < 40_715, len(sound))
        for options in ((), ("--rate", 1_000_000)):
            with self.subTest(options):
                report, receipts = self.play(tape, *options, expect=3)
                self.assertEqual(("incomplete", False, len(sound)),
                                 (report["verdict"], report["whole_tape"], report["records"]))
                self.assertIn("000000.seg", report["damage"][0])
                ids = topic_ids_of(records_of(folder.tape(ITCH, *SMALL_BLOCKS)))
                self.assertEqual((len(sound), digest_of(sound, ids)), (receipts[0]["records"], receipts[0]["digest"]))
                self.assertTrue(receipts[0]["equal"])

    def test_a_damaged_index_or_manifest_is_told_and_all_of_it_arrives(self):
        digest = run_json("info", folder.tape(ITCH, *SMALL_BLOCKS), "--digest", "--json")["digest"]
        for name, offset in (("000000.seg", -100), ("000000.seg", -10), ("manifest.json", 40)):
            with self.subTest(name=name, offset=offset):
                report, receipts = self.play(self.damaged(name, offset), expect=3)
                self.assertEqual(("incomplete", 40_715), (report["verdict"], report["records"]))
                self.assertTrue(any(name in part for part in report["damage"]), report["damage"])
                self.assertEqual(digest, receipts[0]["digest"])


class WhoGoes(ReplayTest):
    """Somebody is killed, stopped or interrupted in the middle."""

    def test_a_killed_subscriber_is_named_and_the_other_one_is_served(self):
        replay, endpoint = self.start_replay(folder.tape(TOPS), "--rate", 150, "--wait-for", 2, "--silence", "1s",
                                             "--late-limit", "5s", to=TCP, terminal=True)
        victim = self.subscribe(endpoint, "--name", "victim")
        other = self.subscribe(endpoint, "--name", "other")
        self.wait_until_sending(replay, 10_000)
        victim.signal(signal.SIGKILL)
        report = self.finish(replay, 3)
        receipts = {receipt["subscriber"]: receipt for receipt in report["receipts"]}
        self.assertEqual((True, False, False), tuple(receipts["victim"][key] for key in ("dead", "complete", "equal")))
        self.assertTrue(receipts["other"]["equal"])
        self.assertEqual(("incomplete", TOPS_RECORDS), (report["verdict"], report["records"]))
        self.assertEqual(TOPS_RECORDS, self.finish(other, 0)["records"])

    def test_a_killed_replay_is_noticed_by_its_silence(self):
        replay, endpoint = self.start_replay(folder.tape(TOPS), "--rate", 50, to=TCP, terminal=True)
        subscriber = self.subscribe(endpoint, "--silence", "1s")
        self.wait_until_sending(replay, 1000)
        replay.signal(signal.SIGKILL)
        receipt = self.finish(subscriber, 3)
        self.assertEqual((False, False), (receipt["complete"], receipt["acknowledged"]))
        self.assertIn("silent", receipt["problem"])

    def test_an_interrupted_replay_says_so_to_everybody(self):
        replay, endpoint = self.start_replay(folder.tape(TOPS), "--rate", 50, to=TCP, terminal=True)
        subscriber = self.subscribe(endpoint)
        self.wait_until_sending(replay, 1000)
        replay.signal(signal.SIGINT)
        report = self.finish(replay, 130)
        self.assertEqual((True, "incomplete", False), (report["interrupted"], report["verdict"], report["whole_tape"]))
        receipt = self.finish(subscriber, 3)
        self.assertIn("replay was interrupted", receipt["problem"])
        self.assertEqual(report["records"], receipt["records"])

    def test_a_replay_that_waits_can_be_interrupted(self):
        for interrupt in (signal.SIGINT, signal.SIGTERM):
            replay, _ = self.start_replay(folder.tape(ITCH))
            replay.signal(interrupt)
            self.assertEqual(0, self.finish(replay, 130)["records"])

    def test_an_interrupted_subscriber_gives_a_receipt_of_what_it_has(self):
        replay, endpoint = self.start_replay(folder.tape(TOPS), "--rate", 150, "--late-limit", "5s", terminal=True)
        subscriber = self.subscribe(endpoint, "--name", "quitter")
        self.wait_until_sending(replay, 5000)
        subscriber.signal(signal.SIGINT)
        receipt = self.finish(subscriber, 130)
        self.assertIn("interrupted", receipt["problem"])
        report = self.finish(replay, 3)
        self.assertEqual("quitter", report["receipts"][0]["subscriber"])
        self.assertIn("interrupted", report["receipts"][0]["verdict"])

    def test_a_subscriber_that_waits_can_be_interrupted(self):
        replay, endpoint = self.start_replay(folder.tape(ITCH), "--wait-for", 2, terminal=True)
        subscriber = self.subscribe(endpoint)
        # Nothing that it prints says that its signal handler is in place; that it is in poll() does.
        self.wait_until_in_poll(subscriber)
        subscriber.signal(signal.SIGINT)
        self.assertEqual(0, self.finish(subscriber, 130)["records"])
        replay.signal(signal.SIGINT)
        self.finish(replay, 130)

    def wait_until_in_poll(self, program):
        tasks = f"/proc/{program.process.pid}/task"
        end = tapedeck_program.time.monotonic() + tapedeck_program.DEADLINE_S
        while len(os.listdir(tasks)) < 4:  # main, I/O, reaper, SUB and worker threads
            self.assertLess(tapedeck_program.time.monotonic(), end)
            tapedeck_program.time.sleep(0.005)  # between two looks

    def test_what_is_dropped_is_seen_as_gaps(self):
        loops = 20  # while the subscriber stands still, more than what the sockets' own buffers may grow to: 37 MB
        replay, endpoint = self.start_replay(folder.tape(TOPS), "--rate", 1000, "--loop", loops, "--on-slow", "drop",
                                             "--queue", "64KiB", "--late-limit", "60s", terminal=True)
        subscriber = self.subscribe(endpoint)
        self.wait_until_sending(replay, 2000)
        subscriber.signal(signal.SIGSTOP)
        self.wait_until_sending(replay, 900_000)
        subscriber.signal(signal.SIGCONT)
        report = self.finish(replay, 3)
        receipt = self.finish(subscriber, 3)
        self.assertEqual(loops * TOPS_RECORDS, report["records"])
        self.assertGreater(receipt["gaps"], 0)
        self.assertGreater(receipt["records_lost"], 0)
        self.assertEqual(loops * TOPS_RECORDS, receipt["records"] + receipt["records_lost"])
        self.assertEqual(receipt["records"], report["receipts"][0]["records"])
        self.assertFalse(report["receipts"][0]["equal"])


class WhatIsRefused(ReplayTest):
    def assert_refused(self, code, *words, arguments):
        done = run(*arguments)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual("", done.stdout)

    def refuse(self, code, *words, options=(), to=None, tape=None):
        self.assert_refused(code, *words, arguments=("replay", tape or folder.tape(ITCH), "--to", to or self.ipc, *options))

    def test_a_tcp_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.refuse(1, f"cannot bind tcp://127.0.0.1:{port}", "in use", "another port",
                        to=f"tcp://127.0.0.1:{port}")

    def test_an_ipc_path_in_use_and_its_program_goes_on(self):
        replay, endpoint = self.start_replay(folder.tape(ITCH))
        self.refuse(1, "cannot bind", self.ipc, "another path")
        subscriber = self.subscribe(endpoint)
        self.finish(replay, 0)
        self.finish(subscriber, 0)

    def test_an_endpoint_that_is_none(self):
        for to in ("nowhere", "tcp://127.0.0.1", "tcp://127.0.0.1:70000", "tcp://:5", "ipc://", "ipc:///" + 200 * "x",
                   "udp://1.2.3.4:5"):
            with self.subTest(to):
                self.refuse(2, "bad endpoint", to, to=to)
                self.assert_refused(2, "bad endpoint", to, arguments=("subscribe", to))
        self.refuse(2, "bad endpoint", "nowhere", options=["--session-endpoint", "nowhere"])

    def test_options_that_cannot_be(self):
        for options, words in ((("--rate", "0"), "bad rate '0'"), (("--rate", "fast"), "bad rate 'fast'"),
                               (("--rate", "nan"), "bad rate 'nan'"), (("--rate", "inf"), "rate"),
                               (("--topics", "itch50/NONE"), "no topic 'itch50/NONE'"),
                               (("--regex", "("), "bad regular expression '('"),
                               (("--exclude", "."), "no topic of the tape is left"),
                               (("--start", "yesterday"), "yesterday"), (("--duration", "-1s"), "-1s"),
                               (("--start", "2001-01-01T00:00:00Z", "--start-offset", "1s"), "exclude each other"),
                               (("--end", "2001-01-01T00:00:00Z"), "before it starts"),
                               (("--start", "2040-01-01T00:00:00Z", "--end", "2041-01-01"), "nothing to replay"),
                               (("--batch", "1"), "batch"), (("--on-slow", "cry"), "--on-slow")):
            with self.subTest(options):
                self.refuse(2, words, options=options)
        self.assert_refused(2, "workers", arguments=("subscribe", self.ipc, "--workers", 0))

    def test_a_tape_that_is_being_recorded(self):
        handle = os.open(folder.tape(ITCH), os.O_RDONLY)
        self.addCleanup(os.close, handle)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self.refuse(1, "in use", "still being recorded")

    def test_what_is_no_tape(self):
        self.refuse(1, "is not a tape", "no such file", tape=f"{self.sockets}/none")
        self.refuse(1, "is not a tape", "a tape is a directory", tape=__file__)
        self.refuse(1, "is not a tape", tape=self.sockets)


if __name__ == "__main__":
    unittest.main()
