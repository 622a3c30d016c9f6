# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as network namespaces, in a namespace of our own that takes all of it away at the end.

    hq eth0 -- hq [router] branch -- eth0 branch

The router is where this process runs: there it watches, drops and translates.
"""
import os
import shutil
import subprocess
import sys

SKIPPED = 77
LIMIT_S = 60
INSIDE = 'SAWATCH_LAB_INSIDE'
PACKAGES = 'strongswan-swanctl charon-systemd libcharon-extra-plugins libstrongswan-standard-plugins iproute2 nftables iputils-ping'


def run(*words, check=True, text=None):
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f'{" ".join(words)}: {done.stderr.strip() or done.stdout.strip()}')
    return done


def skip(why):
    print(f'skipped: {why}')
    sys.exit(SKIPPED)


def enter_own_namespaces(programs, gateways=True):
    """Start this script again where it is alone: own network, mounts and processes, which all end with it."""
    for program in programs:
        if not shutil.which(program):
            skip(f'{program} is not installed; apt-get install {PACKAGES}')
    if os.environ.get(INSIDE):
        run('mount', '-t', 'tmpfs', 'tmpfs', '/run')
        run('ip', 'link', 'set', 'lo', 'up')
        return
    how = ('unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc')
    if os.geteuid() != 0 or run(*how, 'mount', '-t', 'tmpfs', 'tmpfs', '/run', check=False).returncode != 0:
        skip('namespaces for networks, mounts and processes are not permitted here')
    if gateways and not os.path.exists('/dev/net/tun'):
        skip('there is no /dev/net/tun, so no ESP from userland')
    sys.exit(subprocess.run(how + (sys.executable, '-B') + tuple(sys.argv), env=os.environ | {INSIDE: '1'}, check=False).returncode)


def make_host(name, address, router_address, inner):
    """A namespace NAME on a veth NAME of ours; `inner` is the network behind it, there on lo."""
    run('ip', 'netns', 'add', name)
    run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    run('ip', 'address', 'add', f'{router_address}/24', 'dev', name)
    plain(name)
    inside(name, 'ip', 'link', 'set', 'lo', 'up')
    inside(name, 'ip', 'address', 'add', f'{address}/24', 'dev', 'eth0')
    inside(name, 'ip', 'address', 'add', f'{inner}/32', 'dev', 'lo')
    plain('eth0', name)
    inside(name, 'ip', 'route', 'add', 'default', 'via', router_address)


def plain(interface, namespace=None):
    """Up, silent by itself, and packets as a wire would show them: no glued ones, no missing checksums."""
    words = ('ip', 'netns', 'exec', namespace) if namespace else ()
    run(*words, 'ip', 'link', 'set', interface, 'addrgenmode', 'none')
    run(*words, 'ip', 'link', 'set', interface, 'up')
    if shutil.which('ethtool'):
        run(*words, 'ethtool', '-K', interface, 'tx', 'off', 'rx', 'off', 'gso', 'off', 'tso', 'off', 'gro', 'off', check=False)


def inside(name, *words, check=True):
    return run('ip', 'netns', 'exec', name, *words, check=check)


def forward():
    with open('/proc/sys/net/ipv4/ip_forward', 'w', encoding='utf-8') as file:
        file.write('1')


def firewall(rules):
    """The rules of chain `forward`, in place of those before."""
    done = run('nft', '-f', '-', check=False, text=f'''
table ip lab
delete table ip lab
table ip lab {{
    chain forward {{
        type filter hook forward priority 0
        {rules}
    }}
}}
''')
    if done.returncode != 0:
        raise RuntimeError('nft: ' + done.stderr)


def translate(inside_network, out):
    """Hide the network behind the router's address on interface `out`."""
    run('nft', '-f', '-', text=f'''
table ip lab-nat {{
    chain post {{
        type nat hook postrouting priority 100
        ip saddr {inside_network} oifname "{out}" masquerade
    }}
}}
''')
