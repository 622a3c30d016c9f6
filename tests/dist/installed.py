#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package on a machine of its own, run by a systemd of its own: it is installed, starts on a
veth, watches, is reloaded, restarted when it hangs, upgraded, removed, and leaves nothing behind.

usage: installed.py RELEASED SOURCE
"""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from debian import make_package, why_not
from watching import check, problems

SKIPPED = 77
LIMIT_S = 150
UNIT = 'sawatch@span0.service'
OTHER = 'sawatch@span9.service'
HISTORY = '/var/lib/sawatch/span0.db'
CAPTURE = 'spi-churn.pcap'


# ---- in the throwaway root ----

def run(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def shown(unit, what):
    return run('systemctl', 'show', '-P', what, unit)[1].strip()


def wait_for(true, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not true():
        time.sleep(0.1)
    return true()


def journal(unit=UNIT):
    run('journalctl', '--sync')
    return run('journalctl', '--no-pager', '-o', 'cat', '-u', unit)[1]


def make_link(name):
    run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', name + 's')
    for end in (name, name + 's'):
        run('ip', 'link', 'set', end, 'addrgenmode', 'none')
        run('ip', 'link', 'set', end, 'up')


def left_behind():
    found = []
    for top in ('/etc', '/usr/bin', '/usr/lib', '/usr/share', '/var/lib', '/run/systemd/system'):
        for folder, folders, files in os.walk(top):
            found += [os.path.join(folder, name) for name in folders + files if 'sawatch' in name]
    return [f for f in found if '/python3/' not in f]


def installs(package):
    status, said = run('dpkg', '-i', package)
    check(status == 0, 'dpkg installs it', said)
    check(run('getent', 'passwd', 'sawatch')[0] == 0, 'there is a user for it')
    check(shown(UNIT, 'ActiveState') == 'inactive', 'nothing is started that nobody asked for')
    check(run('sawatch', '--version')[0] == 0, 'the program runs')


def starts():
    # whoever tells others does so within the unit's limits, too
    with open('/etc/default/sawatch-span0', 'w', encoding='utf-8') as file:
        file.write('SAWATCH_OPTIONS="--metrics-listen 127.0.0.1:9750 --metrics-file /var/lib/sawatch/span0.prom"\n')
    with open('/etc/sawatch/sawatch.conf', 'a', encoding='utf-8') as file:
        file.write('output.on_alert = cat >> /var/lib/sawatch/alerts.json\n')
    status, said = run('systemctl', 'enable', '--now', UNIT)
    check(status == 0 and shown(UNIT, 'ActiveState') == 'active', 'it starts, and says when it is ready', (said, journal()))
    with open(f'/proc/{shown(UNIT, "MainPID")}/status', encoding='utf-8') as file:
        status = dict(line.split(':\t', 1) for line in file.read().splitlines() if ':\t' in line)
    uid = run('id', '-u', 'sawatch')[1].strip()
    check(status['Uid'].split() == [uid] * 4 and int(status['CapEff'], 16) == 0 and int(status['CapAmb'], 16) == 0 and
          status['NoNewPrivs'] == '1' and status['Seccomp'] == '2', 'as its user, without capabilities, behind its walls', status)


def text_of(path):
    try:
        with open(path, encoding='utf-8') as file:
            return file.read()
    except FileNotFoundError:
        return ''


def page():
    try:
        with urllib.request.urlopen('http://127.0.0.1:9750/metrics', timeout=5) as answer:
            return answer.read()
    except OSError as error:
        return str(error).encode()


def watches():
    from send import send
    send(os.path.join('/mnt', CAPTURE), ['span0s'], 40)
    check(wait_for(lambda: 'spi_churn' in run('sawatch', 'alerts', '--db', HISTORY)[1]), 'what it sees is in the history',
          run('sawatch', 'alerts', '--db', HISTORY))
    check(wait_for(lambda: 'critical' in journal()), 'and in the journal', journal())
    check(wait_for(lambda: '"spi_churn"' in text_of('/var/lib/sawatch/alerts.json')),
          'a command is run for the alert', journal())
    check(wait_for(lambda: b'sawatch_alerts{code="spi_churn"' in page()) and os.path.exists('/var/lib/sawatch/span0.prom'), 'metrics are told', page())
    check(wait_for(lambda: re.match(r'span0: .*alerts: [1-9][0-9]* raised', shown(UNIT, 'StatusText'))), 'systemctl status tells', shown(UNIT, 'StatusText'))
    mode = os.stat(HISTORY)
    check(mode.st_mode & 0o007 == 0 and oct(os.stat('/var/lib/sawatch').st_mode & 0o777) == '0o750', 'the history is for its group', oct(mode.st_mode))


def outlets_come_back():
    """Within the unit's limits, too."""
    for keeper in run('pgrep', '-P', shown(UNIT, 'MainPID'))[1].split():
        for worker in run('pgrep', '-P', keeper)[1].split():
            os.kill(int(worker), signal.SIGKILL)
    for name in (b'metrics', b'on_alert'):
        check(wait_for(lambda: b'sawatch_output_restarts_total{output="' + name + b'"} 1\n' in (text := page()) and
                       b'sawatch_output_up{output="' + name + b'"} 1\n' in text), f'{name.decode()}: its process is begun anew', (page()[-600:], journal()))


def reloads():
    before = shown(UNIT, 'MainPID')
    with open('/etc/sawatch/sawatch.conf', 'a', encoding='utf-8') as file:
        file.write('churn.warn = 5\n')
    check(run('systemctl', 'reload', UNIT)[0] == 0 and wait_for(lambda: 'read again, 1 setting and 0 tunnels changed' in journal()), 'a reload takes effect', journal())
    with open('/etc/sawatch/sawatch.conf', 'a', encoding='utf-8') as file:
        file.write('nonsense\n')
    check(run('systemctl', 'reload', UNIT)[0] == 0 and wait_for(lambda: '/etc/sawatch/sawatch.conf:' in journal()), 'a mistake is told with its line', journal())
    check(shown(UNIT, 'MainPID') == before and shown(UNIT, 'ActiveState') == 'active', 'and harms nothing')
    with open('/etc/sawatch/sawatch.conf', encoding='utf-8') as file:
        text = file.read()
    with open('/etc/sawatch/sawatch.conf', 'w', encoding='utf-8') as file:
        file.write(text.replace('nonsense\n', ''))


def comes_back():
    os.makedirs(f'/run/systemd/system/{OTHER}.d')
    with open(f'/run/systemd/system/{OTHER}.d/soon.conf', 'w', encoding='utf-8') as file:
        file.write('[Service]\nWatchdogSec=2s\nRestartSec=1s\n')
    run('systemctl', 'daemon-reload')
    run('systemctl', 'start', '--no-block', OTHER)
    check(wait_for(lambda: int(shown(OTHER, 'NRestarts')) > 0), 'an interface that is not there is tried again', journal(OTHER))
    make_link('span9')
    check(wait_for(lambda: shown(OTHER, 'ActiveState') == 'active'), 'until it is there', journal(OTHER))
    time.sleep(3)
    before = int(shown(OTHER, 'NRestarts'))
    check(shown(OTHER, 'ActiveState') == 'active', 'the watchdog lets it live', journal(OTHER))
    os.kill(int(shown(OTHER, 'MainPID')), signal.SIGSTOP)
    check(wait_for(lambda: int(shown(OTHER, 'NRestarts')) > before and shown(OTHER, 'ActiveState') == 'active'),
          'and begins it anew when it hangs', journal(OTHER))
    before = int(shown(OTHER, 'NRestarts'))
    os.kill(int(shown(OTHER, 'MainPID')), signal.SIGKILL)
    check(wait_for(lambda: int(shown(OTHER, 'NRestarts')) > before and shown(OTHER, 'ActiveState') == 'active'), 'or dies', journal(OTHER))
    check(run('sqlite3', '/var/lib/sawatch/span9.db', 'PRAGMA integrity_check')[1].strip() in ('ok', '') or not shutil.which('sqlite3'),
          'its history is sound')
    shutil.rmtree(f'/run/systemd/system/{OTHER}.d')


def goes(package):
    before = shown(UNIT, 'MainPID')
    status, said = run('dpkg', '-i', package)
    check(status == 0 and shown(UNIT, 'ActiveState') == 'active' and shown(UNIT, 'MainPID') != before, 'an upgrade goes on with the new program', said)
    with open('/etc/sawatch/sawatch.conf', encoding='utf-8') as file:
        check('churn.warn = 5' in file.read(), 'and the old configuration')
    status, said = run('dpkg', '-r', 'sawatch')
    check(status == 0 and shown(UNIT, 'ActiveState') in ('inactive', 'failed'), 'dpkg removes it, and it stops', said)
    check(run('pgrep', 'sawatch')[0] != 0, 'nothing of it runs')
    check(not glob.glob('/etc/systemd/system/*/sawatch*') and not os.path.exists('/usr/bin/sawatch'), 'nothing would start it again')
    check(os.path.exists('/etc/sawatch/sawatch.conf') and os.path.exists(HISTORY), 'configuration and history stay')
    os.unlink('/etc/default/sawatch-span0')
    status, said = run('dpkg', '-P', 'sawatch')
    check(status == 0 and not left_behind(), 'purged, it leaves nothing behind', (said, left_behind()))


def inside(package):
    make_link('span0')
    run('ip', 'link', 'set', 'lo', 'up')
    installs(package)
    starts()
    watches()
    outlets_come_back()
    reloads()
    comes_back()
    goes(package)
    print(f'{len(problems)} problems')
    return 1 if problems else 0


# ---- outside ----

def boot(folder, *words):
    """The exit status of `words` in the throwaway root; None when it did not come to that."""
    here = os.path.dirname(os.path.abspath(__file__))
    process = subprocess.Popen(('unshare', '-m', '-p', '-n', '-u', '-i', '-C', '--fork', '--kill-child', 'bash', os.path.join(here, 'throwaway_root.sh'), folder) + words,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    try:
        with open(os.path.join(folder, 'status'), encoding='utf-8') as file:
            return int(file.read())
    except (FileNotFoundError, ValueError):
        return None


def main():
    if sys.argv[1] == 'inside':
        return inside(sys.argv[2])
    released, source = map(os.path.abspath, sys.argv[1:3])
    reason = why_not(released)
    if os.geteuid() != 0:
        reason = 'a throwaway root takes root'
    if not os.path.exists('/lib/systemd/systemd') or not shutil.which('unshare'):
        reason = 'there is no systemd or no unshare here'
    if not reason:
        with tempfile.TemporaryDirectory() as folder:
            if boot(folder, 'true') != 0:
                reason = 'systemd does not boot in namespaces here'
    if reason:
        print(f'skipped: {reason}')
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        package = make_package(released, folder)
        # the overlay does not show what is mounted elsewhere
        for name in ('tests/cli/live', 'tests/dist'):
            shutil.copytree(os.path.join(source, name), os.path.join(folder, os.path.basename(name)))
        shutil.copy(os.path.join(source, 'pcaps', CAPTURE), folder)
        status = boot(folder, 'env', 'PYTHONPATH=/mnt/live', sys.executable, '-B', '/mnt/dist/installed.py', 'inside',
                      '/mnt/' + os.path.basename(package))
        with open(os.path.join(folder, 'out'), encoding='utf-8') as file:
            print(file.read(), end='')
    return 1 if status is None else status


if __name__ == '__main__':
    sys.exit(main())
