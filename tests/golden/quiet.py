#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A healthy tunnel seen through a bad tap: no warning about the tunnel.

usage: quiet.py SAWATCH CAPTURES [NAME...]

Healthy captures of real daemons (lifetimes of minutes, default thresholds) are
spoilt as taps spoil them: loss, one direction, a start in mid-life, every
packet twice.  Facts about the capture (info) may be told, nothing louder.
Exit status: 0 quiet, 1 not, 77 when the captures are not there.
"""
import json
import os
import random
import socket
import struct
import sys

from trial import Trial, arguments_of, read, records

HEALTHY = ('healthy-ikev2-slow', 'healthy-ikev1-slow', 'multi-child-slow', 'idle-slow', 'mid-stream-slow', 'healthy-lossy-slow')


def later(packet, microseconds):
    seconds, fraction = struct.unpack_from('<II', packet)
    fraction += microseconds
    return struct.pack('<II', seconds + fraction // 1000000, fraction % 1000000) + packet[8:]


def bursts(packets, chance):
    kept, at = [], 0
    while at < len(packets):
        kept.append(packets[at])
        at += 51 if chance.random() < .002 else 1
    return kept


def ways(packets, chance, address):
    """(name, packets); the captures are Ethernet and IPv4."""
    yield 'as it is', packets
    for percent in (1, 5, 20):
        yield f'{percent} % lost', [p for p in packets if chance.random() > percent / 100]
    yield 'from one side only', [p for p in packets if p[16 + 26:16 + 30] == address]
    yield 'to that side only', [p for p in packets if p[16 + 30:16 + 34] == address]
    yield 'the second half', packets[len(packets) // 2:]
    yield 'the middle third', packets[len(packets) // 3:2 * len(packets) // 3]
    yield 'every packet twice', [p for p in packets for _ in (0, 1)]
    yield 'every packet again after 300 us', [p for q in packets for p in (q, later(q, 300))]
    yield 'bursts of 50 lost', bursts(packets, chance)


def loud_codes(done):
    found = [json.loads(line) for line in done.out.splitlines()]
    return sorted({o['code'] for o in found if o['type'] == 'alert' and o['severity'] != 'info'})


def main():
    sawatch, folder = arguments_of(sys.argv, __doc__)
    names = sys.argv[3:] or HEALTHY
    if not os.path.isdir(folder):
        print(f'{folder}: the lab captures are not here; nothing compared')
        return 77
    trial = Trial(sawatch)
    chance = random.Random(5)
    for name in names:
        header, packets = records(read(f'{folder}/{name}.pcap'))
        with open(f'{folder}/{name}.json', encoding='utf-8') as file:
            address = socket.inet_aton(json.load(file)['peers']['A']['ip'])
        for way, made in ways(packets, chance, address):
            done = trial.run('-r', trial.write('made.pcap', header + b''.join(made)), '--json')
            codes = loud_codes(done)
            trial.check(done.status == 0 and not codes, f'{name}, {way}', f'exit {done.status}, {codes} {done.err[:500]}')
    return trial.end()


if __name__ == '__main__':
    sys.exit(main())
