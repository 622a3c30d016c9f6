#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Score sawatch against the simulator.  score.py --sawatch PROGRAM --tool SAWATCH_SIM_TOOL [SCENARIO...]

For every scenario and seed: expected alerts are raised, no forbidden one above
severity info, the ESP SAs with their packets, the IKE SAs and the links from
old to new SA are those of the truth.  One line each, a total at the end; exit 1 when anything is missing.
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile


HERE = os.path.dirname(os.path.abspath(__file__))


def story(args, name, seed, folder, extra):
    path, truth_path = os.path.join(folder, "s.pcap"), os.path.join(folder, "s.json")
    subprocess.run([args.tool, "--seed", str(seed), *extra, "--truth", truth_path, name, path], check=True)
    config = os.path.join(HERE, name + ".conf")
    options = (["--config", config] if os.path.exists(config) else []) + args.option
    done = subprocess.run([args.sawatch, "-r", path, "--json", *options], capture_output=True, text=True, check=False)
    with open(truth_path, encoding="utf-8") as f:
        truth = json.load(f)
    objects = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return truth, objects, done


def alert_faults(truth, objects):
    alerts = [o for o in objects if o["type"] == "alert"]
    codes = {a["code"] for a in alerts}
    loud = {a["code"] for a in alerts if a["severity"] != "info"}
    for code in truth["alerts"]["expected"]:
        if code not in codes:
            yield f"{code} is missing"
    for code in sorted(loud & set(truth["alerts"]["forbidden"])):
        yield f"{code} is a false alarm"


def count_alerts(tally, truth, objects):
    """Per code: stories that expect it, that raised it then, that raised it at warning or above, and falsely so."""
    codes = {o["code"] for o in objects if o["type"] == "alert"}
    loud = {o["code"] for o in objects if o["type"] == "alert" and o["severity"] != "info"}
    for code in truth["alerts"]["expected"]:
        tally[code]["expected"] += 1
        tally[code]["found"] += code in codes
    for code in loud:
        tally[code]["loud"] += 1
        tally[code]["false"] += code in truth["alerts"]["forbidden"]


def print_tally(tally):
    """Allowed alerts are neither right nor wrong: precision counts the false ones among all that were loud."""
    print(f"\n{'condition':24} {'expected':>8} {'found':>6} {'recall':>7} {'raised':>7} {'false':>6} {'precision':>10}")
    total = collections.Counter()
    for code in [*sorted(tally), "all"]:
        n = total if code == "all" else tally[code]
        recall = f"{n['found'] / n['expected']:.3f}" if n["expected"] else "-"
        precision = f"{1 - n['false'] / n['loud']:.3f}" if n["loud"] else "-"
        print(f"{code:24} {n['expected']:8} {n['found']:6} {recall:>7} {n['loud']:7} {n['false']:6} {precision:>10}")
        total.update(n)
    print()


def sa_faults(truth, objects):
    esp = {}
    for o in objects:
        if o["type"] == "esp_sa":
            packets, copies = esp.get(o["spi"], (0, 0))
            esp[o["spi"]] = packets + o["packets"], copies + o["duplicates"]
    for child in truth["child_sas"]:
        for way in (child["ab"], child["ba"]):
            # an SPI must be seen twice before it gets a record, so single packets may go unnamed
            # what comes again is counted apart, whether a mirror or an attacker sent it
            packets, copies = esp.get(way["spi"], (0, 0))
            if way["wire"]["packets"] > 1 and not packets <= way["wire"]["packets"] <= packets + copies:
                yield f"SPI {way['spi']}: {packets} packets, {copies} copies, truth {way['wire']['packets']}"
    ikes = {(o["spi_i"], o["spi_r"] or "0" * 16) for o in objects if o["type"] == "ike_sa"}
    wanted = {(x["ispi"], x["rspi"]) for x in truth["exchanges"] if x["captured"][0] + x["captured"][1] > 0}
    for ike in truth["ike_sas"]:
        pair = (ike["ispi"], ike["rspi"])
        if pair in wanted and pair not in ikes:
            yield f"IKE SA {pair[0]}:{pair[1]} is missing"


def link_faults(truth, objects):
    chains = {frozenset(o["sas"]): o["predecessor"] for o in objects if o["type"] == "child_sa"}
    sas = {o["spi"]: o for o in objects if o["type"] == "esp_sa"}
    for child in truth["child_sas"]:
        before = child["predecessor"]
        ways = (child["ab"], child["ba"])
        if child["redundant"] or any(way["wire"]["packets"] < 2 for way in ways):
            continue
        pair = frozenset(way["spi"] for way in ways)
        if before is None:
            if chains.get(pair):
                yield f"child SA {'/'.join(sorted(pair))} follows {chains[pair]}, truth none"
            continue
        if pair not in chains:
            yield f"{'/'.join(sorted(pair))} is not one child SA"
        elif set(before) <= set(sas) and set(chains[pair] or ()) != set(before):
            yield f"child SA {'/'.join(sorted(pair))} follows {chains[pair]}, truth {before}"
        for way, old in zip(ways, before):
            found = sas[way["spi"]].get("predecessor") if way["spi"] in sas else None
            if way["spi"] in sas and old in sas and found != old:
                yield f"SPI {way['spi']} follows {found}, truth {old}"


def tunnel_days(truth):
    return len(truth["pairs"]) * truth["capture"]["seconds"] / 86400


def is_healthy(truth):
    """Nothing is ill and nothing is wrong with the capture."""
    return not truth["alerts"]["expected"]


def seeds_for(args, names, folder):
    """Story and seed, healthy ones in turn, until they add up to the days asked for."""
    path, truth_path = os.path.join(folder, "h.pcap"), os.path.join(folder, "h.json")
    length = {}
    for name in names:
        subprocess.run([args.tool, "--seed", "1", "--truth", truth_path, name, path], check=True)
        with open(truth_path, encoding="utf-8") as f:
            truth = json.load(f)
        if is_healthy(truth):
            length[name] = tunnel_days(truth)
    os.remove(path)
    days, seed = 0.0, args.first_seed
    while days < args.healthy_days:
        for name, of_one in length.items():
            yield name, seed
            days += of_one
        seed += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sawatch", required=True)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--healthy-days", type=float, metavar="DAYS",
                        help="healthy stories alone, over as many seeds as make this many tunnel-days")
    parser.add_argument("--option", action="append", default=[], help="passed on to sawatch")
    parser.add_argument("--only", choices=("alerts", "sas", "links"), help="judge this alone")
    parser.add_argument("--vary", action="append", default=[], help="passed on to the simulator, as --vary=--tap-loss=0.001")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("scenario", nargs="*")
    args = parser.parse_args()
    names = args.scenario or [line.split()[0] for line in
                              subprocess.check_output([args.tool, "--list"], text=True).splitlines()]
    judges = {"alerts": alert_faults, "sas": sa_faults, "links": link_faults}
    if args.only:
        judges = {args.only: judges[args.only]}
    good = total = 0
    days = 0.0
    tally = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory(prefix="sawatch-score-") as folder:
        if args.healthy_days:
            runs = seeds_for(args, names, folder)
        else:
            runs = ((name, seed) for name in names
                    for seed in range(args.first_seed, args.first_seed + args.seeds))
        for name, seed in runs:
            truth, objects, done = story(args, name, seed, folder, args.vary)
            days += tunnel_days(truth)
            faults = [] if done.returncode in (0, 10) else [f"exit {done.returncode}: {done.stderr.strip()[:200]}"]
            count_alerts(tally, truth, objects)
            for judge in judges.values():
                faults += judge(truth, objects)
            total += 1
            good += not faults
            print(f"{'ok    ' if not faults else 'FAILED'} {name} seed {seed}" +
                  (f": {faults[0]}" + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else "") if faults else ""),
                  flush=True)
            for fault in faults[1:] if args.verbose else ():
                print("       " + fault)
    if args.only in (None, "alerts"):
        print_tally(tally)
    print(f"{good} of {total}" + (f"; {days:.0f} tunnel-days of healthy life" if args.healthy_days else ""))
    return 0 if good == total else 1


if __name__ == "__main__":
    sys.exit(main())
