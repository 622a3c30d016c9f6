#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sensor must survive while it captures: kill -9 at any moment, a disk that is full for a while, somebody who
reads the history for minutes.

usage: hardship.py SAWATCH PCAPS kill [ROUNDS] | full [SECONDS] | reader [SECONDS] | held [SECONDS]
"""
import multiprocessing
import os
import random
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

import network
from namespace import make_link
from site_between import Watch, check, problems, rows
from send import send  # noqa: E402 (of tests/cli/live, as watching.py)

TUNNELS = 20
PACKETS_A_SECOND = 2000
MANY_TUNNELS, MANY_PACKETS_A_SECOND = 4000, 8000
# flushed every second; a block of the capture ring is handed over after a tenth; a busy machine comes late
AT_MOST_LOST_S = 1.0
LATE_S = 1.0
SPI = 0xc0de0000
WAL_RESET_KIB = 20 << 10    # written back from 16 MiB on; what a reader holds back comes on top, here a few hundred KiB


def frame(tunnel, back, seq):
    """ESP between the peers of a tunnel, of 100 bytes."""
    here, there = bytes((198, 18, tunnel >> 7, 1 + tunnel % 128)), bytes((198, 19, tunnel >> 7, 1 + tunnel % 128))
    esp = struct.pack('>II', SPI + 2 * tunnel + back, seq) + bytes(58)
    header = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(esp), seq & 0xffff, 0, 64, 50, 0)
    return bytes.fromhex('020000000002' '020000000001' '0800') + header + (there + here if back else here + there) + esp


def talk(interface, stop, sent, tunnels, pace):
    """All tunnels, both ways, at an even pace; `sent` holds the latest sequence number of all."""
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    seq, begun = 0, time.monotonic()
    while not stop.is_set():
        seq += 1
        for tunnel in range(tunnels):
            for back in (0, 1):
                out.send(frame(tunnel, back, seq))
        sent.value = seq
        wait = begun + seq * 2 * tunnels / pace - time.monotonic()
        if wait > 0:
            time.sleep(wait)


class Talking:
    def __init__(self, interface, tunnels=TUNNELS, pace=PACKETS_A_SECOND):
        self.stop, self.sent = multiprocessing.Event(), multiprocessing.Value('L', 0)
        self.process = multiprocessing.Process(target=talk, args=(interface, self.stop, self.sent, tunnels, pace))

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.process.join(10)


def watch(sawatch, folder, interface, database, *words):
    return Watch(sawatch, folder, '-i', interface, '-Z', 'root', '--db', database, '--json', *words)


def killed(sawatch, _pcaps, folder, rounds):
    make_link('kill')
    database = os.path.join(folder, 'kill.db')
    lost, born = [], {}
    random.seed(rounds)
    with Talking('kills'):
        for n in range(rounds):
            w = watch(sawatch, folder, 'kill', database)
            began = time.time()
            time.sleep(random.uniform(0.1, 4.0) if n else 3.0)
            at = time.time()
            w.process.send_signal(signal.SIGKILL)
            w.process.wait(10)
            health = rows(database, 'PRAGMA integrity_check')
            latest, = rows(database, 'SELECT max(last_ns) FROM esp_sa')[0]
            if health != [('ok',)] or rows(database, 'PRAGMA foreign_key_check'):
                check(False, f'kill {n + 1}: the database is sound', health)
            lost.append(at - max(latest / 1e9, began))      # what came between two runs nobody could see
            if n == 0:
                born = dict(rows(database, 'SELECT spi, first_ns FROM esp_sa'))
        w = watch(sawatch, folder, 'kill', database)
        time.sleep(3)
    check(w.end() == 0, 'after the last kill it watches and ends with status 0', w.err)
    check(not problems, f'{rounds} kills: the database was sound each time')
    late = sorted(lost)
    check(late[-1] <= AT_MOST_LOST_S + LATE_S, f'{rounds} kills: lost {late[0]:.2f} to {late[-1]:.2f} s, median {late[len(late) // 2]:.2f} s', late)
    found = rows(database, 'SELECT spi, first_ns, end_reason, lost FROM esp_sa ORDER BY spi')
    check(len(found) == 2 * TUNNELS, f'{rounds} kills: every SA has one row, {2 * TUNNELS}', (len(found), found[:5]))
    check({f[0]: f[1] for f in found} == born, f'{rounds} kills: born when they were born', (found[:3], list(born.items())[:3]))
    check(all(f[2] is None for f in found), f'{rounds} kills: and alive', [f for f in found if f[2]][:5])
    ill = rows(database, "SELECT code, severity, summary FROM alert WHERE severity != 'info'")
    check(not ill, f'{rounds} kills: none of them is an alert about a tunnel', ill[:5])


def fill(folder):
    with open(os.path.join(folder, 'filler'), 'wb') as file:
        try:
            while True:
                file.write(bytes(65536))
                file.flush()
        except OSError:
            pass
    free = os.statvfs(folder)
    return free.f_bavail * free.f_bsize


def full(sawatch, pcaps, folder, seconds):
    make_link('full')
    disk = os.path.join(folder, 'disk')
    os.mkdir(disk)
    network.run('mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk)
    database = os.path.join(disk, 'full.db')
    w = watch(sawatch, folder, 'full', database)
    with Talking('fulls') as talking:
        time.sleep(3)
        left = fill(disk)
        check(left < 65536, f'the disk is full, {left} bytes are left')
        at = time.time()
        send(os.path.join(pcaps, 'spi-churn.pcap'), ['fulls'], 552 / max(seconds - 5, 5))
        while time.time() < at + seconds:
            time.sleep(0.1)
        check(w.process.poll() is None, f'after {seconds:.0f} s it still watches', w.err)
        check('full' in w.err or 'written' in w.err, 'and said what is wrong', w.err)
        check(any(a['code'] == 'spi_churn' for a in w.lines('alert')), 'the alert was told although it could not be kept', w.out[-500:])
        during = rows(database, "SELECT count(*) FROM alert WHERE code = 'spi_churn'")[0][0]
        print(f'     while it was full: {during} such alerts in the history')
        os.remove(os.path.join(disk, 'filler'))
        check(w.wait_for(lambda: rows(database, "SELECT count(*) FROM alert WHERE code = 'spi_churn'")[0][0] == 1, 70),
              'the alert arrives when there is room again', w.err)
        time.sleep(3)
    time.sleep(1.5)
    sent = talking.sent.value
    check(w.end() == 0 or 'written again' in w.err, 'it ends in order', w.err)
    found = rows(database, f"SELECT spi, packets, seq_last FROM esp_sa WHERE spi LIKE '{SPI >> 16:04x}%'")
    check(len(found) == 2 * TUNNELS and all(f[2] == sent and f[1] == sent for f in found), f'every one of {sent} packets of each SA was counted', found[:5])
    check(rows(database, 'SELECT sum(dropped) FROM capture') == [(0,)], 'the capture lost nothing', rows(database, 'SELECT name, dropped FROM capture'))
    minutes = rows(database, f"SELECT count(*), sum(t.packets) FROM traffic t JOIN esp_sa e ON e.id = t.esp_sa_id WHERE e.spi LIKE '{SPI >> 16:04x}%'")
    print(f'     traffic rows and packets in them: {minutes}')
    check(rows(database, 'PRAGMA integrity_check') == [('ok',)], 'the database is sound')
    print('     ' + '\n     '.join(line for line in w.err.splitlines() if 'full' in line)[:2000])
    network.run('umount', disk)


def reader(sawatch, _pcaps, folder, seconds):
    make_link('read')
    database = os.path.join(folder, 'read.db')
    size = []
    w = watch(sawatch, folder, 'read', database)
    with Talking('reads'):
        time.sleep(3)
        slow = sqlite3.connect(f'file:{database}?mode=ro', uri=True)
        slow.execute('BEGIN')
        begun = slow.execute('SELECT max(last_ns) FROM esp_sa').fetchone()
        end = time.time() + seconds
        while time.time() < end:
            time.sleep(0.5)
            size.append(os.path.getsize(database + '-wal'))
        check(slow.execute('SELECT max(last_ns) FROM esp_sa').fetchone() == begun, f'a reader keeps its view for {seconds:.0f} s')
        latest, = rows(database, 'SELECT max(last_ns) FROM esp_sa')[0]
        check(time.time() - latest / 1e9 < 4, 'the writer is not stopped by it', time.time() - latest / 1e9)
        slow.close()
        time.sleep(6)
        after = os.path.getsize(database + '-wal')
    check(w.end() == 0, 'it ends with status 0', w.err)
    rate = (size[-1] - size[len(size) // 2]) / (seconds / 2)
    check(max(size + [after]) <= WAL_RESET_KIB << 10, f'the write-ahead log stays below {WAL_RESET_KIB >> 10} MiB and what was written meanwhile', max(size))
    print(f'     -wal: {size[0] >> 10} KiB when it began, at most {max(size) >> 10} KiB, {after >> 10} KiB after it; {rate / 1024:.0f} KiB a second at the end')
    check(rows(database, 'PRAGMA integrity_check') == [('ok',)], 'the database is sound')
    left = [n for n in os.listdir(folder) if n.startswith('read.db-')]
    check(not left, 'nothing is left beside the file at the end', left)


def held(sawatch, pcaps, folder, seconds):
    """A page of our own output that nobody turns keeps its view of the history until the log is at its limit."""
    make_link('held')
    database = os.path.join(folder, 'held.db')
    wal, limit = database + '-wal', 32 << 20
    w = watch(sawatch, folder, 'held', database, '--set', f'store.wal_mb={limit >> 20}', '--set', 'store.backlog_mb=16')
    with Talking('helds', MANY_TUNNELS, MANY_PACKETS_A_SECOND):
        time.sleep(3)
        pager = subprocess.Popen((sawatch, 'sas', '--db', database, '--json'), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        begun = time.monotonic()
        check(w.wait_for(lambda: 'store.wal_mb' in w.err, 60), 'it says that the log is at its limit', w.err)
        print(f'     after {time.monotonic() - begun:.0f} s')
        check(f'process {pager.pid} ' in w.err, 'and who reads', w.err)
        send(os.path.join(pcaps, 'spi-churn.pcap'), ['helds'], 552 / max(seconds - 5, 5))
        size = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.2)
            size.append(os.path.getsize(wal))
        check(max(size) < limit * 5 // 4, f'the log stays below {limit >> 20} MiB and a transaction', max(size))
        check(size[0] == size[-1], 'and does not grow any more', (size[0], size[-1]))
        check(any(a['code'] == 'spi_churn' for a in w.lines('alert')), 'the alert was told although it could not be kept', w.out[-500:])
        waiting = rows(database, "SELECT count(*) FROM alert WHERE code = 'spi_churn'")[0][0]
        check(waiting == 0, 'it waits', waiting)
        pager.kill()
        pager.wait(10)
        pager.stdout.close()
        check(w.wait_for(lambda: 'written again' in w.err, 30), 'the reader ends, and it goes on', w.err)
        check(w.wait_for(lambda: rows(database, "SELECT count(*) FROM alert WHERE code = 'spi_churn'")[0][0] == 1, 30),
              'the alert arrives', w.err)
        after = os.path.getsize(wal)
    time.sleep(2)
    check(w.end() == 0, 'it ends with status 0', w.err)
    print(f'     -wal: at most {max(size) >> 10} KiB, {after >> 10} KiB after it')
    check(rows(database, 'SELECT sum(dropped) FROM capture') == [(0,)], 'the capture lost nothing', rows(database, 'SELECT name, dropped FROM capture'))
    check(rows(database, 'PRAGMA integrity_check') == [('ok',)], 'the database is sound')
    print('     ' + '\n     '.join(w.err.splitlines())[:3000])


def main():
    sawatch, pcaps, trial = sys.argv[1:4]
    network.enter_own_namespaces(('unshare', 'ip'), gateways=False)
    trials = {'kill': (killed, 5), 'full': (full, 20.0), 'reader': (reader, 20.0), 'held': (held, 7.0)}
    run, much = trials[trial]
    if len(sys.argv) > 4:
        much = type(much)(sys.argv[4])
    with tempfile.TemporaryDirectory() as folder:
        run(sawatch, pcaps, folder, much)
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
