#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules as promtool (package prometheus) sees them, and its tests of them; and that the
dashboard is JSON whose panels ask something.

usage: promtool.py MONITORING
"""
import json
import os
import re
import shutil
import subprocess
import sys

SKIPPED = 77


def dashboard(path):
    """What is wrong with it."""
    with open(path, encoding='utf-8') as file:
        board = json.load(file)
    panels = [p for p in board['panels'] if p['type'] != 'row']
    faults = [f'panel "{p["title"]}" asks nothing of sawatch' for p in panels
              if not p['targets'] or not all(re.search(r'\bsawatch_\w+', t['expr']) for t in p['targets'])]
    faults += [f'panel "{p["title"]}" shares its id' for p in panels if [q['id'] for q in board['panels']].count(p['id']) > 1]
    cells = {}
    for p in board['panels']:
        g = p['gridPos']
        for x in range(g['x'], g['x'] + g['w']):
            for y in range(g['y'], g['y'] + g['h']):
                if (x, y) in cells or x > 23:
                    faults.append(f'panel "{p["title"]}" lies over "{cells.get((x, y), "the edge")}"')
                cells[x, y] = p['title']
    return sorted(set(faults)) if panels else ['no panels']


def expressions(folder):
    """What the panels ask, as rules, so that promtool parses it."""
    with open(os.path.join(folder, 'grafana', 'sawatch.json'), encoding='utf-8') as file:
        board = json.load(file)
    found = [t['expr'] for p in board['panels'] for t in p.get('targets', [])]
    found = [e.replace('$__rate_interval', '5m').replace('$instance', '.*') for e in found]
    rules = [{'record': f'panel:{n}', 'expr': e} for n, e in enumerate(found)]
    return json.dumps({'groups': [{'name': 'panels', 'rules': rules}]})


def main():
    folder = sys.argv[1]
    faults = dashboard(os.path.join(folder, 'grafana', 'sawatch.json'))
    for fault in faults:
        print('FAIL', fault)
    if faults:
        return 1
    print('ok   every panel of the dashboard asks for metrics of sawatch')
    if not shutil.which('promtool'):
        print('skipped: promtool is not installed (package prometheus)')
        return SKIPPED
    rules = os.path.join(folder, 'prometheus')
    panels = 'panels.json'
    with open(panels, 'w', encoding='utf-8') as file:
        file.write(expressions(folder))
    failed = 0
    for words in (['check', 'rules', os.path.join(rules, 'sawatch.rules.yml')], ['check', 'rules', panels],
                  ['test', 'rules', os.path.join(rules, 'sawatch.rules.test.yml')]):
        done = subprocess.run(['promtool'] + words, capture_output=True, text=True, timeout=120, check=False)
        print('ok  ' if done.returncode == 0 else 'FAIL', 'promtool', *words)
        if done.returncode != 0:
            print(done.stdout + done.stderr)
            failed = 1
    os.remove(panels)
    return failed


if __name__ == '__main__':
    sys.exit(main())
