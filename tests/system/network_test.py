"""The networks of the other tests, with plain sockets: that packets come where they should, and are lost where and as often as
was asked."""

import subprocess
import unittest

import network

SEND = """
import socket, sys
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
for number in range(1, int(sys.argv[2]) + 1):
    out.sendto(number.to_bytes(8, "big") + bytes(1000), ("239.192.1.1", 5555))
for _ in range(20):
    out.sendto(bytes(8), ("239.192.1.1", 5555))
"""
RECEIVE = """
import socket, sys
group = socket.inet_aton("239.192.1.1")
into = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
into.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
into.bind(("239.192.1.1", 5555))
into.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + socket.inet_aton(sys.argv[1]))
into.settimeout(30)
print("ready", flush=True)
while number := int.from_bytes(into.recv(2000)[:8], "big"):
    print(number)
"""


def setUpModule():
    network.need_root()


class Packets(unittest.TestCase):
    def make(self, **options):
        made = network.Network(**options)
        self.addCleanup(made.close)
        return made

    def send(self, made, count, nic=1):
        """The numbers that each subscriber has received."""
        receivers = [subprocess.Popen(box.command("python3", "-c", RECEIVE, box.address(nic)), stdout=subprocess.PIPE, text=True)
                     for box in made.subscribers]
        for receiver in receivers:
            self.assertEqual("ready\n", receiver.stdout.readline())
        network.run(*made.publisher.command("python3", "-c", SEND, made.publisher.address(nic), count))
        return [[int(line) for line in receiver.communicate(timeout=network.DEADLINE_S)[0].split()] for receiver in receivers]

    def test_reach_every_subscriber_on_every_interface(self):
        made = self.make(subscribers=3, nics=2)
        for nic in (1, 2):
            self.assertEqual([list(range(1, 11))] * 3, self.send(made, 10, nic))

    def test_are_lost_by_number(self):
        made = self.make(subscribers=2, nics=1)
        relay = made.relay(made.subscribers[0], 1, "--drop", "2", "--drop", "5-7")
        self.assertEqual([[1, 3, 4, 8], list(range(1, 9))], self.send(made, 8))
        done = relay.stop()
        self.assertEqual((4, 0), (done["dropped"], done["overrun"]))

    def test_are_lost_by_chance_and_the_same_ones_for_the_same_seed(self):
        lost = []
        for seed in (1, 1, 2):
            made = self.make(subscribers=1, nics=1)
            made.relay(made.publisher, 1, "--loss", 0.05, "--seed", seed)
            lost.append(set(range(1, 1001)) - set(self.send(made, 1000)[0]))
        self.assertTrue(20 < len(lost[0]) < 100, lost[0])
        self.assertEqual(lost[0], lost[1])
        self.assertNotEqual(lost[0], lost[2])

    def test_are_lost_in_a_short_queue(self):
        made = self.make(subscribers=1, nics=1)
        made.shape(made.subscribers[0], 1, "10mbit", "5kb", "20kb")
        network.run(*made.publisher.command("python3", "-c", SEND, made.publisher.address(), 1000))
        self.assertGreater(made.shaped(made.subscribers[0], 1), 500)


if __name__ == "__main__":
    unittest.main()
