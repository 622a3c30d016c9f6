# SPDX-License-Identifier: GPL-3.0-or-later
"""A running sawatch -i, and what it wrote."""
import json
import os
import signal
import sqlite3
import subprocess
import time

LIMIT_S = 60
problems = []


def check(good, what, detail=''):
    print(f'{"ok  " if good else "FAIL"} {what}', flush=True)
    if not good:
        problems.append(what)
        print('     ' + str(detail)[:3000], flush=True)


class Watch:
    """A running sawatch -i."""

    def __init__(self, sawatch, folder, *words, ready=True):
        self.out_path, self.err_path = os.path.join(folder, 'out'), os.path.join(folder, 'err')
        with open(self.out_path, 'w', encoding='utf-8') as out, open(self.err_path, 'w', encoding='utf-8') as err:
            self.process = subprocess.Popen((sawatch,) + words, stdout=out, stderr=err)
        if ready:
            self.wait_for(lambda: 'watching' in self.err)

    def wait_for(self, true, seconds=LIMIT_S):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if true():
                return True
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        return true()

    @property
    def out(self):
        with open(self.out_path, encoding='utf-8') as file:
            return file.read()

    @property
    def err(self):
        with open(self.err_path, encoding='utf-8') as file:
            return file.read()

    def lines(self, kind):
        whole = self.out.rpartition('\n')[0]
        return [o for o in map(json.loads, whole.splitlines()) if o['type'] == kind]

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)


def rows(database, query):
    connection = sqlite3.connect(f'file:{database}?mode=ro', uri=True, timeout=10)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
