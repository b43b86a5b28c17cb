"""Replays by multicast to several boxes, over networks of the test's own: that the same tape arrives everywhere, and that what
a network loses is repaired by the other line or told exactly."""

import unittest

import network
from replay_test import ReplayTest
from tapedeck_program import Folder, run_json, wait_for

A, B = "239.192.1.1:5555", "239.192.1.2:5555"
RECORDS = 200_000


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


if __name__ == "__main__":
    unittest.main()
