#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a tunnel between two strongSwan gateways, watched with sawatch -i: what the history says must be
what the daemons wrote into their own logs.

usage: life.py SAWATCH [--ikev1] [--nat] [--keep FOLDER]
"""
import argparse
import datetime
import os
import sys
import tempfile
import time

import network
from daemon_log import Log
from site_between import PING_BYTES, PROGRAMS, Site, check, problems

WITHIN_S = 1.0


def seconds(rfc3339):
    if rfc3339 is None:
        return None
    whole, _, fraction = rfc3339.rstrip('Z').partition('.')
    at = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc).timestamp()
    return at + float('0.' + (fraction or '0'))


def near(row, log):
    return row is not None and log is not None and abs(seconds(row) - log) <= WITHIN_S


def story(site, version):
    """Both ends do everything once; the pauses let each be seen by itself."""
    hq, branch = site.hq, site.branch

    def then(gateway, *words):
        done = gateway.ctl(*words, check=False)
        check(done.returncode == 0, f'{gateway.name}: swanctl {" ".join(words)}', done.stdout + done.stderr)
        time.sleep(2.5)

    then(hq, '--initiate', '--child', 'net')
    site.traffic()
    time.sleep(2)
    if version == 2:    # one address more, of which MOBIKE tells; a daemon also tells of one that the kernel gave late (IPv6)
        network.inside('hq', 'ip', 'address', 'add', '192.0.2.77/24', 'dev', 'eth0')
        time.sleep(1)
    then(hq, '--rekey', '--child', 'net')
    then(branch, '--rekey', '--child', 'net')
    if version == 2:
        then(hq, '--rekey', '--ike', 'tunnel')
        then(branch, '--rekey', '--ike', 'tunnel')
        then(hq, '--rekey', '--child', 'net')
    site.no_traffic()
    time.sleep(5)       # for probes; then one end closes the child SA, the other all
    then(hq, '--terminate', '--child', 'net')
    then(hq, '--initiate', '--child', 'net')
    site.traffic()
    time.sleep(2)
    site.no_traffic()
    time.sleep(0.5)
    site.carried_at_last = hq.carried()
    then(branch, '--terminate', '--ike', 'tunnel')


class Truth:
    """What both logs say, in terms of who did it."""

    def __init__(self, site):
        self.hq, self.branch = Log(site.hq.log()), Log(site.branch.log())
        for sa in self.hq.child_sas.values():   # one that goes with its IKE SA has no line of its own
            if sa['ended'] is None:
                sa['ended'], sa['ended_by_us'] = next((i['ended'], i['ended_by_us']) for i in self.hq.ike_sas.values() if i['ended'] >= sa['created'])
        self.carried = {spi: (received, 0) for spi, received in site.carried_at_last.items()}
        for log in (self.hq, self.branch):
            for sa in log.child_sas.values():
                for spi, received in zip(sa['spis'], sa['bytes'] or ()):
                    self.carried[spi] = (max(received, self.carried.get(spi, (0, 0))[0]), 1)

    def ike_sas(self):
        for sa in self.hq.ike_sas.values():
            if sa['spis'] and sa['established']:
                parent = self.hq.ike_sas.get(sa['parent'])
                yield {'spis': sa['spis'], 'initiator': 'hq' if sa['ours'] else 'branch', 'established': sa['established'],
                       'parent': ':'.join(parent['spis']) if parent else None, 'ended': sa['ended'],
                       'ended_by': None if sa['ended'] is None else 'hq' if sa['ended_by_us'] else 'branch',
                       'replaced': any(o['parent'] is not None and self.hq.ike_sas[o['parent']] is sa for o in self.hq.ike_sas.values())}

    def child_sas(self):
        """With the SPIs as (from hq, from branch)."""
        for sa in self.hq.child_sas.values():
            before = self.hq.child_sas.get(sa['predecessor'])
            yield {'spis': sa['spis'][::-1], 'initiator': 'hq' if sa['ours'] else 'branch', 'created': sa['created'],
                   'predecessor': before['spis'][::-1] if before else None, 'ended': sa['ended'],
                   'ended_by': None if sa['ended'] is None else 'hq' if sa['ended_by_us'] else 'branch',
                   'replaced': any(o['predecessor'] is not None and self.hq.child_sas[o['predecessor']] is sa for o in self.hq.child_sas.values()),
                   'carried': tuple(self.carried[spi][0] // PING_BYTES for spi in sa['spis'][::-1])}


def address(endpoint):
    return endpoint.rpartition(':')[0] if endpoint and ':' in endpoint else endpoint


def compare_ike_sas(site, side, truth, version):
    found = {(r[0], r[1]): r for r in site.rows(side, 'SELECT spi_i, spi_r, initiator, established, parent, ended, end_reason, ended_by, origin'
                                                      ' FROM v_ike_sas')}
    wanted = list(truth.ike_sas())
    check(set(found) == {sa['spis'] for sa in wanted}, f'{side}: the IKE SAs of the log, {len(wanted)}', (found, wanted))
    for sa in wanted:
        row = found.get(sa['spis'])
        if not row:
            continue
        what = f'{side}: IKE SA {sa["spis"][0]}'
        check(address(row[2]) == site.seen_as[sa['initiator']][side], f'{what} was begun by {sa["initiator"]}', row)
        check(near(row[3], sa['established']), f'{what} was established when the log says', (row, sa))
        check(row[4] == sa['parent'], f'{what} replaces {sa["parent"] or "none"}', (row, sa))
        if version == 2:
            check(near(row[5], sa['ended']) and row[6] == ('rekeyed' if sa['replaced'] else 'deleted') and
                  row[7] == site.seen_as[sa['ended_by']][side], f'{what} was {"replaced" if sa["replaced"] else "deleted"} by {sa["ended_by"]}', (row, sa))


def compare_child_sas(site, side, truth, version):
    esp = {r[0]: r for r in site.rows(side, 'SELECT spi, src, packets, predecessor, end_reason, ended_by FROM v_esp_sas')}
    wanted = [sa for sa in truth.child_sas() if sa['carried'][0]]
    check(set(esp) == {spi for sa in wanted for spi in sa['spis']}, f'{side}: the ESP SAs of the log, {2 * len(wanted)}', (esp, wanted))
    children = site.rows(side, 'SELECT spi_a, spi_b, created, created_by, predecessor, ended, end_reason, ended_by FROM v_child_sas')
    for sa in wanted:
        what = f'{side}: child SA {"/".join(sa["spis"])}'
        for spi, gateway, received in zip(sa['spis'], ('hq', 'branch'), sa['carried']):
            row = esp.get(spi)
            check(row and address(row[1]) == site.seen_as[gateway][side], f'{what}: {spi} is sent by {gateway}', row)
            # what crosses the end of an SA is on the wire and no longer in the daemon's count
            check(row and row[2] - received in (0, 1), f'{what}: {spi} carried {received} packets', row)
        row = next((r for r in children if set(r[:2]) == set(sa['spis'])), None)
        check(row, f'{what} is a pair', children)
        if not row:
            continue
        check(near(row[2], sa['created']) and row[3] == site.seen_as[sa['initiator']][side], f'{what} was begun by {sa["initiator"]} when the log says', (row, sa))
        before = sa['predecessor']
        if version == 2 or before:     # of IKEv1 only the order in time tells what is new and what replaces
            check((row[4] is None) == (before is None) and all(spi in (row[4] or '') for spi in before or ()),
                  f'{what} replaces {"/".join(before) if before else "none"}', (row, sa))
        if version == 2:
            check(near(row[5], sa['ended']) and row[6] == ('rekeyed' if sa['replaced'] else 'deleted') and
                  row[7] == site.seen_as[sa['ended_by']][side], f'{what} was {"replaced" if sa["replaced"] else "deleted"} by {sa["ended_by"]}', (row, sa))


def compare_messages(site, side, truth):
    # by its length a probe of IKEv2 with NAT detection in it, or a word of MOBIKE, is any notification; IKEv1's Delete of an IKE SA is as long as a probe
    asked = sorted(seconds(r[0]) for r in site.rows(side, 'SELECT request_at FROM v_exchanges WHERE purpose IN (\'dpd\', \'notify\') AND responses > 0'))
    wanted = sorted(truth.hq.questions + truth.branch.questions)
    check(len(asked) == len(wanted) > 0 and all(abs(a - b) <= WITHIN_S for a, b in zip(asked, wanted)), f'{side}: the questions of the log, {len(wanted)}',
          (asked, wanted))
    again = site.rows(side, 'SELECT sum(requests - 1) FROM v_exchanges WHERE requests > 1')[0][0] or 0
    wanted = len(truth.hq.retransmitted) + len(truth.branch.retransmitted)
    check(again == wanted, f'{side}: the retransmissions of the log, {wanted}', again)


def watched_life(options, folder):
    version = 1 if options.ikev1 else 2
    # rekeys of seconds: what is a fault elsewhere is the story here
    site = Site(options.sawatch, folder, version, options.nat, watch=('--json', '--set', 'churn.warn=20', '--set', 'volume.min_n=32'))
    story(site, version)
    site.no_traffic()
    begun = time.monotonic()
    site.watches['hq'].wait_for(lambda: site.rows('hq', 'SELECT count(*) FROM v_ike_sas WHERE ended IS NULL') == [(0,)], 120)
    print(f'     all is over in the history after {time.monotonic() - begun:.1f} s')
    statuses = site.stop()
    truth = Truth(site)
    for side, w in site.watches.items():
        check(statuses[side] == 0, f'{side}: sawatch ended with status 0', w.err)
        compare_ike_sas(site, side, truth, version)
        compare_child_sas(site, side, truth, version)
        compare_messages(site, side, truth)
        ill = [(a['code'], a['severity']) for a in w.lines('alert') if a['severity'] != 'info']
        check(not ill, f'{side}: nothing here is a fault', ill)
        check(site.rows(side, 'PRAGMA integrity_check') == [('ok',)], f'{side}: the database is sound')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('sawatch')
    parser.add_argument('--ikev1', action='store_true')
    parser.add_argument('--nat', action='store_true')
    parser.add_argument('--keep')
    options = parser.parse_args()
    network.enter_own_namespaces(PROGRAMS)
    if options.keep:
        os.makedirs(options.keep)
        watched_life(options, options.keep)
    else:
        with tempfile.TemporaryDirectory() as folder:
            watched_life(options, folder)
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
