#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""However many threads read and decode, the answer is the same to the byte: what
is printed, the exit status, every row of the history.

usage: workers.py SAWATCH GENERATE PCAPS LAB
"""
import glob
import gzip
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

JOBS = ('2', '4')
GENERATED = (('esp', 40000), ('mixed', 20000), ('rekey', 30000), ('ike', 4000))
LAB_EVERY = 20       # of the laboratory's captures
TIME_LIMIT_S = 120


def history(path):
    """Every row of every table but what tells of this run: its time of day."""
    if not os.path.exists(path):
        return None
    db = sqlite3.connect(path)
    lines = [line for line in db.iterdump() if 'heartbeat' not in line]
    db.close()
    return lines


class Trial:
    def __init__(self, program, folder):
        self.program, self.folder, self.failed, self.checked = program, folder, 0, 0

    def run(self, jobs, arguments, stdin):
        db = os.path.join(self.folder, 'history.db')
        saved = os.path.join(self.folder, 'saved.pcap')
        for path in (db, db + '-wal', db + '-shm', saved):
            if os.path.exists(path):
                os.remove(path)
        done = subprocess.run([self.program, *arguments, '-j', jobs, '--db', db], input=stdin, capture_output=True,
                              timeout=TIME_LIMIT_S, check=False)
        packets = None
        if os.path.exists(saved):
            with open(saved, 'rb') as f:
                packets = f.read()
        return done.returncode, done.stdout, done.stderr, packets, history(db)

    def same(self, what, *arguments, stdin=b'', statuses=(0,)):
        wanted = self.run('1', arguments, stdin)
        self.checked += 1
        if wanted[0] not in statuses:
            self.failed += 1
            print(f'FAILED {what}: exit {wanted[0]}: {wanted[2][:500]}')
        if not wanted[1] or not wanted[4]:
            self.failed += 1
            print(f'FAILED {what}: nothing to compare')
        for jobs in JOBS:
            got = self.run(jobs, arguments, stdin)
            for name, a, b in zip(('status', 'output', 'errors', 'saved packets', 'history'), wanted, got):
                if a != b:
                    self.failed += 1
                    print(f'FAILED {what}: with {jobs} workers, {name}: {str(a)[:300]} … became {str(b)[:300]}')


def at_rest(path):
    """A file that nobody writes any more is mapped."""
    os.utime(path, (0, 0))
    return path


def records(path):
    with open(path, 'rb') as f:
        data = f.read()
    at, found = 24, []
    while at < len(data):
        length = struct.unpack_from('<I', data, at + 8)[0]
        found.append(data[at:at + 16 + length])
        at += 16 + length
    return data[:24], found


def out_of_order(path, ret):
    """Neighbours change places, as on several receive queues."""
    head, all_of_them = records(path)
    draw = random.Random(1)
    for i in range(0, len(all_of_them) - 1):
        if draw.random() < 0.02:
            all_of_them[i], all_of_them[i + 1] = all_of_them[i + 1], all_of_them[i]
    with open(ret, 'wb') as f:
        f.write(head + b''.join(all_of_them))
    return at_rest(ret)


def in_parts(path, folder, n):
    """As rotated: each goes on where the one before ended."""
    head, all_of_them = records(path)
    size = len(all_of_them) // n + 1
    os.mkdir(folder)
    for i in range(n):
        part = os.path.join(folder, f'part{i}.pcap')
        with open(part, 'wb') as f:
            f.write(head + b''.join(all_of_them[i * size:(i + 1) * size]))
        if i % 3 == 1:
            with open(part, 'rb') as plain, gzip.open(part + '.gz', 'wb', 1) as packed:
                shutil.copyfileobj(plain, packed)
            os.remove(part)
        elif i % 3 == 0:
            at_rest(part)
    return folder


def generated(trial, generate, folder):
    for kind, packets in GENERATED:
        path = os.path.join(folder, f'{kind}.pcap')
        subprocess.run([generate, '--packets', str(packets), '--tunnels', '20', kind, path], check=True)
        if kind == 'mixed':
            trial.same('a file that is being written', '-r', path, '--json')
        at_rest(path)
        trial.same(kind, '-r', path, '--json')
    trial.same('for people', '-r', path, '-v', '--fail-on', 'info', statuses=(0, 10))
    esp, rekey = os.path.join(folder, 'esp.pcap'), os.path.join(folder, 'rekey.pcap')
    saved = os.path.join(folder, 'saved.pcap')
    trial.same('a filter', '-r', esp, '--json', 'src', 'net', '10.0.0.0/8', 'or', 'udp')
    trial.same('-c', '-r', esp, '--json', '-c', '12345')
    trial.same('-w', '-r', rekey, '--json', '-w', saved)
    trial.same('neighbours out of order', '-r', out_of_order(rekey, os.path.join(folder, 'disorder.pcap')), '--json')
    trial.same('a directory of parts, some packed', '-r', in_parts(rekey, os.path.join(folder, 'parts'), 9), '--json')
    with open(rekey, 'rb') as f:
        data = f.read()
    trial.same('standard input', '-r', '-', '--json', stdin=data[:1 << 20], statuses=(2,))
    cut = os.path.join(folder, 'cut.pcap')
    with open(cut, 'wb') as f:
        f.write(data[:len(data) // 2 + 7])
    trial.same('a file that is cut off, one that is not there, one twice', '-r', at_rest(cut), '-r', rekey, '-r',
               os.path.join(folder, 'nowhere.pcap'), '-r', rekey, '--json', statuses=(2,))
    damaged = os.path.join(folder, 'damaged.pcap')
    with open(damaged, 'wb') as f:
        f.write(data[:200000] + b'\xff' * 64 + data[200064:])
    trial.same('a damaged file', '-r', at_rest(damaged), '--json', statuses=(2,))


def main():
    program, generate, pcaps, lab = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix='sawatch-workers-') as folder:
        trial = Trial(program, folder)
        copies = os.path.join(folder, 'pcaps')
        os.mkdir(copies)
        for path in sorted(glob.glob(os.path.join(pcaps, '*.pcap'))):
            copy = at_rest(shutil.copyfile(path, os.path.join(copies, os.path.basename(path))))
            if 'frag' in path or 'ikev1' in path:
                trial.same(os.path.basename(path), '-r', copy, '--json')
        trial.same('all samples at once', '-r', copies, '--json')
        generated(trial, generate, folder)
        for path in sorted(glob.glob(os.path.join(lab, '**', '*.pcap*'), recursive=True))[::LAB_EVERY]:
            trial.same(os.path.relpath(path, lab), '-r', path, '--json')
        print(f'{trial.checked} ways to read, {len(JOBS)} numbers of workers beside one: {trial.failed} differences')
        return 1 if trial.failed else 0


if __name__ == '__main__':
    sys.exit(main())
