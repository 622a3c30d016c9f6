#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same packets give the same findings, however they come: by file, pipe or
FIFO, packed, in several files, out of order, twice, at the same time as others.

usage: same_answer.py SAWATCH PCAPS
"""
import collections
import gzip
import json
import lzma
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import threading

from trial import TIME_LIMIT_S, Done, Trial, arguments_of, read, records, rows_of, text_of

CAPTURES = ('healthy-ipv6', 'frag-ike', 'frag-ip', 'nat-stable', 'auth-retransmit-answered', 'lifetime-mismatch-ikev1', 'lsw-ah',
            'mid-stream', 'spi-churn')
LOUD = 'spi-churn'
QUIET = 'healthy-ipv6'
INVENTORY = """[tunnel the one with a name]
peers = 203.0.113.56, 198.51.100.46

[tunnel the one that does not come]
peers = 192.0.2.1, 192.0.2.2
"""
SUMS = ('packets', 'bytes', 'ike_messages', 'esp_packets', 'ah_packets', 'keepalives', 'duplicates', 'malformed', 'cut', 'fragments')


def said(done, numbers=True):
    """What a run with --json says of the packets.

    Without numbers: not under which numbers the frames stood, because
    they count within each file; evidence and summaries quote them.
    """
    found, captures = [], collections.Counter()
    for line in done.out.splitlines():
        o = json.loads(line)
        if o['type'] == 'capture':
            captures.update({name: o[name] for name in SUMS})
            continue
        if not numbers:
            if o['type'] == 'event':
                continue
            for name in ('frames', 'evidence', 'summary', 'id'):
                o.pop(name, None)
        found.append(json.dumps(o, sort_keys=True))
    return sorted(found) + [json.dumps(captures, sort_keys=True)]


def same(trial, what, done, wanted, numbers=True):
    got, wanted = said(done, numbers), said(wanted, numbers)
    only_one = sorted(set(got) ^ set(wanted))
    trial.check(done.status == 0 and not done.err and got == wanted, what,
                f'exit {done.status} {done.err}{len(only_one)} lines differ: {"; ".join(only_one)[:1500]}')


def zstd_of(data):
    """A frame of raw blocks, RFC 8878 3.1.1: Python has no zstd before 3.14."""
    blocks = [data[at:at + 65536] for at in range(0, len(data), 65536)]
    body = b''.join(struct.pack('<I', (len(b) << 3) | (i == len(blocks) - 1))[:3] + b for i, b in enumerate(blocks))
    return struct.pack('<IBI', 0xfd2fb528, 0xa0, len(data)) + body


def feed_fifo(path, data):
    with open(path, 'wb') as fifo:
        fifo.write(data)


def ways_to_come(trial, pcaps, name):
    """Every way a file can be handed over."""
    plain = os.path.join(pcaps, f'{name}.pcap')
    data = read(plain)
    wanted = trial.run('-r', plain, '--json')
    trial.check(wanted.status == 0 and not wanted.err and wanted.out, f'{name} is read', wanted.err)
    again = trial.run('-r', plain, '--json')
    trial.check(again.out == wanted.out, f'{name}: two runs give the same bytes')
    same(trial, f'{name} from standard input', trial.run('-r', '-', '--json', stdin=data), wanted)
    fifo = trial.path(f'{name}.fifo')
    os.mkfifo(fifo)
    writer = threading.Thread(target=feed_fifo, args=(fifo, data), daemon=True)
    writer.start()
    same(trial, f'{name} from a FIFO', trial.run('-r', fifo, '--json'), wanted)
    for kind, packed in (('gz', gzip.compress(data)), ('xz', lzma.compress(data)), ('zst', zstd_of(data))):
        same(trial, f'{name} packed as {kind}', trial.run('-r', trial.write(f'{name}.{kind}', packed), '--json'), wanted)
        same(trial, f'{name} packed as {kind} from standard input', trial.run('-r', '-', '--json', stdin=packed), wanted)
    swapped_header, packets = records(data)
    big = struct.pack('>IHHiIII', *struct.unpack('<IHHiIII', swapped_header)) + b''.join(
        struct.pack('>IIII', *struct.unpack('<IIII', p[:16])) + p[16:] for p in packets)
    same(trial, f'{name} in the other byte order', trial.run('-r', trial.write('big.pcap', big), '--json'), wanted)
    nano = struct.pack('<I', 0xa1b23c4d) + swapped_header[4:] + b''.join(
        p[:4] + struct.pack('<I', struct.unpack_from('<I', p, 4)[0] * 1000) + p[8:] for p in packets)
    same(trial, f'{name} with stamps in nanoseconds', trial.run('-r', trial.write('nano.pcap', nano), '--json'), wanted)
    rotated(trial, name, swapped_header, packets, wanted)
    out_of_order(trial, name, swapped_header, packets, wanted)
    saved(trial, name, plain, wanted)


def rotated(trial, name, header, packets, wanted):
    folder = trial.path(f'{name}.d')
    os.mkdir(folder)
    files = []
    for part in range(4):       # names against the order of time
        start, end = len(packets) * part // 4, len(packets) * (part + 1) // 4
        files.append(trial.write(f'{name}.d/{9 - part}.pcap', header + b''.join(packets[start:end])))
    trial.write(f'{name}.d/notes.txt', 'made by hand\n')
    same(trial, f'{name} as a rotated directory', trial.run('-r', folder, '--json'), wanted, numbers=False)
    mixed = [files[2], files[0], files[3], files[1]]
    same(trial, f'{name} as four files out of order', trial.run(*(a for f in mixed for a in ('-r', f)), '--json'), wanted,
         numbers=False)
    db, whole = f'{name}.parts.db', f'{name}.whole.db'
    done = trial.run('-r', folder, '--db', db, '--json')
    trial.run('-r', trial.write('whole.pcap', header + b''.join(packets)), '--db', whole)
    same(trial, f'{name} as a rotated directory into a database', done, wanted, numbers=False)
    counts = [rows_of(trial.path(d)) for d in (db, whole)]
    for c in counts:
        c.pop('capture')
    trial.check(counts[0] == counts[1], f'{name}: as many rows from the directory as from the file', counts)


def out_of_order(trial, name, header, packets, wanted):
    """Packets that overtook each other by less than 5 ms, as of several receive queues."""
    for first in (0, 1):
        mixed, at, swaps = list(packets), first, 0
        while at + 1 < len(mixed):
            a, b = (struct.unpack_from('<II', mixed[at + i]) for i in (0, 1))
            near = (b[0] - a[0]) * 1000000 + b[1] - a[1] <= 5000
            if near:
                mixed[at], mixed[at + 1] = mixed[at + 1], mixed[at]
                swaps += 1
            at += 2 if near else 1
        path = trial.write('mixed.pcap', header + b''.join(mixed))
        same(trial, f'{name} with {swaps} packets before their predecessors', trial.run('-r', path, '--json'), wanted,
             numbers=False)
    random.seed(name)
    random.shuffle(mixed)
    done = trial.run('-r', trial.write('mixed.pcap', header + b''.join(mixed)), '--json')
    trial.check(done.status == 0 and not done.err, f'{name} in no order at all does not crash', done.err[:1000])


def saved(trial, name, plain, wanted):
    done = trial.run('-r', plain, '-w', 'saved.pcap', '--json')
    same(trial, f'{name} while it is saved', done, wanted)
    done = trial.run('-r', 'saved.pcap', '--json')
    got, before = [[line for line in said(d, numbers=False)[:-1]] for d in (done, wanted)]
    trial.check(got == before, f'{name}: what -w saved has the same tunnels, SAs, exchanges and alerts',
                str(sorted(set(got) ^ set(before)))[:1500])
    capture = json.loads(done.out.splitlines()[0])
    original = json.loads(wanted.out.splitlines()[0])
    trial.check(all(capture[k] == original[k] for k in ('ike_messages', 'esp_packets', 'ah_packets', 'keepalives', 'fragments')),
                f'{name}: -w saved every IPsec packet', f'{capture} {original}')


def with_a_history(trial, pcaps):
    """The diagnosis takes its records from the core, with --db from the history: that must not make a difference."""
    files = sorted(os.path.join(pcaps, f) for f in os.listdir(pcaps) if f.endswith('.pcap'))
    config = trial.write('inventory.conf', INVENTORY)
    lots = [[f] for f in files] + [files, files[::-1] + files[:1]]
    labelled = 0
    for n, lot in enumerate(lots):
        what = os.path.basename(lot[0]) if len(lot) == 1 else f'{len(lot)} captures'
        arguments = ('-v', '--config', config, '--fail-on', 'warning', *(a for f in lot for a in ('-r', f)))
        without, with_db = trial.run(*arguments), trial.run(*arguments, '--db', f'history{n}.db')
        same = (without.status, without.out, without.err) == (with_db.status, with_db.out, with_db.err)
        trial.check(same and without.out, f'{what}: one diagnosis with and without a history',
                    f'exit {without.status} and {with_db.status}, {without.err} and {with_db.err}')
        labelled += b'the one with a name' in without.out
    trial.check(labelled > 0, 'the inventory names a tunnel in either')


def counts_and_pipes(trial, pcaps):
    plain = os.path.join(pcaps, f'{LOUD}.pcap')
    header, packets = records(read(plain))
    for n in (1, 7, 300, 10 ** 6):
        done = trial.run('-r', plain, '-c', str(n), '--json')
        seen = json.loads(done.out.splitlines()[0])['packets']
        trial.check(done.status == 0 and seen == min(n, len(packets)), f'-c {n} reads {min(n, len(packets))} packets', seen)
    cut = trial.run('-r', trial.write('first.pcap', header + b''.join(packets[:300])), '--json')
    same(trial, '-c 300 is as a file of 300 packets', trial.run('-r', plain, '-c', '300', '--json'), cut)
    for arguments in (['--json'], ['-v'], []):
        pipe = subprocess.Popen([trial.sawatch, '-r', plain, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        pipe.stdout.read(1)
        pipe.stdout.close()
        err = pipe.stderr.read()
        pipe.stderr.close()
        pipe.wait(TIME_LIMIT_S)
        trial.check(not err, f'{arguments} into a reader that stops reading is quiet', err)
    for severity, file, status in (('critical', LOUD, 10), ('warning', LOUD, 10), ('info', LOUD, 10), ('critical', QUIET, 0),
                                   ('warning', QUIET, 0)):
        done = trial.run('-r', os.path.join(pcaps, f'{file}.pcap'), '--fail-on', severity)
        trial.check(done.status == status and not done.err, f'--fail-on {severity} of {file}: exit {status}', done.status)


def imports(trial, pcaps):
    plain = os.path.join(pcaps, f'{LOUD}.pcap')
    trial.run('-r', plain, '--db', 'twice.db')
    once = text_of(trial.path('twice.db'))
    first = trial.run('-r', plain, '--json')
    for times, path in ((2, plain), (3, shutil.copy(plain, trial.path('another-name.pcap')))):
        done = trial.run('-r', path, '--db', 'twice.db', '--json')
        trial.check(done.status == 0 and text_of(trial.path('twice.db')) == once, f'imported {times} times: the same database',
                    done.err)
    same_lines = said(done)[:-1] == said(first)[:-1]
    trial.check(same_lines, 'imported before: the answer comes from the database, and is the same')
    sas = trial.run('sas', '--db', 'twice.db', '--json')
    trial.check(sas.status == 0 and sas.out, 'the history answers', sas.err)


def ask(db, patience_s):
    connection = sqlite3.connect(f'file:{db}?mode=ro', uri=True, timeout=patience_s)
    try:
        connection.execute('SELECT * FROM v_alerts').fetchall()
        connection.execute('SELECT count(*) FROM v_esp_sas').fetchall()
    finally:
        connection.close()


def at_the_same_time(trial, pcaps):
    """Two writers, and a reader who gets answers while they write."""
    db = trial.path('busy.db')
    names = ('spi-churn', 'healthy-ikev2')
    trial.run('-r', os.path.join(pcaps, f'{QUIET}.pcap'), '--db', db)
    writers = [subprocess.Popen([trial.sawatch, '-r', os.path.join(pcaps, f'{n}.pcap'), '--db', db, '-q'],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE) for n in names]
    polls, turned_away, faults = 0, 0, []
    while any(w.poll() is None for w in writers):
        try:
            ask(db, patience_s=0)
        except sqlite3.OperationalError:
            turned_away += 1
            try:
                ask(db, patience_s=1)
            except sqlite3.Error as fault:
                faults.append(str(fault))
        polls += 1
    print(f'       {turned_away} of {polls} questions came while the journal mode was switched and had to wait')
    for writer, name in zip(writers, names):
        out, err = writer.communicate()
        done = Done(writer.returncode, out, err)
        trial.check(done.status == 0 and not done.err, f'{name} is imported beside another', f'exit {done.status}: {done.err}')
    trial.check(polls > turned_away and not faults, 'questions beside two imports are all answered', faults[:3])
    for name in (QUIET, *names):
        trial.run('-r', os.path.join(pcaps, f'{name}.pcap'), '--db', 'calm.db')
    counts = rows_of(db), rows_of(trial.path('calm.db'))
    trial.check(counts[0] == counts[1], 'as many rows as one after the other', counts)
    two = [subprocess.Popen([trial.sawatch, '-r', os.path.join(pcaps, f'{LOUD}.pcap'), '--db', trial.path('race.db'), '-q'],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    ends = [(w.communicate()[1].decode(), w.returncode) for w in two]
    trial.check(all(status == 0 for _, status in ends), 'one file imported twice at the same time into a new database', ends)
    trial.run('-r', os.path.join(pcaps, f'{LOUD}.pcap'), '--db', 'alone.db')
    counts = rows_of(trial.path('race.db')), rows_of(trial.path('alone.db'))
    trial.check(counts[0] == counts[1], 'it is there once', counts)


def main():
    sawatch, pcaps = arguments_of(sys.argv, __doc__)
    trial = Trial(sawatch)
    for name in CAPTURES:
        ways_to_come(trial, pcaps, name)
    with_a_history(trial, pcaps)
    counts_and_pipes(trial, pcaps)
    imports(trial, pcaps)
    at_the_same_time(trial, pcaps)
    return trial.end()


if __name__ == '__main__':
    sys.exit(main())
