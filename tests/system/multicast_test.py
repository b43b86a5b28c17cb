"""Replays by multicast to several boxes, over networks of the test's own: that the same tape arrives everywhere, and that what
a network loses is repaired by the other line or told exactly."""

import pathlib
import sys
import unittest

import network
from replay_test import ReplayTest
from tapedeck_program import Folder, run_json, wait_for

A, B = "239.192.1.1:5555", "239.192.1.2:5556"
RECORDS = 200_000

PGM_FORGER = pathlib.Path(__file__).parent / "pgm_forger.py"

# Sends to a group what is none of ours: noise, the fronts of data frames and fragments with nothing right behind them, one byte.
FORGED = 40
FORGE = """
import socket, sys
group = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(10):
    for datagram in (bytes(range(200)), b"TDL0000/" + b"TDE0" + bytes(300), b"TDS/FRG/" + b"\\xff" * 100, b"T"):
        group.sendto(datagram, (sys.argv[1], int(sys.argv[2])))
"""


def setUpModule():
    network.need_root()
    global folder, tape, digest
    folder = Folder()
    unittest.addModuleCleanup(folder.close)
    tape = folder.path / "fixed.tape"
    run_json("synth", "--fixed", 100, "--messages", RECORDS, "-o", tape, "--json")
    digest = run_json("info", tape, "--digest", "--json")["digest"]


class MulticastTest(ReplayTest):
    scheme = "udp"

    def make(self, **options):
        self.network = network.Network(**options)
        self.addCleanup(self.network.close)
        return self.network

    def at(self, *lines):
        """The endpoint of shards on these (group, nic)."""
        return ",".join(f"{self.scheme}://{group}@eth{nic}" for group, nic in lines)

    def wait_until_on_the_wire(self, count):
        """Until the publisher's interface has sent so many bytes; what the replay calls sent may wait for the line still."""
        wait_for(lambda: self.network.publisher.counters()["tx"]["bytes"] >= count, f"{count} bytes on the wire")

    def play_to(self, boxes, to, also=None, copies=(), expect=0, expect_subscriber=0, options=("--mc-rate", "400Mbit")):
        """A whole replay to these boxes; its report and their receipts."""
        subscribers = [self.start("subscribe", to, *(("--also", also) if also else ()), "--json", box=box) for box in boxes]
        replay = self.start("replay", tape, "--to", to, *(word for copy in copies for word in ("--to", copy)), *options,
                            "--wait-for", len(boxes), "--json", box=self.network.publisher)
        report = self.finish(replay, expect)
        return report, [self.finish(subscriber, expect_subscriber) for subscriber in subscribers]

    def start_slowly(self, to, boxes, *options):
        """Subscribers in these boxes and a replay to them that takes seconds, of which the first records are on the wire."""
        subscribers = [self.start("subscribe", to, "--json", box=box) for box in boxes]
        replay = self.start("replay", tape, "--to", to, "--mc-rate", "40Mbit", "--wait-for", len(boxes), "--json", *options,
                            box=self.network.publisher)
        self.wait_until_on_the_wire(2_000_000)
        return replay, subscribers

    def assert_accounted_for(self, receipt):
        """What did not arrive is told to the record."""
        self.assertEqual(RECORDS, receipt["records"] + receipt["records_lost"], receipt)
        self.assertEqual(receipt["records_lost"] == 0, receipt["digest"] == digest)


class LateJoiner(MulticastTest):
    def test_that_was_killed_begins_with_whole_messages_and_says_from_where(self):
        made = self.make(subscribers=2, nics=1)
        to = self.at((A, 1))
        replay, (killed, whole) = self.start_slowly(to, made.subscribers, "--silence", "6s")
        killed.process.kill()  # and so it holds the replay back, until it is taken for dead
        late = self.start("subscribe", to, "--json", box=made.subscribers[0])
        self.finish(replay, 3)
        receipt = self.finish(late, 3)
        self.assertEqual((RECORDS, digest), tuple(self.finish(whole, 0)[key] for key in ("records", "digest")))
        self.assert_accounted_for(receipt)
        self.assertGreater(receipt["records"], 0)
        lane, first = next(iter(receipt["begins_at"].items()))
        self.assertIn(f"joined late or missed the start: lane {lane} from record {first} on", receipt["problem"])
        self.assertEqual((0, 0), (receipt["damaged_blocks"], receipt["bad_frames"]))


class LateJoinerOverPgm(LateJoiner):
    scheme = "pgm"


class ShortQueues(MulticastTest):
    """Real loss: a short queue in the switch, and small buffers of sockets."""
    losses_are_repaired = False
    burst, queue = "10kb", "20kb"

    def test_end_repaired_or_with_all_that_is_missing_told(self):
        made = self.make(subscribers=2, nics=1)
        made.shape(made.subscribers[0], 1, "100mbit", self.burst, self.queue)
        report, (squeezed, whole) = self.play_to(made.subscribers, self.at((A, 1)), expect=(0, 3), expect_subscriber=(0, 3),
                                                 options=("--mc-rate", "90Mbit", "--mc-buffer", "256KiB"))
        self.assertGreater(made.shaped(made.subscribers[0], 1), 0)
        self.assertEqual((RECORDS, digest), (whole["records"], whole["digest"]))
        self.assert_accounted_for(squeezed)
        self.assertEqual(squeezed["complete"] and whole["complete"], report["verdict"] != "incomplete")
        if not self.losses_are_repaired:
            self.assertGreater(squeezed["records_lost"], 0)


class ShortQueuesOverPgm(ShortQueues):
    scheme = "pgm"
    losses_are_repaired = True
    burst, queue = "2kb", "4kb"  # shorter than what a sender that was late sends at once


class ForgedPgm(MulticastTest):
    """OpenPGM and libzmq abort or hang on these: what carries them is started again, and says so."""
    scheme = "pgm"

    def forge(self, victim):
        made = self.make(subscribers=2, nics=1)
        replay, (subscriber,) = self.start_slowly(self.at((A, 1)), made.subscribers[:1])
        group, port = A.split(":")
        network.run(*made.subscribers[1].command(sys.executable, PGM_FORGER, self.scheme, victim,
                                                 made.subscribers[1].address(), group, port))
        report, receipt = self.finish(replay, (0, 3)), self.finish(subscriber, (0, 3))
        self.assert_accounted_for(receipt)
        self.assertEqual(receipt["complete"], report["verdict"] != "incomplete")
        return replay, subscriber

    def test_to_a_receiver_costs_a_reported_interruption(self):
        _, subscriber = self.forge("receiver")
        self.assertRegex(subscriber.err, r"the PGM process of \S+ on eth1 ended \(.*\); started again after \d")

    def test_to_the_sender_costs_a_reported_interruption(self):
        replay, _ = self.forge("sender")
        self.assertRegex(replay.err, r"the PGM process of \S+ on eth1 ended \(.*\); started again after \d")


class ForgedEpgm(ForgedPgm):
    scheme = "epgm"


class ShardsOfAPlan(MulticastTest):
    def test_take_its_interfaces_and_ports_of_their_own(self):
        made = self.make(subscribers=1, nics=2)
        plans = {role: folder.path / f"{role}.toml" for role in ("publisher", "subscriber")}
        for role, plan in plans.items():
            plan.write_text(f'role = "{role}"\nshards = 2\nnics = ["eth2", "eth1"]\n', encoding="utf-8")
        subscriber = self.start("subscribe", "udp://239.192.1.1:5555,udp://239.192.1.1:5556", "--plan", plans["subscriber"],
                                "--json", box=made.subscribers[0])
        replay = self.start("replay", tape, "--to", "udp://239.192.1.1:5555", "--shards", "auto", "--plan", plans["publisher"],
                            "--json", box=made.publisher)
        self.assert_proved(self.finish(replay, 0), [self.finish(subscriber, 0)], RECORDS, digest)
        self.assertIn("udp://239.192.1.1:5555@eth2,udp://239.192.1.1:5556@eth1", replay.err)
        for nic in (1, 2):
            self.assertGreater(made.publisher.counters(nic)["tx"]["bytes"], RECORDS * 100 / 4)


class WhatArrives(MulticastTest):
    def test_the_whole_tape_at_three_boxes_over_two_interfaces(self):
        made = self.make(subscribers=3, nics=2)
        report, receipts = self.play_to(made.subscribers, self.at((A, 1), (B, 2)))
        self.assert_proved(report, receipts, RECORDS, digest)
        self.assertIs(report["whole_tape"], True)

    def test_the_whole_tape_in_jumbo_packets(self):
        made = self.make(subscribers=1, nics=1, mtu=9000)
        report, receipts = self.play_to(made.subscribers, self.at((A, 1)))
        self.assert_proved(report, receipts, RECORDS, digest)

    def test_the_other_line_repairs_what_one_loses(self):
        made = self.make(subscribers=2, nics=2)
        relay = made.relay(made.subscribers[0], 1, "--loss", 0.01)
        report, receipts = self.play_to(made.subscribers, self.at((A, 1)), also=self.at((A, 2)), copies=[self.at((A, 2))])
        self.assert_proved(report, receipts, RECORDS, digest)
        self.assertGreater(relay.stop()["dropped"], 10)

    def test_of_two_publishers_on_a_group_the_one_that_was_heard_first(self):
        made = self.make(subscribers=2, nics=1)
        to = self.at((A, 1))
        subscriber = self.start("subscribe", to, "--json", box=made.subscribers[0])
        first = self.start("replay", tape, "--to", to, "--mc-rate", "100Mbit", "--json", box=made.publisher, terminal=True)
        self.wait_until_sending(first)
        second = self.start("replay", tape, "--to", to, "--mc-rate", "100Mbit", "--wait-for", 0, "--json",
                            box=made.subscribers[1])
        self.finish(second, 0)
        self.assert_proved(self.finish(first, 0), [self.finish(subscriber, 0)], RECORDS, digest)


    def test_what_is_foreign_cut_or_forged_is_counted_and_left_out(self):
        made = self.make(subscribers=2, nics=1)
        to = self.at((A, 1))
        subscriber = self.start("subscribe", to, "--json", box=made.subscribers[0])
        replay = self.start("replay", tape, "--to", to, "--mc-rate", "40Mbit", "--json", box=made.publisher, terminal=True)
        self.wait_until_sending(replay)
        network.run(*made.subscribers[1].command("python3", "-c", FORGE, A.split(":")[0], A.split(":")[1]))
        report, receipt = self.finish(replay, 0), self.finish(subscriber, 0)
        self.assert_proved(report, [receipt], RECORDS, digest)
        self.assertEqual(FORGED, receipt["bad_frames"])


class OverPgm(MulticastTest):
    scheme = "pgm"

    def test_the_whole_tape_at_three_boxes_over_two_interfaces(self):
        made = self.make(subscribers=3, nics=2)
        report, receipts = self.play_to(made.subscribers, self.at((A, 1), (B, 2)))
        self.assert_proved(report, receipts, RECORDS, digest)

    def test_losses_are_repaired(self):
        made = self.make(subscribers=3, nics=1)
        relay = made.relay(made.subscribers[0], 1, "--loss", 0.001)
        report, receipts = self.play_to(made.subscribers, self.at((A, 1)))
        self.assert_proved(report, receipts, RECORDS, digest)
        self.assertGreater(relay.stop()["dropped"], 0)


class OverEpgm(OverPgm):
    scheme = "epgm"


class PlainOverPgm(MulticastTest):
    scheme = "pgm"

    def test_the_whole_tape(self):
        made = self.make(subscribers=1, nics=1)
        report, (receipt,) = self.play_to(made.subscribers, self.at((A, 1)), options=("--wire", "plain"))
        self.assert_proved(report, [receipt], RECORDS, digest)
        self.assertEqual((0, 0), (receipt["bad_frames"], receipt["repeated_records"]))

    def test_has_no_second_line(self):
        made = self.make(subscribers=1, nics=2)
        subscriber = self.start("subscribe", self.at((A, 1)), "--also", self.at((A, 2)), "--json", box=made.subscribers[0])
        self.start("replay", tape, "--to", self.at((A, 1)), "--to", self.at((A, 2)), "--wire", "plain", box=made.publisher)
        self.assertEqual(2, subscriber.finish(), subscriber.out)
        self.assertIn("leave out --also", subscriber.err)


class WhatIsLost(MulticastTest):
    def test_is_told_exactly_by_whom_it_concerns_and_only_by_them(self):
        made = self.make(subscribers=2, nics=1)
        relay = made.relay(made.subscribers[0], 1, "--loss", 0.01)
        report, (lossy, whole) = self.play_to(made.subscribers, self.at((A, 1)), expect=3, expect_subscriber=(0, 3))
        self.assertGreater(relay.stop()["dropped"], 10)
        self.assertEqual("incomplete", report["verdict"])
        self.assertEqual((RECORDS, digest, True), (whole["records"], whole["digest"], whole["complete"]))
        self.assertGreater(lossy["records_lost"], 0)
        self.assertEqual(RECORDS, lossy["records"] + lossy["records_lost"])

    def test_when_an_interface_goes_down_and_comes_up_again(self):
        made = self.make(subscribers=2, nics=1)
        to = self.at((A, 1))
        broken, whole = (self.start("subscribe", to, "--json", box=box) for box in made.subscribers)
        replay = self.start("replay", tape, "--to", to, "--mc-rate", "40Mbit", "--wait-for", 2, "--json",
                            box=made.publisher, terminal=True)
        self.wait_until_on_the_wire(2_000_000)
        made.subscribers[0].down()
        self.wait_until_on_the_wire(6_000_000)  # some of them meet the interface while it is down
        made.subscribers[0].up()
        self.finish(replay, 3)
        receipt = self.finish(broken, 3)
        self.assertGreater(receipt["records_lost"], 0)
        self.assertEqual(RECORDS, receipt["records"] + receipt["records_lost"])
        self.assertEqual(digest, self.finish(whole, 0)["digest"])

    def test_because_the_line_was_too_slow_for_its_queue_is_in_the_report(self):
        made = self.make(subscribers=1, nics=1)
        one_lane = folder.path / "one-lane.tape"  # which is one run: 24 s of the line
        run_json("synth", "--fixed", 100, "--lanes", 1, "--messages", RECORDS, "-o", one_lane, "--json")
        replay = self.start("replay", one_lane, "--to", self.at((A, 1)), "--mc-rate", "8Mbit", "--batch", "64MiB", "--wait-for", 0,
                            "--json", box=made.publisher)
        report = self.finish(replay, 3)
        self.assertEqual(RECORDS, report["records"])
        self.assertRegex(" ".join(report["damage"]), rf"udp://{A}@eth1: not sent .*\([0-9]+ records lost")
        self.assertRegex(replay.err, rf"udp://{A}@eth1 .*had not sent everything")

    def test_for_good_by_a_dead_line_ends_both_though_their_session_lives(self):
        made = self.make(subscribers=1, nics=2)
        to = self.at((A, 2))
        subscriber = self.start("subscribe", to, "--silence", "2s", "--json", box=made.subscribers[0])
        replay = self.start("replay", tape, "--to", to, "--session-endpoint", f"tcp://{made.publisher.address(1)}:*",
                            "--mc-rate", "40Mbit", "--silence", "2s", "--json", box=made.publisher)
        wait_for(lambda: made.publisher.counters(2)["tx"]["bytes"] >= 2_000_000, "the first records")
        made.subscribers[0].down(2)
        (dead,) = self.finish(replay, 3)["receipts"]
        self.assertTrue(dead["dead"], dead)
        receipt = self.finish(subscriber, 3)
        self.assertIn("silent", receipt["problem"])


if __name__ == "__main__":
    unittest.main()
