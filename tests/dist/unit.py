#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit is one that systemd understands, and gives a service little to do harm with.

usage: unit.py RELEASED SOURCE
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
EXPOSURE_MAX = 2.0


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def main():
    released = sys.argv[1]
    if not shutil.which('systemd-analyze'):
        print('skipped: there is no systemd-analyze here')
        return SKIPPED
    with open(os.path.join(released, 'dist', 'sawatch@.service'), encoding='utf-8') as file:
        unit = file.read()
    # the program is not installed here, nor are its manual pages
    unit = re.sub(r'(?m)^ExecStart=\S+', 'ExecStart=' + os.path.join(os.path.abspath(released), 'sawatch'), unit)
    unit = re.sub(r'(?m)^Documentation=.*\n', '', unit)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'sawatch@span0.service')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(unit)
        verified = run('systemd-analyze', 'verify', path)
        # its own table of system calls is newer than what libseccomp knows, wherever that is said
        said = [line for line in verified.stderr.splitlines() if 'Failed to parse system call' not in line]
        if verified.returncode != 0 or any('sawatch' in line for line in said):
            print('FAIL systemd-analyze verify', verified.returncode, *said, sep='\n     ')
            bad += 1
        judged = run('systemd-analyze', 'security', '--offline=true', '--no-pager', path)
        level = re.search(r'Overall exposure level for \S+: ([0-9.]+)', judged.stdout)
        if not level or float(level.group(1)) > EXPOSURE_MAX:
            print('FAIL systemd-analyze security', judged.stdout, judged.stderr, sep='\n')
            bad += 1
        else:
            print(f'ok   exposure level {level.group(1)}, at most {EXPOSURE_MAX}')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
