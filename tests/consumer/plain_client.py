"""Receives a plain replay without Tapedeck: plain_client.py ENDPOINT TOPIC-PREFIX..."""
import struct
import sys
import zmq

socket = zmq.Context().socket(zmq.SUB)
for prefix in [*sys.argv[2:], "TDS/END/"]:
    socket.subscribe(prefix)
socket.connect(sys.argv[1])
while not (message := socket.recv()).startswith(b"TDS/END/"):
    if message.startswith(b"TDS/"):
        continue  # what else the replay says to its own subscribers
    topic, _, rest = message.partition(b"\0")
    sequence, captured_ns, source_ns, sent_ns = struct.unpack_from("<4Q", rest)
    print(topic.decode(), sequence, captured_ns, source_ns, rest[32:].hex())
