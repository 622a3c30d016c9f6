#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sawatch -i behind its walls, told on by a service manager of our own: what the kernel says
stands, that everything a sensor meets in a year is survived there, and that what lies outside
cannot be reached.  Needs a build without sanitizers.

usage: confined.py SAWATCH PCAPS     (PYTHONPATH: tests/cli/live)
"""
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from live import NOBODY, SKIPPED, ip, make_link
from send import send
from watching import Watch, check, problems, rows

MANAGER_S = 2	# its watchdog


class Manager:
    """What systemd would hear."""
    def __init__(self, folder):
        self.path = os.path.join(folder, 'notify')
        self.heard, self.lock = [], threading.Lock()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            text = self.socket.recv(4096).decode()
            with self.lock:
                self.heard.append((time.monotonic(), text))

    def all(self, start):
        with self.lock:
            return [h for h in self.heard if h[1].startswith(start)]

    def gaps(self):
        at = [t for t, _ in self.all('WATCHDOG=1')]
        return [b - a for a, b in zip(at, at[1:])]


def statuses(pid):
    """Of every thread."""
    ret = []
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/status', encoding='utf-8') as file:
            ret.append(dict(line.split(':\t', 1) for line in file.read().splitlines() if ':\t' in line))
    return ret


def write(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, 0o644)


def stands(watch, user):
    threads = statuses(watch.process.pid)
    check(len(threads) > 1, 'the history has a thread of its own', threads)
    for status in threads:
        name = status['Name'].strip()
        check(status['Seccomp'] == '2' and status['NoNewPrivs'] == '1', f'thread {name}: system calls are filtered, no privilege can be gained', status)
        if user:
            check(status['Uid'].split() == [str(NOBODY)] * 4 and all(int(status[c], 16) == 0 for c in ('CapEff', 'CapPrm', 'CapBnd', 'CapAmb')),
                  f'thread {name}: another user, without capabilities', status)
    check('sandbox: seccomp' in watch.err, '-v says what stands', watch.err)


def reloads(watch, manager, folder, config):
    """The file may be changed, be wrong, and lie where it cannot be reached."""
    def hup(wanted, what):
        before = len(manager.all('RELOADING=1\nMONOTONIC_USEC='))
        watch.process.send_signal(signal.SIGHUP)
        check(watch.wait_for(lambda: wanted in watch.err), what, watch.err)
        check(watch.wait_for(lambda: len(manager.all('RELOADING=1')) == before + 1 and
                             manager.all('READY=1')[-1][0] > manager.all('RELOADING=1')[-1][0]), f'{what}: the manager is told', manager.heard)

    write(config, 'churn.warn = 4\nchurn.crit = 7\n[table]\ntunnels = 64\n')
    hup('read again, 2 settings and 0 tunnels changed; only a restart changes table.tunnels', 'a changed file is read again')
    write(config, 'churn.warn = 4\n\nchurm.crit = 7\n')
    hup('sawatch.conf:3: unknown setting "churm.crit"', 'a wrong one is complained of with file and line')
    outside = os.path.join(folder, 'outside')
    os.mkdir(outside)
    os.chmod(outside, 0o755)
    write(os.path.join(outside, 'other.conf'), 'churn.warn = 5\n')
    os.unlink(config)
    os.symlink(os.path.join(outside, 'other.conf'), config)
    if 'Landlock' in watch.err.split('sandbox: ', 1)[1].split('\n', 1)[0] and 'no Landlock' not in watch.err:
        hup('sawatch.conf: cannot be opened: Permission denied', 'a file in another folder cannot be reached any more')
    os.unlink(config)
    write(config, 'churn.warn = 4\nchurn.crit = 7\n')
    hup('read again, 0 settings and 0 tunnels changed', 'and the settings stayed as they were')


def year(sawatch, pcaps, folder, *words):
    """Everything that a sensor meets."""
    config, database, saved = (os.path.join(folder, n) for n in ('etc/sawatch.conf', 'history/h.db', 'saved/s.pcap'))
    for name in ('etc', 'history', 'saved'):
        os.mkdir(os.path.join(folder, name))
        os.chmod(os.path.join(folder, name), 0o777)
    write(config, 'churn.warn = 3\n')
    manager = Manager(folder)
    make_link('wall')
    os.environ.update(NOTIFY_SOCKET=manager.path, WATCHDOG_USEC=str(MANAGER_S * 1000000))
    w = Watch(sawatch, folder, '-v', '-i', 'wall', '--db', database, '--config', config, '-w', saved, '--json', *words)
    del os.environ['NOTIFY_SOCKET'], os.environ['WATCHDOG_USEC']
    check(w.wait_for(lambda: manager.all('READY=1')), 'the manager hears that it is ready', w.err)
    check('watching' in w.err or w.wait_for(lambda: 'watching' in w.err), 'it watches', w.err)
    stands(w, words)
    path = os.path.join(pcaps, 'spi-churn.pcap')
    send(path, ['walls'], 1e9, 0, 3000)
    reloads(w, manager, folder, config)
    ip('link', 'del', 'wall')
    check(w.wait_for(lambda: 'wall: has vanished' in w.err), 'an interface vanishes', w.err)
    make_link('wall')
    check(w.wait_for(lambda: 'wall: is back' in w.err), 'and comes back', w.err)
    for _ in range(3):
        send(path, ['walls'], 1e9)
    w.process.send_signal(signal.SIGUSR1)
    check(w.wait_for(lambda: 'watched for' in w.err), 'SIGUSR1', w.err)
    time.sleep(1.5)
    check(rows(database, 'SELECT count(*) > 0 FROM v_esp_sas') == [(1,)], 'the history is written')
    other = sqlite3.connect(database, timeout=10)
    check(other.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone()[0] == 0, 'somebody else empties its log')
    other.close()
    send(path, ['walls'], 1e9)
    check(w.wait_for(lambda: len(manager.all('STATUS=')) > 0), 'a line about it is told', manager.heard)
    check(w.wait_for(lambda: len(manager.gaps()) > 3), 'it says that it lives', manager.heard)
    check(max(manager.gaps()) < MANAGER_S, 'more often than the watchdog asks', manager.gaps())
    w.process.send_signal(signal.SIGSTOP)
    before = len(manager.all('WATCHDOG=1'))
    time.sleep(MANAGER_S)
    check(len(manager.all('WATCHDOG=1')) == before, 'and not when it does not work')
    w.process.send_signal(signal.SIGCONT)
    check(w.end() == 0, 'SIGTERM ends it with status 0', (w.process.returncode, w.err[-2000:]))
    check(manager.all('STOPPING=1'), 'the manager hears of it')
    check(rows(database, 'PRAGMA integrity_check') == [('ok',)], 'the history is sound')
    check(not os.path.exists(database + '-wal'), 'and whole: nothing waits in a log beside it')
    check(os.path.getsize(saved) > 100000, 'packets were saved')
    ip('link', 'del', 'wall')


def inside(sawatch, pcaps):
    ip('link', 'set', 'lo', 'up')
    if not make_link('try'):
        print('skipped: no veth interfaces here')
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        year(sawatch, pcaps, folder, *(('-Z', 'nobody') if may_be_nobody(folder) else ()))
    print(f'{len(problems)} problems')
    return 1 if problems else 0


def may_be_nobody(folder):
    os.chmod(folder, 0o777)
    try:
        os.chown(folder, NOBODY, NOBODY)
        return True
    except PermissionError:
        return False


def main():
    if len(sys.argv) == 4 and sys.argv[3] == 'inside':
        return inside(*sys.argv[1:3])
    for how in (('unshare', '--net'), ('unshare', '--map-root-user', '--net')):
        if shutil.which('unshare') and subprocess.run(how + ('true',), capture_output=True, check=False).returncode == 0:
            return subprocess.run(how + (sys.executable, '-B', __file__) + tuple(sys.argv[1:3]) + ('inside',), check=False).returncode
    print('skipped: network namespaces are not permitted here')
    return SKIPPED


if __name__ == '__main__':
    sys.exit(main())
