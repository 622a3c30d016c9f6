# SPDX-License-Identifier: GPL-3.0-or-later
"""Two gateways with a router between them that is watched, and what goes on there.

Without translation the router's interfaces `hq` and `branch` show the same packets; with it, hq stands behind
the router's address towards branch.
"""
import os
import subprocess
import time

import network
from gateway import Gateway
from watching import Watch, check, problems, rows  # noqa: F401 (of tests/cli/live, as network says) pylint: disable=unused-import

PROGRAMS = ('unshare', 'ip', 'nft', 'swanctl', 'ping')
HQ, BRANCH = '192.0.2.1', '198.51.100.2'
ROUTER_HQ, ROUTER_BRANCH = '192.0.2.254', '198.51.100.254'
PING_BYTES = 84     # in the tunnel: 56 and the headers of ICMP and IP

# IKE exchange types in UDP: on port 4500 the IKE header stands behind a marker of four zero bytes
IKE_AUTH = 'udp sport 4500 @th,240,8 0x23'
MAIN_MODE_AUTH = 'udp sport 4500 @th,240,8 0x02'


class Site:
    """The gateways, and a sawatch on each side of the router."""

    def __init__(self, sawatch, folder, version=2, translated=False, watch=('--json',), rekey='0', more=''):
        self.folder, self.translated = folder, translated
        self.seen_as = {'hq': {'hq': HQ, 'branch': ROUTER_BRANCH if translated else HQ},
                        'branch': {'hq': BRANCH, 'branch': BRANCH}}     # gateway -> where it is watched -> address
        network.forward()
        network.make_host('hq', HQ, ROUTER_HQ, '10.1.0.1')
        network.make_host('branch', BRANCH, ROUTER_BRANCH, '10.2.0.1')
        network.firewall('')
        if translated:
            network.translate('192.0.2.0/24', 'branch')
        self.watches = {side: self.watch(sawatch, side, *watch) for side in ('hq', 'branch')}
        to_hq = '%any' if translated else HQ
        self.hq = Gateway(folder, 'hq', 'branch', HQ, BRANCH, '10.1.0.0/24', '10.2.0.0/24', version, rekey, rekey, dpd='4s', more=more)
        self.branch = Gateway(folder, 'branch', 'hq', BRANCH, to_hq, '10.2.0.0/24', '10.1.0.0/24', version, more=more)
        self.pinging = None

    def watch(self, sawatch, side, *words):
        folder = os.path.join(self.folder, 'watch-' + side)
        os.makedirs(folder, exist_ok=True)
        return Watch(sawatch, folder, '-i', side, '-Z', 'root', '--db', self.database(side), *words)

    def database(self, side):
        return os.path.join(self.folder, f'{side}.db')

    def traffic(self, every_s=0.1):
        self.pinging = subprocess.Popen(('ip', 'netns', 'exec', 'hq', 'ping', '-q', '-i', str(every_s), '-I', '10.1.0.1', '10.2.0.1'),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def no_traffic(self):
        if self.pinging:
            self.pinging.terminate()
            self.pinging.wait(10)
            self.pinging = None

    def rows(self, side, query):
        return rows(self.database(side), query)

    def stop(self):
        self.no_traffic()
        for gateway in (self.hq, self.branch):
            gateway.stop()
        time.sleep(1.5)
        return {side: w.end() for side, w in self.watches.items()}
