# SPDX-License-Identifier: GPL-3.0-or-later
"""Running sawatch as a user would, and keeping the score of what was expected of it."""
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

TIME_LIMIT_S = 120
SANITIZER = re.compile(r'AddressSanitizer|LeakSanitizer|runtime error:|Assertion')


class Done:
    """What one run of the program left: status, out (bytes), err (text)."""

    def __init__(self, status, out, err):
        self.status, self.out = status, out
        self.err = err.decode(errors='replace')


class Trial:
    """One test program: a scratch folder, the runs, and the complaints."""

    def __init__(self, sawatch):
        self.sawatch = os.path.abspath(sawatch)
        self.folder = tempfile.mkdtemp(prefix='sawatch-golden-')
        self.failed, self.passed, self.impossible = [], 0, []
        os.chmod(self.folder, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), 'wb') as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return self.path(name)

    def run(self, *arguments, stdin=None, before=(), cwd=None):
        done = subprocess.run([*before, self.sawatch, *arguments], input=stdin, capture_output=True,
                              stdin=subprocess.DEVNULL if stdin is None else None, timeout=TIME_LIMIT_S,
                              cwd=cwd or self.folder)
        done = Done(done.returncode, done.stdout, done.stderr)
        if SANITIZER.search(done.err) or done.status not in (0, 1, 2, 10):
            self.check(False, ' '.join(arguments), f'exit {done.status}: {done.err[:3000]}')
        return done

    def check(self, right, what, otherwise=''):
        if right:
            self.passed += 1
        else:
            self.failed.append(what)
        print(f'{"ok    " if right else "WRONG "} {what}' + ('' if right else f'\n       {otherwise}'))
        return right

    def not_possible(self, what, why):
        """A case that this machine cannot stage is told, never passed over."""
        self.impossible.append(what)
        print(f'cannot {what}: {why}')

    def refuses(self, what, arguments, status, names, remedy, **how):
        """One line on standard error that names the thing and says what to do, and the right exit status."""
        done = self.run(*arguments, **how)
        lines = done.err.splitlines()
        wrong = []
        if done.status != status:
            wrong.append(f'exit {done.status}, not {status}')
        if len(lines) != 1 or not lines[0].startswith('sawatch: '):
            wrong.append(f'{len(lines)} lines')
        if names not in done.err:
            wrong.append(f'does not name {names!r}')
        if not re.search(remedy, done.err):
            wrong.append(f'no remedy /{remedy}/')
        self.check(not wrong, f'{what}: one line, exit {status}', f'{"; ".join(wrong)}: {done.err.strip()!r}')
        return done

    def end(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        print(f'{self.passed} right, {len(self.failed)} wrong, {len(self.impossible)} not possible here')
        for what in self.failed:
            print(f'WRONG {what}')
        return 1 if self.failed else 0


# ---- captures ----------------------------------------------------------------

def records(data):
    """File header and records (header and bytes each) of a little-endian classic pcap."""
    assert data[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1'), 'little-endian pcap'
    at, found = 24, []
    while at < len(data):
        length = 16 + struct.unpack_from('<I', data, at + 8)[0]
        found.append(data[at:at + length])
        at += length
    return data[:24], found


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def text_of(path):
    """Every row of a database, sorted: equal databases have equal texts."""
    connection = sqlite3.connect(path)
    try:
        return sorted(connection.iterdump())
    finally:
        connection.close()


def rows_of(path):
    """Table -> number of rows; raises when the database is damaged."""
    connection = sqlite3.connect(path)
    try:
        health = connection.execute('PRAGMA integrity_check').fetchone()[0]
        if health != 'ok':
            raise sqlite3.DatabaseError(health)
        tables = [name for name, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in sorted(tables)}
    finally:
        connection.close()


def arguments_of(argv, usage):
    if len(argv) < 3:
        sys.exit(usage)
    return argv[1], os.path.abspath(argv[2])
