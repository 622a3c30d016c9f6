# SPDX-License-Identifier: GPL-3.0-or-later
"""longrun.py --tool LONGRUN --generate GENERATOR [--days N] [--packets N] [--tunnels N]

Days of twenty tunnels that rekey; each day they are set up anew, with other SPIs.
"""
import argparse
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

with tempfile.TemporaryDirectory() as where:
    files = []
    for day in range(options.days):
        files.append(f"{where}/{day}.pcap")
        subprocess.run([options.generate, "--packets", str(options.packets), "--tunnels", str(options.tunnels),
                        "--seed", str(day + 1), "--gap-ns", str(86400 * 10**9 // options.packets), "rekey", files[-1]],
                       check=True)
    sys.exit(subprocess.run([options.tool, f"{where}/x.db", *files]).returncode)
