"""PGM lines between two boxes: that everything arrives as it was sent, and that whatever happens to the process that runs OpenPGM,
the line goes on and says so. What sends and receives is pgm_driver.cc."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

import network
from tapedeck_program import Program, run, wait_for

DRIVER = os.environ.get("TAPEDECK_PGM_DRIVER", "")
FORGER = pathlib.Path(__file__).resolve().parent / "pgm_forger.py"
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable  # the system's has python3-zmq
GROUP, PORT = "239.192.1.1", 5555
STEADY = ("--batches-per-s", 100)  # for ever, at an easy pace

# The other end in ZeroMQ's own: messages as pgm_driver.cc makes them, or how many of them were as they should be, and how many not.
ZEROMQ = """
import struct, sys, time, zmq
END = 2**64 - 1
def filled(number, size):
    return struct.pack("<Q", number) + bytes((number * 31 + i) % 256 for i in range(8, size))
def socket(kind):
    made = zmq.Context().socket(kind)
    made.rate, made.recovery_ivl = 100_000, 1000
    return made
"""
SUBSCRIBER = """
sub = socket(zmq.SUB)
sub.rcvhwm = 0  # looking at a message takes longer than sending it
sub.rcvtimeo = 30_000
sub.subscribe(b"")
sub.connect(sys.argv[1])
right = wrong = 0
while (number := struct.unpack_from("<Q", message := sub.recv())[0]) != END:
    is_right = number == right + wrong and message == filled(number, len(message))
    right, wrong = right + is_right, wrong + (not is_right)
print(right, wrong)
"""
PUBLISHER = """
pub = socket(zmq.PUB)
pub.sndhwm = 0
pub.connect(sys.argv[1])
for number in range(5000):
    pub.send(filled(number, 700))
while True:  # what it has not sent yet goes with its socket, whatever its linger
    pub.send(struct.pack("<Q", END))
    time.sleep(0.01)
"""


class Driver(Program):
    def __init__(self, role, endpoint, *options, box, before=()):
        command = [*before, DRIVER, role, endpoint, *options]
        super().__init__(*command[1:], box=box, program=command[0])

    def now(self):
        """The last it has told."""
        lines = self.out.split("\n")[:-1]
        return json.loads(lines[-1]) if lines else {}

    def wait_until(self, key, least):
        wait_for(lambda: self.now().get(key, 0) >= least or self.process.poll() is not None, f"{least} {key}")
        if self.now().get(key, 0) < least:
            raise AssertionError(f"ended before {least} {key}: {self.out}{self.err}")

    def finish_well(self, test):
        test.assertEqual(0, self.finish(), self.err)
        return self.now()

    def child(self):
        """The process that runs its OpenPGM."""
        listed = subprocess.run(["pgrep", "--parent", str(self.process.pid)], capture_output=True, text=True, check=True)
        return int(listed.stdout)


def is_alive(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class OverPgm(unittest.TestCase):
    scheme = "pgm"

    def setUp(self):
        network.need_root()
        self.network = network.Network(subscribers=2, nics=1)
        self.addCleanup(self.network.close)
        self.at, self.elsewhere = self.network.subscribers

    def start(self, role, *options, box=None, before=()):
        box = box or (self.network.publisher if role == "send" else self.at)
        endpoint = f"{self.scheme}://{GROUP}:{PORT}@eth1"
        rate = () if "--rate" in options else ("--rate", 100_000_000)
        driver = Driver(role, endpoint, *rate, *options, box=box, before=before)
        self.addCleanup(driver.close)
        return driver

    def start_both(self, *options):
        receiver = self.start("receive", *options)
        receiver.wait_until("ready", 1)
        return self.start("send", *options), receiver

    def forge(self, victim):
        network.run(*self.elsewhere.command("python3", FORGER, self.scheme, victim, self.elsewhere.address(), GROUP, PORT))

    def assert_all_arrived(self, sender, receiver, count):
        sent, received = sender.finish_well(self), receiver.finish_well(self)
        self.assertEqual((count, 0), (sent["sent"], sent["restarts"]), sent)
        self.assertEqual((count, 0, 0), (received["received"], received["lost"], received["wrong"]), received)

    def assert_both_go_on(self, sender, receiver, ended, how):
        """After the end of the process of one of them: with a notice, and all that is sent from then on arrives."""
        ended.wait_until("restarts", 1)
        receiver.wait_until("next", sender.now()["sent"] + 2000)
        sender.signal(signal.SIGTERM)
        sent, received = sender.finish_well(self), receiver.finish_well(self)
        self.assertEqual(0, received["wrong"])
        self.assertEqual(1, sent["restarts"] + received["restarts"], (sent, received))
        notices = "\n".join(ended.now()["notices"])
        self.assertRegex(notices, rf"the PGM process of {GROUP}:{PORT} on eth1 ended \({how}.*\); started again after ")

    def test_datagrams_of_every_size_arrive_as_they_were_in_their_order(self):
        self.assert_all_arrived(*self.start_both("--messages", 20_000), 20_000)

    def test_messages_larger_than_what_goes_to_the_process_at_once_arrive_whole(self):
        self.assert_all_arrived(*self.start_both("--messages", 20, "--message-bytes", 300_000), 20)

    def test_what_is_sent_last_arrives_at_a_low_rate_too(self):
        self.assert_all_arrived(*self.start_both("--messages", 500, "--rate", 4_000_000), 500)

    def test_a_sender_stays_for_as_long_as_its_last_packets_can_be_asked_for_again(self):
        began = time.monotonic()
        self.start("send", "--messages", 1, "--recovery-ns", 1_500_000_000).finish_well(self)
        self.assertGreater(time.monotonic() - began, 1.5)

    def test_a_sender_whose_process_is_killed_goes_on(self):
        sender, receiver = self.start_both(*STEADY)
        receiver.wait_until("received", 1000)
        os.kill(sender.child(), signal.SIGKILL)
        self.assert_both_go_on(sender, receiver, sender, "signal 9")

    def test_a_process_that_is_started_again_has_the_place_of_the_first_and_not_that_of_the_lines_thread(self):
        sender, receiver = self.start_both(*STEADY, "--cpu", min(os.sched_getaffinity(0)))
        receiver.wait_until("received", 1000)
        first = sender.child()
        place = os.sched_getaffinity(first), os.sched_getscheduler(first)
        self.assertEqual(os.sched_getaffinity(0), place[0])
        os.kill(first, signal.SIGKILL)
        sender.wait_until("restarts", 1)
        again = sender.child()
        self.assertEqual(place, (os.sched_getaffinity(again), os.sched_getscheduler(again)))

    def test_a_receiver_whose_process_is_killed_goes_on(self):
        sender, receiver = self.start_both(*STEADY)
        receiver.wait_until("received", 1000)
        os.kill(receiver.child(), signal.SIGKILL)
        self.assert_both_go_on(sender, receiver, receiver, "signal 9")

    def test_a_receiver_goes_on_after_a_forged_packet_that_aborts_it(self):
        sender, receiver = self.start_both(*STEADY)
        receiver.wait_until("received", 1000)
        self.forge("receiver")
        self.assert_both_go_on(sender, receiver, receiver, "signal 6")

    def test_forged_packets_that_abort_zeromq_cost_nothing(self):
        sender, receiver = self.start_both(*STEADY)
        receiver.wait_until("received", 1000)
        self.forge("zeromq")
        receiver.wait_until("received", receiver.now()["received"] + 1000)
        sender.signal(signal.SIGTERM)
        count = sender.finish_well(self)["sent"]
        self.assert_all_arrived(sender, receiver, count)

    def zeromq(self, code, box):
        """A peer that is not ours: a Python program with ZeroMQ's socket of PGM."""
        endpoint = f"{self.scheme}://{box.address()};{GROUP}:{PORT}"
        program = Program("-c", ZEROMQ + code, endpoint, box=box, program=PYTHON)
        self.addCleanup(program.close)
        return program

    def test_a_subscriber_of_zeromq_gets_what_a_line_sends(self):
        subscriber = self.zeromq(SUBSCRIBER, self.at)
        wait_for(lambda: GROUP in self.at.ip("maddress", "show", "dev", "eth1"), "the subscriber to join")
        self.start("send", "--messages", 2000).finish_well(self)
        self.assertEqual(0, subscriber.finish(), subscriber.err)
        self.assertEqual("2000 0\n", subscriber.out)

    def test_a_line_gets_what_a_publisher_of_zeromq_sends(self):
        receiver = self.start("receive", "--bytes", 700)
        receiver.wait_until("ready", 1)
        self.zeromq(PUBLISHER, self.network.publisher)
        received = receiver.finish_well(self)
        self.assertEqual((5000, 0, 0), (received["received"], received["lost"], received["wrong"]), received)

    def test_a_sender_goes_on_after_a_forged_packet_that_it_never_comes_back_from(self):
        sender, receiver = self.start_both(*STEADY)
        receiver.wait_until("received", 1000)
        self.forge("sender")
        self.assert_both_go_on(sender, receiver, sender, "exit code 1: OpenPGM has not come back for ")

    def test_a_receiver_joins_anew_when_told(self):
        sender, receiver = self.start_both(*STEADY, "--rejoin-after", 1000)
        child = receiver.child()
        receiver.wait_until("rejoined_at", 1000)
        self.assertFalse(is_alive(child))
        receiver.wait_until("received", receiver.now()["rejoined_at"] + 1000)
        sender.signal(signal.SIGTERM)
        sender.finish_well(self)
        received = receiver.finish_well(self)
        self.assertEqual((0, 0, []), (received["wrong"], received["restarts"], received["notices"]), received)

    def test_the_process_ends_with_its_parent_however_that_ends(self):
        for driver in self.start_both(*STEADY):
            driver.wait_until("ready", 1)
            child = driver.child()
            self.assertTrue(is_alive(child))
            driver.signal(signal.SIGKILL)
            wait_for(lambda: not is_alive(child), "the end of the PGM process")

    def test_an_interrupt_that_reaches_the_process_too_is_its_parents_affair(self):
        sender, receiver = self.start_both(*STEADY)
        receiver.wait_until("received", 1000)
        for driver in (sender, receiver):
            for number in (signal.SIGINT, signal.SIGTERM):
                os.kill(driver.child(), number)
        receiver.wait_until("received", receiver.now()["received"] + 1000)
        sender.signal(signal.SIGTERM)
        self.assertEqual(0, sender.finish_well(self)["restarts"])
        self.assertEqual(0, receiver.finish_well(self)["restarts"])


class OverEpgm(OverPgm):
    scheme = "epgm"

    def test_needs_no_capability(self):
        receiver = self.start("receive", "--messages", 100, before=("setpriv", "--bounding-set", "-net_raw"))
        receiver.wait_until("ready", 1)
        sender = self.start("send", "--messages", 100, before=("setpriv", "--bounding-set", "-net_raw"))
        self.assert_all_arrived(sender, receiver, 100)


class Refused(unittest.TestCase):
    def test_pgm_without_the_capability_names_it_and_what_needs_none(self):
        network.need_root()
        made = network.Network(subscribers=1, nics=1)
        self.addCleanup(made.close)
        for role in ("send", "receive"):
            driver = Driver(role, f"pgm://{GROUP}:{PORT}@eth1", box=made.publisher,
                            before=("setpriv", "--bounding-set", "-net_raw"))
            self.addCleanup(driver.close)
            self.assertEqual(1, driver.finish(), driver.out)
            self.assertRegex(driver.err, "cap_net_raw.*epgm://")

    def test_a_program_that_is_not_there_is_named(self):
        network.need_root()
        made = network.Network(subscribers=1, nics=1)
        self.addCleanup(made.close)
        driver = Driver("send", f"epgm://{GROUP}:{PORT}@eth1", box=made.publisher,
                        before=("env", "TAPEDECK_PROGRAM=/nowhere/tapedeck"))
        self.addCleanup(driver.close)
        self.assertEqual(1, driver.finish(), driver.out)
        self.assertIn("TAPEDECK_PROGRAM names /nowhere/tapedeck", driver.err)


class TheCommand(unittest.TestCase):
    WELL_FORMED = ("--endpoint", f"epgm://127.0.0.1;{GROUP}:{PORT}", "--rate", 1000, "--window", 1000, "--recovery", 1000,
                   "--mtu", 1500, "--buffer", 1000, "--fd", 0)

    def test_is_not_in_the_list_of_commands_but_explains_itself(self):
        self.assertNotIn("pgm-line", run("--help").stdout)
        self.assertIn("no need to call it", run("pgm-line", "--help").stdout)

    def test_refuses_what_no_parent_would_ask_of_it(self):
        for arguments in ((), ("send",), ("listen", *self.WELL_FORMED), ("send", *self.WELL_FORMED),
                          ("send", "--endpoint", "tcp://127.0.0.1:5555", *self.WELL_FORMED[2:])):
            self.assertEqual(2, run("pgm-line", *arguments).returncode, arguments)


if __name__ == "__main__":
    unittest.main()
