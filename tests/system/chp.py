"""A small Clone server and client, written from docs/clone-protocol.md alone, to test ours against."""

import os
import struct
import threading
import time

import zmq

from tapedeck_program import crc32c

MASK = (1 << 64) - 1


def sequence_frame(number):
    return struct.pack(">Q", number)


def number_of(frame):
    return struct.unpack(">Q", frame)[0]


def properties_of(frame):
    return dict(line.split("=", 1) for line in frame.decode().splitlines())


def digest_of(table):
    total = 0
    for key, value in table.items():
        x = (crc32c(key + b"\0" + value) + 0x9E3779B97F4A7C15) & MASK
        x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ x >> 27) * 0x94D049BB133111EB) & MASK
        total += x ^ x >> 31
    return f"{total & MASK:016x}"


class Client:
    """Joins as the page says, and follows with poll()."""

    def __init__(self, port, subtree=b"", collector="sub", timeout_s=20):
        self.context = zmq.Context()
        self.sockets = []
        self.subtree = subtree
        self.table = {}
        self.sequence = 0
        self.deadline = time.monotonic() + timeout_s
        self.messages = []  # every one that was published, as frames
        self.sub = self.connect(zmq.SUB, port + 1)
        self.sub.subscribe(subtree)
        self.sub.subscribe(b"HUGZ")
        self.up = self.connect(zmq.XPUB if collector == "sub" else zmq.PUSH, port + 2)
        if collector == "sub":
            self.receive(self.up)  # the server's subscription
        self.receive(self.sub)
        self.snapshot = self.fetch(port)

    def connect(self, kind, port, queued=0):
        socket = self.context.socket(kind)
        socket.linger = 0
        socket.hwm = queued  # messages; 0: any number
        socket.connect(f"tcp://127.0.0.1:{port}")
        self.sockets.append(socket)
        return socket

    def receive(self, socket):
        if not socket.poll(max(0, self.deadline - time.monotonic()) * 1000):
            raise AssertionError("waited in vain for the server")
        return socket.recv_multipart()

    def fetch(self, port):
        dealer = self.connect(zmq.DEALER, port)
        dealer.send_multipart([b"ICANHAZ?", self.subtree])
        messages = []
        while True:
            messages.append(self.receive(dealer))
            key, sequence, _, _, value = messages[-1]
            if key == b"KTHXBAI":
                self.sequence = number_of(sequence)
                break
            self.table[key] = value
        dealer.close()
        return messages

    def set(self, key, value, properties=b"", uuid=None):
        uuid = os.urandom(16) if uuid is None else uuid
        self.up.send_multipart([key, sequence_frame(0), uuid, properties, value])
        return uuid

    def poll_until(self, condition):
        """Follows updates until the condition holds of the last message."""
        while True:
            frames = self.receive(self.sub)
            self.messages.append(frames)
            key, sequence, _, _, value = frames
            if key != b"HUGZ" and key.startswith(self.subtree) and number_of(sequence) > self.sequence:
                self.sequence = number_of(sequence)
                if value:
                    self.table[key] = value
                else:
                    self.table.pop(key, None)
            if condition(frames):
                return frames

    def close(self):
        for socket in self.sockets:
            socket.close()
        self.context.term()


class Server:
    """Serves on a thread. With `quirks` it deviates as the widely copied implementation does."""

    def __init__(self, collector="sub", quirks=False):
        self.context = zmq.Context()
        self.quirks = quirks
        self.table = {}
        self.sequence = 0
        self.commands = self.context.socket(zmq.PAIR)
        self.commands.bind("inproc://commands")
        self._bind(zmq.SUB if collector == "sub" else zmq.PULL)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _bind(self, collector):
        while True:
            self.sockets = [self.context.socket(kind) for kind in (zmq.ROUTER, zmq.PUB, collector)]
            try:
                self.port = self.sockets[0].bind_to_random_port("tcp://127.0.0.1")
                self.sockets[1].bind(f"tcp://127.0.0.1:{self.port + 1}")
                self.sockets[2].bind(f"tcp://127.0.0.1:{self.port + 2}")
                break
            except zmq.ZMQError:
                for socket in self.sockets:
                    socket.close(linger=0)
        if collector == zmq.SUB:
            self.sockets[2].subscribe(b"")

    def _run(self):
        stop = self.context.socket(zmq.PAIR)
        stop.connect("inproc://commands")
        router, publisher, collector = self.sockets
        poller = zmq.Poller()
        for socket in (stop, router, collector):
            poller.register(socket, zmq.POLLIN)
        beat = 0.0
        while True:
            ready = dict(poller.poll(20))
            if stop in ready:
                break
            if router in ready:
                self._send_snapshot(router)
            if collector in ready:
                key, _, uuid, properties, value = collector.recv_multipart()
                self.sequence += 1
                self.table[key] = value
                if not value:
                    del self.table[key]
                publisher.send_multipart([key, sequence_frame(self.sequence), uuid, properties, value])
            if time.monotonic() - beat > 0.1:  # more often than each second, so that tests are quick
                beat = time.monotonic()
                publisher.send_multipart([b"HUGZ", sequence_frame(self.sequence if self.quirks else 0), b"", b"", b""])
        stop.close()

    def _send_snapshot(self, router):
        identity, command, subtree = router.recv_multipart()
        assert command == b"ICANHAZ?"
        uuid, properties = (os.urandom(16), b"ttl=1700000000000\n") if self.quirks else (b"", b"")
        for key, value in self.table.items():
            if key.startswith(subtree):
                router.send_multipart([identity, key, sequence_frame(1), uuid, properties, value])
        end = b"" if self.quirks else subtree
        router.send_multipart([identity, b"KTHXBAI", sequence_frame(self.sequence), b"", b"", end])

    def close(self):
        self.commands.send(b"stop")
        self.thread.join()
        self.context.destroy(linger=0)
