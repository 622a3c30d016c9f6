#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sawatch -r FILE --follow while somebody writes the file, in pieces that end anywhere: what is told, and the rows, are
those of the whole file; it may be rotated, replaced or begun anew; and silence in it is noticed.

usage: follow.py SAWATCH PCAPS
"""
import concurrent.futures
import json
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

from watching import LIMIT_S, Watch, check, problems, rows

# what only says how the capture was called
NOT_COMPARED = {('capture', 'name')}


def content(pcaps, name):
    with open(os.path.join(pcaps, name + '.pcap'), 'rb') as file:
        return file.read()


def records(pcap):
    """The header, and the records."""
    at, found = 24, []
    while at < len(pcap):
        kept, = struct.unpack_from('<I', pcap, at + 8)
        found.append(pcap[at:at + 16 + kept])
        at += 16 + kept
    return pcap[:24], found


def as_pcapng(pcap):
    """The same packets, nanosecond stamps as such."""
    header, packets = records(pcap)
    link_type, = struct.unpack_from('<I', header, 20)
    nanoseconds = header[:4] == b'\x4d\x3c\xb2\xa1'
    options = struct.pack('<HHB3xHH', 9, 1, 9 if nanoseconds else 6, 0, 0)
    out = struct.pack('<IIIHHqI', 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0, -1, 28)
    out += struct.pack('<IIHHI', 1, 20 + len(options), link_type, 0, 65535) + options + struct.pack('<I', 20 + len(options))
    for p in packets:
        seconds, fraction, kept, length = struct.unpack_from('<IIII', p)
        at = seconds * (1_000_000_000 if nanoseconds else 1_000_000) + fraction
        data = p[16:] + bytes(-kept % 4)
        size = 32 + len(data)
        out += struct.pack('<IIIIIII', 6, size, 0, at >> 32, at & 0xffffffff, kept, length) + data + struct.pack('<I', size)
    return out


def append(path, data, pieces=1, pause=0.0):
    step = max(1, -(-len(data) // pieces))
    for at in range(0, max(1, len(data)), step):
        with open(path, 'ab') as file:
            file.write(data[at:at + step])
        time.sleep(pause)


def table_rows(database):
    db = sqlite3.connect(f'file:{database}?mode=ro', uri=True)
    db.row_factory = sqlite3.Row
    found = {}
    for table, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall():
        found[table] = sorted(str({c: r[c] for c in r.keys() if (table, c) not in NOT_COMPARED and not (table == 'event' and c == 'id')})
                              for r in db.execute(f'SELECT * FROM "{table}"'))
    db.close()
    return found


def told_whole(sawatch, folder, data, *words):
    path, database = os.path.join(folder, 'whole'), os.path.join(folder, 'whole.db')
    for name in (path, database):
        if os.path.exists(name):
            os.remove(name)
    append(path, data)
    done = subprocess.run((sawatch, '-r', path, '--db', database, *words), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    return done.stdout.replace(path, 'FILE'), table_rows(database), done.returncode


def follow(sawatch, folder, path, *words, ready='following'):
    w = Watch(sawatch, folder, '-r', path, '--follow', *words, ready=False)
    check(w.wait_for(lambda: ready in w.err, LIMIT_S), f'{os.path.basename(path)}: is {ready}', w.err)
    return w


def caught_up(w, path):
    """Everything that is in the file was read; and a moment for what is made of it.  A busy machine takes its time."""
    def at_the_end():
        folder = f'/proc/{w.process.pid}/fd'
        for number in os.listdir(folder):
            try:
                if os.readlink(os.path.join(folder, number)) == os.path.realpath(path):
                    with open(f'/proc/{w.process.pid}/fdinfo/{number}', encoding='ascii') as file:
                        return int(file.readline().split()[1]) >= os.path.getsize(path)
            except FileNotFoundError:
                pass        # closed between two looks
        return False
    check(w.wait_for(at_the_end), f'{os.path.basename(path)} is read to its end', w.err)
    time.sleep(1.2)


def stored(database, packets):
    """Has the history so many?  The row of the capture comes at the end, SAs and exchanges every second."""
    try:
        return rows(database, 'SELECT coalesce(sum(packets), 0) FROM esp_sa')[0][0] >= packets
    except sqlite3.OperationalError:
        return False


def in_pieces(sawatch, folder, name, data, number):
    path, database = os.path.join(folder, name), os.path.join(folder, name + '.db')
    whole, expected, status = told_whole(sawatch, folder, data)
    append(path, b'')
    w = follow(sawatch, folder, path, '--db', database, ready='waited for')
    # a slow writer at first, and a tail that is only half there for a while
    append(path, data[:len(data) // 4 + 5], 37, 0.02)
    append(path, data[len(data) // 4 + 5:-7], 11, 0.05)
    check(w.wait_for(lambda: w.out, LIMIT_S), f'{name}: what happened is told before the end', w.err)
    append(path, data[-7:])
    total = sqlite_counts(sawatch, folder, data)[0] or 0
    check(w.wait_for(lambda: stored(database, total), LIMIT_S), f'{name}: the history has it within a moment', w.err)
    caught_up(w, path)
    check(w.end(number) == status, f'{name}: {number.name} ends it with the status of -r', (w.process.returncode, w.err))
    out = w.out.replace(path, 'FILE')
    check(out.endswith(whole), f'{name}: the report at the end is that of the whole file', (out[-len(whole):], whole))
    lines = out[:-len(whole)].splitlines()
    check(lines and all(line[:2] == '20' and 'Z  ' in line for line in lines), f'{name}: in lines with times', lines[:3])
    check(len(lines) == len(set(lines)), f'{name}: each thing once', lines)
    found = table_rows(database)
    different = [(t, set(found[t]) ^ set(expected[t])) for t in expected if found[t] != expected[t]]
    check(not different, f'{name}: every row is that of the whole file', different)
    check('damaged' not in w.err and 'cut' not in w.err, f'{name}: a record that is not whole yet is no error', w.err)
    done = subprocess.run((sawatch, '-r', path, '--db', database), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    check('already in' in done.stderr, f'{name}: afterwards it is known', done.stderr)


def cut_at_the_end(sawatch, folder, data):
    path, database = os.path.join(folder, 'cut.pcap'), os.path.join(folder, 'cut.db')
    append(path, data[:-5])
    w = follow(sawatch, folder, path, '--db', database)
    caught_up(w, path)
    check(w.end() in (0, 10) and 'byte' not in w.err, 'the last record may be half written when it is stopped', w.err)
    append(path, data[-5:])
    done = subprocess.run((sawatch, '-r', path, '--db', database), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    whole, expected, _ = told_whole(sawatch, folder, data)
    check(done.stdout.replace(path, 'FILE') == whole and table_rows(database) == expected, 'and reading it again when it is whole brings the rest', done)


def as_json(sawatch, folder, data):
    path = os.path.join(folder, 'json.pcap')
    append(path, data[:2000])
    w = follow(sawatch, folder, path, '--json')
    append(path, data[2000:])
    check(w.wait_for(lambda: any(a['code'] == 'ike_auth_retransmit' for a in w.lines('alert'))), 'JSON: an alert comes as it is raised', w.out)
    caught_up(w, path)
    check(w.end() == 0 and len(w.lines('capture')) == 1, 'JSON: the capture comes once, at the end', w.out[-500:])
    whole, _, _ = told_whole(sawatch, folder, data, '--json')
    for kind in ('ike_sa', 'esp_sa', 'child_sa', 'event'):
        mine, theirs = ([json.dumps({k: v for k, v in json.loads(line).items() if k not in ('at',)}) for line in text.splitlines()
                         if json.loads(line)['type'] == kind] for text in (w.out, whole))
        check(set(theirs) <= set(mine), f'JSON: {kind}: each in its final state', set(theirs) - set(mine))
    w = follow(sawatch, folder, path, '--json', '--fail-on', 'critical')
    w.wait_for(lambda: w.lines('alert'), LIMIT_S)
    check(w.end() == 10, '--fail-on is obeyed', w.process.returncode)


def silence(sawatch, folder, data):
    path = os.path.join(folder, 'silent.pcap')
    header, packets = records(data)
    append(path, header + b''.join(packets[:8]))
    w = follow(sawatch, folder, path, '--json', '--set', 'idle_s=2', '--set', 'judge_s=0.5', '--set', 'follow.lag_s=1')
    check(w.wait_for(lambda: any(t['state'] == 'up' for t in w.lines('tunnel'))), 'a tunnel in the file is up', w.out)
    check(w.wait_for(lambda: w.lines('tunnel')[-1]['state'] != 'up'), 'and no longer, when nothing more comes', w.out)
    check(w.end() == 0, 'silence: status 0', w.err)


def rotated(sawatch, folder, data):
    """As dumpcap -b and tcpdump -C do: another file in the directory, the same name again, or the same file from its beginning."""
    header, packets = records(data)
    half = len(packets) // 2
    first, second = header + b''.join(packets[:half]), header + b''.join(packets[half:])
    total, = sqlite_counts(sawatch, folder, data)
    ring = os.path.join(folder, 'ring')
    os.mkdir(ring)
    database = os.path.join(folder, 'ring.db')
    append(os.path.join(ring, 'x_00001.pcap'), first)
    w = follow(sawatch, folder, ring, '--db', database, ready='following ' + os.path.join(ring, 'x_00001.pcap'))
    append(os.path.join(ring, 'x_00002.pcap'), second, 5, 0.1)
    check(w.wait_for(lambda: 'x_00002.pcap; SIGINT' in w.err), 'the next file of a ring is gone on with', w.err)
    check(w.wait_for(lambda: stored(database, total)), 'and read', rows(database, 'SELECT sum(packets) FROM esp_sa'))
    check(w.end() == 0, 'a ring: status 0', w.err)
    check(sas(database) == sas_of(sawatch, folder, data), 'the SAs go on from file to file', sas(database))

    path, database = os.path.join(folder, 'same.pcap'), os.path.join(folder, 'same.db')
    append(path, first)
    w = follow(sawatch, folder, path, '--db', database)
    caught_up(w, path)
    os.rename(path, path + '.1')
    check(w.wait_for(lambda: 'has been removed' in w.err), 'a file that is moved away is told', w.err)
    append(path, second)
    check(w.wait_for(lambda: 'is another file now' in w.err and stored(database, total)), 'and another of its name gone on with', w.err)
    check(w.end() == 0 and sas(database) == sas_of(sawatch, folder, data), 'replaced: the SAs go on', w.err)

    path, database = os.path.join(folder, 'anew.pcap'), os.path.join(folder, 'anew.db')
    append(path, first)
    w = follow(sawatch, folder, path, '--db', database)
    caught_up(w, path)
    os.truncate(path, 0)
    append(path, header)
    check(w.wait_for(lambda: 'has become shorter' in w.err), 'a file that is written anew is told', w.err)
    append(path, second[24:])
    check(w.wait_for(lambda: stored(database, total)), 'and gone on with', w.err)
    check(w.end() == 0 and sas(database) == sas_of(sawatch, folder, data), 'anew: the SAs go on', w.err)


def sas(database):
    return rows(database, 'SELECT spi, packets, seq_first, seq_last FROM esp_sa ORDER BY spi')


def sas_of(sawatch, folder, data):
    told_whole(sawatch, folder, data)
    return sas(os.path.join(folder, 'whole.db'))


def sqlite_counts(sawatch, folder, data):
    told_whole(sawatch, folder, data)
    return rows(os.path.join(folder, 'whole.db'), 'SELECT sum(packets) FROM esp_sa')[0]


def refused(sawatch, folder, data):
    path = os.path.join(folder, 'refused.pcap')
    append(path, data)
    fifo = os.path.join(folder, 'fifo')
    os.mkfifo(fifo)
    for what, words, wanted in (('standard input', ('-r', '-', '--follow'), '- is a stream'), ('a FIFO', ('-r', fifo, '--follow'), 'is a stream'),
                                ('an interface', ('-i', 'lo', '--follow'), '-i goes on'), ('a question', ('why', 'x', '-r', path, '--follow'), '--follow'),
                                ('a file that is not there', ('-r', path + 'x', '--follow'), 'check the name')):
        done = subprocess.run((sawatch, *words), capture_output=True, text=True, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL)
        check(done.returncode in (1, 2) and wanted in done.stderr and done.stderr.count('\n') == 1, f'{what} cannot be followed', done)


def alone(trial, sawatch, *words):
    with tempfile.TemporaryDirectory() as folder:
        trial(sawatch, folder, *words)


def main():
    sawatch, pcaps = sys.argv[1:3]
    retransmit, churn = content(pcaps, 'auth-retransmit-noresponse'), content(pcaps, 'spi-churn')
    trials = ((in_pieces, 'retransmit.pcap', retransmit, signal.SIGTERM), (in_pieces, 'retransmit.pcapng', as_pcapng(retransmit), signal.SIGINT),
              (in_pieces, 'churn.pcap', churn, signal.SIGTERM), (cut_at_the_end, retransmit), (as_json, retransmit),
              (silence, content(pcaps, 'mid-stream')), (rotated, churn), (refused, retransmit))
    with concurrent.futures.ThreadPoolExecutor(len(trials)) as pool:
        for done in [pool.submit(alone, trial, sawatch, *words) for trial, *words in trials]:
            done.result()
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
