#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full for a while: sawatch -i goes on watching, says so, and
writes all of it afterwards; sawatch -r says so, ends with 1 and leaves a sound
history.  A reader that holds a snapshot: the log grows meanwhile, and is gone at the end.

usage: disk_full.py SAWATCH GENERATOR [SECONDS]
"""
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

from killed import Sender, check, frames_of, generate, make_link, problems

SKIPPED = 77


def fill(folder):
    """Not a byte is left."""
    with contextlib.suppress(OSError), open(os.path.join(folder, 'ballast'), 'ab', 0) as f:
        while True:
            f.write(bytes(65536))
    with contextlib.suppress(OSError), open(os.path.join(folder, 'ballast'), 'ab', 0) as f:
        while True:
            f.write(b'x')


def count(database, what):
    with contextlib.closing(sqlite3.connect(database, timeout=10)) as db:
        return db.execute(f'SELECT count(*) FROM {what}').fetchone()[0]


def tables(database):
    with contextlib.closing(sqlite3.connect(database, timeout=10)) as db:
        return db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'event'").fetchone()[0]


def sound(database):
    with contextlib.closing(sqlite3.connect(database)) as db:
        check(db.execute('PRAGMA integrity_check').fetchall() == [('ok',)], f'{database}: integrity_check')


def reading(sawatch, capture, folder):
    database = os.path.join(folder, 'r.db')
    fill(folder)
    os.truncate(os.path.join(folder, 'ballast'), os.path.getsize(os.path.join(folder, 'ballast')) - (1 << 20))
    done = subprocess.run((sawatch, '-qr', capture, '--db', database), capture_output=True, text=True, check=False)
    check(done.returncode == 1 and 'the disk is full' in done.stderr, f'-r on a full disk: status {done.returncode}, {done.stderr}')
    os.unlink(os.path.join(folder, 'ballast'))
    sound(database)
    done = subprocess.run((sawatch, '-qr', capture, '--db', database), capture_output=True, text=True, check=False)
    check(done.returncode == 0 and done.stderr == '', f'-r, with room again: status {done.returncode}, {done.stderr}')
    check(count(database, 'v_events') > 1000, '-r, with room again: few events')
    print('-r: says that the disk is full; read again it is complete')


def start(sawatch, database):
    watcher = subprocess.Popen((sawatch, '-qi', 'k0', '--db', database, '-Z', 'root'), stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    while watcher.poll() is None and not (os.path.exists(database) and tables(database)):
        time.sleep(0.1)
    time.sleep(1)
    return watcher


def watching(sawatch, capture, folder, seconds):
    database = os.path.join(folder, 'i.db')
    watcher, sender = start(sawatch, database), Sender(list(frames_of(capture)))
    sender.start()
    time.sleep(2)
    before = count(database, 'v_events')
    fill(folder)
    time.sleep(seconds)
    check(watcher.poll() is None, '-i on a full disk: it ended')
    during = count(database, 'v_events')
    os.unlink(os.path.join(folder, 'ballast'))
    time.sleep(4)
    after = count(database, 'v_events')
    sender.stopped = True
    sender.join()
    time.sleep(1.5)
    watcher.send_signal(signal.SIGTERM)
    said = watcher.communicate(timeout=60)[1]
    check(watcher.returncode == 0, f'-i: status {watcher.returncode} although nothing is lost: {said}')
    check('the disk is full' in said and 'is being written again; 0 records are lost' in said, f'-i says: {said}')
    sound(database)
    with contextlib.closing(sqlite3.connect(database)) as db:
        n, last = db.execute('SELECT count(*), max(seq) FROM v_events').fetchone()
        check(n == last, f'-i: {n} events, the last is number {last}')
        longest, = db.execute('SELECT max(gap) FROM (SELECT at_ns - lag(at_ns) OVER (ORDER BY at_ns) AS gap FROM event)').fetchone()
    check(longest < 2e9, f'-i: {longest / 1e9:.1f} s without an event: the time of the full disk is missing')
    check(before < after and during < after, f'-i: {before}, {during}, {after} events')
    print(f'-i: {before} events, full for {seconds} s: {during}, afterwards {after}, at the end {n}, none missing')


def slow_reader(sawatch, capture, folder, seconds):
    database = os.path.join(folder, 's.db')
    watcher, sender = start(sawatch, database), Sender(list(frames_of(capture)))
    sender.start()
    time.sleep(1)
    reader = sqlite3.connect(database, isolation_level=None)
    reader.execute('BEGIN')
    reader.execute('SELECT count(*) FROM event').fetchone()
    time.sleep(seconds)
    held = os.path.getsize(database + '-wal')
    reader.execute('COMMIT')
    reader.close()
    time.sleep(4)
    sender.stopped = True
    sender.join()
    watcher.send_signal(signal.SIGTERM)
    watcher.communicate(timeout=60)
    check(not os.path.exists(database + '-wal'), 'the log stays after the end')
    sound(database)
    print(f'a snapshot held for {seconds} s: the log had {held >> 10} KiB then')


def main():
    sawatch, generator = sys.argv[1:3]
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 5
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(('mount', '-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', folder), capture_output=True, check=False).returncode != 0:
            print('skipped: no small file system can be mounted here')
            return SKIPPED
        try:
            with tempfile.TemporaryDirectory() as captures:
                capture = os.path.join(captures, 'x.pcap')
                generate(generator, capture, int(15000 + 3000 * seconds), 1)
                reading(sawatch, capture, folder)
                if make_link():
                    watching(sawatch, capture, folder, seconds)
                    slow_reader(sawatch, capture, folder, seconds)
                else:
                    print('-i: skipped, a network namespace is not permitted here')
        finally:
            subprocess.run(('umount', '-l', folder), check=False)
    return 1 if problems else 0


if __name__ == '__main__':
    if 'FULL_IN_NAMESPACE' not in os.environ:
        if subprocess.run(('unshare', '-nm', 'true'), capture_output=True, check=False).returncode != 0:
            print('skipped: namespaces are not permitted here')
            sys.exit(SKIPPED)
        os.environ['FULL_IN_NAMESPACE'] = '1'
        os.execvp('unshare', ('unshare', '-nm', sys.executable, '-B', *sys.argv))
    sys.exit(main())
