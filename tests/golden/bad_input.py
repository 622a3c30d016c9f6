#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give sawatch what it cannot use: each time one line on standard error that
names the thing and the remedy, the right exit status (1 usage or run-time
error, 2 input), and nothing lost that was already stored.

usage: bad_input.py SAWATCH PCAPS
"""
import gzip
import json
import os
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys

from trial import Trial, arguments_of, read, records, rows_of, text_of

NOBODY = 65534
SMALL = 'healthy-ipv6.pcap'
LARGE = 'spi-churn.pcap'


def captured(done):
    """The capture objects of a run with --json."""
    found = [json.loads(line) for line in done.out.splitlines()]
    return [o for o in found if o['type'] == 'capture']


def unusable_files(trial, pcaps):
    good = os.path.join(pcaps, SMALL)
    os.mkdir(trial.path('empty'))
    os.mkdir(trial.path('letters'))
    trial.write('letters/readme.txt', 'no capture\n')
    trial.write('text.pcap', 'just a text\n')
    trial.write('empty.pcap', b'')
    trial.write('noise.pcap', bytes(range(128, 256)) * 4)
    trial.write('short.gz', gzip.compress(read(good))[:2000])
    header = struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 222)
    trial.write('linktype.pcap', header + struct.pack('<IIII', 1, 0, 4, 4) + b'abcd')
    trial.refuses('no such file', ['-r', 'nosuch.pcap'], 2, 'nosuch.pcap', 'check the name')
    trial.refuses('no such directory', ['-r', 'nosuch/x.pcap'], 2, 'nosuch/x.pcap', 'check the name')
    trial.refuses('an empty directory', ['-r', 'empty'], 2, 'empty', 'pcap or pcapng')
    trial.refuses('a directory without captures', ['-r', 'letters'], 2, 'letters', 'pcap or pcapng')
    trial.refuses('a text file', ['-r', 'text.pcap'], 2, 'text.pcap', 'text file; .*tcpdump -w')
    trial.refuses('an empty file', ['-r', 'empty.pcap'], 2, 'empty.pcap', 'nothing was captured')
    trial.refuses('noise', ['-r', 'noise.pcap'], 2, 'noise.pcap', 'pcap')
    trial.refuses('a compressed file that ends early', ['-r', 'short.gz'], 2, 'short.gz', 'truncated')
    trial.refuses('an unknown link type', ['-r', 'linktype.pcap'], 2, 'linktype.pcap', 'supported are')
    trial.refuses('text on standard input', ['-r', '-'], 2, 'standard input', 'tcpdump -w', stdin=b'just a text\n')
    if os.geteuid() != 0 or shutil.which('setpriv'):
        os.chmod(trial.write('locked.pcap', read(good)), 0)
        os.mkdir(trial.path('private'), 0o700)
        trial.refuses('a directory without permission', ['-r', trial.path('private')], 2, 'private', 'user who may read',
                      before=as_nobody(), cwd='/')
        trial.refuses('a history in a directory without permission', ['tunnels', '--db', trial.path('private/h.db')], 1,
                      'private/h.db', 'ask its owner', before=as_nobody(), cwd='/')
        trial.refuses('a file without permission', ['-r', trial.path('locked.pcap')], 2, 'locked.pcap', 'user who may read',
                      before=as_nobody(), cwd='/')
    done = trial.refuses('a good file beside a missing one', ['-r', 'nosuch.pcap', '-r', good, '--json'], 2, 'nosuch.pcap',
                         'check the name')
    trial.check(len(captured(done)) == 1 and captured(done)[0]['packets'] > 0, 'the good file beside it is read')


def as_nobody():
    """How to run a program without root's rights; nothing to do when we have none."""
    if os.geteuid() != 0:
        return []
    return ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups']


def truncated(trial, pcaps):
    """What was read before the damage is kept, and the place is named."""
    good = read(os.path.join(pcaps, SMALL))
    header, packets = records(good)
    ends = [24]
    for packet in packets:
        ends.append(ends[-1] + len(packet))
    cuts = {1: 'in the magic number', 10: 'in the file header', 23: 'one byte before the first record', 25: 'in a record header',
            ends[1] - 1: 'in the first packet', ends[7] + 15: 'in the header of frame 8', ends[7] + 16: 'before the bytes of frame 8',
            ends[-1] - 1: 'one byte before the end'}
    for size, place in sorted(cuts.items()):
        trial.write('cut.pcap', good[:size])
        whole = sum(1 for end in ends[1:] if end <= size)
        done = trial.refuses(f'cut {place} (byte {size})', ['-r', 'cut.pcap', '--json'], 2, 'cut.pcap', 'byte|frame|not a capture')
        seen = sum(c['packets'] for c in captured(done))
        trial.check(seen == whole, f'cut {place}: the {whole} whole packets are read', f'{seen} packets')
    trial.write('cut.pcap', good[:24])
    done = trial.run('-r', 'cut.pcap', '--json')
    trial.check(done.status == 0 and not done.err and captured(done)[0]['packets'] == 0,
                'a file header and no packet: an empty capture, exit 0', f'exit {done.status} {done.err}')
    damaged = bytearray(good)
    struct.pack_into('<I', damaged, ends[7] + 8, 0xffffffff)
    trial.write('cut.pcap', bytes(damaged))
    done = trial.refuses('a record of 4 GiB', ['-r', 'cut.pcap', '--json'], 2, 'cut.pcap', 'frame 8')
    trial.check(captured(done)[0]['packets'] == 7, 'a record of 4 GiB: the 7 packets before it are read')


def grown(trial, pcaps):
    """A file is imported while it is being written, and again when it is whole."""
    good = read(os.path.join(pcaps, LARGE))
    trial.write('growing.pcap', good[:len(good) // 2 + 3])
    trial.refuses('a file that is being written', ['-r', 'growing.pcap', '--db', 'growing.db'], 2, 'growing.pcap',
                  'the frames before it were read')
    some = rows_of(trial.path('growing.db'))
    trial.write('growing.pcap', good)
    done = trial.run('-r', 'growing.pcap', '--db', 'growing.db')
    trial.run('-r', 'growing.pcap', '--db', 'whole.db')
    counts = rows_of(trial.path('growing.db')), rows_of(trial.path('whole.db'))
    trial.check(done.status == 0 and some['esp_sa'] > 0 and counts[0] == counts[1],
                'imported again when it is whole: the rows of the whole', counts)


def usage(trial, pcaps):
    good = os.path.join(pcaps, SMALL)
    read_it = ['-r', good]
    trial.refuses('a bad filter after -f', [*read_it, '-f', 'hosst 192.0.2.1'], 1, 'hosst 192.0.2.1', r'pcap-filter\(7\)')
    trial.refuses('a bad filter at the end', [*read_it, 'hosst', '192.0.2.1'], 1, 'hosst 192.0.2.1', r'pcap-filter\(7\)')
    trial.refuses('an unknown option', ['--nosuch'], 1, '--nosuch', '--help')
    trial.refuses('-r without a file', ['-r'], 1, '-r', '--help')
    trial.refuses('an unknown command', ['nosuch'], 1, 'nosuch', '--help')
    trial.refuses('-c with a word', [*read_it, '-c', 'many'], 1, 'many', 'write 1 or more')
    trial.refuses('-c 0', [*read_it, '-c', '0'], 1, '-c 0', 'write 1 or more')
    trial.refuses('an unknown severity', [*read_it, '--fail-on', 'loud'], 1, 'loud', 'info, warning or critical')
    trial.refuses('a question without a database', ['tunnels'], 1, 'tunnels', '--db FILE')
    trial.refuses('--since after --until', ['tunnels', '--db', 'x.db', '--since', '2026-11-23', '--until', '2026-11-22'], 1,
                  '--since', 'exchange them')
    trial.refuses('two forms of one answer', ['tunnels', '--db', 'x.db', '--json', '--csv'], 1, '--csv', 'give one')
    trial.refuses('-w into a missing directory', [*read_it, '-w', 'nosuch/x.pcap'], 1, 'nosuch/x.pcap', 'directory')
    trial.refuses('-w to a full disk', [*read_it, '-w', '/dev/full'], 1, '/dev/full', 'space')
    trial.write('itself.pcap', read(good))
    trial.refuses('-w over what is read', ['-r', 'itself.pcap', '-w', 'itself.pcap'], 1, 'itself.pcap', 'another file')
    trial.check(read(trial.path('itself.pcap')) == read(good), '-w over what is read: the file is as it was')
    with open('/dev/full', 'wb') as full:
        for arguments in ([*read_it], [*read_it, '--json']):
            done = subprocess.run([trial.sawatch, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=120)
            trial.check(done.returncode == 1 and done.stderr.count(b'\n') == 1 and b'space' in done.stderr,
                        f'output to a full disk {arguments[2:]}: one line, exit 1', done.stderr)


def what_is_there(trial, pcaps):
    """What is written to must not be what is read, or the history, and a device stays a device."""
    good = os.path.join(pcaps, SMALL)
    os.mkdir(trial.path('day'))
    shutil.copy(good, trial.path('day/a.pcap'))
    trial.run('-r', 'day', '--db', 'kept.db', '-w', 'day/ipsec.pcap')
    before = text_of(trial.path('kept.db')), read(trial.path('day/ipsec.pcap'))
    trial.refuses('-w over a capture of the directory that is read', ['-r', 'day', '-w', 'day/ipsec.pcap'], 1,
                  'day/ipsec.pcap', 'elsewhere')
    trial.refuses('-w over the history', ['-r', 'day', '--db', 'kept.db', '-w', './kept.db'], 1, 'kept.db', 'another file')
    trial.refuses('-i and -w over the history', ['-i', 'lo', '--db', 'kept.db', '-w', './kept.db'], 1, 'kept.db', 'another file')
    trial.refuses('a page over the history', ['report', '--db', 'kept.db', '-o', './kept.db'], 1, 'kept.db', 'another file')
    trial.check(before == (text_of(trial.path('kept.db')), read(trial.path('day/ipsec.pcap'))),
                'the history and the capture are as they were')
    trial.write('page.html', 'old')
    os.symlink('page.html', trial.path('link.html'))
    os.mkfifo(trial.path('pipe'))
    reader = subprocess.Popen(['cat', trial.path('pipe')], stdout=subprocess.PIPE)
    for name in ('link.html', 'pipe'):
        trial.run('report', '--db', 'kept.db', '-o', name)
    page = reader.communicate(timeout=60)[0]
    trial.check(os.path.islink(trial.path('link.html')) and read(trial.path('page.html')).startswith(b'<!'),
                'a page goes where a link points to, and the link stays')
    trial.check(stat.S_ISFIFO(os.stat(trial.path('pipe')).st_mode) and page.startswith(b'<!'),
                'a page goes into a pipe, and the pipe stays', page[:80])
    trial.refuses('a page onto a full disk', ['report', '--db', 'kept.db', '-o', '/dev/full'], 1, '/dev/full', 'space')
    trial.check(stat.S_ISCHR(os.stat('/dev/full').st_mode), 'a page onto a device: it stays a device')


def settings(trial, pcaps):
    good = ['-r', os.path.join(pcaps, SMALL)]
    lines = trial.run('config', '--defaults').out.decode().splitlines()
    section = key = None
    for line in lines:
        if line.startswith('[') and line.endswith(']'):
            section = line[1:-1]
        elif '=' in line and not line.startswith(('#', ';')):
            key = line.split('=')[0].strip()
            break
    trial.check(bool(key), 'config --defaults shows settings', lines[:3])
    full = f'{section}.{key}' if section else key
    trial.refuses('--set of an unknown key', [*good, '--set', 'nosuch=1'], 1, 'nosuch', 'config --defaults')
    trial.refuses('--set without a value', [*good, '--set', full], 1, full, 'key=value')
    trial.refuses('--set of a bad value', [*good, '--set', f'{full}=blue'], 1, 'blue', 'write one from')
    trial.refuses('--config without a file', [*good, '--config', 'nosuch.conf'], 1, 'nosuch.conf', 'config --defaults')
    top = f'[{section}]\n' if section else ''
    at = 2 if section else 1
    for what, text, place, remedy in (
            ('an unknown key', f'{top}nosuch = 1\n', f'bad.conf:{at}', 'config --defaults'),
            ('a bad value', f'# first\n{top}{key} = blue\n', f'bad.conf:{at + 1}', 'write one from'),
            ('a line that is no setting', f'{top}what is this\n', f'bad.conf:{at}', 'key'),
            ('an unknown section', '[nosuch]\nkey = 1\n', 'bad.conf:', 'config --defaults')):
        trial.write('bad.conf', text)
        trial.refuses(f'{what} in a configuration', [*good, '--config', 'bad.conf'], 1, place, remedy)


def foreign_databases(trial, pcaps):
    good = ['-r', os.path.join(pcaps, SMALL)]
    trial.run(*good, '--db', 'h.db')
    for name, change in (('other.db', 'PRAGMA application_id = 5'), ('plain.db', 'CREATE TABLE more (a)')):
        connection = sqlite3.connect(trial.path(name))
        connection.executescript(f"CREATE TABLE letters (a); INSERT INTO letters VALUES ('mine'); {change};")
        connection.close()
    shutil.copy(trial.path('h.db'), trial.path('newer.db'))
    connection = sqlite3.connect(trial.path('newer.db'))
    connection.execute('PRAGMA user_version = 99')
    connection.close()
    trial.write('text.db', 'a letter, no database\n' * 100)
    os.mkdir(trial.path('folder.db'))
    for what, name, remedy in (('of another program', 'other.db', 'another file'), ('of a program without an id', 'plain.db',
                               'another file'), ('of a newer sawatch', 'newer.db', 'newer sawatch.*another file'),
                               ('that is a text', 'text.db', 'new file')):
        before = read(trial.path(name))
        trial.refuses(f'a database {what}', [*good, '--db', name], 1, name, remedy)
        trial.refuses(f'a question to a database {what}', ['tunnels', '--db', name], 1, name, remedy)
        trial.check(read(trial.path(name)) == before, f'a database {what} is left as it was')
    trial.refuses('a database that is a directory', [*good, '--db', 'folder.db'], 1, 'folder.db', 'name a file')
    trial.refuses('a database in a missing directory', [*good, '--db', 'nosuch/h.db'], 1, 'nosuch', 'make it first')
    trial.refuses('a question to a missing database', ['alerts', '--db', 'nosuch.db'], 1, 'nosuch.db', '--db')
    trial.check(not os.path.exists(trial.path('nosuch.db')), 'a question does not make a database')
    before = text_of(trial.path('h.db'))
    os.truncate(trial.path('h.db'), os.path.getsize(trial.path('h.db')) // 2)
    done = trial.run(*good, '--db', 'h.db')
    trial.check(done.status == 1 and done.err.count('\n') == 1 and 'h.db' in done.err,
                'half a database: one line, exit 1', f'exit {done.status}: {done.err}')
    trial.check(len(before) > 0, 'the database was not empty')


def read_only(trial, pcaps):
    if os.geteuid() == 0 and not shutil.which('setpriv'):
        trial.not_possible('open a read-only database', 'root ignores modes, and there is no setpriv')
        return
    os.mkdir(trial.path('locked'))
    trial.run('-r', os.path.join(pcaps, SMALL), '--db', 'locked/h.db')
    before = read(trial.path('locked/h.db'))
    for name in os.listdir(trial.path('locked')):
        os.chmod(trial.path('locked/' + name), stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    os.chmod(trial.path('locked'), 0o555)
    large = shutil.copy(os.path.join(pcaps, LARGE), trial.path('large.pcap'))
    trial.refuses('a read-only database', ['-r', large, '--db', trial.path('locked/h.db')], 1, 'h.db', 'make the file and its directory writable',
                  before=as_nobody(), cwd='/')
    done = trial.run('tunnels', '--db', trial.path('locked/h.db'), '--json', before=as_nobody(), cwd='/')
    trial.check(done.status == 0 and done.out, 'a read-only database answers questions', f'exit {done.status}: {done.err}')
    trial.refuses('a new database in a read-only directory', ['-r', large, '--db', trial.path('locked/new.db')], 1, 'new.db',
                  'another place', before=as_nobody(), cwd='/')
    os.chmod(trial.path('locked'), 0o755)
    trial.check(read(trial.path('locked/h.db')) == before, 'a read-only database is as it was')


def full_disk(trial, pcaps):
    """Mounts a small file system: in a name space of its own, so that nothing stays behind."""
    script = f'mount -t tmpfs -o size=1536k sawatch {trial.path("disk")} && exec "$@"'
    namespace = ['unshare', '-m'] if os.geteuid() == 0 else ['unshare', '-rm']
    os.mkdir(trial.path('disk'))
    try:
        probe = subprocess.run([*namespace, 'sh', '-c', script, 'sh', 'true'], capture_output=True, check=False)
        why = probe.stderr.decode().strip()
    except FileNotFoundError:
        why = 'no unshare'
    if why:
        trial.not_possible('fill a disk', why)
        return
    done = subprocess.run([*namespace, 'sh', '-c', script, 'sh', sys.executable, '-B', os.path.abspath(__file__),
                           trial.sawatch, pcaps, '--disk', trial.path('disk')], check=False)
    trial.check(done.returncode == 0, 'a full disk, see above')


def on_small_disk(trial, pcaps, disk):
    db = os.path.join(disk, 'h.db')
    small, large = os.path.join(pcaps, SMALL), os.path.join(pcaps, LARGE)
    done = trial.run('-r', small, '--db', db)
    trial.check(done.status == 0, 'the first import has room', done.err)
    before = rows_of(db)
    with open(os.path.join(disk, 'filler'), 'wb') as filler:
        try:
            while os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize > 48 * 1024:
                filler.write(bytes(4096))
                filler.flush()
        except OSError:
            pass
    trial.refuses('a full disk', ['-r', large, '--db', db], 1, 'h.db', 'full|space')
    after = rows_of(db)
    trial.check(all(after[table] >= before[table] for table in before), 'a full disk: what was stored is still there',
                f'{before} {after}')
    done = trial.run('tunnels', '--db', db)
    trial.check(done.status == 0, 'a full disk: questions are still answered', done.err)
    os.unlink(os.path.join(disk, 'filler'))
    done = trial.run('-r', large, '--db', db)
    trial.check(done.status == 0, 'room again: the import goes through', done.err)
    trial.run('-r', small, '-r', large, '--db', 'roomy.db')
    counts = rows_of(db), rows_of(trial.path('roomy.db'))
    trial.check(counts[0] == counts[1], 'room again: the rows of a disk that never was full', counts)


def taps(trial, pcaps):
    """Two files of the same time are not joined, and that is said; rotated ones are."""
    header, packets = records(read(os.path.join(pcaps, SMALL)))
    half = len(packets) // 2
    trial.write('tap1.pcap', header + b''.join(packets[::2]))
    trial.write('tap2.pcap', header + b''.join(packets[1::2]))
    trial.write('rotated1.pcap', header + b''.join(packets[:half]))
    trial.write('rotated2.pcap', header + b''.join(packets[half:]))
    trial.refuses('two taps of the same time', ['-r', 'tap1.pcap', '-r', 'tap2.pcap', '-r', 'rotated1.pcap'], 0, '.pcap',
                  'mergecap')
    done = trial.run('-r', 'rotated1.pcap', '-r', 'rotated2.pcap')
    trial.check(done.status == 0 and not done.err, 'a rotated capture: nothing to say', done.err)


def main():
    sawatch, pcaps = arguments_of(sys.argv, __doc__)
    trial = Trial(sawatch)
    if '--disk' in sys.argv:
        on_small_disk(trial, pcaps, sys.argv[sys.argv.index('--disk') + 1])
        return trial.end()
    for part in (unusable_files, taps, truncated, grown, usage, what_is_there, settings, foreign_databases, read_only, full_disk):
        part(trial, pcaps)
    return trial.end()


if __name__ == '__main__':
    sys.exit(main())
