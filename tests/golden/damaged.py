#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures as the world delivers them: with holes, cut, damaged, without order or time.

usage: damaged.py SAWATCH CAPTURES [SEED]

Every capture of the folder is spoilt in every way below, by a generator of
fixed seed, and read: no crash, no sanitizer report, no error, exit status 0.
What is said then is the business of other tests.  Give another seed to search
further; a capture that went wrong is kept, and its name printed.
"""
import glob
import os
import random
import shutil
import struct
import sys

from trial import SANITIZER, Trial, arguments_of, read, records

ETHERNET = 14


def cut(packet, captured):
    data = packet[16:16 + captured]
    return packet[:8] + struct.pack('<I', len(data)) + packet[12:16] + data


def spoilt(packet, chance):
    data = bytearray(packet)
    for _ in range(chance.choice((0, 0, 1, 3))):
        if len(data) > 16 + ETHERNET:
            data[chance.randrange(16 + ETHERNET, len(data))] = chance.randrange(256)
    return bytes(data)


def moved(packet, seconds):
    at = struct.unpack_from('<I', packet)[0]
    return struct.pack('<I', max(0, at + seconds)) + packet[4:]


def ways(packets, chance):
    """(name, packets) of every way to spoil a capture."""
    yield 'one packet in ten missing', [p for p in packets if chance.random() > 0.1]
    yield 'every second packet missing', [p for p in packets if chance.random() > 0.5]
    yield 'bursts missing', [p for i, p in enumerate(packets) if i // 20 % 3]
    yield 'in no order', chance.sample(packets, len(packets))
    yield 'backwards', packets[::-1]
    yield 'a third of the packets twice', [p for p in packets for _ in range(1 + (chance.random() < 0.3))]
    yield 'cut at random', [cut(p, chance.choice((0, 20, 40, 60, 80, 96, 128))) for p in packets]
    yield 'bytes changed', [spoilt(p, chance) for p in packets]
    yield 'the clock jumping', [moved(p, chance.choice((0, 0, 0, 5, -5, 100000, -100000))) for p in packets]
    yield 'all times 0', [bytes(8) + p[8:] for p in packets]
    yield 'the last times that fit', [struct.pack('<II', 0xffffffff, 999999) + p[8:] for p in packets]
    yield 'one direction only', [p for p in packets if p[16 + 26:16 + 30] < p[16 + 30:16 + 34]]
    yield 'from the middle on', packets[len(packets) // 2:]


def main():
    sawatch, folder = arguments_of(sys.argv, __doc__)
    seed = sys.argv[3] if len(sys.argv) > 3 else '1'
    trial = Trial(sawatch)
    kept = []
    for path in sorted(glob.glob(f'{folder}/*.pcap')):
        name = os.path.basename(path)[:-5]
        chance = random.Random(f'{seed} {name}')
        header, packets = records(read(path))
        wrong = []
        for number, (way, made) in enumerate(ways(packets, chance)):
            spoilt_path = trial.write('spoilt.pcap', header + b''.join(made))
            done = trial.run('-r', spoilt_path, '--json')
            if done.status != 0 or done.err or SANITIZER.search(done.err):
                kept.append(shutil.copy(spoilt_path, os.path.join(os.getcwd(), f'spoilt-{seed}-{number}-{name}.pcap')))
                wrong.append(f'{way}: exit {done.status} {done.err[:1000]} kept as {kept[-1]}')
        trial.check(not wrong, f'{name}: {number + 1} ways to spoil it', '\n       '.join(wrong))
    return trial.end()


if __name__ == '__main__':
    sys.exit(main())
