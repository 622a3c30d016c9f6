#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers to IKE_AUTH are dropped behind one sensor and before the other: ike_auth_retransmit must be raised
while it happens, with the cause that each can see, and cleared when the tunnel works again.

usage: auth_lost.py SAWATCH [--nat] [--keep FOLDER]
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

import network
from daemon_log import Log
from site_between import BRANCH, IKE_AUTH, PROGRAMS, Site, check, problems

CODE = 'ike_auth_retransmit'
RAISED_WITHIN_S = 60
# clears after twice this; ten minutes else, which is long for a test
ROUNDS_WINDOW_S = 15


def alerts(watch, status):
    return [a for a in watch.lines('alert') if a['code'] == CODE and a['status'] == status]


def third_copy(gateway):
    """When the gateway sent its request for the third time, by its log; None before."""
    return next((at for at, n, message in Log(gateway.log()).retransmitted if n == 2 and message == 1), None)


def wait_for(what, seconds, every=0.1):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(every)
    return what()


def lost(options, folder):
    site = Site(options.sawatch, folder, translated=options.nat,
                watch=('--json', '--set', f'retx.rounds_window_s={ROUNDS_WINDOW_S}', '--set', 'churn.warn=20'))
    hq, watches = site.hq, site.watches

    # it works; the tunnel ends in order
    hq.ctl('--initiate', '--child', 'net')
    site.traffic(0.2)
    time.sleep(3)
    hq.ctl('--terminate', '--ike', 'tunnel')
    time.sleep(1)
    check(not any(w.lines('alert') for w in watches.values()), 'a tunnel that works raises nothing', [w.lines('alert') for w in watches.values()])

    network.firewall(f'ip saddr {BRANCH} {IKE_AUTH} counter drop')
    trying = subprocess.Popen(('ip', 'netns', 'exec', 'hq', 'swanctl', '--initiate', '--child', 'net', '--uri', f'unix://{hq.folder}/vici'),
                              env=hq.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    copy = wait_for(lambda: third_copy(hq), 60)
    check(copy, 'the gateway repeats IKE_AUTH', hq.log()[-500:])
    # `answered` needs copies after an answer that was seen
    causes = {'hq': {'port4500', 'silent'}, 'branch': {'answered'}}
    after = {}
    while len(after) < 2 and time.time() - copy < RAISED_WITHIN_S:
        after.update({side: time.time() - copy for side in causes if side not in after and alerts(watches[side], 'raised')})
        time.sleep(0.1)
    for side, w in watches.items():
        raised = alerts(w, 'raised')
        check(side in after, f'{side}: raised {after.get(side, -1):.1f} s after the third copy, live', w.out[-2000:])
        check(raised and raised[0]['cause'] in causes[side], f'{side}: cause {" or ".join(sorted(causes[side]))}', raised)
        check(raised and raised[0]['severity'] == 'warning', f'{side}: a warning', raised)
        check(w.wait_for(lambda w=w: w.lines('tunnel')[-1]['state'] in ('degraded', 'down')), f'{side}: the tunnel is ill', w.lines('tunnel'))

    network.firewall('')
    check(trying.wait(120) == 0, 'the tunnel comes up when the answers pass', hq.log()[-500:])
    up = time.time()
    for side, w in watches.items():
        cleared = wait_for(lambda w=w: alerts(w, 'cleared'), 2 * ROUNDS_WINDOW_S + 30)
        check(cleared, f'{side}: cleared {time.time() - up:.1f} s after recovery', w.out[-2000:])
        check(len(alerts(w, 'raised')) == 1 and len(cleared or ()) == 1, f'{side}: raised and cleared once', w.out[-2000:])
        check(wait_for(lambda w=w: w.lines('tunnel')[-1]['state'] == 'up', 10), f'{side}: the tunnel is up', w.lines('tunnel')[-1])
    again = len([1 for _, _, message in Log(hq.log()).retransmitted if message == 1])
    statuses = site.stop()
    for side, w in watches.items():
        check(statuses[side] == 0, f'{side}: sawatch ended with status 0', w.err)
        copies = site.rows(side, 'SELECT requests, responses FROM v_exchanges WHERE kind = \'IKE_AUTH\' AND requests > 1')
        check([c[0] for c in copies] == [again + 1], f'{side}: one exchange, {again + 1} requests as in the log', copies)
        check(copies and (copies[0][1] == again + 1 if side == 'branch' else copies[0][1] == 1), f'{side}: and the answers that passed it', copies)
        kept = site.rows(side, f'SELECT status, severity FROM v_alerts WHERE code = \'{CODE}\'')
        check(kept == [('cleared', 'warning')], f'{side}: the history has it', kept)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('sawatch')
    parser.add_argument('--nat', action='store_true')
    parser.add_argument('--keep')
    options = parser.parse_args()
    network.enter_own_namespaces(PROGRAMS)
    if options.keep:
        os.makedirs(options.keep)
        lost(options, options.keep)
    else:
        with tempfile.TemporaryDirectory() as folder:
            lost(options, folder)
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
