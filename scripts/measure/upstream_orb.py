#!/usr/bin/env python3
"""Measures upstream's ORB v3 and ours side by side on one thread: energies, forces, stresses of cells of 2 to 64 atoms.

usage: upstream_orb.py CHECKPOINT.ckpt TIME_POTENTIAL [ROUNDS]

CHECKPOINT is one of upstream's, or `seeded`: random weights at the real size, which cost the same; they are written to
orb-v3-conservative-inf-omat.ckpt. TIME_POTENTIAL is target/release/examples/time_potential. Both take turns, ROUNDS
times (3), so that both see the same machine; the least and the median time of all rounds are shown.

Needs `pip install orb-models==0.5.5`.
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
from orb_models.forcefield import pretrained
from orb_models.forcefield.atomic_system import SystemConfig, ase_atoms_to_atom_graphs

MODEL = "orb-v3-conservative-inf-omat"
SECONDS = 2.0


def load(checkpoint):
    torch.manual_seed(0)
    config = SystemConfig(radius=6.0, max_num_neighbors=120)
    model = pretrained.orb_v3_conservative_architecture(device="cpu", system_config=config)
    if checkpoint == "seeded":
        checkpoint = f"{MODEL}.ckpt"
        torch.save(model.state_dict(), checkpoint)
    else:
        model.load_state_dict(torch.load(checkpoint, weights_only=True))
    model.eval().requires_grad_(False)
    return model, checkpoint


def upstream(model, atoms, seconds):
    """Milliseconds of evaluations, graph included, as a program over a list of crystals would do them."""
    times, begin = [], time.perf_counter()
    while len(times) < 4 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        graph = ase_atoms_to_atom_graphs(atoms, model.system_config, device=torch.device("cpu"))
        out = model.predict(graph)
        answer = out["energy"].item(), out["grad_forces"].numpy(), out["grad_stress"].numpy()
        times.append(1e3 * (time.perf_counter() - start))
    return times[1:], len(graph.senders), answer


def main(checkpoint, program, rounds):
    torch.set_num_threads(1)
    model, checkpoint = load(checkpoint)
    crystals = list(cells())
    names = [f"{len(atoms)} atoms" for atoms in crystals]
    theirs, ours, edges, memory = ({name: [] for name in names} for _ in range(4))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        lists = zip(names, crystals)
        json.dump([dict(name=n, numbers=a.numbers.tolist(), cell=a.cell.tolist(), positions=a.positions.tolist()) for n, a in lists], file)
        file.flush()
        for _ in range(rounds):
            for name, atoms in zip(names, crystals):
                times, n_edges, _ = upstream(model, atoms, SECONDS)
                theirs[name] += times
                edges[name] = n_edges
            command = [program, f"{MODEL}={checkpoint}", file.name, str(SECONDS)]
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
            f"{name:>9}, {edges[name]:5} edges: upstream {their_least:7.1f} ({their_median:7.1f}), "
            f"ours {our_least:6.1f} ({our_median:6.1f}): {their_least / our_least:.2f} ({their_median / our_median:.2f}) times"
        )
    print(f"peak memory: upstream {peak:.0f} MB, ours {max(memory.values()):.0f} MB ({answer['loaded_mb']:.0f} MB loaded)")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 3)
