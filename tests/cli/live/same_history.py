# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare two histories of the same packets, every field of every table: one that was watched live, and one that was
read from a file afterwards.  What may differ is listed here, and why."""
import sqlite3

# what the capture is called and where it came from; how many packets an interface lost, a file does not know
OF_THE_CAPTURE = {'name', 'kind', 'fingerprint', 'size', 'dropped', 'complete', 'source'}
# written by a running monitor about itself, for its restart and for `sawatch check`
OF_THE_MONITOR = {'meta', 'image'}
# in the order in which things were decided: at the end of a file that is all at once
NUMBERED_AS_DECIDED = {'event'}
# an SA that lives is left open for the next watch; the end of a file closes it, and how it ended is then not observed
END_OF_FILE = {'end_reason', 'grade'}


class History:
    def __init__(self, path):
        self.db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
        self.db.row_factory = sqlite3.Row
        self.tables = [n for n, in map(tuple, self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"))]

    def rows(self, table, frames):
        """By their identity; tables have an id, or a key of several columns."""
        columns = self.db.execute(f'PRAGMA table_info("{table}")').fetchall()
        names = [c['name'] for c in columns if not (table in NUMBERED_AS_DECIDED and c['pk']) and (frames or 'frame' not in c['name'])]
        key = [c['name'] for c in columns if c['pk'] and c['name'] in names] or names
        return {tuple(r[k] for k in key): {n: r[n] for n in names} for r in self.db.execute(f'SELECT * FROM "{table}"')}


def of_the_end(table, row, live):
    """A row that only the end of a file writes: the unfinished minute of an SA that lives, and what is judged once more."""
    if table == 'traffic':
        last, end = live.db.execute('SELECT last_ns, end_reason FROM esp_sa WHERE id = ?', (row['esp_sa_id'],)).fetchone()
        return end is None and row['bucket_ns'] // 60_000_000_000 == last // 60_000_000_000
    if table == 'alert':
        return row['severity'] == 'info'
    return False


def judged_at_the_end(table, column, here, there, file):
    """States are judged every now and then; the last time for a file is its end, live a little later."""
    end, = file.db.execute('SELECT max(last_ns) FROM capture').fetchone()
    return (table, column) == ('tunnel', 'since_ns') and (here is None or there == end <= here)


def differences(live_path, file_path, frames=True):
    """Lines of what differs.  Without `frames` the numbers of frames may: the file holds only those that matter."""
    live, file = History(live_path), History(file_path)
    found = []
    for table in live.tables:
        if table in OF_THE_MONITOR:
            continue
        here, there = live.rows(table, frames), file.rows(table, frames)
        found += [f'{table}: only live: {here[k]}' for k in here.keys() - there.keys()]
        found += [f'{table}: only from the file: {there[k]}' for k in there.keys() - here.keys() if not of_the_end(table, there[k], live)]
        for key in here.keys() & there.keys():
            for column, value in here[key].items():
                other = there[key][column]
                if value == other or (table == 'capture' and column in OF_THE_CAPTURE):
                    continue
                if column in END_OF_FILE and (here[key].get('end_reason'), there[key].get('end_reason')) == (None, 'capture_end'):
                    continue
                if judged_at_the_end(table, column, value, other, file):
                    continue
                if not frames and table == 'capture' and column in ('packets', 'bytes', 'first_ns', 'last_ns'):
                    continue
                found.append(f'{table} {key}: {column} is {value!r} live and {other!r} from the file')
    return found
