"""What bench/end_to_end and bench/scaling share: running the real programs, tapes and endpoints for them, and the bounds that
both compare with."""
import contextlib
import json
import os
import pathlib
import resource
import socket
import subprocess
import sys

RECORD_BYTES = 120  # of a 100-byte message on the tape, with its head and padding
TIMEOUT_S = 600


class Programs:
    """Runs programs to their end and gives what they print as JSON; adds up the CPU seconds that they took."""

    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.cpu_s = 0.0
        self.sender, self.receiver = [], []

    def path(self, name):
        return str(self.build / name)

    def run(self, *command):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
        self._add_cpu(before)
        return json.loads(done.stdout) if done.stdout.startswith("{") else done

    def pair(self, send, receive, watch=None):
        """A sender and a receiver, started together; their outputs as JSON. `watch` is called with both processes."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        sending = subprocess.Popen(self.sender + send, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        receiving = subprocess.Popen(self.receiver + receive, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            if watch is not None:
                watch([sending, receiving])
            received = receiving.communicate(timeout=TIMEOUT_S)[0]
            sent = sending.communicate(timeout=TIMEOUT_S)[0]
        finally:  # neither outlives a benchmark that is interrupted, or whose other half hangs
            sending.kill()
            receiving.kill()
        self._add_cpu(before)
        if sending.returncode or receiving.returncode:
            sys.exit(f"failed: {send} {receive}: {sent} {received}")
        return json.loads(sent or "null"), json.loads(received)

    def _add_cpu(self, before):
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu_s += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    @contextlib.contextmanager
    def placed(self, sender, receiver):
        self.sender, self.receiver = sender, receiver
        yield
        self.sender, self.receiver = [], []


class Workshop:
    """A folder with tapes and sockets, and the bounds: each gives messages/s and how many messages it ran."""

    def __init__(self, programs, folder):
        self.programs = programs
        self.folder = pathlib.Path(folder)
        self.count = 0
        self.host = "127.0.0.1"

    def endpoint(self, transport):
        """A fresh endpoint; the kernel gave the port a moment ago, so nobody else has it."""
        self.count += 1
        if transport == "ipc":
            return f"ipc://{self.folder}/{self.count}.sock"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return f"tcp://{self.host}:{probe.getsockname()[1]}"

    def make_tape(self, name, messages, *options):
        path = self.folder / name
        if not path.exists():
            self.programs.run(self.programs.path("tapedeck"), "synth", "--fixed", "100", "--messages", str(messages),
                              "-o", str(path), *options)
            self.warm(path)
        return path

    def warm(self, tape):
        """Once from the disk into the page cache, so that the rows measure the programs and not the disk. What is there from
        writing is let go first: the kernel keeps it in pieces of the size of the writes, and copies small ones more slowly,
        whatever reads them."""
        for file in tape.rglob("*.seg"):
            with open(file, "rb") as segment:
                os.fsync(segment.fileno())
                os.posix_fadvise(segment.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self.programs.run(self.programs.path("tapedeck"), "info", "--digest", str(tape))

    def zmq(self, transport, size, messages, tape=None):
        """`tape`: what is sent is read from its files."""
        endpoint, queue = self.endpoint(transport), "100000" if size < 65536 else "16"
        textbook = self.programs.path("bench/textbook")
        _, result = self.programs.pair([textbook, "pub", endpoint, str(messages), str(size), *([str(tape)] if tape else [])],
                                       [textbook, "sub", endpoint, queue])
        if result["messages"] != messages:
            sys.exit(f"textbook lost messages: {result}")
        if size < 65536:
            return result["messages_per_s"], messages
        return result["bytes_per_s"] / RECORD_BYTES, messages * size / RECORD_BYTES

    def bare(self, transport, messages, tape=None):
        return self.zmq(transport, 1 << 20, messages * RECORD_BYTES >> 20, tape)

    def loop(self, tape):
        result = self.programs.run(self.programs.path("bench/bare_loop"), str(tape), str(os.cpu_count()))
        return result["bytes_per_s"] / RECORD_BYTES, result["bytes"] / RECORD_BYTES
