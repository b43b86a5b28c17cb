"""tapedeck convert, from outside: tapes of real feeds written again, and what is left behind when that fails."""

import json
import os
import signal
import shutil
import tempfile
import unittest

from tapedeck_program import ITCH, TOPS, Folder, Program, flip, records_of, run, run_json

KEYS = {"tape", "id", "converted_from", "codec", "records", "blocks", "bytes_before", "bytes", "digest_before",
        "digest", "seconds", "records_per_s"}


def setUpModule():
    global folder
    folder = Folder()
    unittest.addModuleCleanup(folder.close)


class ConvertTest(unittest.TestCase):
    def setUp(self):
        self.place = folder.path / tempfile.mkdtemp(dir=folder.path)

    def convert(self, tape, name, *options, expect=0):
        """The new tape and what was said of it."""
        new = self.place / name
        return new, run_json("convert", tape, "-o", new, "--json", *options, expect=expect)

    def info(self, tape):
        return run_json("info", tape, "--digest", "--json")

    def assert_left_nothing(self, *names):
        self.assertEqual(sorted(names), sorted(os.listdir(self.place)))


class WhatIsKept(ConvertTest):
    def test_every_codec_gives_the_same_records_in_the_same_order(self):
        for feed in (ITCH, TOPS):
            with self.subTest(feed=feed.name):
                tape = folder.tape(feed)
                before = self.info(tape)
                wanted = run("cat", tape, "--format", "json").stdout
                sizes = {}
                for codec in ("lz4", "zstd", "none"):
                    tape, said = self.convert(tape, f"{feed.stem}-{codec}", "--codec", codec)
                    self.assertEqual(KEYS, said.keys())
                    self.assertEqual((before["records"], before["digest"], before["digest"], codec),
                                     (said["records"], said["digest_before"], said["digest"], said["codec"]))
                    after = self.info(tape)
                    for key in ("records", "topics", "lanes", "payload_bytes", "first_time_ns", "last_time_ns",
                                "gaps", "messages_lost", "sources", "digest"):
                        self.assertEqual(before[key], after[key], key)
                    self.assertEqual((said["id"], codec), (after["id"], after["codec"]))
                    self.assertEqual((said["bytes"], said["blocks"]), (after["bytes"], after["blocks"]))
                    self.assertEqual(wanted, run("cat", tape, "--format", "json").stdout)
                    self.assertTrue(run_json("verify", tape, "--json")["clean"])
                    sizes[codec] = after["bytes"]
                self.assertLess(sizes["zstd"], sizes["lz4"])
                self.assertLess(sizes["lz4"], sizes["none"])

    def test_blocks_get_the_size_that_is_asked_for_and_keep_their_codec(self):
        small, said = self.convert(folder.tape(TOPS, "--codec", "zstd"), "small", "--block-size", "16KiB")
        self.assertEqual("zstd", said["codec"])
        self.assertGreater(said["blocks"], 100)
        _, again = self.convert(small, "large", "--block-bytes", "1MiB")
        self.assertEqual((said["digest"], 16), (again["digest"], again["blocks"]))

    def test_a_capture_and_a_conversion_with_the_same_codec_are_the_same_size(self):
        _, said = self.convert(folder.tape(TOPS), "t", "--codec", "zstd")
        self.assertEqual(run_json("info", folder.tape(TOPS, "--codec", "zstd"), "--json")["bytes"], said["bytes"])

    def test_people_get_both_digests(self):
        done = run("convert", folder.tape(ITCH), "-o", self.place / "t", "--codec", "zstd")
        digest = self.info(folder.tape(ITCH))["digest"]
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertIn("40,715 records", done.stdout)
        self.assertIn(f"digest {digest} as read, {digest} as written and read back", done.stdout)


class AReplay(ConvertTest):
    def test_of_a_converted_tape_over_tcp_gives_a_complete_receipt(self):
        tape, said = self.convert(folder.tape(TOPS), "t", "--codec", "zstd")
        for rate in ("max", "1000"):
            with self.subTest(rate=rate):
                replay = Program("replay", tape, "--to", "tcp://127.0.0.1:0", "--rate", rate, "--late-limit", "20s",
                                 "--json")
                self.addCleanup(replay.close)
                endpoint = replay.wait_for(r"replay on (\S+),")[1]
                subscriber = Program("subscribe", endpoint, "--json")
                self.addCleanup(subscriber.close)
                self.assertEqual((0, 0), (replay.finish(), subscriber.finish()), replay.err + subscriber.err)
                receipt = subscriber.json()
                self.assertEqual((True, said["records"], self.info(tape)["digest"]),
                                 (receipt["complete"], receipt["records"], receipt["digest"]))
                self.assertIs(replay.json()["whole_tape"], True)


class WhatIsDamaged(ConvertTest):
    def test_sound_blocks_are_converted_and_the_others_named(self):
        tape = self.place / "damaged"
        shutil.copytree(folder.tape(ITCH, "--block-size", "64KiB", "--codec", "zstd"), tape)
        largest = max(tape.rglob("*.seg"), key=os.path.getsize)
        flip(largest, largest.stat().st_size // 2)
        lost = run_json("verify", tape, "--json", expect=3)["records_lost"]
        done = run("convert", tape, "-o", self.place / "t", "--codec", "none", "--json")
        self.assertEqual(3, done.returncode, done.stderr)
        self.assertIn(f"damaged: {largest.relative_to(tape)}: ", done.stderr)
        self.assertEqual(40_715 - lost, json.loads(done.stdout)["records"])
        self.assertTrue(run_json("verify", self.place / "t", "--json")["clean"])
        sound, converted = records_of(tape, expect=3), records_of(self.place / "t")
        for record in sound + converted:
            del record["sequence"]  # counts the records that a lane has
        self.assertTrue(sound == converted)  # a difference would take minutes to print


class WhatIsRefused(ConvertTest):
    def test_an_output_that_is_there_unless_it_may_be_replaced(self):
        new, _ = self.convert(folder.tape(ITCH), "t")
        before = self.info(new)
        done = run("convert", folder.tape(TOPS), "-o", new)
        self.assertEqual((1, ""), (done.returncode, done.stdout))
        self.assertIn("exists", done.stderr)
        self.assertEqual(before, self.info(new))
        self.convert(folder.tape(TOPS), "t", "--force")
        self.assertEqual(57_674, self.info(new)["records"])
        self.assert_left_nothing("t")

    def test_a_tape_onto_itself(self):
        new, _ = self.convert(folder.tape(ITCH), "t")
        before = self.info(new)
        self.assertEqual(1, run("convert", new, "-o", new, "--force").returncode)
        self.assertEqual(before, self.info(new))
        self.assert_left_nothing("t")

    def test_what_is_no_tape_and_options_that_cannot_be(self):
        self.assertEqual(1, run("convert", self.place / "none", "-o", self.place / "t").returncode)
        for options in (("--codec", "zip"), ("--block-size", "1"), ("--block-size", "8G"), ("--block-size", "many")):
            self.assertEqual(2, run("convert", folder.tape(ITCH), "-o", self.place / "t", *options).returncode, options)
        self.assert_left_nothing()


class WhileItRuns(ConvertTest):
    @classmethod
    def setUpClass(cls):
        cls.large = folder.path / "large.tape"
        run_json("synth", "--fixed", "100", "--messages", "2M", "-o", cls.large, "--json")

    def start(self):
        program = Program("convert", self.large, "-o", self.place / "t", "--codec", "zstd", "--block-size", "4KiB",
                          terminal=True)
        self.addCleanup(program.close)
        return program

    def test_an_interrupt_leaves_no_tape_and_gives_exit_code_130(self):
        for interrupt in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(interrupt):
                program = self.start()
                program.wait_for("converted")
                program.signal(interrupt)
                self.assertEqual((130, ""), (program.finish(), program.out))
                self.assert_left_nothing()

    def test_what_a_killed_one_left_is_no_tape_and_in_nobodys_way(self):
        program = self.start()
        program.wait_for("converted")
        program.signal(signal.SIGKILL)
        program.finish()
        self.assert_left_nothing("t.new")
        self.assertIs(run_json("info", self.place / "t.new", "--json", expect=3)["sealed"], False)
        _, said = self.convert(folder.tape(ITCH), "t")
        self.assertEqual(40_715, said["records"])
        self.assert_left_nothing("t")


if __name__ == "__main__":
    unittest.main()
