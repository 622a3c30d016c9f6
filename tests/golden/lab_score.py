#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what sawatch says about the lab captures with their labels.

usage: lab_score.py SAWATCH CAPTURES [NAME...]

For every NAME.pcap with NAME.json: IKE SAs, child SA pairs, predecessor links,
who initiated each rekey, and the alerts.  Prints a table, then for every code in
how many captures it was expected, found and false; exits 1 when anything differs.
"""
import collections
import glob
import json
import os
import subprocess
import sys

# The label's names of conditions and sawatch's codes (captures/README.md).
CODES = {
    'auth-failed': {'auth_failed'}, 'child-failed': {'ts_mismatch'}, 'dead-peer': {'dpd_timeout'},
    'ike-auth-retransmit': {'ike_auth_retransmit'}, 'ike-flap': {'ike_flap'},
    'ike-fragment-loss': {'fragment_loss'}, 'ike-init-retransmit': {'ike_init_unanswered'},
    'ike-scan': {'ike_scan'}, 'ke-mismatch': {'invalid_ke'},
    'lifetime-mismatch-declared': {'lifetime_mismatch'}, 'lifetime-mismatch-inferred': {'lifetime_mismatch'},
    'nat-mapping-change': {'nat_rebind'}, 'no-proposal': {'no_proposal_chosen'}, 'one-way': {'one_way_esp'},
    'periodic-teardown': {'periodic_drop'}, 'rekey-by-volume': {'volume_expiry'},
    'rekey-collision': {'rekey_collision'}, 'request-retransmit': {'rekey_failing', 'dpd_timeout'},
    'sa-expired-unreplaced': {'idle_expiry', 'expiry_gap'}, 'spi-churn': {'spi_churn'},
    'stale-spi': {'stale_spi'}, 'aggressive-mode': {'aggressive_psk'}, 'cookie-mode': set(),
}

# True by the capture's story, but the labels have no word for it.
UNNAMED = {'stale-spi-restart': {'peer_restart'}}

# Facts about the capture are no alerts about a tunnel.
CAPTURE_FACTS = {'capture_loss', 'mirror_duplicates', 'one_sided_capture', 'clock_jump'}


def run(sawatch, pcap, config):
    command = [sawatch, '-r', pcap, '--json']
    if config:
        command += ['--config', config]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f'{pcap}: exit {done.returncode}: {done.stderr}')
    return [json.loads(line) for line in done.stdout.splitlines()]


def pairs_of(objects, label):
    """Child SAs of sawatch as (ab, ba) with the label's peer A as sender of ab."""
    a = label['peers']['A']['ip']
    esp = {}
    for o in objects:
        if o['type'] == 'esp_sa':
            esp.setdefault(o['spi'], o)
    result = []
    for o in objects:
        if o['type'] != 'child_sa':
            continue
        spis = [s for s in o['sas'] if s]
        ab = ba = None
        for s in spis:
            sender = esp[s]['src'].rsplit(':', 1)[0] if esp[s]['encap'] != 'none' and '.' in esp[s]['src'] else esp[s]['src']
            nat = label['capture'].get('nat_outside_address_of_A')
            if sender in (a, nat):
                ab = s
            else:
                ba = s
        result.append((ab, ba, o))
    return result


def score(label, objects):
    """(what, right, wanted, complaints) for every aspect."""
    result = []
    ike = set()
    for i in label['ike_sas']:
        if not i.get('wire') or i['rspi'] == '0' * 16:
            continue
        # The label has the responder's SPI from its log; an error answer does not show it (RFC 7296 2.6).
        refused = any(side == 'B' and kind < 16384 for side, kind in i['wire'].get('notifies_clear', []))
        ike.add(f"{i['ispi']}:{None if refused and i['wire']['packets'] == 2 else i['rspi']}")
    seen = {f"{o['spi_i']}:{o['spi_r']}" for o in objects if o['type'] == 'ike_sa'}
    result.append(('ike', len(ike & seen), len(ike), [f'IKE SA {x} not found' for x in sorted(ike - seen)]))

    pairs = pairs_of(objects, label)
    by_spi = {}
    for ab, ba, o in pairs:
        for s in (ab, ba):
            if s:
                by_spi[s] = (ab, ba, o)
    right, wanted, bad = 0, 0, []
    links = {'right': 0, 'wanted': 0, 'bad': []}
    who = {'right': 0, 'wanted': 0, 'bad': []}
    peers = {}
    for side in ('A', 'B'):
        peers[label['peers'][side]['ip']] = side
    if label['capture'].get('nat_outside_address_of_A'):
        peers[label['capture']['nat_outside_address_of_A']] = 'A'
    on_wire = {}
    for c in label['child_sas']:
        ab = c['ab'].get('spi') if c['ab'].get('wire') else None
        ba = c['ba'].get('spi') if c['ba'].get('wire') else None
        if not ab and not ba:
            continue
        for s in (ab, ba):
            if s:
                on_wire[s] = c
        wanted += 1
        got = by_spi.get(ab or ba)
        if got and got[0] == ab and got[1] == ba:
            right += 1
        else:
            bad.append(f'pair {ab}/{ba}: got {got[:2] if got else None}')
    result.append(('pairs', right, wanted, bad))
    replaced = {}
    for c in label['child_sas']:
        r = c.get('replaced_by')
        if not r:
            continue
        new = r[0] if r[0] in on_wire else r[1]
        old = c['ab'].get('spi') if c['ab'].get('wire') else c['ba'].get('spi')
        old_wire = c['ab'].get('wire') or c['ba'].get('wire')
        if new not in on_wire or not old_wire:
            continue
        replaced[new] = old
        links['wanted'] += 1
        got = by_spi.get(new)
        predecessor = got[2]['predecessor'] if got else None
        known = [p for p in (predecessor or []) if p]
        if old in known:
            links['right'] += 1
        else:
            links['bad'].append(f'{new} should replace {old}: got {known}')
        who['wanted'] += 1
        initiator = c.get('replace_initiator')
        by = got[2]['created_by'] if got else None
        side = peers.get((by or '').rsplit(':', 1)[0] if by and by.count(':') == 1 else by)
        if side and (initiator == side or initiator.startswith('both')):
            who['right'] += 1
        else:
            who['bad'].append(f'{new} by {initiator}: got {by}')
    result.append(('links', links['right'], links['wanted'], links['bad']))
    result.append(('who', who['right'], who['wanted'], who['bad']))
    false_links = []
    for ab, ba, o in pairs:
        new = ab or ba
        if o['predecessor'] and any(o['predecessor']) and new not in replaced and new in on_wire:
            false_links.append(f"{new} replaces {o['predecessor']}: not in the label")
    result.append(('nolink', -len(false_links), 0, false_links))
    return result


def alerts(label, objects):
    """(missed, wrong) codes at warning or above."""
    expected, allowed = label['alerts']['expected'], label['alerts']['allowed']
    raised = {}
    for o in objects:
        if o['type'] == 'alert':
            raised.setdefault(o['code'], []).append(o)
    loud = {c for c, a in raised.items() if any(x['severity'] != 'info' for x in a)}
    missed = [e for e in expected if CODES[e] and not (CODES[e] & set(raised))]
    fine = set().union(CAPTURE_FACTS, UNNAMED.get(label['name'], set()), *(CODES[e] for e in expected + allowed))
    wrong = sorted(loud - fine)
    return missed, wrong


def count_alerts(tally, label, objects, wrong):
    """Per code of sawatch; a label that several codes fit counts for the one that was raised."""
    raised = {o['code'] for o in objects if o['type'] == 'alert'}
    loud = {o['code'] for o in objects if o['type'] == 'alert' and o['severity'] != 'info'} - CAPTURE_FACTS
    for expected in label['alerts']['expected']:
        fit = CODES[expected]
        for code in sorted(fit & raised)[:1] or sorted(fit)[:1]:
            tally[code]['expected'] += 1
            tally[code]['found'] += code in raised
    for code in loud:
        tally[code]['loud'] += 1
        tally[code]['false'] += code in wrong


def print_tally(tally):
    """Precision: of the captures in which it was raised at warning or above, those where it may be."""
    print(f"\n{'condition':24} {'expected':>8} {'found':>6} {'missed':>7} {'recall':>7} {'raised':>7} {'false':>6} {'precision':>10}")
    total = collections.Counter()
    for code in [*sorted(tally), 'all']:
        n = total if code == 'all' else tally[code]
        recall = f"{n['found'] / n['expected']:.3f}" if n['expected'] else '-'
        precision = f"{1 - n['false'] / n['loud']:.3f}" if n['loud'] else '-'
        print(f"{code:24} {n['expected']:8} {n['found']:6} {n['expected'] - n['found']:7} {recall:>7} {n['loud']:7} "
              f"{n['false']:6} {precision:>10}")
        total.update(n)
    print()


def main():
    sawatch, captures, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    here = os.path.dirname(os.path.abspath(__file__))
    if not os.path.isdir(captures):
        print(f'skipped: no {captures}')
        return 77
    totals, failed = {}, 0
    tally = collections.defaultdict(collections.Counter)
    for path in sorted(glob.glob(os.path.join(captures, '*.json'))):
        name = os.path.basename(path)[:-5]
        if names and name not in names:
            continue
        with open(path) as f:
            label = json.load(f)
        config = None if name.endswith('-slow') else os.path.join(here, 'compressed.conf')
        objects = run(sawatch, path[:-5] + '.pcap', config if config and os.path.exists(config) else None)
        line, complaints = [], []
        for what, right, wanted, bad in score(label, objects):
            r, w = totals.get(what, (0, 0))
            totals[what] = (r + right, w + wanted)
            line.append(f'{what} {right}/{wanted}')
            complaints += bad
        missed, wrong = alerts(label, objects)
        count_alerts(tally, label, objects, wrong)
        complaints += [f'missed {m}' for m in missed] + [f'wrong {w}' for w in wrong]
        failed += bool(complaints)
        print(f'{"ok  " if not complaints else "DIFF"} {name:36s} {"  ".join(line)}')
        for c in complaints:
            print(f'       {c}')
    print_tally(tally)
    print('total', '  '.join(f'{k} {r}/{w}' for k, (r, w) in totals.items()), f'captures with differences {failed}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
