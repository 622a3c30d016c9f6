#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual pages are good mdoc, and forget no setting, option or command.

usage: manuals.py BUILD SAWATCH SOURCE
"""
import os
import re
import shutil
import subprocess
import sys

from watching import check, problems

SKIPPED = 77


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def text_of(page):
    # a letter printed over itself is bold
    return re.sub('.\b', '', output('mandoc', '-Tascii', '-O', 'width=300', page).stdout)


def main():
    build, sawatch, source = map(os.path.abspath, sys.argv[1:4])
    if not shutil.which('mandoc'):
        print('skipped: there is no mandoc here')
        return SKIPPED
    settings_page = os.path.join(build, 'manual', 'sawatch.conf.5')
    cli = os.path.join(source, 'src', 'cli')
    for page, level in ((os.path.join(cli, 'sawatch.7'), 'style'), (os.path.join(cli, 'sawatch.8'), 'style'), (settings_page, 'warning')):
        said = [line for line in output('mandoc', '-Tlint', '-W', level, page).stdout.splitlines() if 'referenced manual not found' not in line]
        check(not said, f'{os.path.basename(page)} is good mdoc', said)
    text = text_of(settings_page)
    check('@' not in text, 'nothing is left to be filled in', re.findall('.*@.*', text))
    for line in output(sawatch, 'config', '--defaults').stdout.splitlines():
        found = re.match(r'(# )?([a-z0-9_]+(\.[a-z0-9_]+)+|[a-z0-9_]+_s|[a-z0-9_]+_ms|birth_seq_max) = (.*)', line)
        if found and not re.search(rf'(?m)^ +{re.escape(found.group(2))}( |$)', text):
            check(False, f'sawatch.conf(5) tells of {found.group(2)}')
    check(text.count('The default is') == output(sawatch, 'config', '--defaults').stdout.count('\n# default '), 'every setting has its default')
    text = text_of(os.path.join(cli, 'sawatch.8'))
    told = output(sawatch, '--help').stdout
    missing = [o for o in sorted(set(re.findall(r'(?<![\w-])(--[a-z][a-z-]+)', told))) if o not in text]
    check(not missing, 'sawatch.8 tells of every option of --help', missing)
    commands = [line.split()[0] for line in told.split('\nCommands\n')[1].split('\n\n')[0].splitlines()]
    missing = [c for c in commands if not re.search(rf'\b{c}\b', text)]
    check(commands and not missing, 'and of every command', missing)
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
