# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as network namespaces, in a namespace of our own that takes all of it away at the end.

    hq eth0 -- hq [router] branch -- eth0 branch

The router is where this process runs: there it watches, drops and translates.
"""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'cli', 'live'))
from namespace import EVERYTHING, INSIDE, enter, plain, run, skip  # noqa: E402 pylint: disable=wrong-import-position

PACKAGES = 'strongswan-swanctl charon-systemd libcharon-extra-plugins libstrongswan-standard-plugins iproute2 nftables iputils-ping'


def enter_own_namespaces(programs, gateways=True):
    """Start this script again where it is alone: own network, mounts and processes, which all end with it."""
    for program in programs:
        if not shutil.which(program):
            skip(f'{program} is not installed; apt-get install {PACKAGES}')
    why = 'namespaces for networks, mounts and processes are not permitted here'
    if os.geteuid() != 0:
        skip(why)
    if not os.environ.get(INSIDE) and gateways and not os.path.exists('/dev/net/tun'):
        skip('there is no /dev/net/tun, so no ESP from userland')
    enter(EVERYTHING, ('mount', '-t', 'tmpfs', 'tmpfs', '/run'), why)
    run('mount', '-t', 'tmpfs', 'tmpfs', '/run')


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
