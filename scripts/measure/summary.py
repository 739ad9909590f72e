#!/usr/bin/env python3
"""What a run took, from its tables.

usage: summary.py RUN...
"""

import csv
import json
import pathlib
import sys


def rows(path):
    with open(path, newline="") as handle:
        yield from csv.DictReader(handle)


def main(run):
    report = pathlib.Path(run) / "report"
    about = json.loads((report / "run.json").read_text())
    peaks, busy, weights = {}, {}, 0
    for row in rows(report / "memory.csv"):
        rank = (row["attempt"], row["rank"])
        peaks[rank] = max(peaks.get(rank, 0), int(row["peak_bytes"]))
        # A running sum: the last sample of a rank has it all.
        busy[rank] = float(row["busy_s"])
        weights = max(weights, int(row["weight_bytes"]))
    records = sum(attempt["n_records"] for attempt in about["attempts"])
    ranks = max((attempt["n_ranks"] for attempt in about["attempts"]), default=1)
    wall, worked = max(about["wall_s"], 1e-9), max(sum(busy.values()), 1e-9)
    print(f"{run}: {about['counts']}")
    print(f"evaluations  {records} in {worked:.2f} s of evaluation time: {records / worked:.2f}/s of a worker")
    print(f"wall         {wall:.2f} s on {ranks} ranks, tables apart: {records / wall:.2f}/s; evaluations are {100 * worked / (wall * ranks):.1f} % of wall x ranks")
    print(f"peak memory  {max(peaks.values(), default=0) / 1e6:.0f} MB a rank at most, {weights / 1e6:.1f} MB of it weights")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for run in sys.argv[1:]:
        main(run)
