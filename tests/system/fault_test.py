"""Disks that are full, that fail and that cannot be written to: every command says so, names the file, and keeps what it
has."""

import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

from tapedeck_program import DEADLINE_S, FAULTS, TAPEDECK, records_of, run, run_json, wait_for

TIME_S = 1_577_716_200
PACKETS = 4000
SMALL = ("--decode", "raw", "--lanes", "2", "--block-size", "16KiB", "--segment-size", "256KiB")


def packet(number):
    payload = struct.pack("<Q", number) + bytes(400)
    udp = struct.pack(">HHHH", 40000, 5000 + number % 8, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, 0x0A000001, 0xEF010203)
    frame = bytes(12) + b"\x08\x00" + ip + udp
    return struct.pack("<IIII", TIME_S, number, len(frame), len(frame)) + frame


class FaultTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tapedeck-fault-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.tape = self.folder / "t.tape"
        self.feed = self.folder / "feed.pcap"
        header = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
        self.feed.write_bytes(header + b"".join(packet(number) for number in range(PACKETS)))

    def capture(self, *options, expect=0, fault=None, path="t.tape/", tape=None):
        done = self.run_with(fault, path, "capture", f"pcap:{self.feed}", "-o", tape or self.tape, *SMALL, *options)
        self.assertEqual(expect, done.returncode, done.stderr)
        return done

    def run_with(self, fault, path, *arguments):
        environment = dict(os.environ)
        if fault:
            environment.update(LD_PRELOAD=FAULTS, TAPEDECK_FAULT=fault, TAPEDECK_FAULT_PATH=path)
        return subprocess.run([TAPEDECK, *map(str, arguments)], env=environment, capture_output=True, text=True,
                              timeout=DEADLINE_S)

    def mount(self, options):
        """A small disk; unmounted again after the test."""
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tapedeck-test", disk], capture_output=True,
                                 text=True)
        if mounted.returncode != 0:
            self.skipTest(f"cannot mount a file system: {mounted.stderr}")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        return disk

    def remount(self, disk, options):
        subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)

    def numbers(self, tape):
        return [struct.unpack_from("<Q", bytes.fromhex(record["payload"]))[0] for record in records_of(tape)]

    def assert_sealed_and_accounted_for(self, tape, message):
        """The numbers in the message hold, and the tape is clean."""
        self.assertIn("and is sealed", message)
        self.assertEqual(0, run("verify", tape).returncode)
        packets, records, dropped = (int(number) for number in re.search(
            r"ended at packet (\d+); the tape has (\d+) records and is sealed; (\d+) that", message).groups())
        numbers = self.numbers(tape)
        self.assertEqual(records, len(numbers))
        self.assertEqual(packets - 1, records + dropped)
        self.assertEqual(dropped, run_json("info", tape, "--json")["messages_lost"])
        for flow in range(8):
            mine = [number for number in numbers if number % 8 == flow]
            self.assertEqual(list(range(flow, flow + 8 * len(mine), 8)), mine)


class DiskFull(FaultTest):
    def test_a_full_disk_ends_a_capture_with_a_sealed_tape_or_one_to_recover_and_the_losses_counted(self):
        disk = self.mount("size=600k")
        tape = disk / "t.tape"
        for size_kib in range(600, 700, 7):
            with self.subTest(size_kib=size_kib):
                self.remount(disk, f"size={size_kib}k")
                done = self.capture(expect=1, tape=tape)
                self.assertIn("No space left on device", done.stderr)
                self.assertEqual("", done.stdout)
                if "and is sealed" in done.stderr:
                    self.assert_sealed_and_accounted_for(tape, done.stderr)
                else:
                    records = int(re.search(r"the tape has (\d+) records, but could not be sealed", done.stderr)[1])
                    self.assertEqual(3, run("verify", tape).returncode)
                    self.remount(disk, "size=8m")
                    self.assertEqual(records, run_json("recover", tape, "--json")["records"])
                    self.assertEqual(records, len(self.numbers(tape)))
                shutil.rmtree(tape)

    def test_a_tape_that_could_not_be_sealed_can_be_recovered_when_there_is_room(self):
        done = self.capture(expect=1, fault="write:20:ENOSPC+")
        self.assertIn("could not be sealed: run tapedeck recover", done.stderr)
        self.assertEqual(3, run("verify", self.tape).returncode)
        result = run_json("recover", self.tape, "--json")
        self.assertTrue(result["clean"])
        self.assertGreater(result["records"], 100)
        self.assertEqual(result["records"], len(self.numbers(self.tape)))

    def test_nothing_can_be_started_on_a_full_disk(self):
        done = self.capture(expect=1, fault="write:1:ENOSPC+")
        self.assertIn("No space left on device", done.stderr)
        self.assertIn("manifest.json", done.stderr)


class WritesThatFail(FaultTest):
    def test_an_error_of_one_write_ends_a_capture_and_all_that_was_accepted_is_on_the_tape(self):
        for number in (4, 9, 30):
            with self.subTest(write=number):
                done = self.capture(expect=1, fault=f"write:{number}:EIO")
                self.assertRegex(done.stderr, r"cannot write .*\.seg: Input/output error")
                self.assertIn("; 0 that had been read", done.stderr)
                self.assert_sealed_and_accounted_for(self.tape, done.stderr)
                shutil.rmtree(self.tape)

    def test_an_error_of_a_sync_fails_the_capture_unless_syncing_is_not_asked_for(self):
        for durable in ("interval", "segment"):
            with self.subTest(durable=durable):
                done = self.capture("--durable", durable, expect=1, fault="fdatasync:1:EIO", path="/lane-")
                self.assertRegex(done.stderr, r"cannot sync .*/lane-000\d/00000\d\.seg: Input/output error")
                self.assertIn("could not be sealed", done.stderr)
                self.assertFalse(run_json("info", self.tape, "--json", expect=3)["sealed"])
                shutil.rmtree(self.tape)
        self.capture("--durable", "none", fault="fdatasync:1:EIO", path="/lane-")

    def test_a_segment_or_ledger_that_could_not_be_closed_is_told_so_however_often_it_is_tried_and_recovers(self):
        for path, number in (("/lane-0000/000000.seg", 1), ("/lane-", 3)):
            with self.subTest(path=path):
                done = self.capture(expect=1, fault=f"close:{number}:EIO", path=path)
                self.assertRegex(done.stderr, r"cannot close .*\.seg: Input/output error")
                self.assertNotIn("Bad file descriptor", done.stderr)
                self.assertIn("could not be sealed: run tapedeck recover", done.stderr)
                records = int(re.search(r"the tape has (\d+) records", done.stderr)[1])
                self.assertEqual(records, run_json("recover", self.tape, "--json")["records"])
                self.assertEqual(records, len(self.numbers(self.tape)))
                shutil.rmtree(self.tape)

    def test_what_was_written_is_synced_while_the_capture_goes_on(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        log = self.folder / "log"
        log.touch()
        environment = {**os.environ, "LD_PRELOAD": FAULTS, "TAPEDECK_FAULT_PATH": "/lane-", "TAPEDECK_FAULT_LOG": log}
        program = subprocess.Popen([TAPEDECK, "capture", f"pcap:{pipe}", "-o", self.tape, *SMALL], env=environment,
                                   stdout=subprocess.DEVNULL)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        with open(pipe, "wb") as out:
            out.write(self.feed.read_bytes())
            wait_for(lambda: "lane-0000/000000.seg synced" in log.read_text(), "a sync")
        self.assertEqual(0, program.wait(DEADLINE_S))

    def test_what_came_through_a_pipe_that_stays_open_is_written_and_synced_though_no_more_comes(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        log = self.folder / "log"
        log.touch()
        environment = {**os.environ, "LD_PRELOAD": FAULTS, "TAPEDECK_FAULT_PATH": "t.tape/", "TAPEDECK_FAULT_LOG": log}
        program = subprocess.Popen([TAPEDECK, "capture", f"pcap:{pipe}", "-o", self.tape, *SMALL], env=environment,
                                   stdout=subprocess.DEVNULL)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        whole = self.feed.read_bytes()
        packet_bytes = (len(whole) - 24) // PACKETS
        with open(pipe, "wb") as out:
            out.write(whole[:24 + 9 * packet_bytes + 20])  # the tenth packet is on its way
            out.flush()
            wait_for(lambda: "lane-0000/000000.seg synced" in log.read_text(), "the first lane")
            wait_for(lambda: "lane-0001/000000.seg synced" in log.read_text(), "the second lane")
            program.kill()
            program.wait(DEADLINE_S)
        run_json("recover", self.tape, "--json")
        self.assertEqual(list(range(9)), self.numbers(self.tape))

    def test_every_file_is_synced_before_the_tape_is_called_sealed(self):
        self.capture()
        segments = len(list(self.tape.rglob("*.seg")))
        shutil.rmtree(self.tape)
        self.capture("--durable", "segment", expect=1, fault=f"fdatasync:{segments}:EIO", path="/lane-")
        shutil.rmtree(self.tape)
        self.capture("--durable", "segment", fault=f"fdatasync:{segments + 1}:EIO", path="/lane-")


class ReadsThatFail(FaultTest):
    def test_every_command_names_the_file_and_goes_on_or_fails(self):
        self.capture()
        readers = (("verify", self.tape), ("cat", self.tape), ("info", self.tape, "--digest"), ("recover", self.tape),
                   ("replay", self.tape, "--to", "tcp://127.0.0.1:*", "--wait-for", "0", "--json"))
        for number in (1, 2, 5, 9, 14):
            for command in readers if number > 5 else (*readers, ("info", self.tape)):
                with self.subTest(command=command, number=number):
                    done = self.run_with(f"pread:{number}:EIO", "lane-0001", *command)
                    if command[0] == "replay" and done.returncode == 0:
                        # The read that failed once was repeated, and all of the tape was sent.
                        self.assertIs(True, json.loads(done.stdout)["whole_tape"])
                        continue
                    self.assertIn(done.returncode, (1, 3), done.stderr)
                    self.assertRegex(done.stderr + done.stdout, r"lane-0001/00000\d\.seg")
                    self.assertRegex(done.stderr + done.stdout, "Input/output error")
        self.assertEqual(0, run("verify", self.tape).returncode, "no command has changed it")

    def test_a_tape_that_shrinks_while_it_is_read_is_reported(self):
        self.capture()
        sound = self.folder / "sound"
        shutil.copytree(self.tape, sound)
        for command in (("verify", self.tape), ("cat", self.tape), ("info", self.tape, "--digest"),
                        ("replay", self.tape, "--to", "tcp://127.0.0.1:*", "--wait-for", "0"),
                        ("replay", self.tape, "--to", "tcp://127.0.0.1:*", "--wait-for", "0", "--rate", "1000000")):
            for number in (2, 5, 9, 14):
                with self.subTest(command=command, number=number):
                    shutil.rmtree(self.tape)
                    shutil.copytree(sound, self.tape)
                    done = self.run_with(f"pread:{number}:SHRINK", "lane-0001", *command)
                    self.assertIn(done.returncode, (1, 3), done.stderr)
                    self.assertRegex(done.stderr + done.stdout, r"lane-0001/00000\d\.seg")


class ReadOnly(FaultTest):
    def setUp(self):
        super().setUp()
        self.disk = self.mount("size=8m")
        self.tape = self.disk / "t.tape"
        self.capture()

    def test_nothing_is_recovered_and_nothing_left_half_written(self):
        segment = self.tape / "lane-0001" / "000000.seg"
        content = segment.read_bytes()[:-10]
        segment.write_bytes(content)
        self.remount(self.disk, "ro")
        done = run("recover", self.tape)
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertIn("Read-only file system", done.stderr)
        self.assertEqual(content, segment.read_bytes())

    def test_a_sound_tape_is_found_sound(self):
        self.remount(self.disk, "ro")
        self.assertEqual([], run_json("recover", self.tape, "--json")["repairs"])

    def test_a_capture_is_refused(self):
        self.remount(self.disk, "ro")
        done = self.capture(expect=1, tape=self.disk / "other.tape")
        self.assertIn("Read-only file system", done.stderr)


class Recover(FaultTest):
    def test_a_tape_that_is_being_recorded_is_refused(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        program = subprocess.Popen([TAPEDECK, "capture", f"pcap:{pipe}", "-o", self.tape], stdout=subprocess.DEVNULL)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        with open(pipe, "wb") as out:
            out.write(self.feed.read_bytes())  # more than a pipe holds: most of it was read, so the tape is there
            done = run("recover", self.tape)
            self.assertEqual(1, done.returncode, done.stdout)
            self.assertIn("in use", done.stderr)
        self.assertEqual(0, program.wait(DEADLINE_S))
        self.assertEqual(PACKETS, run_json("info", self.tape, "--json")["records"])

    def test_everything_is_on_the_disk_before_the_tape_is_called_sealed(self):
        self.capture("--durable", "none", expect=1, fault="write:20:ENOSPC+")
        log = self.folder / "log"
        done = self.run_with(None, "", "info", self.tape)
        self.assertEqual(3, done.returncode)
        environment = {**os.environ, "LD_PRELOAD": FAULTS, "TAPEDECK_FAULT_PATH": "t.tape/", "TAPEDECK_FAULT_LOG": log}
        subprocess.run([TAPEDECK, "recover", self.tape], env=environment, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        synced = [pathlib.Path(line.removesuffix(" synced")).name for line in log.read_text().splitlines()
                  if line.endswith(" synced")]
        self.assertEqual("manifest.json.new", synced[-1])
        segments = sorted(path.name for path in self.tape.rglob("*.seg"))
        self.assertEqual(segments, sorted(synced[:-1]))

    def test_a_lane_that_lost_its_last_segment_is_told_by_every_command_ever_after(self):
        self.capture()
        last = max((self.tape / "lane-0001").iterdir())
        last.unlink()
        lost = PACKETS - run_json("info", self.tape, "--json", expect=3)["records"]
        for _ in range(2):
            self.assertEqual(lost, run_json("recover", self.tape, "--json", expect=3)["records_lost"])
        self.assertEqual(lost, run_json("verify", self.tape, "--json", expect=3)["records_lost"])
        self.assertEqual(lost, run_json("info", self.tape, "--json", expect=3)["messages_lost"])
        done = run("replay", self.tape, "--to", "inproc://x", "--json")
        self.assertEqual((3, False), (done.returncode, json.loads(done.stdout)["whole_tape"]))

    def test_damage_that_can_be_repaired_and_damage_that_cannot_both_give_exit_code_3(self):
        self.capture()
        segment = self.tape / "lane-0001" / "000000.seg"
        content = bytearray(segment.read_bytes())
        segment.write_bytes(content[:-10])
        result = run_json("recover", self.tape, "--json", expect=3)
        self.assertEqual((True, PACKETS), (result["clean"], result["records"]))
        self.assertEqual("lane-0001/000000.seg", result["damage"][0]["file"])
        self.assertEqual(bytes(content), segment.read_bytes())
        self.assertEqual(0, run("recover", self.tape).returncode)
        content[20_000] ^= 1
        segment.write_bytes(content)
        result = run_json("recover", self.tape, "--json", expect=3)
        self.assertEqual((False, [], 1), (result["clean"], result["repairs"], result["damaged_blocks"]))
        part = result["damage"][0]
        self.assertTrue(part["offset"] <= 20_000 < part["offset"] + part["size"])
        self.assertEqual(bytes(content), segment.read_bytes())


if __name__ == "__main__":
    unittest.main()
