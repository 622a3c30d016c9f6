#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sawatch -i behind its walls, told on by a service manager of our own: what the kernel says
stands, that everything a sensor meets in a year is survived there, and that what lies outside
cannot be reached.  Needs a build without sanitizers.

usage: confined.py SAWATCH PCAPS     (PYTHONPATH: tests/cli/live)
"""
import os
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from namespace import NOBODY, enter, make_link, run
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
    run('ip', 'link', 'del', 'wall')
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
    run('ip', 'link', 'del', 'wall')


def may_be_nobody(folder):
    os.chmod(folder, 0o777)
    try:
        os.chown(folder, NOBODY, NOBODY)
        return True
    except PermissionError:
        return False


def children(pid):
    """[status]"""
    found = []
    for name in os.listdir('/proc'):
        try:
            with open(f'/proc/{name}/status', encoding='utf-8') as file:
                status = dict(line.split(':\t', 1) for line in file.read().splitlines() if ':\t' in line)
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            continue
        if status.get('PPid', '').strip() == str(pid):
            found.append(status)
    return found


def outlets_of(pid):
    """What tells others: {name: (status of the worker, status of its keeper)}."""
    return {worker['Name'].strip(): (worker, keeper) for keeper in children(pid) for worker in children(keeper['Pid'].strip())}


def limits(pid):
    with open(f'/proc/{pid}/limits', encoding='utf-8') as file:
        return {line[:26].strip(): line[26:].split()[1] for line in file.read().splitlines()[1:]}


class Collector:
    """TCP, at an address or a name of this host."""
    def __init__(self):
        self.server = socket.create_server(('127.0.0.1', 0))
        self.port, self.heard = self.server.getsockname()[1], b''
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            connection, _ = self.server.accept()
            while part := connection.recv(65536):
                self.heard += part


def asked(port, path='/metrics'):
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}{path}', timeout=5) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return ''


def deaths(watch, host, port):
    """Whoever dies is begun anew, and the monitor is not disturbed."""
    numbers = (signal.SIGKILL, signal.SIGSEGV)
    for number in numbers:
        before = {name: worker['Pid'] for name, (worker, _) in outlets_of(watch.process.pid).items()}
        for pid in before.values():
            os.kill(int(pid), number)
        check(watch.wait_for(lambda: len(found := outlets_of(watch.process.pid)) == 3 and all(w['Pid'] != before[n] for n, (w, _) in found.items()), 20),
              f'{host}: each that {number.name} ends is begun anew', (before, outlets_of(watch.process.pid)))
    for name in ('syslog', 'metrics', 'on_alert'):
        check(watch.wait_for(lambda: f'sawatch_output_up{{output="{name}"}} 1\n' in (page := asked(port)) and
                             f'sawatch_output_restarts_total{{output="{name}"}} {len(numbers)}\n' in page, 20), f'{host}: {name} works again, and it is counted', asked(port)[-900:])
    for name in before:
        check(f'process {name} was ended by signal 9 (Killed)' in watch.err and
              f'process {name} was ended by signal 11 (Segmentation fault)' in watch.err, f'{host}: it is told that {name} died', watch.err)


def outlets(sawatch, pcaps, folder, host, *words):
    """The processes that tell others: each behind walls of its own, and they still do it."""
    collector, page = Collector(), os.path.join(folder, 'page', 'x.prom')
    os.makedirs(os.path.dirname(page), exist_ok=True)
    os.chmod(os.path.dirname(page), 0o777)
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    make_link('tell')
    w = Watch(sawatch, folder, '-i', 'tell', '--syslog', f'tcp://{host}:{collector.port}', '--metrics-listen', f'127.0.0.1:{port}',
              '--metrics-file', page, '--on-alert', f'touch {folder}/page/called', '--set', 'metrics.every_s=1', '--set', 'judge_s=0.2', '--json', *words)
    found = outlets_of(w.process.pid)
    check(set(found) == {'sawatch-syslog', 'sawatch-metrics', 'sawatch-alert'}, f'{host}: three processes tell others', list(found))
    for name in ('sawatch-syslog', 'sawatch-metrics'):
        for who, status in zip((name, f'the keeper of {name}'), found[name]):
            check(status['Seccomp'] == '2' and status['NoNewPrivs'] == '1' and all(int(status[c], 16) == 0 for c in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb')),
                  f'{host}: {who} has its own filter and no capability', status)
            bound = limits(status['Pid'].strip())
            check((who != name or bound['Max processes'] == '0') and int(bound['Max open files']) < 200 and int(bound['Max address space']) < 1 << 29,
                  f'{host}: {who} is bounded', bound)
    check(all(s['Seccomp'] == '0' and s['NoNewPrivs'] == '1' for s in found['sawatch-alert']), f'{host}: sawatch-alert starts commands, which are free')
    deaths(w, host, port)
    send(os.path.join(pcaps, 'auth-retransmit-answered.pcap'), ['tells'], 8)
    check(w.wait_for(lambda: b'ike_auth_retransmit' in collector.heard), f'{host}: the alert reaches the collector', (collector.heard[-500:], w.err))
    check(w.wait_for(lambda: 'sawatch_alerts_raised_total{code="ike_auth_retransmit"' in asked(port)), f'{host}: the metrics are served', asked(port)[-500:])
    check(w.wait_for(lambda: os.path.exists(page) and 'ike_auth_retransmit' in open(page, encoding='utf-8').read()), f'{host}: and written')
    check(w.wait_for(lambda: os.path.exists(f'{folder}/page/called')), f'{host}: the command runs', w.err)
    for _ in range(40):     # connections that come, ask for something else, and go
        asked(port, '/' + 'x' * 100)
    processes = [int(s['Pid']) for pair in outlets_of(w.process.pid).values() for s in pair]
    check(len(processes) == 6 and w.end() == 0, f'{host}: it ends with status 0', w.err)
    check(not any(os.path.exists(f'/proc/{pid}') for pid in processes), f'{host}: no process is left, not even a dead one', processes)
    check(b'has ended' in collector.heard and not os.path.exists(page), f'{host}: the last message is sent, the page removed', w.err)
    check(w.err.count('another begins') == 6, f'{host}: no process ended but those that were killed', w.err)
    run('ip', 'link', 'del', 'tell')


def main():
    sawatch, pcaps = sys.argv[1:3]
    enter()
    with tempfile.TemporaryDirectory() as folder:
        year(sawatch, pcaps, folder, *(('-Z', 'nobody') if may_be_nobody(folder) else ()))
    for host in ('127.0.0.1', 'localhost'):
        with tempfile.TemporaryDirectory() as folder:
            outlets(sawatch, pcaps, folder, host, '-Z', 'nobody' if may_be_nobody(folder) else 'root')
    with tempfile.TemporaryDirectory() as folder:
        outlets(sawatch, pcaps, folder, '127.0.0.1', '-Z', 'root')
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
