#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A story of the simulator read whole, and read in two runs that go on from each other: the history must be the same.

resume.py --sawatch PROGRAM --tool SIMULATOR STORY…
Each story is cut in the middle three times: between two packets, so that nothing is missing; with a
time that nobody watched; and the same with the first run killed instead of ended.
"""
import argparse
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

GAP = 900           # seconds nobody watched
CUT = 0.55          # of the story


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode not in (0, 10):
        sys.exit(f"{' '.join(command)}: status {result.returncode}: {result.stderr}")
    return result


def frames(path):
    with open(path, "rb") as f:
        header = f.read(24)
        unit = {0xa1b2c3d4: 1000, 0xa1b23c4d: 1}[struct.unpack("<I", header[:4])[0]]
        list_ = []
        while True:
            head = f.read(16)
            if len(head) < 16:
                return header, list_
            s, part, captured, _ = struct.unpack("<IIII", head)
            list_.append((s * 10**9 + part * unit, head + f.read(captured)))


def write(path, header, list_):
    with open(path, "wb") as f:
        f.write(header + b"".join(data for _, data in list_))


def read(options, database, *captures):
    for capture in captures:
        run(options.sawatch, "-q", "-r", capture, "--db", database, "--resume", *options.extra)


def read_and_be_killed(options, database, capture):
    """The history of a run that got to the end of the capture and was killed there, without a word."""
    fifo = database + ".fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen([options.sawatch, "-q", "-r", fifo, "--db", database, "--resume", *options.extra],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(fifo, "wb") as f, open(capture, "rb") as c:
        f.write(c.read())
        f.flush()
        time.sleep(1)
        process.send_signal(signal.SIGKILL)
        process.wait()


SAS = {
    "ike_sa": """SELECT t.name, spi_i, spi_r, version, s.state, origin, parent_spi_i, created_ns, established_ns,
        ended_ns, s.last_ns, end_reason, ended_by, suite_encryption, offered, vendor_ids, nat_initiator, nat_responder,
        messages, grade FROM ike_sa s JOIN tunnel t ON t.id = tunnel_id ORDER BY spi_i, spi_r, created_ns""",
    "esp_sa": """SELECT t.name, spi, src_address, dst_address, encap, generation, s.first_ns, s.last_ns, packets, bytes,
        seq_first, seq_last, lost, late, duplicates, predecessor_spi, successor_spi, end_reason, ended_by, grade
        FROM esp_sa s JOIN tunnel t ON t.id = tunnel_id ORDER BY spi, src_address, s.first_ns""",
    "child_sa": """SELECT t.name, spi_a, spi_b, s.state, created_ns, created_by, created_how, predecessor_spi_a,
        predecessor_spi_b, ended_ns, end_reason, ended_by, rekeyed_by, rekey_ns, grade
        FROM child_sa s JOIN tunnel t ON t.id = tunnel_id ORDER BY created_ns, spi_a, spi_b""",
    "exchange": """SELECT t.name, spi_i, spi_r, message_id, kind, from_side, request_ns, response_ns, requests, responses,
        outcome, purpose, grade FROM exchange s JOIN tunnel t ON t.id = tunnel_id
        ORDER BY request_ns, response_ns, spi_i, message_id""",
    "traffic": """SELECT s.spi, s.src_address, bucket_ns, sum(b.packets), sum(b.bytes), sum(b.lost)
        FROM traffic b JOIN esp_sa s ON s.id = b.esp_sa_id GROUP BY 1, 2, 3 ORDER BY 3, 1, 2""",
    "alert": """SELECT t.name, code, severity, confidence, status, a.first_ns, a.last_ns, raised_ns, cleared_ns, count, cause,
        evidence, summary FROM alert a LEFT JOIN tunnel t ON t.id = tunnel_id ORDER BY code, a.first_ns, t.name""",
    "event": """SELECT t.name, at_ns, kind, text FROM event e LEFT JOIN tunnel t ON t.id = tunnel_id ORDER BY at_ns, kind, text""",
    "tunnel": """SELECT name, state, since_ns, first_ns, last_ns, behind_nat_a, behind_nat_b, unobservable
        FROM tunnel ORDER BY name""",
}


def rows(database, table):
    with sqlite3.connect(database) as db:
        return db.execute(SAS[table]).fetchall()


def say(faults, what, only_whole, only_cut):
    faults.append(f"{what}:")
    faults.extend(f"  whole  {row}" for row in only_whole[:6])
    faults.extend(f"  in two {row}" for row in only_cut[:6])


def compare(whole, cut):
    """Nothing was missing: all is the same."""
    faults = []
    for table in SAS:
        a, b = rows(whole, table), rows(cut, table)
        if a != b:
            say(faults, table, [r for r in a if r not in b], [r for r in b if r not in a])
    return faults


def compare_with_hole(whole, cut, begin, end):
    """SAs that were there before are one row with the same beginning; alerts are no others and no more."""
    faults = []
    with sqlite3.connect(cut) as db:
        for name, sql in {
            "an ESP SA is there twice": "SELECT spi, src_address, generation, count(*) FROM esp_sa GROUP BY 1, 2, 3 HAVING count(*) > 1",
            "an IKE SA is there twice": "SELECT spi_i, spi_r, count(*) FROM ike_sa GROUP BY 1, 2 HAVING count(*) > 1",
            "an end nobody saw": f"SELECT spi, end_reason FROM esp_sa WHERE last_ns > {end} AND first_ns < {begin}"
                                 " AND end_reason = 'unknown'",
        }.items():
            found = db.execute(sql).fetchall()
            if found:
                faults.append(f"{name}: {found[:5]}")
    with sqlite3.connect(whole) as a, sqlite3.connect(cut) as b:
        lived = f"SELECT spi, src_address, first_ns, generation, last_ns, packets, lost FROM esp_sa WHERE first_ns < {begin}"
        old = {r[:2]: r[2:] for r in a.execute(lived)}
        new = {r[:2]: r[2:] for r in b.execute(lived)}
        for key, (first, generation, last, packets, lost) in old.items():
            if key not in new or new[key][:2] != (first, generation):
                faults.append(f"ESP SA {key}: {old[key]} became {new.get(key)}")
                continue
            if last > end and new[key][2] != last:
                faults.append(f"ESP SA {key}: does not go on: {old[key]} became {new[key]}")
            if new[key][3] > packets or new[key][4] > lost:
                faults.append(f"ESP SA {key}: counts what was not there: {old[key]} became {new[key]}")
        before = sorted(r[:2] for r in rows(whole, "alert"))
        after = sorted(r[:2] for r in rows(cut, "alert"))
        for one in after:
            if one in before:
                before.remove(one)
            else:
                faults.append(f"an alert that was not there: {[r for r in rows(cut, 'alert') if r[:2] == one]}")
    return faults


def try_story(options, story, where):
    capture, parts = f"{where}/x.pcap", [f"{where}/a.pcap", f"{where}/b.pcap", f"{where}/c.pcap"]
    run(options.tool, story, capture)
    options.extra = ["--config", conf] if os.path.exists(conf := f"{os.path.dirname(__file__)}/../sim/{story}.conf") else []
    header, list_ = frames(capture)
    first, last = list_[0][0], list_[-1][0]
    cut = first + int((last - first) * CUT)
    write(parts[0], header, [f for f in list_ if f[0] <= cut])
    write(parts[1], header, [f for f in list_ if f[0] > cut])
    read(options, f"{where}/whole.db", capture)
    read(options, f"{where}/two.db", parts[0], parts[1])
    faults = compare(f"{where}/whole.db", f"{where}/two.db")
    gap = min(GAP, (last - cut) / 2e9)
    if gap > 310:
        write(parts[2], header, [f for f in list_ if f[0] > cut + int(gap * 1e9)])
        read(options, f"{where}/hole.db", parts[0], parts[2])
        faults += compare_with_hole(f"{where}/whole.db", f"{where}/hole.db", cut, cut + int(gap * 1e9))
    return faults


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--sawatch", required=True)
    arguments.add_argument("--tool", required=True)
    arguments.add_argument("--keep")
    arguments.add_argument("stories", nargs="+")
    options = arguments.parse_args()
    failed = False
    for story in options.stories:
        with tempfile.TemporaryDirectory() as where:
            if options.keep:
                where = f"{options.keep}/{story}"
                subprocess.run(["rm", "-rf", where])
                os.makedirs(where)
            faults = try_story(options, story, where)
        print(f"{story}: {'FAULTS' if faults else 'ok'}", *faults, sep="\n    ", flush=True)
        failed |= bool(faults)
    sys.exit(failed)


main()
