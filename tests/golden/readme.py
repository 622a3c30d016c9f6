#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What README.md shows is what happens: each command of its tour that has output printed below it is run, in order,
over the captures of the tree, and prints exactly that.

usage: readme.py SAWATCH TOP_OF_THE_TREE
"""
import os
import shutil
import subprocess
import sys
import tempfile

SKIPPED, LIMIT_S = 77, 120
AT_LEAST = 10       # examples: fewer were found only if this script no longer understands the page


def blocks(page):
    """The indented blocks; a blank line inside one belongs to it."""
    block = []
    for line in page.splitlines() + ['end']:
        if line.startswith('    ') or (block and not line):
            block.append(line[4:])
        elif block:
            yield block
            block = []


def examples(page):
    """(command, output); a command goes on while a quote is open, and what root types ("# ") is not for here."""
    for block in blocks(page):
        command, output = '', []
        for line in block + ['$ ']:
            if line.startswith(('$ ', '# ')):
                if command and any(output):
                    yield command, '\n'.join(output).rstrip('\n')
                command, output = line[2:] if line.startswith('$ ') else '', []
            elif command and not output and (command.count('"') % 2 or command.count("'") % 2):
                command += '\n' + line
            else:
                output.append(line)


def main():
    sawatch, top = map(os.path.abspath, sys.argv[1:3])
    missing = [tool for tool in ('bash', 'jq', 'sqlite3') if not shutil.which(tool)]
    if missing:
        print(f'skipped: {", ".join(missing)} not installed')
        return SKIPPED
    with open(os.path.join(top, 'README.md'), encoding='utf-8') as file:
        shown = list(examples(file.read()))
    failed = len(shown) < AT_LEAST
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.join(top, 'pcaps'), os.path.join(folder, 'pcaps'))
        os.symlink(sawatch, os.path.join(folder, 'sawatch'))
        path = folder + os.pathsep + os.environ['PATH']
        for command, wanted in shown:
            done = subprocess.run(('bash', '-c', command), cwd=folder, env=dict(os.environ, PATH=path, TZ='UTC', COLUMNS='100'),
                                  capture_output=True, text=True, timeout=LIMIT_S, check=False)
            printed = '\n'.join(line.rstrip() for line in done.stdout.splitlines())
            good = printed == '\n'.join(line.rstrip() for line in wanted.splitlines())
            print(f'{"ok  " if good else "FAIL"} {command.splitlines()[0]}')
            if not good:
                failed = True
                print(f'README.md shows:\n{wanted}\nit prints:\n{printed}\n{done.stderr}')
    print(f'{len(shown)} examples')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
