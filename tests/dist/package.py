#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the Debian package, and what it says of itself.

usage: package.py RELEASED SOURCE
"""
import os
import shutil
import subprocess
import sys
import tempfile

from debian import make_package, why_not
from watching import check, problems

SKIPPED = 77
FILES = {
    './usr/bin/sawatch': '-rwxr-xr-x',
    './usr/lib/systemd/system/sawatch@.service': '-rw-r--r--',
    './usr/lib/sysusers.d/sawatch.conf': '-rw-r--r--',
    './usr/lib/tmpfiles.d/sawatch.conf': '-rw-r--r--',
    './etc/sawatch/sawatch.conf': '-rw-r--r--',
    './etc/default/sawatch': '-rw-r--r--',
    './usr/share/man/man5/sawatch.conf.5.gz': '-rw-r--r--',
    './usr/share/man/man7/sawatch.7.gz': '-rw-r--r--',
    './usr/share/man/man8/sawatch.8.gz': '-rw-r--r--',
    './usr/share/bash-completion/completions/sawatch': '-rw-r--r--',
    './usr/share/zsh/vendor-completions/_sawatch': '-rw-r--r--',
    './usr/share/fish/vendor_completions.d/sawatch.fish': '-rw-r--r--',
    './usr/share/doc/sawatch/copyright': '-rw-r--r--',
    './usr/share/doc/sawatch/README.md': '-rw-r--r--',
    './usr/share/doc/sawatch/schema/README.md': '-rw-r--r--',
    './usr/share/doc/sawatch/changelog.gz': '-rw-r--r--',
}
LIBRARIES = ('libarchive13', 'libc6', 'libcap-ng0', 'libinih1', 'libjansson4', 'libpcap0.8', 'libseccomp2', 'libsqlite3-0', 'libssl3')
SCRIPTS = ('postinst', 'prerm', 'postrm')


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout


def look_inside(package, source):
    listed = {}
    for line in output('dpkg-deb', '-c', package).splitlines():
        mode, owner, _, _, _, name = line.split(None, 5)
        listed[name] = mode
        check(owner == 'root/root', f'{name} belongs to root') if owner != 'root/root' else None
    files = {name: mode for name, mode in listed.items() if mode[0] != 'd'}
    missing = {name: mode for name, mode in FILES.items() if files.get(name) != mode}
    check(not missing, 'all that belongs in it is there', (missing, files))
    check(any(n.startswith('./usr/share/doc/sawatch/examples/monitoring/prometheus/') for n in files), 'with examples')
    more = [n for n in files if n not in FILES and not n.startswith('./usr/share/doc/sawatch/examples/') and
            not n.startswith('./usr/share/sawatch/')]
    check(not more, 'and nothing else', more)
    check(all(mode == 'drwxr-xr-x' for mode in listed.values() if mode[0] == 'd'), 'folders are open', listed)
    with tempfile.TemporaryDirectory() as folder:
        output('dpkg-deb', '-x', package, folder)
        with open(os.path.join(folder, 'usr/bin/sawatch'), 'rb') as file:
            program = file.read()
        check(source.encode() not in program, 'the program does not know where it was built')
        with open(os.path.join(folder, 'usr/lib/systemd/system/sawatch@.service'), encoding='utf-8') as file:
            unit = file.read()
        check('ExecStart=/usr/bin/sawatch ' in unit and '--config /etc/sawatch/sawatch.conf' in unit and '@CMAKE' not in unit,
              'the unit starts what is installed', unit)
        checked = subprocess.run((os.path.join(folder, 'usr/bin/sawatch'), 'config', '--check', os.path.join(folder, 'etc/sawatch/sawatch.conf')),
                                 capture_output=True, text=True, timeout=60, check=False)
        check(checked.returncode == 0, 'its configuration is good', checked)


def ask_lintian(package):
    if not shutil.which('lintian'):
        print('skipped: lintian is not installed')
        return
    done = subprocess.run(('lintian', '--allow-root', '--fail-on', 'error,warning', package), capture_output=True, text=True, timeout=120, check=False)
    check(done.returncode == 0, 'lintian has no error and no warning', done.stdout + done.stderr)


def look_at_control(package):
    fields = dict(line.split(': ', 1) for line in output('dpkg-deb', '-f', package).splitlines() if ': ' in line and line[0] != ' ')
    check(fields['Package'] == 'sawatch' and fields['Section'] == 'net', 'it has a name', fields)
    missing = [lib for lib in LIBRARIES if lib not in fields['Depends']]
    check(not missing and 'asan' not in fields['Depends'], 'it depends on the libraries that it uses', fields['Depends'])
    check(len(output('dpkg-deb', '-f', package, 'Description').splitlines()) > 3, 'it is described at length')
    with tempfile.TemporaryDirectory() as folder:
        output('dpkg-deb', '-e', package, folder)
        with open(os.path.join(folder, 'conffiles'), encoding='utf-8') as file:
            conffiles = file.read().split()
        check(conffiles == ['/etc/default/sawatch', '/etc/sawatch/sawatch.conf'], 'what people change is kept', conffiles)
        for script in SCRIPTS:
            path = os.path.join(folder, script)
            good = os.path.exists(path) and os.access(path, os.X_OK) and subprocess.run(('sh', '-n', path), timeout=60, check=False).returncode == 0
            check(good, f'{script} is a shell script')
        with open(os.path.join(folder, 'md5sums'), encoding='utf-8') as file:
            check(len(file.read().splitlines()) >= len(FILES), 'files have their sums')


def main():
    released, source = map(os.path.abspath, sys.argv[1:3])
    reason = why_not(released)
    if reason:
        print(f'skipped: {reason}')
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        package = make_package(released, folder)
        check(os.path.basename(package).startswith('sawatch_') and os.path.basename(package).count('_') == 2, 'it is called as Debian calls it', package)
        look_inside(package, source)
        look_at_control(package)
        ask_lintian(package)
    print(f'{len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
