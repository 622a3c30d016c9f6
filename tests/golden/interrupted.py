#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C before the first packet: the capture is read again the next time.

usage: interrupted.py SAWATCH PCAPS

Another process writes in the database, so that the reader waits with the row
of its capture; the interrupt finds it there.
"""
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sawatch, pcaps = sys.argv[1:]
first, second = (os.path.join(pcaps, name) for name in ('spi-churn.pcap', 'auth-failed.pcap'))


def read(capture, database):
    return subprocess.run([sawatch, '-q', '-r', capture, '--db', database], check=True, capture_output=True, text=True)


def captures(database):
    with sqlite3.connect(database) as db:
        return db.execute('SELECT packets, complete FROM capture ORDER BY id').fetchall()


with tempfile.TemporaryDirectory() as where:
    database = os.path.join(where, 'x.db')
    read(first, database)
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute('PRAGMA journal_mode = WAL')
    holder.execute('BEGIN IMMEDIATE')
    reader = subprocess.Popen([sawatch, '-q', '-r', second, '--db', database], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    time.sleep(.5)
    reader.send_signal(signal.SIGINT)
    time.sleep(.1)
    holder.execute('ROLLBACK')
    said = reader.communicate(timeout=60)[1]
    assert 'interrupted' in said, said
    after = captures(database)
    assert len(after) == 2 and after[0][1] == 1, after
    assert not after[1][1], f'a capture of which nothing was read counts as read: {after}'
    again = read(second, database)
    assert 'not read again' not in again.stderr, again.stderr
    packets, complete = captures(database)[1]
    assert packets > 0 and complete == 1, captures(database)
    print('1 passed, 0 failed')
