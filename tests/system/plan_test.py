"""`tapedeck plan` and `tapedeck nics`: for machines that are not here, and for this one."""

import collections
import json
import os
import pathlib
import tempfile
import unittest

from tapedeck_program import run, run_json

LARGE = "package:2 numa:1 l3:4 core:8 pu:1"


def roles(plan):
    return collections.Counter(thread["role"] for thread in plan["threads"])


class PlanTest(unittest.TestCase):
    def assert_no_core_twice(self, plan):
        cores = [thread["core"] for thread in plan["threads"]]
        self.assertEqual(len(cores), len(set(cores)))
        self.assertFalse(plan["oversubscribed"])
        self.assertEqual([], plan["warnings"])

    def test_every_shard_of_a_large_machine_is_on_the_node_of_its_nic(self):
        plan = run_json("plan", "--topology", LARGE, "--nics", 4, "--shards", 4, "--json")
        self.assert_no_core_twice(plan)
        nodes = {nic["name"]: nic["node"] for nic in plan["nics"]}
        self.assertEqual({"nic0": 0, "nic1": 1, "nic2": 0, "nic3": 1}, nodes)
        for thread in plan["threads"]:
            if thread["shard"] is not None:
                self.assertEqual(f"nic{thread['shard']}", thread["nic"])
                self.assertEqual(nodes[thread["nic"]], thread["node"], thread)
        self.assertEqual({"io": 8, "publisher": 4, "subscriber": 4, "worker": 47}, roles(plan))

    def test_the_boxes_of_the_chapter_and_those_with_a_zero_more(self):
        for topology, nics, role, expected in (
                ("core:8 pu:1", 2, "subscriber", {"io": 2, "subscriber": 2, "worker": 3}),
                ("core:12 pu:1", 2, "publisher", {"io": 2, "publisher": 2}),
                ("package:2 numa:1 l3:5 core:8 pu:2", 4, "subscriber", {"io": 4, "subscriber": 4, "worker": 71}),
                ("package:2 numa:2 l3:3 core:10 pu:2", 8, "publisher", {"io": 8, "publisher": 8})):
            with self.subTest(topology):
                plan = run_json("plan", "--topology", topology, "--nics", nics, "--role", role, "--json")
                self.assert_no_core_twice(plan)
                self.assertEqual(expected, roles(plan))

    def test_this_machine_gets_a_plan_on_cpus_that_this_process_may_use(self):
        plan = run_json("plan", "--json")
        self.assertLessEqual({thread["pu"] for thread in plan["threads"]}, os.sched_getaffinity(0))
        self.assertEqual("this machine", plan["machine"]["name"])

    def test_too_many_threads_are_planned_and_loudly_said(self):
        done = run("plan", "--topology", "core:2 pu:1", "--shards", 2, "--workers", 3, "--json")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertTrue(json.loads(done.stdout)["oversubscribed"])
        self.assertIn("warning: OVERSUBSCRIBED: 11 threads, 2 cores", done.stderr)

    def test_people_get_a_table_and_a_picture(self):
        done = run("plan", "--topology", LARGE, "--nics", 4)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^pub-0 +9 +9 +0 +publisher +nic0$")
        self.assertIn("| 0 system ", done.stdout)
        self.assertIn("node 1, 1 GiB, nic1, nic3", done.stdout)

    def test_a_printed_plan_is_a_plan_file_that_can_be_changed_by_hand(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "plan.toml"
            machine = ("--topology", LARGE, "--nics", 2)
            file.write_text(run("plan", *machine, "--toml").stdout, encoding="utf-8")
            self.assertEqual(run_json("plan", *machine, "--json"), run_json("plan", *machine, "--plan", file, "--json"))

            file.write_text('role = "subscriber"\nshards = 2\n[[subscriber]]\n[[subscriber]]\nio = 63\nnic = "nic0"\n',
                            encoding="utf-8")
            plan = run_json("plan", *machine, "--plan", file, "--workers", 1, "--json")
            self.assertEqual({"io": 2, "subscriber": 2, "worker": 1}, roles(plan))
            self.assertEqual([63], [thread["pu"] for thread in plan["threads"] if thread["name"] == "sub-io-1"])

            self.assertEqual(2, run("plan", "--topology", "core:4 pu:1", "--plan", file).returncode)

    def test_what_cannot_be_is_refused_with_a_sentence(self):
        with tempfile.TemporaryDirectory() as folder:
            def plan_file(text):
                path = pathlib.Path(folder) / f"{len(os.listdir(folder))}.toml"
                path.write_text(text, encoding="utf-8")
                return path

            eight = ("--topology", "core:8 pu:1", "--nics", 1)
            for arguments, sentence in (
                    (("--topology", "core:x"), 'topology "core:x" is neither a file'),
                    (("--topology", plan_file("<topology")), "is no topology in hwloc's XML"),
                    ((*eight, "--shards", 0), "at least one shard"),
                    ((*eight, "--workers", 0), "at least one worker"),
                    ((*eight, "--shards", "two"), '--shards takes a whole number or auto, not "two"'),
                    ((*eight, "--plan", plan_file("worker_cpus = [8]")), "CPU 8 of work-0 is not there"),
                    ((*eight, "--plan", plan_file('nics = ["eth9"]')), "NIC eth9 is not there"),
                    ((*eight, "--plan", plan_file("[machine]\ncores = 9")), "is for another machine"),
                    ((*eight, "--plan", plan_file("x = 1")), '1: nothing is called "x" here'),
                    (("--nics", 200), "usable NICs, not 200")):
                with self.subTest(arguments):
                    done = run("plan", *arguments)
                    self.assertEqual(2, done.returncode, done.stderr)
                    self.assertIn(sentence, done.stderr)


class NicsTest(unittest.TestCase):
    def test_lists_loopback_with_its_address_and_mtu(self):
        nics = {nic["name"]: nic for nic in run_json("nics", "--json")["nics"]}
        self.assertEqual(int(pathlib.Path("/sys/class/net/lo/mtu").read_text(encoding="ascii")), nics["lo"]["mtu"])
        self.assertIn("127.0.0.1", nics["lo"]["addresses"])
        self.assertRegex(run("nics").stdout, r"(?m)^NIC +LINK +SPEED +MTU +NODE +MULTICAST +TIME STAMPS +ADDRESSES$")


if __name__ == "__main__":
    unittest.main()
