#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare retransmissions in the lab captures with their labels, exchange by exchange.

usage: lab_exchanges.py SAWATCH CAPTURES [NAME...]

The label counts what was on the wire after the first transmission of each IKE
message, per IKE SA, exchange type, message ID and direction.  Exit status: 0
all equal, 1 not, 77 when the captures are not there.
"""
import collections
import glob
import json
import os
import subprocess
import sys

# The label's names for IKEv1, whose messages do not say whether they ask or answer.
VERSION1 = {'main': 'IDENTITY_PROTECTION', 'aggressive': 'AGGRESSIVE', 'quick': 'QUICK_MODE', 'informational': 'INFORMATIONAL',
            'transaction': 'TRANSACTION'}


def from_label(label):
    found = collections.Counter()
    for row in label['retransmissions_on_wire']:
        if row['fragment'] in (None, 1):        # a copy in fragments is one copy
            kind = VERSION1.get(row['exchange'], row['exchange'])
            found[row['ispi'], kind, row['mid'], row['role']] += row['retransmissions']
    return found


def from_sawatch(sawatch, capture):
    done = subprocess.run([sawatch, '-r', capture, '--json'], capture_output=True, check=True, timeout=120)
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    versions = {o['spi_i']: o['version'] for o in objects if o['type'] == 'ike_sa'}
    found = collections.Counter()
    exchanges = 0
    for o in objects:
        if o['type'] != 'exchange':
            continue
        exchanges += 1
        for direction in ('request', 'response'):
            role = direction if versions[o['spi_i']] == 2 else 'message'
            copies = max(0, o[f'{direction}s'] - 1)
            if copies:
                found[o['spi_i'], o['kind'], o['message_id'], role] += copies
    return found, exchanges


def main():
    sawatch, folder, only = sys.argv[1], sys.argv[2], sys.argv[3:]
    labels = sorted(glob.glob(f'{folder}/*.json'))
    if not labels:
        print(f'{folder}: the lab captures are not here; nothing compared')
        return 77
    wrong = total = 0
    for path in labels:
        name = os.path.basename(path)[:-5]
        if only and name not in only:
            continue
        with open(path, encoding='utf-8') as file:
            wanted = from_label(json.load(file))
        found, exchanges = from_sawatch(sawatch, f'{folder}/{name}.pcap')
        print(f'{"ok  " if found == wanted else "DIFF"} {name:36} {exchanges:4} exchanges, {sum(found.values()):3} of '
              f'{sum(wanted.values())} retransmissions')
        for key in sorted(set(found) | set(wanted), key=str):
            if found[key] != wanted[key]:
                print('       IKE SA {} {} message {} {}: label {}, sawatch {}'.format(*key, wanted[key], found[key]))
        wrong += found != wanted
        total += 1
    print(f'{total} captures, {wrong} differ')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
