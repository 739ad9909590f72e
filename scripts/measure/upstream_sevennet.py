#!/usr/bin/env python3
"""Measures upstream's SevenNet-0 and ours side by side on one thread: energies, forces, stresses of cells of 2 to 64 atoms.

usage: upstream_sevennet.py TIME_POTENTIAL [ROUNDS]

TIME_POTENTIAL is target/release/examples/time_potential. Both take turns, ROUNDS times (5), in bursts of SECONDS a crystal, so
that both see the same machine. Shown are the least and the median time of all evaluations, and of all bursts the least and
the median CPU time of an evaluation in user mode, which other work on the machine hardly changes.

Needs `pip install sevenn==0.13.0`.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")

import torch
from cells import cells
from sevenn.calculator import SevenNetCalculator

SECONDS = float(os.environ.get("SECONDS", 2.0))


def user_ms():
    return 1e3 * resource.getrusage(resource.RUSAGE_SELF).ru_utime


def upstream(calculator, atoms, seconds):
    """Milliseconds of evaluations, graph included, as ASE's calculator does them; and their mean of CPU time."""
    times, begin, user = [], time.perf_counter(), 0.0
    while len(times) < 4 or time.perf_counter() - begin < seconds:
        # The first two compile.
        if len(times) == 2:
            user = user_ms()
        start = time.perf_counter()
        calculator.calculate(atoms, ["energy", "forces", "stress"], ["positions"])
        times.append(1e3 * (time.perf_counter() - start))
    counted = times[2:]
    return counted, (user_ms() - user) / len(counted)


def main(program, rounds):
    torch.set_num_threads(1)
    calculator = SevenNetCalculator("7net-0", device="cpu")
    crystals = list(cells())
    names = [f"{len(atoms)} atoms" for atoms in crystals]
    theirs, ours, memory, cpu = ({name: [] for name in names} for _ in range(4))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        lists = zip(names, crystals)
        json.dump([dict(name=n, numbers=a.numbers.tolist(), cell=a.cell.tolist(), positions=a.positions.tolist()) for n, a in lists], file)
        file.flush()
        for _ in range(rounds):
            for name, atoms in zip(names, crystals):
                times, user = upstream(calculator, atoms, SECONDS)
                theirs[name] += times
                cpu[name].append(user)
            command = [program, "7net-0", file.name, str(SECONDS)]
            answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for name in names:
                ours[name].append(answer[name])
                memory[name] = answer[name]["peak_mb"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"torch {torch.__version__}, {rounds} rounds; milliseconds an evaluation: least (median)")
    for name in names:
        their_least, their_median = min(theirs[name]), statistics.median(theirs[name])
        our_least = min(found["least_ms"] for found in ours[name])
        our_median = statistics.median(found["median_ms"] for found in ours[name])
        print(
            f"{name:>9}: upstream {their_least:7.1f} ({their_median:7.1f}), "
            f"ours {our_least:6.2f} ({our_median:6.2f}): {their_least / our_least:.1f} ({their_median / our_median:.1f}) times"
        )
        our_cpu = [found["user_ms"] for found in ours[name]]
        least = [min(cpu[name]), min(our_cpu)]
        median = [statistics.median(cpu[name]), statistics.median(our_cpu)]
        print(
            f"{'CPU':>9}: upstream {least[0]:7.1f} ({median[0]:7.1f}), ours {least[1]:6.2f} ({median[1]:6.2f}): "
            f"{least[0] / least[1]:.1f} ({median[0] / median[1]:.1f}) times"
        )
    print(f"peak memory: upstream {peak:.0f} MB, ours {max(memory.values()):.0f} MB ({answer['loaded_mb']:.0f} MB loaded)")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5)
