#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names each field of a structure that is kept across a restart and that its walk (sawatch/fields.h) forgets: it would be
zero after every restart.  A member must be named in a walk as often as structures have one of that name.

usage: lint_fields.py ROOT
"""
import collections
import glob
import os
import re
import sys

# of the tracker: where they are declared, and who walks over them
TRACKED = (('include/sawatch/track.h', 'tunnel tunnel_side tunnel_more tunnel_ike left_out ike_vendor ike_sa exchange child_sa child_sa_more esp_sa '
            'esp_ends esp_sa_more esp_sa_rare'),
           ('src/track/path.h', 'path'), ('src/track/tracker.h', 'pending_delete'), ('include/sawatch/ike.h', 'ike1_offer ike2_transform'))
# an address of this run; those of an ESP SA, which are kept as esp_ends whatever their family; structures and unions whose
# members are named one by one
NOT_KEPT = {'name': 1, 'src4': 1, 'dst4': 1}
# pointers to structures that have walks of their own
ELSEWHERE = {'offers1', 'transforms', 'vendors', 'rare', 'more', 'current', 'previous'}

OTHER_TYPES = {'moments', 'endpoint', 'addr'}


def code_of(path):
    with open(path, encoding='utf-8') as file:
        return re.sub(r'/\*.*?\*/', ' ', file.read(), flags=re.S)


def block(text, at):
    """From the brace at `at` to the one that closes it."""
    depth, end = 0, at
    while True:
        depth += (text[end] == '{') - (text[end] == '}')
        end += 1
        if depth == 0:
            return text[at + 1:end - 1], end


def members(body):
    """(type, name) of what is declared; inner structures are taken apart, and their own name is a member too."""
    found = []
    while True:
        inner = re.search(r'\b(struct|union)\s*(\w*)\s*\{', body)
        if not inner:
            break
        inside, end = block(body, inner.end() - 1)
        found += members(inside)
        stop = body.index(';', end)
        body = body[:inner.start()] + body[stop + 1:]
    for line in body.split(';'):
        line = re.sub(r'\[[^\]]*\]', '', line).strip()
        if not line:
            continue
        kind = re.match(r'(?:const\s+)?(?:(struct|enum|unsigned)\s+)?(\w+)', line)
        for name in line.split(','):
            found.append((kind.group(2) if kind.group(1) == 'struct' else '', re.findall(r'\w+', name)[-1]))
    return found


def parts_of(root, path):
    """What its state is made of and lies in a file of its own, with a walk of its own: x.h and x.c, where it calls x_fields()."""
    text = code_of(path)
    parts = [name for name in re.findall(r'#include "(detect/\w+)\.h"', text)
             if re.search(r'\b%s_fields\(' % os.path.basename(name), text) and name != 'detect/moments']
    return ''.join(code_of(os.path.join(root, 'src', part + end)) for part in parts for end in ('.h', '.c'))


def structures(text):
    return {m.group(1): block(text, m.end() - 1)[0] for m in re.finditer(r'\bstruct\s+(\w+)\s*\{', text)}


def reachable(known, name, seen):
    if name in seen or name not in known:
        return
    seen.append(name)
    for kind, _ in members(known[name]):
        reachable(known, kind, seen)


def wanted(known, names):
    """How often each name of a value has to stand in a call; the names of structures, which have to stand anywhere."""
    count, inner = collections.Counter(), set()
    for name in names:
        count.update(n for kind, n in members(known[name]) if kind == '' or kind in OTHER_TYPES)
        inner.update(n for kind, n in members(known[name]) if kind and kind not in OTHER_TYPES)
    return count, inner


def named(text):
    count, anywhere = collections.Counter(), set()
    for walk in re.finditer(r'\b\w*fields\(struct fields \*f, [^)]*\)\s*\{', text):
        body = block(text, walk.end() - 1)[0]
        anywhere.update(re.findall(r'(?:->|\.)(\w+)', body))
        for call in re.findall(r'\b(?:FIELD\w*|\w*fields(?!_require)\w*)\(\s*f,([^;]*);', body):
            count.update(set(re.findall(r'(?:->|\.)(\w+)', call)))
    return count, anywhere


def missing(what, wants, has):
    (want, inner), (have, anywhere) = wants, has
    lines = [f'{what}: {name} is not named' for name in sorted(inner - anywhere - ELSEWHERE)]
    lines += [f'{what}: {name} is named {have[name]} times of {n}' for name, n in sorted(want.items())
             if have[name] < n - NOT_KEPT.get(name, 0)]
    print(*lines, sep='\n', end='\n' if lines else '')
    return len(lines)


def main():
    root, wrong, looked = sys.argv[1], 0, 0
    for path in sorted(glob.glob(os.path.join(root, 'src/detect/*.c'))):
        text = code_of(path) + parts_of(root, path)
        known = structures(text)
        if 'SCOPE_TUNNEL,' not in text or 'state' not in known:
            continue
        of_state = []
        reachable(known, 'state', of_state)
        # a structure that is declared within another is taken apart with it
        of_state = [n for n in of_state if not any(re.search(r'struct\s+%s\s*\{' % n, known[m]) for m in known if m != n)]
        wrong += missing(os.path.basename(path), wanted(known, of_state), named(text))
        looked += 1
    known, names = {}, []
    for path, list_ in TRACKED:
        known.update(structures(code_of(os.path.join(root, path))))
        names += list_.split()
    moments = structures(code_of(os.path.join(root, 'src/detect/moments.h')))
    wrong += missing('moments.c', wanted(moments, ['moments']), named(code_of(os.path.join(root, 'src/detect/moments.c'))))
    wrong += missing('image_values.c', wanted(known, names), named(code_of(os.path.join(root, 'src/track/image_values.c'))))
    if looked < 35:
        sys.exit(f'{looked} states found: their files look different now')
    sys.exit(wrong > 0)


main()
