"""tapedeck capture, from outside: what it prints, what it leaves behind, and its exit codes."""

import array
import contextlib
import fcntl
import gzip
import json
import os
import pathlib
import pty
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import unittest

from tapedeck_program import DATA, DEADLINE_S, TAPEDECK, wait_for

TIME_S = 1_577_716_200


def frame(payload, port=5000):
    udp = struct.pack(">HHHH", 40000, port, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, 0x0A000001, 0xEF010203)
    return bytes(12) + b"\x08\x00" + ip + udp


def mold(sequence, *messages, session=b"20191230XX"):
    blocks = b"".join(struct.pack(">H", len(m)) + m for m in messages)
    return frame(session + struct.pack(">QH", sequence, len(messages)) + blocks)


def delete(locate):
    return b"D" + struct.pack(">HH", locate, 0) + (34_200_000_000_000).to_bytes(6, "big") + bytes(8)


def directory(locate, symbol):
    return b"R" + struct.pack(">HH", locate, 0) + (34_200_000_000_000).to_bytes(6, "big") + symbol.ljust(8) + bytes(20)


def record(packet, number):
    return struct.pack("<IIII", TIME_S, number, len(packet), len(packet)) + packet


def pcap(*packets):
    header = struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    return header + b"".join(record(packet, number) for number, packet in enumerate(packets))


class CaptureTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tapedeck-capture-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.tape = self.folder / "out.tape"

    def write(self, content, name="feed.pcap"):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def run_tapedeck(self, *arguments):
        return subprocess.run([TAPEDECK, *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE_S)

    def capture(self, path, *options, expect=0):
        done = self.run_tapedeck("capture", f"pcap:{path}", "-o", self.tape, *options)
        self.assertEqual(expect, done.returncode, done.stderr)
        return done

    def capture_json(self, path, *options, expect=0):
        return json.loads(self.capture(path, "--json", *options, expect=expect).stdout)

    def records(self):
        done = self.run_tapedeck("cat", self.tape, "--format", "json")
        self.assertEqual(0, done.returncode, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def assert_tape_is_whole(self, records):
        verified = self.run_tapedeck("verify", self.tape, "--json")
        self.assertEqual(0, verified.returncode, verified.stdout + verified.stderr)
        info = json.loads(self.run_tapedeck("info", self.tape, "--json").stdout)
        self.assertTrue(info["sealed"])
        self.assertEqual(records, info["records"])

    def assert_refused(self, done, code, *words):
        self.assertEqual(code, done.returncode, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual("", done.stdout)


class WhatIsCaptured(CaptureTest):
    def test_the_records_are_the_messages_in_order_with_late_names(self):
        path = self.write(pcap(mold(1, delete(7), directory(7, b"BRK/B")), frame(b"nobody's", 6000), mold(3, delete(7))))
        summary = self.capture_json(path)
        self.assertEqual(
            {"packets": 3, "messages": 3, "records": 4, "unknown": 1, "topics": 2, "gaps": 0, "messages_lost": 0},
            {key: summary[key] for key in
             ("packets", "messages", "records", "unknown", "topics", "gaps", "messages_lost")})
        self.assertEqual({"itch50": {"packets": 2, "messages": 3}, "raw": {"packets": 1, "messages": 0}},
                         summary["by_protocol"])
        self.assertEqual(str(self.tape), summary["tape"])
        records = self.records()
        self.assertEqual(["itch50/BRK%2FB", "itch50/BRK%2FB", "raw/@239.1.2.3:6000", "itch50/BRK%2FB"],
                         [r["topic"] for r in records])
        self.assertEqual(delete(7).hex(), records[0]["payload"])
        self.assertEqual(TIME_S * 10**9, records[0]["source_time_ns"])
        self.assertEqual([0, 1, 2, 3], [r["ordinal"] for r in records])
        self.assert_tape_is_whole(4)

    def test_the_name_of_a_tape_may_end_in_a_slash(self):
        path = self.write(pcap(mold(1, delete(7))))
        for command in (["capture", f"pcap:{path}", "-o", f"{self.folder}/slash.tape/", "--durable", "interval"],
                        ["verify", f"{self.folder}/slash.tape"]):
            subprocess.run([TAPEDECK, *command], check=True, capture_output=True, timeout=DEADLINE_S)

    def test_a_compressed_file_gives_the_same_records(self):
        content = pcap(mold(1, delete(7)), frame(b"nobody's"))
        self.capture(self.write(content))
        plain = self.records()
        shutil.rmtree(self.tape)
        self.capture(self.write(gzip.compress(content), "feed.pcap.gz"))
        self.assertEqual(plain, self.records())

    def test_a_decoder_and_a_feed_name_can_be_asked_for(self):
        path = self.write(pcap(mold(1, delete(7))))
        summary = self.capture_json(path, "--decode", "raw", "--feed", "NASDAQ", "--lanes", "4", "--codec", "lz4")
        self.assertEqual({"raw": {"packets": 1, "messages": 1}}, summary["by_protocol"])
        self.assertEqual("NASDAQ/@239.1.2.3:5000", self.records()[0]["topic"])

    def test_what_is_not_udp_is_counted_by_reason(self):
        arp = bytes(12) + b"\x08\x06" + bytes(28)
        summary = self.capture_json(self.write(pcap(arp, arp, frame(b"x"))))
        self.assertEqual({"not_ip": 2}, summary["skipped"])
        self.assertEqual(3, summary["packets"])

    def test_people_get_a_table(self):
        text = self.capture(self.write(pcap(mold(1, delete(7))))).stdout
        self.assertIn("itch50  1 message in 1 packet\n", text)
        self.assertIn(str(self.tape), text)

    def test_a_recorded_feed_has_the_messages_that_others_counted(self):
        path = DATA / "iex-tops16-20170710" / "TOPS16.pcap"
        if not path.exists():
            if os.environ.get("CI") == "true":
                self.fail(f"{path} is not there")
            self.skipTest(f"{path} is not there: set TAPEDECK_DATA_DIR")
        summary = self.capture_json(path)
        self.assertEqual((13_022, 57_674, 7_800), (summary["packets"], summary["messages"], summary["topics"]))
        self.assert_tape_is_whole(57_674)


class WhatIsMissing(CaptureTest):
    def test_gaps_of_the_feed_are_told_and_change_the_exit_code_only_when_asked(self):
        path = self.write(pcap(mold(1, delete(7)), mold(5, delete(7))))
        summary = self.capture_json(path)
        self.assertEqual((1, 3), (summary["gaps"], summary["messages_lost"]))
        shutil.rmtree(self.tape)
        self.capture_json(path, "--fail-on-gap", expect=3)
        self.assert_tape_is_whole(2)

    def test_no_gap_is_no_failure(self):
        self.capture_json(self.write(pcap(mold(1, delete(7)), mold(2, delete(7)))), "--fail-on-gap")

    def test_a_cut_file_gives_all_packets_before_the_cut_and_exit_code_3(self):
        content = pcap(mold(1, delete(7)), mold(2, delete(7)))
        done = self.capture(self.write(content[:-1]), "--json", expect=3)
        self.assertIn("packet 2", done.stderr)
        self.assertEqual(1, json.loads(done.stdout)["packets"])
        self.assert_tape_is_whole(1)

    def test_a_cut_compressed_file_gives_exit_code_3(self):
        packed = gzip.compress(pcap(*(frame(os.urandom(50)) for _ in range(1000))))
        summary = self.capture_json(self.write(packed[:40_000]), expect=3)
        self.assertGreater(summary["packets"], 100)
        self.assertIn("gzip", summary["damage"])
        self.assert_tape_is_whole(summary["records"])


class WhatIsRefused(CaptureTest):
    def refuse(self, content, *words):
        done = self.run_tapedeck("capture", f"pcap:{self.write(content)}", "-o", self.tape)
        self.assert_refused(done, 1, "feed.pcap", *words)
        self.assertFalse(self.tape.exists())

    def test_an_empty_file(self):
        self.refuse(b"", "empty")

    def test_a_foreign_file(self):
        self.refuse(b"P1,BTC,1,2,3\n" * 10, "no pcap or pcapng file")

    def test_a_file_that_is_not_there(self):
        done = self.run_tapedeck("capture", f"pcap:{self.folder}/none", "-o", self.tape)
        self.assert_refused(done, 1, "none", "No such file")
        self.assertFalse(self.tape.exists())

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_a_file_that_may_not_be_read(self):
        path = self.write(pcap())
        path.chmod(0)
        self.assert_refused(self.run_tapedeck("capture", f"pcap:{path}", "-o", self.tape), 1, "Permission denied")

    def test_a_source_of_another_kind(self):
        self.assert_refused(self.run_tapedeck("capture", "udp:239.1.2.3:5000", "-o", self.tape), 2, "pcap:FILE")
        self.assert_refused(self.run_tapedeck("capture", "pcap:", "-o", self.tape), 2, "pcap:FILE")

    def test_options_that_cannot_be(self):
        path = self.write(pcap())
        for options in (["--lanes", "0"], ["--lanes", "1025"], ["--codec", "zip"], ["--decode", "pitch"],
                        ["--block-size", "1"], ["--block-size", "8G"], ["--block-size", "many"], ["--feed", "a/b"]):
            done = self.run_tapedeck("capture", f"pcap:{path}", "-o", self.tape, *options)
            self.assertEqual(2, done.returncode, options)
            self.assertFalse((self.tape / "manifest.json").exists(), options)
        self.assertEqual(2, self.run_tapedeck("capture", f"pcap:{path}").returncode, "no output")

    def test_a_tape_that_is_there(self):
        path = self.write(pcap(frame(b"one")))
        self.capture(path)
        done = self.run_tapedeck("capture", f"pcap:{path}", "-o", self.tape)
        self.assert_refused(done, 1, "out.tape")
        self.assert_tape_is_whole(1)


class WhileItRuns(CaptureTest):
    """The source is a pipe, so that the test says when the capture goes on."""

    def start(self, *options, stderr=subprocess.PIPE):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        program = subprocess.Popen([TAPEDECK, "capture", f"pcap:{pipe}", "-o", self.tape, *options],
                                   stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        writer = open(pipe, "wb", buffering=0)
        self.addCleanup(writer.close)
        return program, writer

    def give(self, program, writer, content):
        """Returns when the program has read all of it and waits for more."""
        writer.write(content)
        unread = array.array("i", [1])

        def is_waiting():
            fcntl.ioctl(writer, termios.FIONREAD, unread)
            state = pathlib.Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()[0]
            return unread[0] == 0 and state == "S"

        wait_for(is_waiting, "the program to read what it was given")

    def test_an_interrupt_seals_the_tape_and_gives_exit_code_130(self):
        for interrupt in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(interrupt):
                program, writer = self.start("--json")
                self.give(program, writer, pcap(mold(1, delete(7)), mold(2, delete(7), delete(8))))
                program.send_signal(interrupt)
                out, err = program.communicate(timeout=DEADLINE_S)
                self.assertEqual(130, program.returncode, err)
                summary = json.loads(out)
                self.assertTrue(summary["interrupted"])
                self.assertEqual((2, 3), (summary["packets"], summary["records"]))
                self.assert_tape_is_whole(3)
                shutil.rmtree(self.tape)
                (self.folder / "pipe").unlink()

    def test_a_second_capture_into_the_same_tape_is_refused_and_the_first_goes_on(self):
        program, writer = self.start("--json")
        self.give(program, writer, pcap(frame(b"one")))
        second = self.run_tapedeck("capture", f"pcap:{self.write(pcap(frame(b'two')))}", "-o", self.tape)
        self.assert_refused(second, 1, "out.tape", "in use")
        self.give(program, writer, record(frame(b"three"), 1))
        writer.close()
        out, err = program.communicate(timeout=DEADLINE_S)
        self.assertEqual(0, program.returncode, err)
        self.assertEqual(2, json.loads(out)["records"])
        self.assertEqual([b"one".hex(), b"three".hex()], [r["payload"] for r in self.records()])

    def test_the_progress_bar_is_drawn_on_a_terminal_only_and_taken_away_at_the_end(self):
        self.assertEqual("", self.capture(self.write(pcap(frame(b"one")))).stderr)
        shutil.rmtree(self.tape)
        terminal, stderr = pty.openpty()
        self.addCleanup(os.close, terminal)
        done = subprocess.run([TAPEDECK, "capture", f"pcap:{self.folder}/feed.pcap", "-o", self.tape], stderr=stderr,
                              stdout=subprocess.PIPE, timeout=DEADLINE_S)
        os.close(stderr)
        self.assertEqual(0, done.returncode)
        drawn = b""
        with contextlib.suppress(OSError):  # the end, once nobody has the other side
            while part := os.read(terminal, 1 << 16):
                drawn += part
        self.assertIn(b"packets", drawn)
        self.assertTrue(drawn.endswith(b"\r\x1b[K"), drawn)
        self.assertNotIn(b"\x1b", done.stdout)


if __name__ == "__main__":
    unittest.main()
