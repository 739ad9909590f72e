"""An ASE calculator and this program side by side on one thread: energies, forces, stresses of cells of 2 to 64 atoms.

Both take turns, in bursts of BURST seconds (environment; 2) a crystal, so that both see the same machine. Shown are the least and the
median time of all evaluations, and of all bursts the least and the median CPU time of an evaluation in user mode, which other
work on the machine hardly changes.
"""

import json
import os
import resource
import statistics
import subprocess
import tempfile
import time

import torch
from cells import cells

# Not SECONDS: bash makes that a whole number.
BURST_S = float(os.environ.get("BURST", 2.0))


def user_ms():
    return 1e3 * resource.getrusage(resource.RUSAGE_SELF).ru_utime


def burst(calculator, atoms):
    """Milliseconds of evaluations, graph included, as ASE's calculator does them; and their mean of CPU time."""
    times, begin, user = [], time.perf_counter(), 0.0
    while len(times) < 4 or time.perf_counter() - begin < BURST_S:
        # The first two compile.
        if len(times) == 2:
            user = user_ms()
        start = time.perf_counter()
        calculator.calculate(atoms, ["energy", "forces", "stress"], ["positions"])
        times.append(1e3 * (time.perf_counter() - start))
    counted = times[2:]
    return counted, (user_ms() - user) / len(counted)


def compare(calculator, program, model, rounds):
    """`program`: the example time_potential; `model`: what it computes."""
    crystals = list(cells())
    names = [f"{len(atoms)} atoms" for atoms in crystals]
    theirs, ours, cpu = ({name: [] for name in names} for _ in range(3))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        lists = zip(names, crystals)
        json.dump([dict(name=n, numbers=a.numbers.tolist(), cell=a.cell.tolist(), positions=a.positions.tolist()) for n, a in lists], file)
        file.flush()
        for _ in range(rounds):
            for name, atoms in zip(names, crystals):
                times, user = burst(calculator, atoms)
                theirs[name] += times
                cpu[name].append(user)
            command = [program, model, file.name, str(BURST_S)]
            answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for name in names:
                ours[name].append(answer[name])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"torch {torch.__version__}, {rounds} rounds; milliseconds an evaluation: least (median)")
    for name in names:
        of_ours = {key: [found[key] for found in ours[name]] for key in ("least_ms", "median_ms", "user_ms")}
        rows = {
            name: (theirs[name], min(of_ours["least_ms"]), statistics.median(of_ours["median_ms"])),
            "CPU": (cpu[name], min(of_ours["user_ms"]), statistics.median(of_ours["user_ms"])),
        }
        for what, (upstream, our_least, our_median) in rows.items():
            least, median = min(upstream), statistics.median(upstream)
            print(
                f"{what:>9}: upstream {least:7.1f} ({median:7.1f}), ours {our_least:6.2f} ({our_median:6.2f}): "
                f"{least / our_least:.1f} ({median / our_median:.1f}) times"
            )
    ours_peak = max(found["peak_mb"] for found in (answer[name] for name in names))
    print(f"peak memory: upstream {peak:.0f} MB, ours {ours_peak:.0f} MB ({answer['loaded_mb']:.0f} MB loaded)")
