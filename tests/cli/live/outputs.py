#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sawatch -i sends out: syslog to a collector that dies and comes back,
metrics in a file and over HTTP, a command for each alert; from processes that
have no privileges and end with the monitor.

usage: outputs.py SAWATCH PCAPS
"""
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from namespace import NOBODY, enter, folder_for_nobody, make_link, run
from send import send
from watching import LIMIT_S, Watch, check, problems

# A name that would end a structured element, a label and a terminal's line, if it could.
HOSTILE = 'x"\\ [e a="b" <b>&amp; \x1b[31m\u202e'
PEERS = '198.51.100.32, 203.0.113.42'	# of auth-retransmit-answered.pcap
MESSAGE = re.compile(rb'<(\d{1,3})>1 (\S+) (\S+) sawatch (\d+) (\S+) ((?:\[(?:[^\]\\"]|"(?:[^"\\\]]|\\["\\\]])*")*\])+) (.*)', re.S)
PARAM = re.compile(rb' ([^= \]"]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"')


class Collector:
    """Takes octet-counted messages from one connection after the other."""

    def __init__(self, port=0):
        self.messages, self.framing_errors, self.connections = [], [], []
        self.open(port)

    def open(self, port):
        self.server = socket.create_server(('127.0.0.1', port))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.serve, args=(self.server,), daemon=True).start()

    def serve(self, server):
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.take, args=(connection,), daemon=True).start()

    def take(self, connection):
        data = b''
        while True:
            try:
                more = connection.recv(65536)
            except OSError:
                return
            if not more:
                return
            data += more
            while True:
                length, blank, rest = data.partition(b' ')
                if not blank:
                    break
                if not length.isdigit() or length.startswith(b'0'):
                    self.framing_errors.append(data[:40])
                    return
                if len(rest) < int(length):
                    break
                self.messages.append(rest[:int(length)])
                data = rest[int(length):]

    def die(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for connection in self.connections:
            connection.shutdown(socket.SHUT_RDWR)
        self.connections = []


def parsed(message):
    """(priority, id, parameters, text), or None when it is no RFC 5424."""
    match = MESSAGE.fullmatch(message)
    if not match or int(match[1]) > 191 or not re.fullmatch(rb'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z', match[2]):
        return None
    parameters = {k.decode(): re.sub(rb'\\(["\\\]])', rb'\1', v).decode() for k, v in PARAM.findall(match[6])}
    return int(match[1]), match[5].decode(), parameters, match[7].decode()


def children(pid):
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='utf-8') as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def helpers_of(process):
    """Keepers and their workers."""
    keepers = children(process.pid)
    return keepers + [worker for keeper in keepers for worker in children(keeper)]


def status_of(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        return dict(line.split(':\t', 1) for line in file.read().splitlines() if ':\t' in line)


def alive(pid):
    try:
        return status_of(pid)['State'][0] != 'Z'
    except OSError:
        return False


def page(port, path='/metrics', method='GET'):
    request = urllib.request.Request(f'http://127.0.0.1:{port}{path}', method=method)
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            return answer.status, answer.headers.get('Content-Type'), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get('Content-Type'), error.read().decode()


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]


def value(text, name):
    """Of one series, by its beginning; None when it is not there."""
    for line in text.splitlines():
        if line.startswith(name) and line[len(name):len(name) + 1] in ('', ' ', '{') or line.startswith(name + ' '):
            return float(line.rpartition(' ')[2])
    return None


def contents(path):
    if not os.path.exists(path):
        return ''
    with open(path, encoding='utf-8') as file:
        return file.read()


def write_config(folder, **outputs):
    path = os.path.join(folder, 's.conf')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('judge_s = 0.2\nretx.rounds_window_s = 1\nmetrics.every_s = 1\nrealert_s = 1\n[output]\n')
        file.writelines(f'{key} = {text}\n' for key, text in outputs.items())
        file.write(f'[tunnel {HOSTILE}]\npeers = {PEERS}\n[tunnel never seen]\npeers = 192.0.2.77, 192.0.2.78\n')
    return path


def everything(sawatch, pcaps, folder, *words):
    who = ' '.join(words) or 'as root'
    capture = os.path.join(pcaps, 'auth-retransmit-answered.pcap')
    collector, port = Collector(), free_port()
    file, log = os.path.join(folder, 'sawatch.prom'), os.path.join(folder, 'alerts')
    config = write_config(folder, syslog=f'tcp://127.0.0.1:{collector.port}', metrics_file=file,
                          metrics_listen=f'127.0.0.1:{port}', on_alert=f'(echo "$SAWATCH_STATUS $SAWATCH_CODE $SAWATCH_NAME"; cat) >> {log}')
    make_link('outp')
    w = Watch(sawatch, folder, '-i', 'outp', '--db', os.path.join(folder, 'h.db'), '--config', config, '--json', *words)
    told = lambda: [m for m in map(parsed, collector.messages) if m]
    alerts = lambda status: [m for m in told() if m[1] == 'alert' and m[2]['status'] == status]

    helpers = helpers_of(w.process)
    check(len(helpers) == 6, f'{who}: a process for each way out, and its keeper', (helpers, w.err))
    for pid in helpers:
        status = status_of(pid)
        check(status['NoNewPrivs'] == '1' and (not words or (status['Uid'].split() == [str(NOBODY)] * 4 and int(status['CapEff'], 16) == 0)),
              f'{who}: {status["Name"]} has no privileges', status)
        links = [os.readlink(f) for f in glob.glob(f'/proc/{pid}/fd/*')] if os.geteuid() == 0 else []
        check(not any('packet' in f or '.db' in f for f in links) and len(links) < 9, f'{who}: {status["Name"]} holds neither packets nor history', links)

    send(capture, ['outps'], 6)
    check(w.wait_for(lambda: alerts('raised')), f'{who}: an alert reaches the collector', (collector.messages, w.err))
    check(w.wait_for(lambda: alerts('cleared'), 20), f'{who}: and that it has cleared', w.out[-600:])
    code = [a for a in alerts('raised') if a[2]['code'] == 'ike_auth_retransmit']
    check(code and code[-1][2]['severity'] in ('warning', 'critical') and code[-1][2]['tunnel'] == '198.51.100.32<->203.0.113.42',
          f'{who}: with its code, severity and tunnel as structured data', alerts('raised'))
    name = code[-1][2].get('name', '') if code else ''
    check(name == 'x"\\ [e a="b" <b>&amp; \\x1b[31m\\xe2\\x80\\xae', f'{who}: a hostile name is a value, nothing more', name)
    check(all(parsed(m) for m in collector.messages) and not collector.framing_errors, f'{who}: every message is RFC 5424, every frame counted',
          [m for m in collector.messages if not parsed(m)] + collector.framing_errors)
    check(all(b >= 0x20 for m in collector.messages for b in m), f'{who}: no control characters in syslog')

    w.wait_for(lambda: (text := contents(log)).count('"status":"cleared"') > 0 and text.endswith('}\n') and text.count('\n') % 2 == 0)
    lines = contents(log).splitlines()
    heads, bodies = lines[0::2], [json.loads(line) for line in lines[1::2]]
    check(heads and heads[0].startswith('raised ') and all(b['type'] == 'alert' for b in bodies) and
          {b['status'] for b in bodies} == {'raised', 'cleared'}, f'{who}: a command is run for raised and cleared, with JSON', lines[:4])
    check(all(h.split()[1] == b['code'] for h, b in zip(heads, bodies)) and '\x1b' not in ''.join(lines), f'{who}: and words in its environment', heads)

    asked = subprocess.run((sawatch, 'check', '--db', os.path.join(folder, 'h.db')), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    age = re.search(r' age=(\d+)s;;300;0$', asked.stdout.splitlines()[0] if asked.stdout else '')
    check(asked.returncode in (0, 1, 2) and age and int(age[1]) < 30, f'{who}: sawatch check hears that the monitor lives', asked)

    collector.die()
    time.sleep(0.3)
    before = len(collector.messages)
    send(capture, ['outps'], 6)
    time.sleep(1)
    check(len(collector.messages) == before and w.process.poll() is None, f'{who}: a dead collector stops nothing', w.err)
    check(w.wait_for(lambda: 'cannot be reached' in w.err), f'{who}: but is told', w.err)
    collector.open(collector.port)
    check(w.wait_for(lambda: len([a for a in told()[before:] if a[1] == 'alert']) > 0, 15), f'{who}: when it is back it gets what it missed', w.err)

    w.wait_for(lambda: value(page(port)[2], 'sawatch_output_up{output="syslog"}') == 1)
    status, kind, text = page(port)
    check(status == 200 and kind.startswith('text/plain; version=0.0.4'), f'{who}: metrics over HTTP', (status, kind))
    raised = sum(float(line.rpartition(' ')[2]) for line in text.splitlines() if line.startswith('sawatch_alerts_raised_total{'))
    check(raised >= 2 and value(text, 'sawatch_packets_total') > 0 and value(text, 'sawatch_store_up') == 1 and
          value(text, 'sawatch_output_up{output="syslog"}') == 1, f'{who}: they count', text[:1500])
    check('sawatch_tunnel_up{tunnel="192.0.2.77<->192.0.2.78",name="never seen"} 0' in text and value(text, 'sawatch_tunnels_expected') == 2,
          f'{who}: an expected tunnel that was never seen is not up', text)
    check(r'name="x\"\\ [e a=\"b' in text and '\x1b' not in text and not re.search(r'\{[^}]*(port|spi)=', text), f'{who}: labels are escaped, and bounded', text)
    check(page(port, '/')[0] == 200 and page(port, '/secret')[0] == 404 and page(port, '/metrics', 'POST')[0] == 405, f'{who}: nothing else is served')
    w.wait_for(lambda: os.path.exists(file))
    with open(file, encoding='utf-8') as written:
        kept = written.read()
    check([l.split(' ')[:3] for l in kept.splitlines() if l[0] == '#'] == [l.split(' ')[:3] for l in text.splitlines() if l[0] == '#'],
          f'{who}: the file has the same metrics')
    if shutil.which('promtool'):
        lint = subprocess.run(('promtool', 'check', 'metrics'), input=text, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        check(lint.returncode == 0 and not lint.stderr, f'{who}: promtool finds nothing to say', lint)
    else:
        print('skipped: promtool is not installed')
    helpers = helpers_of(w.process)
    check(w.end() == 0, f'{who}: status 0', w.err)
    check(not any(map(alive, helpers)) and not os.path.exists(file), f'{who}: nothing is left: no process, no file that grows old', helpers)
    check([m for m in told() if m[1] == 'monitor'][-1][3].endswith('has ended'), f'{who}: the end is told', told()[-1:])
    run('ip', 'link', 'del', 'outp')
    collector.die()


def stubborn_command(sawatch, pcaps, folder):
    make_link('stub')
    w = Watch(sawatch, folder, '-i', 'stub', '--json', '--on-alert', f'touch {folder}/began; sleep 1000', '--set', 'on_alert.timeout_s=1',
              '--set', 'judge_s=0.2')
    send(os.path.join(pcaps, 'auth-retransmit-answered.pcap'), ['stubs'], 8)
    check(w.wait_for(lambda: 'was stopped after 1 s' in w.err, 15), 'a command that does not end is stopped', w.err)
    check(os.path.exists(f'{folder}/began') and w.process.poll() is None, 'and watching goes on')
    sleepers = subprocess.run(('pgrep', '-x', '-f', 'sleep 1000'), capture_output=True, text=True, check=False).stdout.split()
    check(not sleepers, 'with all it has started', sleepers)
    helpers = helpers_of(w.process)
    w.process.kill()
    w.process.wait()
    end = time.monotonic() + 5
    while any(map(alive, helpers)) and time.monotonic() < end:
        time.sleep(0.05)
    check(helpers and not any(map(alive, helpers)), 'a monitor that is killed takes its processes along', helpers)
    run('ip', 'link', 'del', 'stub')


def unix_socket(sawatch, pcaps, folder):
    make_link('unx')
    path = os.path.join(folder, 'log')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        log.settimeout(10)
        w = Watch(sawatch, folder, '-i', 'unx', '--syslog', 'unix:' + path, '--set', 'syslog.facility=16', '--set', 'judge_s=0.2')
        first = parsed(log.recv(65536))
        check(first and first[0] == 16 * 8 + 5 and first[1] == 'monitor', 'syslog on a unix socket begins with a word about the monitor', first)
        send(os.path.join(pcaps, 'auth-retransmit-answered.pcap'), ['unxs'], 8)
        found = []
        while not any(m and m[1] == 'alert' for m in found):
            found.append(parsed(log.recv(65536)))
        check(all(found), 'and goes on with alerts', found)
        check(w.end() == 0, 'unix: status 0', w.err)
    run('ip', 'link', 'del', 'unx')


def restart(sawatch, pcaps, folder):
    """Who was called once is not called again because the monitor was started anew."""
    make_link('again')
    path, file = os.path.join(folder, 'log'), os.path.join(folder, 'x.prom')
    words = ('-i', 'again', '--db', os.path.join(folder, 'h.db'), '--syslog', 'unix:' + path, '--metrics-file', file,
             '--set', 'judge_s=0.2', '--set', 'metrics.every_s=1')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        log.settimeout(10)
        w = Watch(sawatch, folder, *words)
        send(os.path.join(pcaps, 'auth-retransmit-answered.pcap'), ['agains'], 8)
        while parsed(log.recv(65536))[1] != 'alert':
            pass
        check(w.end() == 0, 'restart: status 0', w.err)
        log.setblocking(False)
        try:
            while log.recv(65536):
                pass
        except BlockingIOError:
            pass
        w = Watch(sawatch, folder, *words)
        w.wait_for(lambda: 'sawatch_alerts{' in contents(file), 15)
        page = contents(file)
        time.sleep(2)
        told = []
        try:
            while True:
                told.append(parsed(log.recv(65536)))
        except BlockingIOError:
            pass
        check('sawatch_alerts{code="ike_auth_retransmit",severity="critical"} 1' in page and
              'sawatch_alerts_raised_total{code="ike_auth_retransmit",severity="critical"} 0' in page,
              'after a restart an alert is still open, and was not raised again', page[-3000:] + w.err)
        check([m[1] for m in told] == ['monitor'], 'and nobody is told of it a second time', told)
        check(w.end() == 0, 'restart: status 0 again', w.err)
    run('ip', 'link', 'del', 'again')


def errors(sawatch, folder):
    def one_line(what, words, wanted):
        done = subprocess.run((sawatch, '-i', 'err') + words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        check(done.returncode == 1 and done.stderr.count('\n') == 1 and all(w in done.stderr for w in wanted), what, done)

    make_link('err')
    one_line('a target that is none', ('--syslog', 'ftp://x'), ('--syslog ftp://x', 'tcp://HOST:PORT'))
    one_line('a target without a port', ('--syslog', 'tcp://localhost'), ('HOST:PORT',))
    one_line('in the configuration, too', ('--set', 'output.syslog=tcp://localhost:99999'), ('65535',))
    one_line('no such output', ('--set', 'output.sylog=unix'), ('unknown setting', 'metrics_file'))
    one_line('an address that is not ours', ('--metrics-listen', '192.0.2.99:9750'), ('192.0.2.99:9750', 'cannot listen'))
    one_line('no address', ('--metrics-listen', '9750'), ('ADDRESS:PORT',))
    one_line('a file that cannot be', ('--metrics-file', '/proc/x.prom'), ('/proc/x.prom', 'cannot be made'))
    one_line('no such user', ('--syslog', 'unix', '-Z', 'nosuchuser'), ('no such user',))
    with socket.create_server(('127.0.0.1', 0)) as taken:
        one_line('a port that is taken', ('--metrics-listen', f'127.0.0.1:{taken.getsockname()[1]}'), ('in use',))
    run('ip', 'link', 'del', 'err')


def main():
    sawatch, pcaps = sys.argv[1:3]
    enter()
    for trial in (everything, stubborn_command, unix_socket, restart):
        with tempfile.TemporaryDirectory() as folder:
            trial(sawatch, pcaps, folder)
    with tempfile.TemporaryDirectory() as folder:
        errors(sawatch, folder)
    try:
        with folder_for_nobody() as folder:
            everything(sawatch, pcaps, folder, '-Z', 'nobody')
    except PermissionError:
        print('skipped: -Z, no other user in this namespace')
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
