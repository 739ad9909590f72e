#!/usr/bin/env python3
"""Measures upstream's UMA and ours side by side on one thread: energies, forces, stresses of cells of 2 to 64 atoms.

usage: upstream_uma.py CHECKPOINT.pt TIME_POTENTIAL [ROUNDS]

CHECKPOINT is one of upstream's, or one of real size with weights from a hash, which cost the same:
`crates/models/tests/uma/make_goldens.py real FOLDER` writes it. TIME_POTENTIAL is
target/release/examples/time_potential. Both take turns, ROUNDS times (3), so that both see the same machine; the least
and the median time of all rounds are shown. Experts are merged on both sides before the clock starts; what merging
takes is shown apart: the first evaluation less the median of the others.

Needs `pip install fairchem-core==2.24.0`.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import json
import logging
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import torch
from cells import cells
from fairchem.core.datasets.atomic_data import AtomicData
from fairchem.core.units.mlip_unit import MLIPPredictUnit
from fairchem.core.units.mlip_unit.api.inference import InferenceSettings

SECONDS = 2.0
# On a CPU `umas_fast_pytorch` takes the same time.
MODE = "general"


def upstream(checkpoint, atoms):
    """Milliseconds of evaluations, graph included: (first less median, the others)."""
    settings = InferenceSettings(
        tf32=False, activation_checkpointing=False, compile=False, merge_mole=True, execution_mode=MODE
    )
    # A merged model serves one composition, so each cell has its own.
    unit = MLIPPredictUnit(checkpoint, device="cpu", inference_settings=settings)
    times, begin = [], time.perf_counter()
    while len(times) < 4 or time.perf_counter() - begin < SECONDS:
        start = time.perf_counter()
        data = AtomicData.from_ase(atoms, task_name="omat", r_data_keys=["spin", "charge"], r_edges=False)
        out = unit.predict(data)
        [out[name].detach().numpy() for name in ("energy", "forces", "stress")]
        times.append(1e3 * (time.perf_counter() - start))
    return times[0] - statistics.median(times[1:]), times[1:]


def main(checkpoint, program, rounds):
    torch.set_num_threads(1)
    crystals = {f"{len(atoms)} atoms": atoms for atoms in cells()}
    for atoms in crystals.values():
        atoms.info.update(charge=0, spin=0)
    theirs, ours = ({name: [] for name in crystals} for _ in range(2))
    merging = []
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        rows = [
            dict(name=name, numbers=a.numbers.tolist(), cell=a.cell.tolist(), positions=a.positions.tolist())
            for name, a in crystals.items()
        ]
        json.dump(rows, file)
        file.flush()
        for _ in range(rounds):
            for name, atoms in crystals.items():
                first, times = upstream(checkpoint, atoms)
                merging.append(first)
                theirs[name] += times
            command = [program, f"uma={checkpoint}", file.name, str(SECONDS)]
            answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for name in crystals:
                ours[name].append(answer[name])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"torch {torch.__version__}, {rounds} rounds; milliseconds an evaluation: least (median)")
    for name in crystals:
        their_least, their_median = min(theirs[name]), statistics.median(theirs[name])
        our_least = min(found["least_ms"] for found in ours[name])
        our_median = statistics.median(found["median_ms"] for found in ours[name])
        print(
            f"{name:>9}: upstream {their_least:7.1f} ({their_median:7.1f}), ours {our_least:6.1f} "
            f"({our_median:6.1f}): {their_least / our_least:.2f} ({their_median / our_median:.2f}) times"
        )
    # Rock salt is merged for the first cell and kept for the others; the perovskite for itself.
    names = list(crystals)
    once = [found["first_ms"] - found["median_ms"] for name in (names[0], names[2]) for found in ours[name]]
    bytes_read = pathlib.Path(checkpoint).stat().st_size
    print(f"merging: upstream {min(merging):.0f} ms, ours {min(once):.0f} to {max(once):.0f} ms (file: {bytes_read / 1e6:.0f} MB)")
    print(f"loading {answer['load_s']:.2f} s; peak memory: upstream {peak:.0f} MB, ours {answer[names[-1]]['peak_mb']:.0f} MB, the mapped file included")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 3)
