#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""longrun.py --tool LONGRUN --generate GENERATOR [--days N] [--packets N] [--tunnels N]

Days of twenty tunnels that rekey; each day they are set up anew, with other SPIs.
"""
import argparse
import shutil
import subprocess
import sys
import tempfile

arguments = argparse.ArgumentParser()
arguments.add_argument("--tool", required=True)
arguments.add_argument("--generate", required=True)
arguments.add_argument("--days", type=int, default=1)
arguments.add_argument("--packets", type=int, default=600000)
arguments.add_argument("--tunnels", type=int, default=20)
options = arguments.parse_args()

PCAP_HEADER = 24
DAY_S = 24 * 3600 + 1800   # so that its last hour is over

with tempfile.TemporaryDirectory() as where:
    tool = subprocess.Popen([options.tool, f"{where}/x.db"], stdin=subprocess.PIPE)
    for day in range(options.days):
        packets = subprocess.Popen([options.generate, "--packets", str(options.packets), "--tunnels", str(options.tunnels),
                                    "--seed", str(day + 1), "--gap-ns", str(DAY_S * 10**9 // options.packets), "rekey", "-"],
                                   stdout=subprocess.PIPE)
        header = packets.stdout.read(PCAP_HEADER)
        if day == 0:
            tool.stdin.write(header)
        shutil.copyfileobj(packets.stdout, tool.stdin)
        if packets.wait() != 0:
            sys.exit(1)
    tool.stdin.close()
    sys.exit(tool.wait())
