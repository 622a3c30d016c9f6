#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the frames of a classic pcap (Ethernet) on an interface, with their own
distances in time, SPEED times as fast; on several interfaces in turn.

usage: send.py PCAP INTERFACE[,INTERFACE] [SPEED [FIRST [LAST]]]
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


def socket_on(interface):
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    return out


def send(path, interfaces, speed=1.0, first=0, last=None):
    outs = [socket_on(i) for i in interfaces]
    begun, start = time.monotonic(), None
    for n, (at, frame) in enumerate(list(frames_of(path))[first:last]):
        start = at if start is None else start
        wait = begun + (at - start) / speed - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        outs[n % len(outs)].send(frame)
    for out in outs:
        out.close()


if __name__ == '__main__':
    send(sys.argv[1], sys.argv[2].split(','), *map(float, sys.argv[3:4]), *map(int, sys.argv[4:6]))
