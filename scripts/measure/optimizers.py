#!/usr/bin/env python3
"""How many evaluations and steps each optimizer takes for the same crystals, and how its relaxations end.

usage: optimizers.py PROGRAM CIFS [--model chgnet] [ARGUMENT...]     further arguments go to `mlip-batch run`
"""

import argparse
import collections
import csv
import pathlib
import statistics
import subprocess
import tempfile

OPTIMIZERS = ["fire", "bfgs", "lbfgs", "bfgs-line-search"]


def relax(program, cifs, optimizer, arguments, out):
    command = [program, "run", "--cifs", cifs, "--relax", "--optimizer", optimizer, "--quiet", "--out", out, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with open(out / "report" / "relaxation.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if row["status"] == "ok"]


def main(program, cifs, arguments):
    print(f"{'optimizer':17} mean, median and largest evaluations; the same of steps; evaluations a step; how they ended")
    for optimizer in OPTIMIZERS:
        with tempfile.TemporaryDirectory(prefix="optimizers-") as temporary:
            rows = relax(program, cifs, optimizer, arguments, pathlib.Path(temporary) / "run")
        evaluations, steps = ([int(row[what]) for row in rows] for what in ("evaluations", "steps"))
        of = lambda counts: f"{statistics.mean(counts):6.1f} {statistics.median(counts):5.1f} {max(counts):4}"
        per_step = (sum(evaluations) - len(rows)) / max(sum(steps), 1)
        ended = ", ".join(f"{count} {how}" for how, count in collections.Counter(row["ended"] for row in rows).most_common())
        print(f"{optimizer:17} {of(evaluations)}   {of(steps)}   {per_step:.2f}   {ended}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("cifs")
    parser.add_argument("--model", default="chgnet")
    known, rest = parser.parse_known_args()
    main(known.program, known.cifs, ["--model", known.model, *rest])
