"""`tapedeck clone`: the commands, and server and clients against an independent implementation (chp.py)."""

import json
import os
import pathlib
import re
import resource
import signal
import struct
import subprocess
import tempfile
import unittest

import zmq

import chp
from tapedeck_program import DEADLINE_S, TAPEDECK, Program, run, run_json

STORM = os.environ["TAPEDECK_CLONE_STORM"]  # many light clients: tests/engine/clone/storm.cc
# A stream without pause buries forty clients on a slow machine: they join ever more slowly, and leave never.
UPDATE_INTERVAL_S = 0.002


def ended_within(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


class Served(unittest.TestCase):
    options = []

    def setUp(self):
        self.server = Program("clone", "serve", "--port", 0, "--json", *self.options)
        self.addCleanup(self.server.close)
        self.port = int(self.server.wait_for(r"snapshots at port (\d+)")[1])

    def clone(self, command, *arguments, expect=0):
        done = run("clone", command, "--server", self.port, *arguments)
        self.assertEqual(done.returncode, expect, done.stderr)
        return done.stdout

    def python_client(self, **options):
        client = chp.Client(self.port, **options)
        self.addCleanup(client.close)
        return client

    def peak_memory(self):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024

    def end(self):
        self.server.signal(signal.SIGINT)
        self.assertEqual(self.server.finish(), 0)
        return self.server.json()


class Commands(Served):
    def test_what_is_set_is_there_for_all_until_deleted(self):
        self.clone("set", "/a/k", "two words")
        self.clone("set", "/a/l", "1", "--ttl", 1000)
        self.clone("set", "b", "1")
        self.assertEqual(self.clone("get", "/a/k"), "two words\n")
        self.assertEqual(self.clone("list"), "/a/k\n/a/l\nb\n")
        self.assertEqual(self.clone("list", "/a/", "--values"), "/a/k\ttwo words\n/a/l\t1\n")
        self.clone("del", "b")
        self.clone("get", "b", expect=1)
        self.assertEqual(self.end()["updates"], 4)

    def test_a_dump_comes_back_by_load_with_the_same_digest(self):
        python = self.python_client()
        uuid = python.set(b"\xff\x00key"[:1], b"\x00\xfe")
        python.poll_until(lambda frames: frames[2] == uuid)
        self.clone("set", "/a/\"", "line\nbreak")
        before = json.loads(self.clone("digest", "--json"))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "dump"
            path.write_text(self.clone("dump"))
            self.clone("del", "/a/\"")
            self.clone("load", path)
            path.write_text("{}")
            self.clone("load", path, expect=1)
        self.assertEqual(json.loads(self.clone("digest", "--json"))["digest"], before["digest"])

    def test_a_group_takes_its_state_at_one_sequence(self):
        group = [Program("clone", "digest", "--server", self.port, "--sync-at", 6, "--json") for _ in range(3)]
        for member in group:
            self.addCleanup(member.close)
            member.wait_for("waits for update 6")
        python = self.python_client()
        for i in range(10):
            python.set(b"k%d" % i, b"v")
        digest = chp.digest_of({b"k%d" % i: b"v" for i in range(6)})
        for member in group:
            self.assertEqual(member.finish(), 0)
            self.assertEqual(member.json(), {"digest": digest, "keys": 6, "sequence": 6})
        python.poll_until(lambda frames: python.sequence == 10)
        self.clone("digest", "--sync-at", 6, expect=1)  # too late

    def test_watch_prints_what_is_there_and_every_change(self):
        self.clone("set", "/a/k", "1")
        watcher = Program("clone", "watch", "--server", self.port, "/a/", "--count", 3, "--json")
        self.addCleanup(watcher.close)
        while not watcher.out:
            self.clone("list")
        self.clone("set", "/b/k", "1")
        self.clone("set", "/a/k", "2")
        self.clone("del", "/a/k")
        self.assertEqual(watcher.finish(), 0)
        changes = [json.loads(line) for line in watcher.out.splitlines()]
        self.assertEqual([(c["change"], c["key"], c.get("value")) for c in changes],
                         [("set", "/a/k", "1"), ("set", "/a/k", "2"), ("del", "/a/k", None)])

    def test_too_few_file_handles_are_a_failure_and_no_abort(self):
        for handles in range(12, 40):
            done = run_with_handles(handles, "clone", "list", "--server", self.port, "--timeout", "300ms")
            self.assertIn(done.returncode, (0, 1), (handles, done.stderr))
            if done.returncode == 0:
                return
        self.fail("40 handles are not enough")

    def test_wrong_use_is_told_apart_from_failure(self):
        self.clone("set", "HUGZ", "1", expect=2)
        self.clone("set", "k", "1", "--ttl", -1, expect=2)
        self.clone("set", "k", "1", "--ttl", 0, expect=2)
        self.clone("list", "a", expect=2)
        self.assertEqual(run("clone", "get", "--server", 1, "--timeout", "100ms", "k").returncode, 1)
        self.assertEqual(run("clone", "serve", "--port", self.port).returncode, 1)


class OurServerWithTheirClients(Served):
    def test_frames_are_as_the_protocol_page_has_them(self):
        python = self.python_client()
        uuid = python.set(b"/a/b", b"v", b"ttl=500\n")
        published = python.poll_until(lambda frames: frames[2] == uuid)
        instance = b"instance=%s\n" % chp.properties_of(published[3])["instance"].encode()
        self.assertEqual(published, [b"/a/b", bytes(7) + b"\1", uuid, instance + b"ttl=500\n", b"v"])
        late = self.python_client(subtree=b"/a/")
        *keys, end = late.snapshot
        self.assertEqual(keys, [[b"/a/b", bytes(7) + b"\1", b"", b"", b"v"]])
        self.assertEqual([end[i] for i in (0, 1, 2, 4)], [b"KTHXBAI", bytes(7) + b"\1", b"", b"/a/"])
        heartbeat = python.poll_until(lambda frames: frames[0] == b"HUGZ")
        self.assertEqual([heartbeat[i] for i in (1, 2, 4)], [bytes(8), b"", b""])
        properties = chp.properties_of(heartbeat[3])
        self.assertEqual(properties["last"], "1")
        self.assertEqual(instance.decode(), f"instance={properties['instance']}\n")
        self.assertEqual(properties["instance"], chp.properties_of(end[3])["instance"])
        self.assertRegex(properties["instance"], "^[0-9a-f]{16}$")

    def test_both_follow_the_same_updates_to_the_same_digest(self):
        python = self.python_client()
        for i in range(200):
            python.set(b"/%d/k" % (i % 30), b"" if i % 7 == 0 else b"%d" % i)
        python.poll_until(lambda frames: python.sequence == 200)
        ours = json.loads(self.clone("digest", "--json"))
        self.assertEqual(ours, {"digest": chp.digest_of(python.table), "keys": len(python.table), "sequence": 200})

    def test_an_expiry_is_published_as_a_delete(self):
        python = self.python_client()
        python.set(b"k", b"v", b"ttl=1\n")
        expiry = python.poll_until(lambda frames: number(frames) == 2)
        self.assertEqual(expiry[:3] + expiry[4:], [b"k", bytes(7) + b"\2", b"", b""])
        self.assertEqual(chp.properties_of(expiry[3]).keys(), {"instance"})
        self.assertEqual(python.table, {})

    def test_a_ttl_of_zero_is_none(self):
        python = self.python_client()
        python.set(b"stays", b"v", b"ttl=0\n")
        python.set(b"goes", b"v", b"ttl=1\n")
        python.poll_until(lambda frames: number(frames) == 3)
        self.assertEqual(python.table, {b"stays": b"v"})

    def test_a_ttl_that_is_none_is_refused(self):
        python = self.python_client()
        uuid = python.set(b"k", b"v", b"ttl=-1\n")
        answer = python.poll_until(lambda frames: frames[0] == b"HUGZ" and frames[2] == uuid)
        self.assertEqual(chp.properties_of(answer[3])["refused"], "ttl")

    def test_a_repetition_is_told_where_it_was_published(self):
        python = self.python_client()
        uuid = python.set(b"k", b"1")
        python.set(b"k", b"1", uuid=uuid)
        answer = python.poll_until(lambda frames: frames[0] == b"HUGZ" and frames[2] == uuid)
        self.assertEqual(chp.properties_of(answer[3])["done"], "1")

    def test_a_subtree_is_told_the_update_before(self):
        python = self.python_client(subtree=b"/a/")
        everything = self.python_client()
        for key in (b"/a/1", b"/b/1", b"/a/2"):
            everything.set(key, b"v")
        everything.poll_until(lambda frames: everything.sequence == 3)
        last = python.poll_until(lambda frames: number(frames) == 3)
        self.assertEqual(chp.properties_of(last[3])["previous.3"], "1")
        everything.set(b"/b/2", b"v")
        heartbeat = python.poll_until(lambda frames: chp.properties_of(frames[3]).get("last") == "4")
        properties = chp.properties_of(heartbeat[3])
        self.assertEqual((properties["last./a/"], properties["since"]), ("3", "0"))

    def test_what_is_no_subscription_cancels_none(self):
        python = self.python_client(subtree=b"/a/")
        stranger = python.connect(zmq.XSUB, self.port + 1)
        stranger.send(b"x/a/")
        stranger.send(b"\x01HUGZ")
        python.receive(stranger)  # so the server has had both
        for value in (b"1", b"2"):
            python.set(b"/a/k", value)
        last = python.poll_until(lambda frames: number(frames) == 2)
        self.assertEqual(chp.properties_of(last[3])["previous.3"], "1")

    def test_malformed_messages_are_dropped_and_counted(self):
        python = self.python_client()
        zero, uuid = bytes(8), os.urandom(16)
        bad = [[b"k"], [b"k", zero, b"v"], [b"k", zero, uuid, b""], [b"k", zero, uuid, b"", b"v", b"more"], [b"k"] * 500,
               [b"k", b"1234", uuid, b"", b"v"], [b"k", zero * 2, uuid, b"", b"v"], [b"k", zero, bytes(100), b"", b"v"],
               [b"", zero, uuid, b"", b"v"], [b"HUGZ", zero, uuid, b"", b"v"], [b"KTHXBAI", zero, uuid, b"", b"v"],
               [b"ICANHAZ?", zero, uuid, b"", b"v"],
               [b"k" * 2000, zero, uuid, b"", b"v"], [b"a\0b", zero, uuid, b"", b"v"], [b"k", zero, uuid, b"ttl", b"v"],
               [b"k", zero, uuid, b"a=%s\n" % (b"x" * 4094), b"v"]]
        bad += [[b"k", zero, os.urandom(16), b"ttl=%s\n" % ttl, b"v"] for ttl in (b"-1", b"x", b"1.5", b"9" * 30, b"")]
        for frames in bad:
            python.up.send_multipart(frames)
        python.set(b"good", b"v")
        python.poll_until(lambda frames: frames[0] == b"good")
        self.assertEqual(python.sequence, 1)
        dealer = python.connect(zmq.DEALER, self.port)
        for frames in ([b""], [b"ICANHAZ?"], [b"ICANHAZ?", b"", b""], [b"ICANHAZ?", b"a"], [b"x"] * 100):
            dealer.send_multipart(frames)
        dealer.send_multipart([b"ICANHAZ?", b""])
        self.assertEqual(python.receive(dealer)[0], b"good")
        counters = self.end()
        self.assertEqual(counters["malformed"],
                         {"frames": 5, "sequence": 2, "uuid": 1, "key": 6, "properties": 2, "ttl": 5})
        self.assertEqual(counters["snapshots"]["malformed"], 5)

    def test_a_client_that_asks_in_a_loop_waits_its_turn(self):
        greedy = self.python_client()
        dealer = greedy.connect(zmq.DEALER, self.port)
        for _ in range(1000):
            dealer.send_multipart([b"ICANHAZ?", b""])
        self.clone("list")
        snapshots = self.end()["snapshots"]
        self.assertEqual(snapshots["requests"], 1002)
        self.assertGreater(snapshots["repeated"], 900)

    def test_those_that_never_read_hold_nobody_up_and_cost_little_memory(self):
        python = self.python_client()
        for i in range(3000):
            python.set(b"k%d" % i, bytes(range(1, 256)) * 40)
        python.poll_until(lambda frames: python.sequence == 3000)
        before = self.peak_memory()
        deaf = [python.connect(zmq.DEALER, self.port, queued=1) for _ in range(50)]
        for dealer in deaf:
            dealer.send_multipart([b"ICANHAZ?", b""])
        digest = json.loads(self.clone("digest", "--json"))
        self.assertEqual(digest["digest"], chp.digest_of(python.table))
        python.set(b"k0", b"still")
        python.poll_until(lambda frames: frames[0] == b"k0")
        # One snapshot has 30 MB: fifty copies would be 1.5 GB.
        self.assertLess(self.peak_memory() - before, 150e6)

    def test_three_hundred_that_never_read_keep_nobody_from_joining(self):
        python = self.python_client()
        for i in range(2000):
            python.set(b"k%d" % i, bytes(range(1, 256)) * 40)
        python.poll_until(lambda frames: python.sequence == 2000)
        deaf = [python.connect(zmq.DEALER, self.port, queued=1) for _ in range(300)]
        for dealer in deaf:
            dealer.send_multipart([b"ICANHAZ?", b""])
        self.assertEqual(json.loads(self.clone("digest", "--json"))["digest"], chp.digest_of(python.table))

    def test_joins_under_a_stream_of_updates_lose_nothing(self):
        python = self.python_client(timeout_s=DEADLINE_S)
        for i in range(100):
            python.set(b"/k/%d" % i, b"0")
        python.poll_until(lambda frames: python.sequence == 100)
        storm = subprocess.Popen([STORM, str(self.port), "40", "10"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(storm.communicate)
        self.addCleanup(storm.kill)
        sent = 100
        while not ended_within(storm, UPDATE_INTERVAL_S):
            python.set(b"/k/%d" % (sent % 100), b"%d" % sent)
            sent += 1
            python.poll_until(lambda frames: python.sequence == sent)
        result = json.loads(storm.stdout.read().splitlines()[-1])
        self.assertEqual((result["joins"], result["failed"]), (400, 0))
        ends = [end["sequence"] for end in result["ends"]]
        self.assertEqual(len(ends), len(set(ends)), f"two digests at one sequence: {result['ends']}")


class WithPull(Served):
    options = ["--collector", "pull"]

    def test_updates_come_in_by_push(self):
        python = self.python_client(collector="pull")
        python.set(b"k", b"v")
        python.poll_until(lambda frames: frames[0] == b"k")
        self.assertEqual(self.clone("get", "k", "--collector", "pull"), "v\n")
        self.clone("set", "l", "w", "--collector", "pull")
        python.poll_until(lambda frames: frames[0] == b"l")


class Limits(Served):
    options = ["--max-keys", 2, "--max-value", 10, "--max-clients", 1, "--hold", "100ms"]

    def test_each_has_its_answer(self):
        python = self.python_client()
        for key, value, why in ((b"a", b"1", None), (b"b", b"12345678901", "value"), (b"b", b"1", None),
                                (b"c", b"1", "keys")):
            uuid = python.set(key, value)
            answer = python.poll_until(lambda frames: frames[2] == uuid)
            self.assertEqual(chp.properties_of(answer[3]).get("refused"), why)
        self.assertEqual(python.table, {b"a": b"1", b"b": b"1"})
        first, second = (python.connect(zmq.DEALER, self.port) for _ in range(2))
        for dealer in (first, second):
            dealer.send_multipart([b"ICANHAZ?", b""])
        poller = zmq.Poller()
        poller.register(first, zmq.POLLIN)
        poller.register(second, zmq.POLLIN)
        refused = python.receive(poller.poll(20_000)[0][0])
        self.assertEqual(refused[0], b"HUGZ")
        self.assertEqual(chp.properties_of(refused[3])["refused"], "clients")

    def test_a_frame_that_is_too_long_ends_its_connection_alone(self):
        python = self.python_client()
        other = self.python_client()
        python.set(b"long", bytes(9000))
        while b"a" not in other.table:  # what is under way as the connection ends is lost
            python.set(b"a", b"1")
            other.poll_until(lambda frames: True)
        self.assertEqual(other.table, {b"a": b"1"})
        self.assertEqual(self.end()["refused"], 0)  # by its value: it never came to that


class Backlog(Served):
    options = ["--backlog", 10]

    def test_a_subscriber_that_does_not_read_has_a_hole_and_costs_nobody_else(self):
        python = self.python_client()
        deaf = python.connect(zmq.SUB, self.port + 1, queued=1)
        deaf.subscribe(b"")
        deaf.subscribe(b"HUGZ")
        python.receive(deaf)
        updates = 600
        for i in range(1, updates + 1):  # 600 MB, for AddressSanitizer keeps 256 of those that were freed
            python.set(b"k", os.urandom(1_000_000))
            python.poll_until(lambda frames: number(frames) == i)
        self.assertLess(self.peak_memory(), 450e6)
        seen = []
        while not seen or seen[-1] <= updates:
            if deaf.poll(100):
                seen += [n for n in [number(python.receive(deaf))] if n > 0]
            else:
                python.set(b"k", b"end")
        self.assertEqual(seen[0], 1)
        self.assertLess(len(seen), seen[-1])


class AtAnAddress(Served):
    options = ["--bind", "127.0.0.2"]

    def test_it_serves_there(self):
        self.assertIn("serving on 127.0.0.2:", self.server.err)
        self.assertEqual(run("clone", "list", "--server", f"127.0.0.2:{self.port}").returncode, 0)

    def test_an_address_of_no_interface_is_a_failure(self):
        self.assertEqual(run("clone", "serve", "--bind", "192.0.2.1").returncode, 1)


@unittest.skipIf(os.geteuid() != 0, "network namespaces need root")
class WhereTheSystemHasNoThreePorts(unittest.TestCase):
    def test_others_are_found(self):
        """As in the minute after many clients have left. Here the system may choose from the last two ports only."""
        setup = 'ip link set lo up && echo 65534 65535 > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"'
        server = Program("--net", "sh", "-c", setup, "sh", TAPEDECK, "clone", "serve", "--port", 0, program="unshare")
        self.addCleanup(server.close)
        server.wait_for(r"serving on 127.0.0.1: snapshots at port \d+")


class TheirServerWithOurClients(unittest.TestCase):
    def check(self, **options):
        server = chp.Server(**options)
        self.addCleanup(server.close)
        common = ["--server", str(server.port), "--collector", options.get("collector", "sub")]
        for key, value in (("/a/k", "1"), ("/a/l", "2"), ("b", "3")):
            self.assertEqual(run("clone", "set", *common, key, value).returncode, 0)
        self.assertEqual(run("clone", "del", *common, "b").returncode, 0)
        self.assertEqual(run("clone", "list", *common, "/a/").stdout, "/a/k\n/a/l\n")
        digest = run_json("clone", "digest", *common, "--json")
        self.assertEqual(digest, {"digest": chp.digest_of(server.table), "keys": 2, "sequence": 4})

    def test_as_the_rfc_has_it(self):
        self.check()

    def test_with_pull(self):
        self.check(collector="pull")

    def test_as_the_reference_deviates(self):
        self.check(quirks=True)


def run_with_handles(handles, *arguments):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (handles, handles))
    return subprocess.run([TAPEDECK, *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE_S,
                          preexec_fn=limit)


def number(frames):
    return struct.unpack(">Q", frames[1])[0] if frames[0] != b"HUGZ" else 0


if __name__ == "__main__":
    unittest.main()
