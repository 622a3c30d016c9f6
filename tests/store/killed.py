#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at random moments while sawatch writes a history: it is never
damaged, what was committed stays, reading the capture again completes it to
the same rows as an undisturbed run's, and a watcher loses a moment at most.

usage: killed.py SAWATCH GENERATOR [ROUNDS]
"""
import contextlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

SKIPPED = 77
LOST_S = 5          # a flush is a second; the rest is for a machine with other things to do
PACKETS = 20000

problems = []


def check(ok, what):
    if not ok:
        problems.append(what)
        print('PROBLEM:', what)


def generate(generator, path, packets, seed):
    subprocess.run((generator, '--packets', str(packets), '--tunnels', '200', '--seed', str(seed), 'ike', path), check=True)


def everything(database):
    with contextlib.closing(sqlite3.connect(database)) as db:
        tables = [name for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        return {t: db.execute(f'SELECT * FROM {t} ORDER BY 1, 2').fetchall() for t in tables}


def look_after_kill(database, what):
    """Sound; events without a hole.  The number of them, and the moment of the latest."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        check(db.execute('PRAGMA integrity_check').fetchall() == [('ok',)], f'{what}: integrity_check')
        check(db.execute('PRAGMA foreign_key_check').fetchall() == [], f'{what}: foreign_key_check')
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'v_events'").fetchall():
            return 0, None
        for capture, n, last in db.execute('SELECT capture, count(*), max(seq) FROM v_events GROUP BY capture').fetchall():
            check(n == last, f'{what}: {n} events of capture {capture}, the last is number {last}')
        return db.execute('SELECT count(*), max(at_ns) FROM v_events').fetchone()


def reading(sawatch, generator, folder, rounds):
    capture, calm, shaken = (os.path.join(folder, n) for n in ('x.pcap', 'calm.db', 'shaken.db'))
    generate(generator, capture, PACKETS, 1)
    began = time.monotonic()
    subprocess.run((sawatch, '-qr', capture, '--db', calm), stdout=subprocess.DEVNULL, check=True)
    whole, kills, late, most, anew = time.monotonic() - began, 0, 0, 0, True
    while kills < rounds and late < 10 * rounds:
        if anew or kills % 5 == 0:      # others go on where the last was killed
            for end in ('', '-wal', '-shm'):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(shaken + end)
        p = subprocess.Popen((sawatch, '-qr', capture, '--db', shaken), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, whole))
        anew = p.poll() is not None
        kills, late = kills + (not anew), late + anew
        p.kill()
        p.wait()
        if os.path.exists(shaken):
            most = max(most, look_after_kill(shaken, f'-r, kill {kills}')[0])
    again = subprocess.run((sawatch, '-qr', capture, '--db', shaken), stdout=subprocess.DEVNULL, check=False)
    check(again.returncode == 0, 'the last run did not end well')
    a, b = everything(calm), everything(shaken)
    for table in a:
        check(a[table] == b[table], f'{table}: killed and read again, its {len(b[table])} rows differ from the {len(a[table])} of one calm run')
    check(kills == rounds, f'-r: only {kills} kills were in time')
    print(f'-r: {kills} kills ({late} came too late and do not count); up to {most} events were there; read again: the same rows')


def make_link():
    done = subprocess.run(('ip', 'link', 'add', 'k0', 'type', 'veth', 'peer', 'name', 'k1'), capture_output=True, check=False)
    for end in ('k0', 'k1'):
        subprocess.run(('ip', 'link', 'set', end, 'addrgenmode', 'none'), check=False)
        subprocess.run(('ip', 'link', 'set', end, 'up'), check=False)
    return done.returncode == 0


def frames_of(path):
    data = open(path, 'rb').read()
    at = 24
    while at < len(data):
        captured = int.from_bytes(data[at + 8:at + 12], 'little')
        yield data[at + 16:at + 16 + captured]
        at += 16 + captured


class Sender(threading.Thread):
    """Some thousand messages a second, until it is stopped."""

    def __init__(self, frames):
        super().__init__(daemon=True)
        self.frames, self.stopped = frames, False

    def run(self):
        out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        out.bind(('k1', 0))
        for n, frame in enumerate(self.frames):
            if self.stopped:
                break
            out.send(frame)
            if n % 20 == 19:
                time.sleep(0.005)
        out.close()


def watching(sawatch, generator, folder, rounds):
    database, worst = os.path.join(folder, 'live.db'), 0.0
    for i in range(rounds):
        capture = os.path.join(folder, f'live{i}.pcap')
        generate(generator, capture, 4 * PACKETS, 100 + i)
        p = subprocess.Popen((sawatch, '-qi', 'k0', '--db', database, '-Z', 'root'), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        sender = Sender(list(frames_of(capture)))
        time.sleep(1)
        sender.start()
        time.sleep(random.uniform(1.5, 5))
        killed = time.time()
        p.kill()
        p.wait()
        sender.stopped = True
        sender.join()
        os.unlink(capture)
        n, latest = look_after_kill(database, f'-i, kill {i + 1}')
        check(n > 0, f'-i, kill {i + 1}: no events: {p.stderr.read()}')
        if latest:
            worst = max(worst, killed - latest / 1e9)
    check(worst < LOST_S, f'-i: {worst:.1f} s were lost')
    print(f'-i: {rounds} kills; at most the last {worst:.2f} s were lost')


def main():
    sawatch, generator = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 6
    seed = random.randrange(1 << 32)
    random.seed(seed)
    print('seed', seed)
    with tempfile.TemporaryDirectory() as folder:
        reading(sawatch, generator, folder, rounds)
        try:
            os.unshare(os.CLONE_NEWNET)
            linked = make_link()
        except (AttributeError, OSError):       # Python before 3.12, or not permitted
            linked = os.environ.get('KILLED_IN_NAMESPACE') is not None and make_link()
        if linked:
            watching(sawatch, generator, folder, max(2, rounds // 3) if rounds < 50 else rounds)
        else:
            print('-i: skipped, a network namespace is not permitted here')
    return 1 if problems else 0


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if not hasattr(os, 'unshare') and 'KILLED_IN_NAMESPACE' not in os.environ:
        if subprocess.run(('unshare', '-n', 'true'), capture_output=True, check=False).returncode == 0:
            os.environ['KILLED_IN_NAMESPACE'] = '1'
            os.execvp('unshare', ('unshare', '-n', sys.executable, '-B', *sys.argv))
    sys.exit(main())
