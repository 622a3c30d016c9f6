#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what sawatch says about the public captures with their truth files.

usage: public_truth.py SAWATCH CAPTURES [NAME...]

CAPTURES holds NAME.pcap or NAME.pcapng and truth/NAME.json, made with tshark
and cross-checked with tcpdump.  Every capture is compared, field by field.
Prints a table, then where the truth file is wrong and why (the tables of
public_explained.py), then the unexplained differences.  Exit status: 0 no
unexplained difference, 1 some, 77 when the captures are not there.
"""
import collections
import datetime
import glob
import json
import os
import re
import subprocess
import sys

import public_explained

EXCHANGES = {
    1: {1: 'BASE', 2: 'IDENTITY_PROTECTION', 3: 'AUTHENTICATION_ONLY', 4: 'AGGRESSIVE', 5: 'INFORMATIONAL',
        6: 'TRANSACTION', 32: 'QUICK_MODE', 33: 'NEW_GROUP_MODE'},
    2: {34: 'IKE_SA_INIT', 35: 'IKE_AUTH', 36: 'CREATE_CHILD_SA', 37: 'INFORMATIONAL', 43: 'IKE_INTERMEDIATE'},
}
LINK_TYPES = {'0': 'NULL', '1': 'EN10MB', '50': 'PPP_SERIAL', '101': 'RAW', '104': 'C_HDLC', '113': 'LINUX_SLL',
              '228': 'IPV4', '229': 'IPV6', '239': 'NFLOG', '276': 'LINUX_SLL2'}
# Link types that DESIGN section 3 does not name: refused by name, exit 2.
REFUSED_LINK_TYPES = {'160', '258', '281', '284'}
SANITIZER = re.compile(r'AddressSanitizer|LeakSanitizer|runtime error:|Assertion')
TIME_LIMIT_S = 120
RESPONSE_FLAG = 0x20
NO_SPI = '0' * 16


# ---- the truth file ----------------------------------------------------------

def rfc3339(timestamp):
    seconds, _, fraction = timestamp.partition('.')
    at = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    return at.strftime('%Y-%m-%dT%H:%M:%S.') + (fraction + '0' * 9)[:9] + 'Z'


def corrected(name, truth, reasons):
    """The truth with the corrections of public_explained.py; reasons gets those that were used."""
    messages, outside, added = [], [], 0
    for message in truth['ike']:
        key = (name, message['frame'])
        if key in public_explained.NOT_IKE:
            reasons['NOT_IKE', key] = 'no IKE message: ' + public_explained.NOT_IKE[key]
            added -= 1
        else:
            messages.append(message)
    for key, (message, why) in public_explained.ALSO_IKE.items():
        if key[0] == name and all(m['frame'] != key[1] for m in messages):
            reasons['ALSO_IKE', key] = 'an IKE message: ' + why
            messages.append(message)
            added += 1
    for message in list(messages):
        key = (name, message['frame'])
        if key in public_explained.NO_SA:
            reasons['NO_SA', key] = 'counted, belongs to no SA: ' + public_explained.NO_SA[key]
            messages.remove(message)
            outside.append(message)
    corrections = {'ike': messages, 'ike_messages': truth['ike_messages'] + added}
    for protocol in ('esp', 'ah'):
        corrections[protocol] = []
        for sa in truth[protocol]:
            key = (name, sa_name(protocol, sa['spi'][2:], sa['src'], sa['dst']))
            if key in public_explained.NOT_AN_SA:
                reasons['NOT_AN_SA', key] = 'no SA: ' + public_explained.NOT_AN_SA[key]
            else:
                corrections[protocol].append(sa)
    return {**truth, **corrections}


def sa_name(protocol, spi, src, dst):
    return f'{protocol} {spi} {src} > {dst}'


def version_of(message):
    return int(message['version'].split('.')[0])


def kind_of(message):
    return EXCHANGES[version_of(message)].get(message['exchange'], f"EXCHANGE_{message['exchange']}")


def is_answer(message):
    return bool(int(message['flags'], 16) & RESPONSE_FLAG)


def spi_pairs(messages):
    """The first request of an SA does not know the responder's SPI yet: no pair of its own."""
    responders = collections.defaultdict(set)
    for message in messages:
        responders[message['spi_i']].add(message['spi_r'])
    return sorted((spi_i, spi_r) for spi_i, seen in responders.items() for spi_r in (seen - {NO_SPI} or {NO_SPI}))


def truth_exchanges(messages):
    """(initiator SPI, exchange, message ID) -> IKEv2: [requests, responses]; IKEv1 does not say which it is: None.

    A mirror's copies do not count, fragments of a message count once.
    """
    found = {}
    for message in messages:
        key = (message['spi_i'], kind_of(message), int(message['msg_id'], 16))
        count = found.setdefault(key, [0, 0] if version_of(message) == 2 else None)
        if count and not message.get('capture_duplicate') and int(message.get('frag.number', 1)) == 1:
            count[is_answer(message)] += 1
    return found


def askers(messages):
    """Who sent the request; only IKEv2 tells."""
    return sorted({(m['spi_i'], kind_of(m), int(m['msg_id'], 16), m['dst' if is_answer(m) else 'src'])
                   for m in messages if version_of(m) == 2})


def from_truth(truth):
    messages = truth['ike']
    exchanges = truth_exchanges(messages)
    expected = {
        'link_type': '/'.join(sorted(LINK_TYPES[text.split('(')[0]] for text in truth['linktypes'])),
        'packets': truth['packets'], 'first': rfc3339(truth['min_ts']), 'last': rfc3339(truth['max_ts']),
        'ike_messages': truth['ike_messages'],
        'spi_pairs': spi_pairs(messages),
        'versions': sorted({(m['spi_i'], version_of(m)) for m in messages}),
        'exchanges': sorted(exchanges),
        'transmissions': sorted((key, tuple(count)) for key, count in exchanges.items() if count),
        'askers': askers(messages),
        'retransmits': truth['ike_retransmits'],
        'ike_copies': truth['ike_capture_duplicates'],
        'keepalives': len(truth['nat_keepalives']),
        'ip_fragments': truth['ip_fragments'],
        'esp_packets': sum(sa['packets'] for sa in truth['esp']),
        'ah_packets': sum(sa['packets'] for sa in truth['ah']),
    }
    for protocol in ('esp', 'ah'):
        expected[protocol] = sorted(sa_name(protocol, sa['spi'][2:], sa['src'], sa['dst']) for sa in truth[protocol])
        for sa in truth[protocol]:
            of = sa_name(protocol, sa['spi'][2:], sa['src'], sa['dst'])
            udp = sa['via'] == 'udp'
            expected[f'{of}: packets'] = sa['packets']
            expected[f'{of}: sequence'] = (sa['min_seq'], sa['max_seq'])
            expected[f'{of}: lost'] = sa['seq_missing']
            expected[f'{of}: late'] = sa['seq_out_of_order']
            expected[f'{of}: encap'] = 'udp' if udp else 'none'
            expected[f'{of}: ports'] = (sa['sport'], sa['dport']) if udp else None
    return expected


# ---- sawatch -----------------------------------------------------------------

def run(sawatch, capture):
    done = subprocess.run([sawatch, '-r', capture, '--json'], capture_output=True, timeout=TIME_LIMIT_S)
    objects = collections.defaultdict(list)
    for line in done.stdout.decode().splitlines():
        record = json.loads(line)
        objects[record['type']].append(record)
    return done.returncode, done.stderr.decode(errors='replace'), objects


def address_and_port(endpoint):
    """Of "192.0.2.1", "192.0.2.1:500", "2001:db8::1" and "[2001:db8::1]:500"."""
    if endpoint.startswith('['):
        address, _, port = endpoint[1:].partition(']:')
        return address, int(port)
    if endpoint.count(':') == 1:
        address, _, port = endpoint.partition(':')
        return address, int(port)
    return endpoint, None


def esp_fields(esp_sas, measured):
    """An SPI that was used again is one row of the truth file and several generations here."""
    by_name = collections.defaultdict(list)
    for sa in esp_sas:
        src, dst = address_and_port(sa['src']), address_and_port(sa['dst'])
        by_name[sa_name(sa['protocol'], sa['spi'], src[0], dst[0])].append({**sa, 'ports': (src[1], dst[1])})
    for protocol in ('esp', 'ah'):
        measured[protocol] = sorted(of for of in by_name if of.startswith(protocol + ' '))
    for of, generations in by_name.items():
        measured[f'{of}: packets'] = sum(g['packets'] + g['duplicates'] for g in generations)
        measured[f'{of}: sequence'] = (min(g['seq_first'] for g in generations), max(g['seq_last'] for g in generations))
        measured[f'{of}: lost'] = None if any(g['lost'] is None for g in generations) else sum(g['lost'] for g in generations)
        measured[f'{of}: late'] = sum(g['late'] for g in generations)
        measured[f'{of}: encap'] = '/'.join(sorted({g['encap'] for g in generations}))
        measured[f'{of}: ports'] = generations[0]['ports'] if generations[0]['encap'] == 'udp' else None


def from_sawatch(objects):
    capture = objects['capture'][0]
    versions = {sa['spi_i']: sa['version'] for sa in objects['ike_sa']}
    counted, found_askers, retransmits = {}, set(), 0
    for exchange in objects['exchange']:
        key = (exchange['spi_i'], exchange['kind'], exchange['message_id'])
        version2 = versions[exchange['spi_i']] == 2
        count = counted.setdefault(key, [0, 0] if version2 else None)
        if version2:
            count[0] += exchange['requests']
            count[1] += exchange['responses']
            found_askers.add(key + (address_and_port(exchange['from'])[0],))
        retransmits += max(0, exchange['requests'] - 1) + max(0, exchange['responses'] - 1)
    measured = {
        'link_type': capture['link_type'],
        'packets': capture['packets'], 'first': capture['first'], 'last': capture['last'],
        'ike_messages': capture['ike_messages'],
        'spi_pairs': sorted((sa['spi_i'], sa['spi_r'] or NO_SPI) for sa in objects['ike_sa']),
        'versions': sorted(versions.items()),
        'exchanges': sorted(counted),
        'transmissions': sorted((key, tuple(count)) for key, count in counted.items() if count),
        'askers': sorted(found_askers),
        'retransmits': retransmits,
        'ike_copies': capture['duplicates'],
        'keepalives': capture['keepalives'], 'ip_fragments': capture['fragments'],
        'esp_packets': capture['esp_packets'], 'ah_packets': capture['ah_packets'],
    }
    esp_fields(objects['esp_sa'], measured)
    return measured


# ---- both --------------------------------------------------------------------

def compare(sawatch, capture, truth):
    """([(field, truth's value, sawatch's value)], number of fields compared, the objects)"""
    status, errors, objects = run(sawatch, capture)
    found = []
    if SANITIZER.search(errors) or status not in (0, 2):
        return [('run', 'no fault', f'exit {status}: {errors[:3000]}')], 1, objects
    if errors.count('\n') != (1 if status == 2 else 0):
        found.append(('standard error', 'one line with exit status 2, else none', f'exit {status}: {errors}'))
    if {text.split('(')[0] for text in truth['linktypes']} & REFUSED_LINK_TYPES:
        if status != 2 or 'link type' not in errors or truth['ike'] or truth['esp'] or truth['ah']:
            found.append(('link type', 'refused by name', f'exit {status}: {errors}'))
        return found, 1, objects
    if len(objects['capture']) != 1:
        return found + [('capture objects', 1, len(objects['capture']))], 1, objects
    expected, measured = from_truth(truth), from_sawatch(objects)
    for field in {**expected, **measured}:
        of_an_sa = ': ' in field
        if of_an_sa and (field not in expected or field not in measured):
            continue                # the difference of the lists "esp" and "ah" says it
        if expected[field] != measured[field]:
            found.append((field, expected[field], measured[field]))
    return found, len({**expected, **measured}), objects


def judge(name, found, reasons):
    """The differences that public_explained.py does not expect, with this very value."""
    unexplained = []
    for field, expected, measured in found:
        value, why = public_explained.FIELDS.get((name, field), (None, None))
        if why and value == measured:
            reasons['FIELDS', (name, field)] = f'{field}: truth {expected}, sawatch {measured}: {why}'
        else:
            unexplained.append((name, field, expected, measured))
    return unexplained


def print_row(name, objects, fields, verdict):
    capture = (objects['capture'] or [{}])[0]
    counts = [capture.get(k, '-') for k in ('packets', 'ike_messages', 'esp_packets', 'ah_packets', 'keepalives')]
    counts += [len(objects['ike_sa']), len(objects['exchange']), len(objects['esp_sa']), fields]
    print('{:40} {:>7} {:>5} {:>5} {:>5} {:>4} {:>4} {:>4} {:>4} {:>7}  {}'.format(name, *counts, verdict))


def main():
    sawatch, folder, only = sys.argv[1], sys.argv[2], sys.argv[3:]
    if not os.path.isdir(f'{folder}/truth'):
        print(f'{folder}: the public captures are not here; nothing compared')
        return 77
    captures = {os.path.basename(path).split('.pcap')[0]: path for path in glob.glob(f'{folder}/*.pcap*')}
    names = only or sorted(set(captures) | {os.path.basename(p)[:-5] for p in glob.glob(f'{folder}/truth/*.json')})
    reasons, unexplained, total = {}, [], 0
    print('{:40} {:>7} {:>5} {:>5} {:>5} {:>4} {:>4} {:>4} {:>4} {:>7}'.format(
        'capture', 'packets', 'IKE', 'ESP', 'AH', 'keep', 'SAs', 'exch', 'SPIs', 'fields'))
    for name in names:
        with open(f'{folder}/truth/{name}.json', encoding='utf-8') as file:
            truth = corrected(name, json.load(file), reasons)
        found, fields, objects = compare(sawatch, captures[name], truth)
        wrong = judge(name, found, reasons)
        unexplained += wrong
        total += fields
        corrections = sum(1 for _, key in reasons if key[0] == name)
        print_row(name, objects, fields, f'{len(wrong)} WRONG' if wrong else
                  f'equal, truth corrected in {corrections}' if corrections else
                  'refused link type' if not objects['capture'] else 'equal')
    for table in ('NOT_IKE', 'NO_SA', 'ALSO_IKE', 'NOT_AN_SA', 'FIELDS') if not only else ():
        unexplained += [(*key, f'an entry of {table}', 'does not differ any more')
                        for key in getattr(public_explained, table) if (table, key) not in reasons]
    print('\nWhere the truth file is wrong, and why:')
    for (_, key), why in reasons.items():
        print(f'  {key[0]}: {"frame " if isinstance(key[1], int) else ""}{key[1]}\n      {why}')
    print('\nUnexplained:' if unexplained else '')
    for name, field, expected, measured in unexplained:
        print(f'  {name}: {field}\n      truth   {expected}\n      sawatch {measured}')
    print(f'{len(names)} captures, {total} fields compared, {len(reasons)} explained, {len(unexplained)} unexplained')
    return 1 if unexplained else 0


if __name__ == '__main__':
    sys.exit(main())
