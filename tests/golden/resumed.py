#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotated files read one by one with --resume say what the same packets say in one file.

usage: resumed.py SAWATCH LAB_CAPTURES [all]

Captures of the lab, each with a story that hangs over its cuts, or all with "all" behind the
folder; each is cut in three, and no cut parts a packet from the copy that the mirror
made of it.  What may differ: numbers of frames, which count within each file, and when an alert was
raised, because at the end of a file nobody waits for the next look.
"""
import glob
import json
import os
import sqlite3
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

from trial import Trial, arguments_of, read, records

STORIES = ('auth-retransmit-answered', 'auth-retransmit-noresponse', 'dpd-dead-peer', 'frag-ip', 'healthy-span-dup', 'ike-flap',
           'lifetime-mismatch-ikev1', 'max-session', 'mid-stream', 'multi-child', 'nat-stable', 'one-way', 'reauth-mbb',
           'rekey-collision-ikev2', 'spi-churn', 'stale-spi-restart')
PARTS = 3
COPY_S = 0.01
# Alerts of one run that comes to its end, which a run that goes on must have told by then, too.
TOLD = {
    'stale-spi-restart': {('peer_restart', 'warning', 'silence', 1), ('stale_spi', 'warning', 'peer_restart', 39)},
    'one-way': {('one_way_esp', 'info', None, 60)},
}
QUERIES = {
    'alerts': """SELECT t.name, code, severity, confidence, status, cause, count, a.first_ns, a.last_ns, cleared_ns, evidence
        FROM alert a LEFT JOIN tunnel t ON t.id = tunnel_id""",
    'tunnels': 'SELECT name, state, first_ns, last_ns, behind_nat_a, behind_nat_b, unobservable FROM tunnel',
    'IKE SAs': """SELECT spi_i, spi_r, state, origin, parent_spi_i, created_ns, established_ns, ended_ns, last_ns, end_reason,
        ended_by, messages, grade FROM ike_sa""",
    'child SAs': """SELECT spi_a, spi_b, state, created_ns, created_by, created_how, predecessor_spi_a, ended_ns, end_reason,
        ended_by, rekeyed_by, rekey_ns, grade FROM child_sa""",
    'ESP SAs': """SELECT spi, src_address, generation, first_ns, last_ns, packets, bytes, lost, late, duplicates,
        predecessor_spi, successor_spi, end_reason, ended_by, grade FROM esp_sa""",
    'exchanges': """SELECT spi_i, spi_r, message_id, kind, from_side, request_ns, response_ns, requests, responses, outcome,
        purpose, grade FROM exchange""",
    'traffic': """SELECT s.spi, s.src_address, bucket_ns, sum(b.packets), sum(b.bytes), sum(b.lost)
        FROM traffic b JOIN esp_sa s ON s.id = b.esp_sa_id GROUP BY 1, 2, 3""",
}


def seconds(record):
    whole, part = struct.unpack_from('<II', record)
    return whole + part / 1e6


def cuts(packets):
    """Where the parts begin: at the first pause after each third."""
    found = [0]
    for n in range(1, PARTS):
        at = max(len(packets) * n // PARTS, found[-1] + 1)
        while at < len(packets) and seconds(packets[at]) - seconds(packets[at - 1]) < COPY_S:
            at += 1
        found.append(at)
    return found + [len(packets)]


def without_frames(row):
    row = list(row)
    if isinstance(row[-1], str) and row[-1].startswith('{'):
        row[-1] = json.dumps({k: v for k, v in json.loads(row[-1]).items() if not k.startswith('frame')})
    return tuple(map(str, row))


def history(trial, name, captures):
    database = trial.path(name)
    for n, capture in enumerate(captures):
        # what other threads prepare was hashed before anybody knew by which key the last run did
        trial.run('-q', '-r', capture, '--db', database, '--resume', '--workers', str(1 + 2 * (n % 2)))
    with sqlite3.connect(database) as db:
        return ({what: sorted(map(without_frames, db.execute(query))) for what, query in QUERIES.items()},
                set(db.execute('SELECT code, severity, cause, count FROM alert')))


def try_one(trial, capture):
    name = os.path.basename(capture)[:-5]
    header, packets = records(read(capture))
    at = cuts(packets)
    parts = [trial.write(f'{name}-{n}.pcap', header + b''.join(packets[at[n]:at[n + 1]])) for n in range(PARTS)]
    whole, told = history(trial, f'{name}-whole.db', [capture])
    cut, _ = history(trial, f'{name}-cut.db', parts)
    differ = [f'{what}: whole {[r for r in whole[what] if r not in cut[what]][:3]}, '
              f'cut {[r for r in cut[what] if r not in whole[what]][:3]}' for what in QUERIES if whole[what] != cut[what]]
    if name in TOLD and not TOLD[name] <= told:
        differ.append(f'not told at the end: {TOLD[name] - told}')
    trial.check(not differ, f'{name} in {PARTS} files', '\n       '.join(differ))


def main():
    sawatch, folder = arguments_of(sys.argv, __doc__)
    captures = [c for c in sorted(glob.glob(os.path.join(folder, '*.pcap')))
                if sys.argv[3:] == ['all'] or os.path.basename(c)[:-5] in STORIES]
    if not captures:
        print(f'no captures in {folder}')
        sys.exit(77)
    trial = Trial(sawatch)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda capture: try_one(trial, capture), captures))
    sys.exit(trial.end())


main()
