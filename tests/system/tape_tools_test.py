"""tapedeck info, verify and cat, from outside, on tapes of real feeds."""

import csv
import io
import json
import os
import shutil
import tempfile
import unittest

from tapedeck_program import ITCH, TOPS, Folder, digest_of, flip, records_of, run, run_json, topic_ids_of

INFO_KEYS = {"tape", "id", "records", "topics", "lanes", "segments", "bytes", "payload_bytes", "first_time_ns",
             "last_time_ns", "gaps", "messages_lost"}
CAT_KEYS = ["ordinal", "time_ns", "source_time_ns", "topic", "lane", "sequence", "size", "payload"]
SMALL = ("--block-size", "64KiB", "--segment-size", "1MiB", "--lanes", "2")


def setUpModule():
    global folder
    folder = Folder()
    unittest.addModuleCleanup(folder.close)


class Info(unittest.TestCase):
    def test_the_keys_that_programs_read(self):
        tape = folder.tape(TOPS)
        info = run_json("info", tape, "--json")
        self.assertLessEqual(INFO_KEYS, info.keys())
        self.assertNotIn("digest", info)
        self.assertEqual((str(tape), 57_674, 7_800), (info["tape"], info["records"], info["topics"]))
        on_disk = sum(os.path.getsize(path) for path in tape.rglob("*.seg"))
        self.assertEqual(on_disk, info["bytes"])

    def test_people_get_the_same_numbers(self):
        text = run("info", folder.tape(TOPS), "--digest").stdout
        digest = run_json("info", folder.tape(TOPS), "--json", "--digest")["digest"]
        for words in ("57,674 in 7,800 topics", "16 lanes", f"digest    {digest}", "sealed"):
            self.assertIn(words, text)

    def test_the_digest_is_that_of_the_records(self):
        records = records_of(folder.tape(ITCH))
        info = run_json("info", folder.tape(ITCH), "--json", "--digest")
        self.assertEqual(digest_of(records, topic_ids_of(records)), info["digest"])

    def test_neither_codec_nor_block_size_change_the_digest(self):
        digests = {run_json("info", folder.tape(TOPS, *options), "--json", "--digest")["digest"]
                   for options in ((), ("--codec", "lz4"), ("--block-size", "4KiB"))}
        self.assertEqual(1, len(digests))


class Cat(unittest.TestCase):
    def test_records_come_in_their_order_of_arrival(self):
        info = run_json("info", folder.tape(TOPS), "--json")
        records = records_of(folder.tape(TOPS))
        self.assertEqual(57_674, len(records))
        self.assertEqual(CAT_KEYS, list(records[0]))
        self.assertTrue(all(a["ordinal"] < b["ordinal"] for a, b in zip(records, records[1:])))
        self.assertEqual(info["payload_bytes"], sum(record["size"] for record in records))
        self.assertEqual(info["topics"], len({record["topic"] for record in records}))
        self.assertEqual(info["first_time_ns"], min(record["time_ns"] for record in records))
        self.assertEqual(info["last_time_ns"], max(record["time_ns"] for record in records))
        self.assertTrue(all(len(record["payload"]) == 2 * record["size"] for record in records))
        sequences = {}
        for record in records:
            self.assertEqual(sequences.get(record["lane"], 0), record["sequence"])
            sequences[record["lane"]] = record["sequence"] + 1

    def test_csv_says_the_same_as_json(self):
        records = records_of(folder.tape(ITCH))
        lines = list(csv.reader(io.StringIO(run("cat", folder.tape(ITCH), "--format", "csv").stdout)))
        self.assertEqual(CAT_KEYS, lines[0])
        self.assertEqual([[str(record[key]) for key in CAT_KEYS] for record in records], lines[1:])

    def test_csv_quotes_topics_with_commas_and_quotation_marks(self):
        tape = folder.tape(ITCH, "--decode", "raw", "--feed", 'a,"b"')
        text = run("cat", tape, "--format", "csv", "--limit", 1).stdout
        self.assertIn('"a,""b""/@', text)
        topic = records_of(tape)[0]["topic"]
        self.assertEqual(topic, list(csv.reader(io.StringIO(text)))[1][3])

    def test_text_is_a_line_for_each_record(self):
        lines = run("cat", folder.tape(ITCH)).stdout.splitlines()
        self.assertEqual(40_715, len(lines))
        self.assertEqual("2023-12-25T00:00:00.000001000Z itch50/@0 lane 11 seq 0 12 bytes 53000000000000000003e84f", lines[0])

    def test_a_limit_ends_it(self):
        self.assertEqual(3, len(run("cat", folder.tape(ITCH), "--limit", 3).stdout.splitlines()))
        self.assertEqual(2, run("cat", folder.tape(ITCH), "--format", "xml").returncode)


class Verify(unittest.TestCase):
    def copy(self):
        tape = tempfile.mkdtemp(dir=folder.path)
        shutil.copytree(folder.tape(ITCH, *SMALL), tape, dirs_exist_ok=True)
        return tape

    def test_a_sound_tape_is_clean(self):
        tape = folder.tape(ITCH, *SMALL)
        result = run_json("verify", tape, "--json")
        self.assertEqual((True, 0, 0), (result["clean"], result["damaged_blocks"], result["records_lost"]))
        self.assertEqual(run_json("info", tape, "--json")["blocks"], result["blocks"])
        self.assertEqual(run_json("info", tape, "--json", "--digest")["digest"], result["digest"])
        self.assertIn("clean: 40,715 records", run("verify", tape).stdout)

    def test_a_byte_altered_in_any_file_is_named(self):
        names = [os.path.relpath(os.path.join(at, name), folder.tape(ITCH, *SMALL))
                 for at, _, files in os.walk(folder.tape(ITCH, *SMALL)) for name in files]
        self.assertGreater(len(names), 3)
        for name in names:
            size = os.path.getsize(os.path.join(folder.tape(ITCH, *SMALL), name))
            for offset in (3, size // 2, size - 3):
                with self.subTest(name=name, offset=offset):
                    tape = self.copy()
                    flip(folder.path / tape / name, offset)
                    result = run_json("verify", tape, "--json", expect=3)
                    self.assertIs(result["clean"], False)
                    self.assertTrue(any(part["file"] == name for part in result["damage"]), result["damage"])

    def test_a_damaged_block_costs_its_records_and_all_tools_say_so(self):
        tape = self.copy()
        largest = max(folder.path.joinpath(tape).rglob("*.seg"), key=os.path.getsize)
        flip(largest, largest.stat().st_size // 2)
        result = run_json("verify", tape, "--json", expect=3)
        self.assertEqual(1, result["damaged_blocks"])
        self.assertGreater(result["records_lost"], 0)
        self.assertEqual(40_715, result["records"] + result["records_lost"])
        cat = run("cat", tape, "--format", "json")
        self.assertEqual((3, result["records"]), (cat.returncode, len(cat.stdout.splitlines())))
        self.assertIn("damaged: ", cat.stderr)
        info = run("info", tape, "--json", "--digest")
        self.assertEqual((3, result["digest"]), (info.returncode, json.loads(info.stdout)["digest"]))
        self.assertIn("DAMAGED", run("verify", tape).stdout)

    def test_what_is_no_tape_is_refused(self):
        for command in ("info", "verify", "cat"):
            done = run(command, folder.path / "none")
            self.assertEqual((1, ""), (done.returncode, done.stdout))
            self.assertIn("is not a tape", done.stderr)


if __name__ == "__main__":
    unittest.main()
