#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the simulator keep its word?  check.py SAWATCH_SIM_TOOL

Every scenario runs, twice the same bytes; its truth is JSON that agrees with
itself; and where tshark is installed, an independent reader decodes every
message without complaint and counts what the truth counts.
"""
import collections
import filecmp
import json
import os
import shutil
import subprocess
import sys
import tempfile

LONGEST = 7200      # seconds of a story that this test tells
LINKS = ("ethernet sll sll2 raw null vlan qinq mpls pppoe erspan1 erspan2 erspan3 vxlan geneve gre "
         "gre-ethernet ipip").split()
READ_BACK = ("healthy_strongswan healthy_ikev1 healthy_nat healthy_ipv6 healthy_cookies healthy_cert_fragments "
             "aggressive_psk ike_auth_retransmit_answered ike_init_unanswered_icmp no_proposal_chosen_v1 "
             "rekey_collision stale_spi").split()

failures = []


def expect(condition, text):
    if not condition:
        failures.append(text)
        print("FAILED", text)


def tshark(path, fields, where):
    argv = ["tshark", "-nr", path, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y", where,
            "-T", "fields", "-E", "occurrence=l"]
    for field in fields:
        argv += ["-e", field]
    out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in out.splitlines()]


def complaints(path):
    return tshark(path, ["frame.number"], '_ws.malformed || ip.checksum.status == "Bad" || udp.checksum.status == "Bad"')


def agrees_with_itself(name, truth):
    codes = truth["alerts"]
    expect(not set(codes["expected"]) & set(codes["forbidden"]), f"{name}: a code is expected and forbidden")
    spis = {(i["ispi"], i["rspi"]) for i in truth["ike_sas"]}
    for child in truth["child_sas"]:
        for way in (child["ab"], child["ba"]):
            expect(way["wire"]["packets"] <= way["sent"] * 2, f"{name}: {way['spi']} captured more than was sent")
        expect(tuple(child["ike_when_made"]) in spis, f"{name}: child of an IKE SA that is not listed")
        expect(child["ended"] is None or child["ended"] >= child["created"], f"{name}: a child ended before it began")
    if name.startswith("healthy_"):
        expect(not codes["expected"], f"{name} is healthy and expects an alert")


def read_back(name, path, truth):
    expect(not complaints(path), f"{name}: tshark complains about frames {complaints(path)[:3]}")
    ike = tshark(path, ["isakmp.exchangetype"], "isakmp && !icmp")
    expect(len(ike) == truth["capture"]["ike"], f"{name}: tshark sees {len(ike)} IKE messages, truth {truth['capture']['ike']}")
    seen = collections.Counter(row[0] for row in tshark(path, ["esp.spi"], "esp && !icmp"))
    for child in truth["child_sas"]:
        for way in (child["ab"], child["ba"]):
            expect(seen["0x" + way["spi"]] == way["wire"]["packets"],
                   f"{name}: SPI {way['spi']}: tshark {seen['0x' + way['spi']]}, truth {way['wire']['packets']}")


def scenarios(tool):
    for line in subprocess.check_output([tool, "--list"], text=True).splitlines():
        yield line.split()[0], min(float(line.split()[1]), LONGEST)


def main():
    tool = sys.argv[1]
    have_tshark = shutil.which("tshark") is not None
    with tempfile.TemporaryDirectory(prefix="sawatch-sim-") as folder:
        first, second, truth_path = (os.path.join(folder, n) for n in ("a.pcap", "b.pcap", "truth.json"))
        for name, seconds in scenarios(tool):
            argv = [tool, "--seconds", str(seconds)]
            subprocess.run([*argv, "--truth", truth_path, name, first], check=True)
            subprocess.run([*argv, name, second], check=True)
            expect(filecmp.cmp(first, second, shallow=False), f"{name}: two runs, different bytes")
            with open(truth_path, encoding="utf-8") as f:
                truth = json.load(f)
            agrees_with_itself(name, truth)
            if have_tshark and name in READ_BACK:
                read_back(name, first, truth)
        for link in LINKS if have_tshark else ():
            argv = [tool, "--seconds", "30", "--link", link, "--truth", truth_path, "healthy_cert_ip_fragments", first]
            subprocess.run(argv, check=True)
            with open(truth_path, encoding="utf-8") as f:
                want = json.load(f)["capture"]
            got = len(tshark(first, ["frame.number"], "isakmp || esp"))
            expect(got == want["ike"] + want["esp"], f"link {link}: tshark finds {got} packets of IPsec")
            expect(not complaints(first), f"link {link}: tshark complains")
    print("tshark is not installed: nothing was read back" if not have_tshark else f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
