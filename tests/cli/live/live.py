#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sawatch -i on interfaces of a network namespace of our own: the same packets
give the same rows live and from a file, silence is noticed, interfaces may go
and come back, and it ends in order.

usage: live.py SAWATCH PCAPS
"""
import concurrent.futures
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from namespace import NOBODY, enter, folder_for_nobody, make_link, run
from same_history import differences
from send import send
from watching import LIMIT_S, Watch, check, problems, rows


def ip(*words):
    return run('ip', *words, check=False)


def rename(name, to):
    ip('link', 'set', name, 'down')
    ip('link', 'set', name, 'name', to)
    ip('link', 'set', to, 'up')


EXCHANGES = ('SELECT spi_i, kind, message_id, "from", request_at, requests, responses, request_bytes FROM v_exchanges'
             ' ORDER BY request_at, spi_i, message_id, "from"')
# sooner than in life; all is decided when the stranger speaks, live and in the file
SETTLED = ('--set', 'settle_s=1', '--set', 'judge_s=0.5', '--set', 'retx.abandon_min_s=1', '--set', 'retx.abandon_max_s=2')
STRANGER = 'feedbeef'
# capture -> times as fast as it was, on so many interfaces, seconds until all is decided
REPLAYS = {
    'spi-churn': (40, 1, 4), 'auth-retransmit-answered': (6, 1, 4), 'nat-stable': (3, 1, 4), 'healthy-ipv6': (4, 1, 4), 'frag-ip': (4, 1, 4),
    'lsw-ah': (5, 2, 4), 'auth-failed': (4, 1, 4), 'auth-retransmit-noresponse': (10, 1, 4), 'frag-ike': (4, 2, 4), 'healthy-ikev2': (120, 2, 4),
    'mid-stream': (5, 1, 4), 'one-way': (10, 3, 4),
    # what may be the Delete of an IKEv1 SA, or a probe, needs a minute of silence
    'lifetime-mismatch-ikev1': (10, 1, 62),
}
COUNTED = 'SELECT spi, protocol, packets, bytes, seq_first, seq_last FROM v_esp_sas WHERE spi != \'' + STRANGER + '\' ORDER BY spi'


def stranger_speaks(interface):
    """An ESP packet of two others: for those before it, time has passed in the file, too."""
    esp = bytes.fromhex(STRANGER + '00000001') + bytes(64)
    header = bytes.fromhex('4500%04x00000000403200' % (20 + len(esp))) + bytes(1) + bytes((192, 0, 2, 250, 192, 0, 2, 251))
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    out.send(bytes.fromhex('020000000002' '020000000001' '0800') + header + esp)
    out.close()


class Recorders:
    """tcpdump on each interface, with the same filter: what it saves is what sawatch was shown, frame by frame."""

    def __init__(self, sawatch, folder, names):
        bpf = subprocess.run((sawatch, '--print-filter'), capture_output=True, text=True, timeout=LIMIT_S, check=True).stdout.strip()
        self.files = [os.path.join(folder, f'tcpdump-{n}.pcap') for n in names]
        self.merged = os.path.join(folder, 'merged.pcap')
        self.processes = [subprocess.Popen(('tcpdump', '-Z', 'root', '-Uni', n, '--time-stamp-precision=nano', '-w', f, bpf), stderr=subprocess.PIPE, text=True)
                          for n, f in zip(names, self.files)]
        # as root of a user namespace only it cannot give up its privileges, and does not start
        self.running = all('listening on' in p.stderr.readline() for p in self.processes)

    def end(self):
        """The file to read: of several interfaces, merged by time."""
        time.sleep(1.1)             # tcpdump lets packets lie for a second
        for p in self.processes:
            p.terminate()
            p.communicate(timeout=LIMIT_S)
        if len(self.files) == 1:
            return self.files[0]
        subprocess.run(('mergecap', '-F', 'nsecpcap', '-w', self.merged) + tuple(self.files), timeout=LIMIT_S, check=True)
        return self.merged


def live_and_file(sawatch, pcaps, name, link):
    """Watch, save, stop; read back what was saved, and what was sent."""
    speed, links, patience = REPLAYS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(pcaps, f'{name}.pcap')
        live, file, sent, saved = (os.path.join(folder, n) for n in ('live.db', 'file.db', 'sent.db', 'saved.pcap'))
        names = [link + str(n) for n in range(links)]
        for n in names:
            make_link(n)
        watched = [w for n in names for w in ('-i', n)]
        w = Watch(sawatch, folder, *watched, *SETTLED, '--db', live, '--json', '-w', saved)
        recorders = Recorders(sawatch, folder, names) if shutil.which('tcpdump') and (links == 1 or shutil.which('mergecap')) else None
        send(path, [n + 's' for n in names], speed)
        time.sleep(patience)
        stranger_speaks(names[0] + 's')
        time.sleep(1.3)
        name = f'{name} on {links} interface{"s" if links > 1 else ""}'
        running, exchanges = rows(live, COUNTED), rows(live, EXCHANGES)
        check(w.end() == 0, f'{name}: SIGTERM ends it with status 0', w.err)
        check(exchanges and running == rows(live, COUNTED), f'{name}: all is in the database while it runs', running)
        for database, capture in ((file, saved), (sent, path)):
            subprocess.run((sawatch, '-q', *SETTLED, '-r', capture, '--db', database), stdout=subprocess.DEVNULL, timeout=LIMIT_S, check=True)
        different = differences(live, file, frames=False)
        check(not different, f'{name}: every field of every table is the same live and from what -w saved', '\n     '.join(different))
        if recorders and not recorders.running:
            print(f'skipped: {name}: tcpdump cannot record here')
        elif recorders:
            recorded = os.path.join(folder, 'recorded.db')
            subprocess.run((sawatch, '-q', *SETTLED, '-r', recorders.end(), '--db', recorded), stdout=subprocess.DEVNULL, timeout=LIMIT_S, check=True)
            different = differences(live, recorded)
            check(not different, f'{name}: and from what tcpdump saved, to the number of the frame', '\n     '.join(different))
        check(rows(live, COUNTED) == rows(sent, COUNTED), f'{name}: every packet that was sent was counted',
              set(rows(live, COUNTED)) ^ set(rows(sent, COUNTED)))
        check(rows(live, 'SELECT kind, complete, dropped FROM v_captures') == [('interface', 1, 0)], f'{name}: the capture has its row')
        check(rows(live, 'SELECT count(*) FROM v_esp_sas WHERE end_reason = \'capture_end\'') == [(0,)], f'{name}: SAs live on')
        check(rows(live, 'PRAGMA integrity_check') == [('ok',)], f'{name}: the database is sound')
        told = [(a['code'], a['severity'], a['cause']) for a in w.lines('alert') if a['status'] == 'raised']
        kept = rows(file, 'SELECT code, severity, cause FROM v_alerts')
        # at the end of a file everything is judged once more; a watch that stops leaves that to the next one
        check({t[0] for t in told} <= {k[0] for k in kept} and
              {t[0] for t in told if t[1] != 'info'} == {k[0] for k in kept if k[1] != 'info'},
              f'{name}: the same alerts live and from the file', (told, kept))
        check(len(w.lines('capture')) == 1 and w.lines('event'), f'{name}: events as they happen, and the capture at the end')
        ended = [(o['spi'], o['end_reason']) for o in w.lines('esp_sa')]
        check(len(ended) == len(set(ended)) and None not in (r for _, r in ended), f'{name}: an SA is told once, when it ended', ended)
        for n in names:
            ip('link', 'del', n)
        return told


def replays(sawatch, pcaps):
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        runs = {name: pool.submit(live_and_file, sawatch, pcaps, name, f'r{n}x') for n, name in enumerate(REPLAYS)}
        told = {name: run.result() for name, run in runs.items()}
    check(('spi_churn', 'critical', None) in told['spi-churn'], 'spi-churn: spi_churn is raised live', told)
    check(('ike_auth_retransmit', 'critical', 'answered') in told['auth-retransmit-answered'],
          'auth-retransmit-answered: ike_auth_retransmit is raised live', told)


def silence(sawatch, pcaps, folder):
    make_link('quiet')
    w = Watch(sawatch, folder, '-i', 'quiet', '--json', '--set', 'idle_s=2', '--set', 'judge_s=0.5')
    send(os.path.join(pcaps, 'mid-stream.pcap'), ['quiets'], 5, 0, 8)
    check(w.wait_for(lambda: any(t['state'] == 'up' for t in w.lines('tunnel'))), 'a tunnel is seen to be up', w.out)
    check(w.wait_for(lambda: w.lines('tunnel')[-1]['state'] != 'up'), 'silence alone tells that it is no longer', w.out)
    w.process.send_signal(signal.SIGUSR1)
    check(w.wait_for(lambda: ' 0 up, ' in w.err), 'SIGUSR1 prints the state', w.err)
    w.process.send_signal(signal.SIGHUP)
    check(w.wait_for(lambda: 'SIGHUP: there is no --config' in w.err), 'SIGHUP is answered', w.err)
    check(w.end(signal.SIGINT) == 0, 'SIGINT ends it with status 0', w.err)


def comes_and_goes(sawatch, pcaps, folder, *words):
    """Down and up, deleted and made anew; with and without privileges."""
    who = ' '.join(words) or 'as root'
    path, database = os.path.join(pcaps, 'lsw-ah.pcap'), os.path.join(folder, 'gone.db')
    make_link('gone')
    w = Watch(sawatch, folder, '-i', 'gone', '--db', database, '--json', *words)
    send(path, ['gones'], 50, 0, 60)
    ip('link', 'set', 'gone', 'down')
    check(w.wait_for(lambda: 'gone: is down' in w.err), f'{who}: an interface that goes down is told', w.err)
    ip('link', 'set', 'gone', 'up')
    check(w.wait_for(lambda: 'gone: is up again' in w.err), f'{who}: and when it is up again', w.err)
    send(path, ['gones'], 50, 60, 80)
    time.sleep(0.5)
    rename('gone', 'other')
    check(w.wait_for(lambda: 'gone: is called other now' in w.err), f'{who}: a renamed interface is told with its new name', w.err)
    check('vanished' not in w.err, f'{who}: and has not vanished', w.err)
    send(path, ['gones'], 50, 80, 90)
    time.sleep(0.5)
    rename('other', 'gone')
    check(w.wait_for(lambda: 'other: is called gone now' in w.err), f'{who}: and back', w.err)
    send(path, ['gones'], 50, 90, 100)
    time.sleep(0.5)
    back = w.err.count('gone: is back')
    ip('link', 'del', 'gone')
    check(w.wait_for(lambda: 'gone: has vanished' in w.err), f'{who}: an interface that vanishes is waited for', w.err)
    time.sleep(1)
    make_link('gone')
    check(w.wait_for(lambda: w.err.count('gone: is back') > back), f'{who}: and captured from again', w.err)
    send(path, ['gones'], 50, 100)
    time.sleep(1.6)
    with open(f'/proc/{w.process.pid}/status', encoding='utf-8') as file:
        status = dict(line.split(':\t', 1) for line in file.read().splitlines() if ':\t' in line)
    check(status['NoNewPrivs'] == '1', f'{who}: no privilege can be gained')
    if words:
        check(status['Uid'].split() == [str(NOBODY)] * 4 and all(int(status[c], 16) == 0 for c in ('CapEff', 'CapPrm', 'CapBnd')),
              f'{who}: it is another user, without capabilities', status)
        check(os.stat(database).st_uid == NOBODY, f'{who}: the history belongs to that user')
    check(w.end() == 0, f'{who}: status 0', w.err)
    sent = os.path.join(folder, 'sent.db')
    subprocess.run((sawatch, '-q', '-r', path, '--db', sent), stdout=subprocess.DEVNULL, timeout=LIMIT_S, check=True)
    check(rows(database, COUNTED) == rows(sent, COUNTED), f'{who}: what was sent before, between and after was counted',
          (rows(database, COUNTED), rows(sent, COUNTED)))
    ip('link', 'del', 'gone')


def losses(sawatch, pcaps, folder):
    make_link('loss')
    database = os.path.join(folder, 'loss.db')
    w = Watch(sawatch, folder, '-i', 'loss', '--db', database, '--json', '-B', '256')
    path = os.path.join(pcaps, 'spi-churn.pcap')
    send(path, ['losss'], 1e9, 0, 100)
    time.sleep(1.2)
    w.process.send_signal(signal.SIGSTOP)
    for _ in range(10):
        send(path, ['losss'], 1e9)
    w.process.send_signal(signal.SIGCONT)
    check(w.wait_for(lambda: any(a['code'] == 'capture_loss' for a in w.lines('alert'))), 'packets that the capture lost are an alert', w.err)
    time.sleep(1.2)
    check(w.end() == 0, 'losses: status 0', w.err)
    dropped = rows(database, 'SELECT dropped FROM v_captures')[0][0]
    check(dropped > 1000, 'and counted in the history', dropped)


def counts(sawatch, pcaps, folder):
    make_link('some')
    saved = os.path.join(folder, 'some.pcap')
    w = Watch(sawatch, folder, '-i', 'some', '-c', '40', '-w', saved, '--db', os.path.join(folder, 'some.db'), 'ip')
    send(os.path.join(pcaps, 'lsw-ah.pcap'), ['somes'], 1e9)
    check(w.process.wait(LIMIT_S) == 0, '-c ends it with status 0', w.err)
    check(rows(os.path.join(folder, 'some.db'), 'SELECT packets, complete FROM v_captures') == [(40, 0)],
          'after so many packets; with a filter it is not all')
    check('ike_sa_established' not in w.out and 'is established' in w.out, 'lines are sentences', w.out)


def errors(sawatch, folder):
    def one_line(what, words, wanted):
        done = subprocess.run((sawatch,) + words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        check(done.returncode == 1 and done.stderr.count('\n') == 1 and all(w in done.stderr for w in wanted), what, done)

    make_link('some2')
    one_line('no such interface', ('-i', 'nosuch'), ('nosuch: no such interface; there are', 'which -D lists'))
    one_line('a bad filter', ('-i', 'some2', 'hosst', '192.0.2.1'), ('filter',))
    one_line('the same interface twice', ('-i', 'some2', '-i', 'some2'), ('given twice',))
    one_line('no such user', ('-i', 'some2', '-Z', 'nosuchuser'), ('no such user',))
    one_line('a database that cannot be', ('-i', 'some2', '-Z', 'root', '--db', '/proc/x.db'), ('/proc/x.db',))
    one = Watch(sawatch, folder, '-i', 'some2', '-Z', 'root', '--db', os.path.join(folder, 'one.db'))
    one_line('a second watch of the same', ('-i', 'some2', '-Z', 'root', '--db', os.path.join(folder, 'one.db')),
             ('one.db', f'process {one.process.pid} writes some2 there already', '--sensor'))
    check(one.end() == 0 and rows(os.path.join(folder, 'one.db'), 'SELECT count(*) FROM capture') == [(1,)], 'and it leaves no trace', one.err)
    one_line('files and interfaces', ('-i', 'some2', '-r', 'x.pcap'), ('alone',))
    ip('link', 'set', 'some2', 'down')
    one_line('an interface that is down', ('-i', 'some2'), ('is down; ip link set some2 up',))
    ip('link', 'set', 'some2', 'up')
    if os.geteuid() == 0 and shutil.which('setpriv') and subprocess.run(('setpriv', '--reuid', str(NOBODY), '--clear-groups', 'true'), capture_output=True, check=False).returncode == 0:
        copy = shutil.copy(sawatch, os.path.join(folder, 'sawatch'))
        os.chmod(folder, 0o755)
        done = subprocess.run(('setpriv', '--reuid', str(NOBODY), '--clear-groups', '--bounding-set', '-all', copy, '-i', 'some2'),
                              capture_output=True, text=True, timeout=LIMIT_S, check=False)
        check(done.returncode == 1 and 'no permission to capture; run as root' in done.stderr, 'no permission', done)
    listed = subprocess.run((sawatch, '-D'), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    check(listed.returncode == 0 and 'some2 ' in listed.stdout and listed.stdout.splitlines()[-1].startswith('any '), '-D', listed)


def main():
    sawatch, pcaps = sys.argv[1:3]
    enter()
    replays(sawatch, pcaps)
    for trial in (silence, comes_and_goes, losses, counts):
        with tempfile.TemporaryDirectory() as folder:
            trial(sawatch, pcaps, folder)
    with tempfile.TemporaryDirectory() as folder:
        errors(sawatch, folder)
    try:
        with folder_for_nobody() as folder:
            comes_and_goes(sawatch, pcaps, folder, '-Z', 'nobody')
    except OSError:
        print('skipped: -Z, no other user in this namespace')
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
