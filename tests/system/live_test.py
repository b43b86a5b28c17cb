"""What replay, subscribe and capture say of themselves while they run: a file of JSON lines, a page for Prometheus, and
threads that can be told apart."""

import json
import os
import pathlib
import re
import shutil
import signal
import tempfile
import unittest
import urllib.request

from replay_test import TCP, TOPS_RECORDS, ReplayTest
from tapedeck_program import TOPS, Folder, Program, need, run, run_json, wait_for

PART_KEYS = {"name", "messages", "bytes", "messages_per_s", "mean_messages_per_s", "bytes_per_s", "queued",
             "held_back_ns"}


def setUpModule():
    global folder
    folder = Folder()
    unittest.addModuleCleanup(folder.close)


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def threads_of(program):
    """The names of a program's threads, and the CPU to which each is pinned; those that are free are left out."""
    threads = {}
    for task in pathlib.Path(f"/proc/{program.process.pid}/task").iterdir():
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
        if status["Cpus_allowed_list"].isdigit():
            threads[status["Name"]] = int(status["Cpus_allowed_list"])
    return threads


class Live(ReplayTest):
    def test_the_file_of_figures_grows_while_it_runs_and_ends_with_all_of_it(self):
        replay_stats, subscribe_stats = f"{self.sockets}/replay.jsonl", f"{self.sockets}/subscribe.jsonl"
        self.play(folder.tape(TOPS), "--rate", 500, "--shards", 2, "--late-limit", "10s", "--stats", replay_stats,
                  "--stats-interval", "100ms", to=TCP,
                  subscribe=[("--workers", 3, "--stats", subscribe_stats, "--stats-interval", "100ms")])
        for path, role, parts in ((replay_stats, "replay", ["shard 0", "shard 1"]),
                                  (subscribe_stats, "subscribe",
                                   ["sub 0", "sub 1", "worker 0", "worker 1", "worker 2"])):
            lines = lines_of(path)
            self.assertGreater(len(lines), 3)
            self.assertEqual([False] * (len(lines) - 1) + [True], [line["final"] for line in lines])
            self.assertEqual(sorted(line["messages"] for line in lines), [line["messages"] for line in lines])
            for line in lines:
                self.assertEqual((role, parts), (line["role"], [part["name"] for part in line["parts"]]))
                self.assertTrue(all(PART_KEYS <= part.keys() for part in line["parts"]))
            self.assertGreater(max(line["messages_per_s"] for line in lines), 0)
        self.assertEqual(TOPS_RECORDS, lines_of(replay_stats)[-1]["messages"])
        self.assertEqual(1, lines_of(replay_stats)[-1]["peers"])

    def test_the_page_for_prometheus(self):
        replay = self.start("replay", folder.tape(TOPS), "--to", TCP, "--rate", 50, "--shards", 2, "--metrics",
                            "127.0.0.1:0", terminal=True)
        address = replay.wait_for(r"metrics on (\S+)")[1]
        subscriber = self.subscribe(replay.wait_for(r"replay on (\S+), ")[1])
        self.wait_until_sending(replay, 1000)
        with urllib.request.urlopen(address, timeout=10) as page:
            text = page.read().decode()
        sent = re.findall(r'^tapedeck_messages_total\{role="replay",part="shard [01]"\} (\d+)$', text, re.MULTILINE)
        self.assertEqual(2, len(sent), text)
        self.assertGreaterEqual(sum(map(int, sent)), 1000)
        self.assertIn('tapedeck_peers{role="replay"} 1\n', text)
        replay.signal(signal.SIGINT)
        self.assertEqual(130, replay.finish())
        self.finish(subscriber, 3)

    def test_threads_run_where_the_plan_says(self):
        replay, endpoints = self.start_replay(folder.tape(TOPS), "--rate", 20, "--loop", 0, "--shards", 2, "--plan", "auto",
                                              to=TCP, terminal=True)
        subscriber = self.subscribe(endpoints, "--workers", 3, "--plan", "auto")
        self.wait_until_sending(replay, 1000)
        for program, role, workers in ((replay, "publisher", 0), (subscriber, "subscriber", 3)):
            plan = run_json("plan", "--role", role, "--shards", 2, "--workers", workers or "auto", "--json")
            planned = {thread["name"]: thread["pu"] for thread in plan["threads"] if thread["role"] != "io"}
            there = threads_of(program)
            self.assertEqual(planned, {name: cpu for name, cpu in there.items() if name in planned})
            for shard in (0, 1):
                io = [thread["pu"] for thread in plan["threads"]
                      if thread["role"] == "io" and thread["shard"] == shard]
                self.assertEqual(io, [cpu for name, cpu in there.items() if name == f"{shard}/ZMQbg/IO/0"], there)
        replay.signal(signal.SIGINT)
        self.assertEqual(130, replay.finish())
        self.finish(subscriber, 3)

    def test_two_programs_share_a_plan_file_and_its_workers(self):
        file = pathlib.Path(self.sockets, "plan.toml")
        file.write_text(run("plan", "--toml", "--shards", 2).stdout)
        planned = run_json("plan", "--plan", file, "--json")["threads"]
        planned = {thread["name"]: thread["pu"] for thread in planned if thread["role"] != "io"}
        replay, endpoints = self.start_replay(folder.tape(TOPS), "--rate", 20, "--loop", 0, "--shards", 2, "--plan", file,
                                              to=TCP, terminal=True)
        subscriber = self.subscribe(endpoints, "--plan", file)
        self.wait_until_sending(replay, 1000)
        there = threads_of(replay) | threads_of(subscriber)
        self.assertEqual(planned, {name: cpu for name, cpu in there.items() if name.startswith(("pub-", "sub-", "work-"))})
        replay.signal(signal.SIGINT)
        self.assertEqual(130, replay.finish())
        self.finish(subscriber, 3)

    def test_the_plan_may_choose_the_numbers(self):
        report, receipts = self.play(folder.tape(TOPS), "--shards", "auto", "--plan", "auto", to=TCP,
                                     subscribe=[("--workers", "auto", "--plan", "auto")])
        self.assert_proved(report, receipts, TOPS_RECORDS, report["digest"])

    def test_options_that_cannot_be(self):
        tape = folder.tape(TOPS)
        for words, arguments in (("bad address", ("--metrics", "9100")),
                                 ("cannot write", ("--stats", f"{self.sockets}/no/such/folder")),
                                 ("longer than 0", ("--stats-interval", "0")),
                                 ("add --plan auto", ("--shards", "auto")),
                                 ("whole number or auto", ("--shards", "two")),
                                 ("no/such/plan", ("--plan", "no/such/plan"))):
            refused = run("replay", tape, "--to", TCP, *arguments)
            self.assertIn(refused.returncode, (1, 2))
            self.assertIn(words, refused.stderr)


class Capture(unittest.TestCase):
    def setUp(self):
        need(TOPS)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tapedeck-live-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.pipe, self.tape = self.folder / "pipe", self.folder / "out.tape"
        os.mkfifo(self.pipe)

    def check_threads(self, planned, *options):
        """Half of a file is given, then the threads are looked at, then the rest follows."""
        capture = Program("capture", f"pcap:{self.pipe}", "-o", self.tape, "--json", *options)
        self.addCleanup(capture.close)
        content = TOPS.read_bytes()
        with open(self.pipe, "wb") as pipe:
            pipe.write(content[:len(content) // 2])
            wait_for(lambda: threads_of(capture) == planned, f"threads as in {planned}")
            pipe.write(content[len(content) // 2:])
        self.assertEqual(0, capture.finish(), capture.err)
        self.assertEqual(TOPS_RECORDS, capture.json()["records"])

    def test_threads_run_where_the_plan_says(self):
        plan = run_json("plan", "--role", "capture", "--json")
        self.assertEqual({"cap-0": "capture", "cap-io-0": "io"}, {each["name"]: each["role"] for each in plan["threads"]})
        self.check_threads({each["name"]: each["pu"] for each in plan["threads"]}, "--plan", "auto")

    def test_it_takes_its_part_of_a_plan_file_for_another_role(self):
        cpu = max(os.sched_getaffinity(0))
        file = self.folder / "plan.toml"
        file.write_text(f'role = "both"\nshards = 2\n[[publisher]]\n[[publisher]]\n'
                        f"[[capture]]\nthread = {cpu}\nio = {cpu}\n", encoding="utf-8")
        self.check_threads({"cap-0": cpu, "cap-io-0": cpu}, "--plan", file)

    def test_a_plan_that_is_not_there(self):
        refused = run("capture", f"pcap:{TOPS}", "-o", self.tape, "--plan", "no/such/plan")
        self.assertIn("no/such/plan", refused.stderr)
        self.assertEqual(1, refused.returncode)
        self.assertFalse(self.tape.exists())


if __name__ == "__main__":
    unittest.main()
