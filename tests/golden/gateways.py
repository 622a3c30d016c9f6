#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the history of captures of real gateways with what the daemons wrote into their logs.

usage: gateways.py SAWATCH FOLDER       FOLDER has NAME.pcap and truth.json (gateways/README.md)
"""
import datetime
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

WITHIN_S = 1.0
REPLACED_WITHIN_S = 2.5     # strongSwan deletes what was replaced in IKEv1 two seconds later
UNDECIDED_S = 10            # ends so shortly before the end of the capture may still be open
HQ, BRANCH = '192.0.2.1', '198.51.100.2'
problems = []


def check(good, what, detail=None):
    print(f'{"ok  " if good else "FAIL"} {what}')
    if not good:
        problems.append(what)
        print(f'     {detail}')


def seconds(rfc3339):
    if rfc3339 is None:
        return None
    whole, _, fraction = rfc3339.rstrip('Z').partition('.')
    at = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc).timestamp()
    return at + float('0.' + (fraction or '0'))


def near(row, log, within=WITHIN_S):
    return row is not None and abs(seconds(row) - log) <= within


def address(endpoint):
    return endpoint.rpartition(':')[0]


def compare_ike_sas(name, db, truth, hq, branch):
    rows = {f'{r[0]}:{r[1]}': r for r in db.execute('SELECT spi_i, spi_r, established, initiator, parent, end_reason FROM v_ike_sas')}
    for sa in truth:
        row = rows.pop(sa['spis'], None)
        check(row and near(row[2], sa['established']) and address(row[3]) == (hq if sa['initiator'] == 'hq' else branch) and row[4] == sa['replaces'],
              f'{name}: IKE SA {sa["spis"]} replaces {sa["replaces"] or "none"}', row)
    # crossing rekeys make one more each, which the daemons do not count among what they established
    check(all(r[5] == 'superseded' for r in rows.values()), f'{name}: and what else was made was redundant', rows)


def compare_child_sas(name, db, truth, last, hq, branch):
    rows = {frozenset((r[0], r[1])): r for r in db.execute('SELECT spi_a, spi_b, created, predecessor, ended, end_reason, ended_by FROM v_child_sas')}
    for sa in truth:
        what = f'{name}: child SA {"/".join(sa["spis"])}'
        row = rows.pop(frozenset(sa['spis']), None)
        check(row is not None, f'{what} is a pair', rows)
        if row is None or sa.get('unplaced') or sa.get('open'):
            continue
        check(near(row[2], sa['created']), f'{what} was made when the log says', (row, sa))
        before = set(json.loads(row[3])) - {None} if row[3] else set()
        check(before == set(sa['replaces'] or ()), f'{what} replaces {"/".join(sa["replaces"] or ["none"])}', (row, sa))
        if sa['rekeyed']:
            check(row[5] == 'rekeyed' and near(row[4], sa['ended'], REPLACED_WITHIN_S), f'{what} was replaced', (row, sa))
        elif sa['ended'] is not None and last - sa['ended'] > UNDECIDED_S:
            check(row[5] == 'deleted' and near(row[4], sa['ended']) and row[6] == (hq if sa['ended_by'] == 'hq' else branch),
                  f'{what} was deleted by {sa["ended_by"]}', (row, sa))
    left = [r for spis, r in rows.items() if spis != {None}]
    check(not truth or not left, f'{name}: no other child SA has an SPI', left)


def compare(sawatch, pcap, name, truth):
    with tempfile.TemporaryDirectory() as folder:
        database = os.path.join(folder, 'history.db')
        # lifetimes of seconds: what no vendor has elsewhere is the story here
        done = subprocess.run((sawatch, '-r', pcap, '--db', database, '--json', '--set', 'life.min_age_s=10'), capture_output=True, text=True, check=False)
        check(done.returncode in (0, 1, 2), f'{name}: read', done.stderr)
        db = sqlite3.connect(database)
        last, = db.execute('SELECT max(last_ns) / 1e9 FROM esp_sa').fetchone()
        peers = truth.get('hq', HQ), truth.get('branch', BRANCH)
        compare_ike_sas(name, db, truth['ike_sas'], *peers)
        compare_child_sas(name, db, truth['child_sas'], last, *peers)
        codes = {(code, cause) for code, cause in db.execute('SELECT code, cause FROM v_alerts')}
        db.close()
        check((('lifetime_mismatch', 'inferred') in codes) == name.startswith('lifetimes'), f'{name}: lifetimes that differ are told where they do', codes)


def main():
    sawatch, folder = sys.argv[1:]
    with open(os.path.join(folder, 'truth.json'), encoding='utf-8') as file:
        for name, truth in json.load(file).items():
            compare(sawatch, os.path.join(folder, name + '.pcap'), name, truth)
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
