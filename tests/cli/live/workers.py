#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sawatch -i … --workers N: threads that read rings of their own give the rows that one thread gives for the same packets,
and every packet is in one ring.

usage: workers.py SAWATCH PCAPS
"""
import concurrent.futures
import os
import sys
import tempfile
import time

from namespace import enter, make_link, run
from same_history import differences
from send import send
from watching import LIMIT_S, Watch, check, problems, rows

# capture -> times as fast as it was; fragments, IPv6, AH, a NAT, a moving peer, several tunnels at once
TOGETHER = {'spi-churn': 80, 'auth-retransmit-answered': 10, 'nat-stable': 4, 'healthy-ipv6': 5, 'frag-ip': 5, 'lsw-ah': 6, 'frag-ike': 5, 'healthy-ikev2': 240,
            'mid-stream': 5, 'one-way': 10}
SETTLED = ('--set', 'settle_s=1', '--set', 'judge_s=0.5', '--set', 'retx.abandon_min_s=1', '--set', 'retx.abandon_max_s=2')
TOTAL = 'SELECT sum(packets), sum(bytes) FROM v_esp_sas'


def threads(watch, name):
    folder = f'/proc/{watch.process.pid}/task'
    found = []
    for task in os.listdir(folder):
        with open(os.path.join(folder, task, 'comm'), encoding='ascii') as file:
            found.append(file.read().strip())
    return found.count(name)


def send_in_row(path, interfaces, speed):
    """All senders of one interface on one processor: two would show their packets to each watch in an order of its own."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})     # of this thread
    send(path, interfaces, speed)


def same_rows(sawatch, pcaps, links):
    """One thread and several watch the same interfaces at the same time."""
    names = [f'w{links}x{n}' for n in range(links)]
    for n in names:
        make_link(n)
    watched = [w for n in names for w in ('-i', n)]
    with tempfile.TemporaryDirectory() as folder:
        databases, watches = {}, {}
        for workers in (1, 2, 4):
            own = os.path.join(folder, str(workers))
            os.mkdir(own)
            databases[workers] = os.path.join(own, 'live.db')
            watches[workers] = Watch(sawatch, own, *watched, *SETTLED, '--json', '--db', databases[workers], '--workers', str(workers), ready=False)
        for w in watches.values():
            w.wait_for(lambda w=w: 'watching' in w.err, LIMIT_S)
        what = f'on {links} interface{"s" if links > 1 else ""}'
        # a thread names itself, when it comes to run
        for w, rings in zip(watches.values(), (0, links, 3 * links)):
            check(w.wait_for(lambda w=w, rings=rings: threads(w, 'ring') == rings, LIMIT_S), f'{what}: {rings} threads, one for each ring', w.err)
        with concurrent.futures.ThreadPoolExecutor(len(TOGETHER)) as pool:
            done = [pool.submit(send_in_row, os.path.join(pcaps, f'{name}.pcap'), [n + 's' for n in names], speed) for name, speed in TOGETHER.items()]
            for d in done:
                d.result()
        time.sleep(4)
        ends = {workers: w.end() for workers, w in watches.items()}
        check(set(ends.values()) == {0}, f'{what}: all end with status 0', [w.err for w in watches.values()])
        check(rows(databases[1], TOTAL)[0][0] > 100, f'{what}: there was something to see', rows(databases[1], TOTAL))
        for workers in (2, 4):
            # of two interfaces packets may come at the same moment, and either is the first
            different = differences(databases[1], databases[workers], frames=links == 1)
            check(not different, f'{what}: every field of every table is the same with --workers {workers}', '\n     '.join(different[:20]))
            check(rows(databases[1], 'SELECT packets, bytes, dropped FROM v_captures') == rows(databases[workers], 'SELECT packets, bytes, dropped FROM v_captures'),
                  f'{what}: and every packet was counted once')
            told = [sorted((a['code'], a['severity'], a['tunnel']) for a in watches[n].lines('alert') if a['status'] == 'raised') for n in (1, workers)]
            check(told[0] and told[0] == told[1], f'{what}: the same alerts are told', told)


def comes_and_goes(sawatch, pcaps, folder):
    """An interface that was down is seen again; one that was taken away is not, and that is said."""
    make_link('updown')
    make_link('stays')
    w = Watch(sawatch, folder, '-i', 'updown', '-i', 'stays', '--json', '--workers', '3')
    run('ip', 'link', 'set', 'updown', 'down')
    check(w.wait_for(lambda: 'updown: is down' in w.err or 'updown: cannot be read' in w.err), 'an interface that goes down is told', w.err)
    run('ip', 'link', 'set', 'updown', 'up')
    check(w.wait_for(lambda: 'is up again' in w.err or 'is back' in w.err), 'one that comes up is told', w.err)
    time.sleep(0.5)
    send(os.path.join(pcaps, 'spi-churn.pcap'), ['updowns'], 40)
    check(w.wait_for(lambda: any(a['code'] == 'spi_churn' for a in w.lines('alert'))), 'and all of its rings are read again', (w.err, w.out[-500:]))
    run('ip', 'link', 'del', 'updown')
    check(w.wait_for(lambda: 'only after a restart' in w.err), 'one that vanishes is told, once', w.err)
    send(os.path.join(pcaps, 'auth-failed.pcap'), ['stayss'], 10)
    check(w.wait_for(lambda: any(a['code'] == 'auth_failed' for a in w.lines('alert'))), 'and the other is watched on', (w.err, w.out[-500:]))
    check(w.err.count('only after a restart') == 1 and w.end() == 0, 'and the end is in order', w.err)


def goes_on(sawatch, pcaps, folder):
    """Killed and begun anew, with other numbers of threads: SAs have one row each."""
    make_link('anew')
    database = os.path.join(folder, 'anew.db')
    path = os.path.join(pcaps, 'lsw-ah.pcap')
    for n, workers in enumerate(('3', '3', '1', '2')):
        w = Watch(sawatch, folder, '-i', 'anew', '-Z', 'root', '--db', database, '--json', '--workers', workers)
        send(path, ['anews'], 50, 30 * n, 30 * n + 30)
        time.sleep(3)       # rows, and the images behind them
        w.process.kill()
        w.process.wait(LIMIT_S)
    found = rows(database, 'SELECT spi, count(*), sum(packets) FROM v_esp_sas GROUP BY spi, dst')
    check(found and all(n == 1 for _, n, _ in found), 'after kill -9 with --workers SAs go on, one row each', found)
    check(sum(p for _, _, p in found) > 60, 'and count on', found)


def refused(sawatch, folder):
    make_link('many')
    w = Watch(sawatch, folder, '-i', 'many', '--workers', '18', ready=False)
    check(w.process.wait(10) == 1 and 'fewer --workers' in w.err, 'too many rings are refused', w.err)


def main():
    sawatch, pcaps = map(os.path.abspath, sys.argv[1:3])
    enter()
    with tempfile.TemporaryDirectory() as folder:
        refused(sawatch, folder)
        comes_and_goes(sawatch, pcaps, folder)
        goes_on(sawatch, pcaps, folder)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for run_of in [pool.submit(same_rows, sawatch, pcaps, links) for links in (1, 2)]:
            run_of.result()
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
