#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names each line of C that is wider than 100 columns, a tab reaching to the next multiple of eight.

usage: lint_columns.py ROOT
"""
import glob
import os
import sys

COLUMNS = 100


def main():
    root = sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__)
    files = [f for folder in ('src', 'include', 'tests') for f in glob.glob(os.path.join(root, folder, '**', '*.[ch]'), recursive=True)]
    wide = [f'{f}:{n}: {len(line.expandtabs(8))} columns'
            for f in sorted(files) for n, line in enumerate(open(f, encoding='utf-8').read().split('\n'), 1)
            if len(line.expandtabs(8)) > COLUMNS]
    if not files:
        sys.exit(f'{root}: no C files there')
    print('\n'.join(wide))
    print(f'{len(files)} files, {len(wide)} lines too wide')
    sys.exit(bool(wide))


main()
