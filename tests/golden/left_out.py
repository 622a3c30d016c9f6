#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture that ends among thousands of logins: what a note says was left out is
what is really not told, and everything else is.  By one thread and by two, from one
file and from several, in text, JSON and the history.

usage: left_out.py SAWATCH GENERATE
"""
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

from trial import read, records

PAIRS = 3000         # of peers; each sends the next message of its login in turn
NOTE = re.compile(r'(\d+) pairs? of peers left out')


def write_part(path, header, messages, first, last):
    with open(path, 'wb') as f:
        f.write(header + b''.join(messages[first:last]))
    return path


def left_out(texts):
    return [sum(int(n) for n in NOTE.findall(text)) for text in texts]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def said(program, files, jobs, folder):
    """What each way to ask says: pairs left out of each capture, pairs told."""
    text = run(program, '-j', jobs, '-r', *files)
    told = re.search(r'^verdict: ([\d,]+) tunnels', text, re.MULTILINE)
    notes = re.split(r'^/', text, flags=re.MULTILINE)[1:]
    yield 'text', left_out(' '.join(note.split()) for note in notes), int(told[1].replace(',', ''))

    rows = [json.loads(line) for line in run(program, '-j', jobs, '--json', '-r', *files).splitlines()]
    yield ('JSON', left_out(' '.join(row['warnings']) for row in rows if row['type'] == 'capture'),
           sum(row['type'] == 'tunnel' for row in rows))

    path = os.path.join(folder, 'history.db')
    run(program, '-j', jobs, '--db', path, '-r', *files)
    db = sqlite3.connect(path)
    yield ('history', left_out(row[0] for row in db.execute('SELECT warnings FROM capture ORDER BY id')),
           db.execute('SELECT count(*) FROM tunnel').fetchone()[0])
    whole = db.execute('SELECT count(*) FROM capture WHERE complete').fetchone()[0]
    db.close()
    os.remove(path)
    if whole != len(files):
        raise SystemExit(f'FAILED {whole} of {len(files)} captures are complete')


def main():
    program, generate = sys.argv[1:3]
    failed = checked = 0
    with tempfile.TemporaryDirectory() as folder:
        whole = os.path.join(folder, 'whole.pcap')
        run(generate, '--packets', '1', '--tunnels', str(PAIRS), 'ike', whole)
        header, messages = records(read(whole))
        # ends of the captures, in messages of each login, and what must be left out of each
        for name, ends, wanted in (
                ('asked only', (1,), (PAIRS - 1024,)),
                ('answered', (2,), None),
                ('half of them logged in', (3.5,), None),
                ('all logged in', (4,), (0,)),
                ('probed, half of them', (5,), (0,)),
                ('asked in one, logged in in the next', (1, 4), (0, 0)),
                ('asked in one, half of them logged in in the next', (1, 3.5), None),
                ('a file for each message', (1, 2, 3, 4), (0, 0, 0, 0)),
                ('they come in two files and log in in a third', (0.5, 1, 4), (0, 0, 0))):
            files, first = [], 0
            for n, end in enumerate(ends):
                last = int(end * PAIRS)
                files.append(write_part(os.path.join(folder, f'{n}.pcap'), header, messages, first, last))
                first = last
            for jobs in ('1', '2'):
                for way, left, told in said(program, files, jobs, folder):
                    checked += 1
                    if sum(left) + told != PAIRS or (wanted and tuple(left) != wanted):
                        failed += 1
                        print(f'FAILED {name}, -j {jobs}, {way}: {left} of {PAIRS} left out, {told} told')
    print(f'{checked} answers, {failed} wrong')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
