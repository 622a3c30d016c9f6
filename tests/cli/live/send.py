#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the frames of a classic pcap (Ethernet) on an interface, with their own
distances in time, SPEED times as fast.

usage: send.py PCAP INTERFACE [SPEED [COUNT]]
"""
import socket
import struct
import sys
import time


def frames_of(path):
    with open(path, 'rb') as file:
        data = file.read()
    magic, = struct.unpack_from('<I', data)
    unit = {0xa1b2c3d4: 1e-6, 0xa1b23c4d: 1e-9}[magic]
    at = 24
    while at < len(data):
        seconds, fraction, captured, _ = struct.unpack_from('<IIII', data, at)
        yield seconds + fraction * unit, data[at + 16:at + 16 + captured]
        at += 16 + captured


def main():
    path, interface = sys.argv[1:3]
    speed = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
    count = int(sys.argv[4]) if len(sys.argv) > 4 else None
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    begun, first = time.monotonic(), None
    for at, frame in list(frames_of(path))[:count]:
        first = at if first is None else first
        wait = begun + (at - first) / speed - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        out.send(frame)


if __name__ == '__main__':
    main()
