#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration is edited and SIGHUP sent while sawatch -i watches: tunnels come, go and are renamed, and the
lines, the history and the metrics know it; what only a restart changes is named.

usage: reload.py SAWATCH PCAPS
"""
import os
import signal
import sys
import tempfile
import time

from namespace import enter, make_link
from send import send
from watching import Watch, check, problems, rows

SOON = '[tunnel_down]\nhold_s = 2\nclear_s = 2\n'
SEEN = '203.0.113.42, 198.51.100.32'        # of auth-retransmit-answered.pcap
EXPECTED = 'SELECT label FROM expected ORDER BY label'


def tunnel(name, peers):
    return f'[tunnel {name}]\npeers = {peers}\n'


def metrics(path):
    try:
        with open(path, encoding='utf-8') as file:
            return file.read()
    except FileNotFoundError:
        return ''


class Configured:
    """A watch, and the file that is edited."""

    def __init__(self, sawatch, folder, text):
        self.config, self.database, self.page = (os.path.join(folder, n) for n in ('x.conf', 'x.db', 'x.prom'))
        self.write(text)
        self.watch = Watch(sawatch, folder, '-i', 'load', '-Z', 'root', '--db', self.database, '--config', self.config, '--json',
                           '--metrics-file', self.page, '--set', 'judge_s=0.5', '--set', 'metrics.every_s=1')

    def write(self, text):
        with open(self.config, 'w', encoding='utf-8') as file:
            file.write(SOON + text)

    def reload(self, text, answer):
        self.write(text)
        before = len(self.watch.err)
        self.watch.process.send_signal(signal.SIGHUP)
        check(self.watch.wait_for(lambda: answer in self.watch.err[before:]), f'it says: {answer}', self.watch.err[before:])

    def down(self, status):
        """Names of the tunnels about which tunnel_down was raised, or cleared."""
        return [a['evidence']['name'] for a in self.watch.lines('alert') if a['code'] == 'tunnel_down' and a['status'] == status]


def tunnels(sawatch, pcaps, folder):
    first = tunnel('old', '192.0.2.8, 198.51.100.8')
    c = Configured(sawatch, folder, first)
    w = c.watch
    check(w.wait_for(lambda: c.down('raised') == ['old']), 'an expected tunnel of which nothing is seen is down', w.out)

    c.reload(first + tunnel('new', '192.0.2.9, 198.51.100.9'), 'read again, 0 settings and 0 tunnels changed; new: new')
    check(c.down('raised') == ['old'], 'one that is added is not down at once', c.down('raised'))
    check(w.wait_for(lambda: c.down('raised') == ['old', 'new']), 'but when it is not seen for as long as any other', c.down('raised'))
    check(w.wait_for(lambda: rows(c.database, EXPECTED) == [('new',), ('old',)]), 'the history knows it', rows(c.database, EXPECTED))
    check(w.wait_for(lambda: 'name="new"} 0' in metrics(c.page)), 'and the metrics', metrics(c.page))

    c.reload(tunnel('new', '192.0.2.9, 198.51.100.9'), '; gone: old')
    check(w.wait_for(lambda: c.down('cleared') == ['old']), 'the alert about one that is taken out is over', w.out)
    over = [a for a in w.lines('alert') if a['code'] == 'tunnel_down' and a['status'] == 'cleared']
    check(over and over[0]['evidence'].get('cleared') == 'not expected any more' and 'not expected any more' in over[0]['summary'], 'and says why', over)
    check(w.wait_for(lambda: rows(c.database, EXPECTED) == [('new',)]), 'the history has forgotten it', rows(c.database, EXPECTED))
    check(w.wait_for(lambda: 'name="old"' not in metrics(c.page)), 'and the metrics', metrics(c.page))
    check(w.wait_for(lambda: rows(c.database, "SELECT count(*) FROM v_alerts WHERE code = 'tunnel_down' AND status = 'cleared'") == [(1,)]),
          'the history has the end of the alert')

    c.reload(tunnel('renamed', '192.0.2.9, 198.51.100.9') + tunnel('seen', SEEN), '1 tunnel changed; new: seen')
    send(os.path.join(pcaps, 'auth-retransmit-answered.pcap'), ['loads'], 8)
    check(w.wait_for(lambda: 'name="seen"} 1' in metrics(c.page)), 'one that is seen is up under its name', metrics(c.page))
    check(c.down('cleared') == ['old'] and 'new' not in [n for n, in rows(c.database, EXPECTED)], 'one with another name is the same one', c.down('cleared'))

    c.reload('', '; gone: renamed, seen')
    check(w.wait_for(lambda: rows(c.database, EXPECTED) == []), 'an empty inventory is one, too', rows(c.database, EXPECTED))
    check(w.wait_for(lambda: len(c.down('cleared')) == 2), 'nothing is missing any more', c.down('cleared'))
    time.sleep(3)
    check(len(c.down('raised')) == 2, 'and nothing is later', c.down('raised'))
    check(w.end() == 0, 'it ends with status 0', w.err)


def what_stays(sawatch, _pcaps, folder):
    c = Configured(sawatch, folder, '')
    c.reload('[output]\nsyslog = unix:/nowhere\n[table]\ntunnels = 99\n[churn]\nwarn = 7\n',
             'read again, 1 setting and 0 tunnels changed; only a restart changes table.tunnels, output.syslog')
    c.reload('[tunnel x]\npeers = here, there\n', 'x.conf:5: ')
    check('the settings stay as they were' in c.watch.err, 'a mistake is told, and nothing changes', c.watch.err)
    check(c.watch.end() == 0, 'it ends with status 0', c.watch.err)


def main():
    sawatch, pcaps = sys.argv[1:3]
    enter()
    make_link('load')
    for trial in (tunnels, what_stays):
        with tempfile.TemporaryDirectory() as folder:
            trial(sawatch, pcaps, folder)
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
