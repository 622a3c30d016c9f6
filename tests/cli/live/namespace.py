# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces in a namespace of networks of our own, which takes all of them away at the end."""
import os
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
NOBODY = 65534
LIMIT_S = 60
INSIDE = 'SAWATCH_TEST_INSIDE'
# as root, or as whoever may become root in a namespace of users
NETWORK = (('unshare', '--net'), ('unshare', '--map-root-user', '--net'))
# and processes and mounts, for daemons that have files and children
EVERYTHING = (('unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'),)


def run(*words, check=True, text=None):
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f'{" ".join(words)}: {done.stderr.strip() or done.stdout.strip()}')
    return done


def skip(why):
    print(f'skipped: {why}')
    sys.exit(SKIPPED)


def enter(ways=NETWORK, trial=('true',), why='network namespaces are not permitted here'):
    """Start this script again in the first of these ways in which `trial` can be done; returns when that is so."""
    if os.environ.get(INSIDE):
        run('ip', 'link', 'set', 'lo', 'up')
        if not make_link('try'):
            skip('no veth interfaces here')
        return
    for how in ways:
        if shutil.which(how[0]) and run(*how, *trial, check=False).returncode == 0:
            again = how + (sys.executable, '-B') + tuple(sys.argv)
            sys.exit(subprocess.run(again, env=os.environ | {INSIDE: '1'}, check=False).returncode)
    skip(why)


def make_link(name):
    """A veth pair: what is sent into NAMEs is seen on NAME."""
    done = run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', name + 's', check=False)
    for end in (name, name + 's') if done.returncode == 0 else ():
        plain(end)
    return done.returncode == 0


def folder_for_nobody():
    folder = tempfile.TemporaryDirectory()
    os.chown(folder.name, NOBODY, NOBODY)
    return folder


def plain(interface, namespace=None):
    """Up, silent by itself, and packets as a wire would show them: no glued ones, no missing checksums."""
    words = ('ip', 'netns', 'exec', namespace) if namespace else ()
    run(*words, 'ip', 'link', 'set', interface, 'addrgenmode', 'none')
    run(*words, 'ip', 'link', 'set', interface, 'up')
    if shutil.which('ethtool'):
        run(*words, 'ethtool', '-K', interface, 'tx', 'off', 'rx', 'off', 'gso', 'off', 'tso', 'off', 'gro', 'off', check=False)
