"""Relaxations by ASE with its own Lennard-Jones potential, as goldens for ours.

    python make_goldens.py [--out DIR]

Needs ase==3.29.0, numpy, scipy; CPU, 1 thread. Writes `structures.json` (distorted crystals, positions fractional) and one
file for each optimizer, one for line searches alone and one for the cell's variants: for each run energy or enthalpy (eV) and largest force on the
degrees of freedom (eV/Å) at the end of the first 50 steps, the number of steps, and the final cell (Å).

An optimizer enlarges differences in the last digit, some runs so much that ASE does not come to the same energies again if
its atoms begin 1e-14 Å elsewhere. So each run is done three times, and `reproducible` tells how many points of it, from
the first on, are the same within 1e-10 eV; nobody else can agree with the rest.

ASE's `LennardJones(smooth=False)` is the potential of `crates/atoms`: energies are shifted to zero at the cutoff, pairs
count up to and including it, stress is (1/V) dE/d(strain) in Voigt order, tension positive. Parameters are argon's.
"""
from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS, FIRE, LBFGS, BFGSLineSearch
from ase.units import GPa
from ase.utils.linesearch import LineSearch

warnings.filterwarnings("ignore")

PARAMETERS = {"epsilon": 0.0104, "sigma": 3.4, "rc": 6.0, "smooth": False}
FMAX = 1e-3
STEPS = 120
RECORDED = 51
OPTIMIZERS = {"fire": FIRE, "bfgs": BFGS, "lbfgs": LBFGS, "bfgs-line-search": BFGSLineSearch}
CRYSTALS = {
    "fcc": (5.3, [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]),
    "bcc": (4.2, [[0, 0, 0], [0.5, 0.5, 0.5]]),
    "diamond": (7.0, [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5], [0.25, 0.25, 0.25], [0.75, 0.75, 0.25],
                      [0.75, 0.25, 0.75], [0.25, 0.75, 0.75]]),
}


def structures() -> list[dict]:
    """Every third one is an arbitrary cell with atoms thrown in, the others crystals strained and rattled."""
    random = np.random.default_rng(20250729)
    found = []
    while len(found) < 20:
        kind = len(found) % 3
        if kind == 2:
            n = int(random.integers(2, 13))
            cell = np.eye(3) + random.uniform(-0.35, 0.35, (3, 3))
            cell *= (42.0 * n / abs(np.linalg.det(cell))) ** (1 / 3)
            fractional = random.uniform(0, 1, (n, 3))
            least = 2.6
        else:
            length, sites = CRYSTALS[["fcc", "bcc", "diamond", "fcc"][len(found) % 4]]
            repeat = 1 if len(sites) > 4 else int(random.integers(1, 3))
            strain = np.eye(3) + random.uniform(-0.12, 0.12, (3, 3))
            cell = np.diag([length * repeat, length, length]) @ strain
            sites = [[(x + k) / repeat, y, z] for k in range(repeat) for x, y, z in sites]
            fractional = np.array(sites) + random.uniform(-0.05, 0.05, (len(sites), 3))
            least = 2.4
        atoms = Atoms("Ar" * len(fractional), cell=np.round(cell, 6), pbc=True, scaled_positions=np.round(fractional, 6))
        distances = atoms.repeat(2).get_all_distances(mic=True)
        if distances[distances > 0].min() < least:
            continue
        found.append({"cell": np.round(cell, 6).tolist(), "fractional": np.round(fractional, 6).tolist()})
    return found


def run_once(structure: dict, optimizer: str, cell: str, pressure: float, jitter: np.ndarray) -> dict:
    cell0 = np.array(structure["cell"])
    positions = structure["fractional"] @ cell0 + jitter
    atoms = Atoms("Ar" * len(positions), cell=cell0, pbc=True, positions=positions)
    atoms.calc = LennardJones(**PARAMETERS)
    options = {"frechet": {}, "constant-volume": {"constant_volume": True}, "hydrostatic": {"hydrostatic_strain": True}}
    moved = atoms if cell == "fixed" else FrechetCellFilter(atoms, scalar_pressure=pressure * GPa, **options[cell])
    energies, fmax = [], []
    with OPTIMIZERS[optimizer](moved, logfile=None) as run:
        end = "steps"
        try:
            for converged in run.irun(fmax=FMAX, steps=STEPS):
                energies.append(float(run.optimizable.get_value()))
                fmax.append(float(run.optimizable.gradient_norm(run.optimizable.get_gradient())))
                end = "converged" if converged else "steps"
        except RuntimeError as error:
            end = str(error)
    return {"energies": energies, "fmax": fmax, "end": end, "final_cell": atoms.cell.tolist()}


def relax(structure: dict, optimizer: str, cell: str, pressure: float) -> dict:
    shape = np.array(structure["fractional"]).shape
    jitters = [np.zeros(shape)] + [np.random.default_rng(seed).uniform(-1e-14, 1e-14, shape) for seed in (1, 2)]
    first, *others = [run_once(structure, optimizer, cell, pressure, jitter) for jitter in jitters]
    energies = first["energies"]
    reproducible = len(energies)
    for other in others:
        differences = np.abs(np.subtract(*zip(*zip(energies, other["energies"]))))
        same = int(np.argmax(np.append(differences, 1.0) > 1e-10))
        reproducible = min(reproducible, same)
    return {
        "optimizer": optimizer, "cell": cell, "pressure": pressure, "end": first["end"], "steps": len(energies) - 1,
        "reproducible": reproducible, "energies": energies[:RECORDED],
        "fmax": [float(f"{f:.12g}") for f in first["fmax"][:RECORDED]],
        "final_energy": energies[-1], "final_cell": first["final_cell"],
    }


def profile(number: int, a: float) -> tuple[float, float]:
    """Value and slope of the functions 1 to 6 of Moré and Thuente (1994), of one with many minima and of two others, whose
    slopes are not their own, as those of energies and forces may be that do not belong together."""
    if number == 1:
        return -a / (a * a + 2), (a * a - 2) / (a * a + 2) ** 2
    if number == 2:
        b = a + 0.004
        return b**5 - 2 * b**4, 5 * b**4 - 8 * b**3
    if number == 3:
        beta, waves = 0.01, 39 * np.pi / 2
        if a <= 1 - beta:
            value, slope = 1 - a, -1.0
        elif a >= 1 + beta:
            value, slope = a - 1, 1.0
        else:
            value, slope = (a - 1) ** 2 / (2 * beta) + beta / 2, (a - 1) / beta
        return value + (1 - beta) / waves * np.sin(waves * a), slope + (1 - beta) * np.cos(waves * a)
    if number in (8, 9):
        return (a, -1.0) if number == 8 else (-a, -1.0 - a * a)
    if number == 7:
        return -np.sin(a) + 0.3 * np.sin(7 * a) - 0.9 * a, -np.cos(a) + 2.1 * np.cos(7 * a) - 2 * 0.9
    b1, b2 = {4: (0.001, 0.001), 5: (0.01, 0.001), 6: (0.001, 0.01)}[number]
    g1, g2 = np.sqrt(1 + b1 * b1) - b1, np.sqrt(1 + b2 * b2) - b2
    left, right = np.sqrt((1 - a) ** 2 + b2 * b2), np.sqrt(a * a + b1 * b1)
    return g1 * left + g2 * right, g1 * (a - 1) / left + g2 * a / right


def search(number: int, stretch: float, length: float) -> dict | None:
    """One of ASE's line searches alone, along x with a direction of this length (Å): the places that it evaluates."""
    places = []

    def value(x):
        places.append(float(x[0] / length))
        return float(profile(number, stretch * x[0])[0])

    def gradient(x):
        return np.array([stretch * float(profile(number, stretch * x[0])[1]), 0.0, 0.0])

    start, direction = np.zeros(3), np.array([length, 0.0, 0.0])
    first, slope = value(start), gradient(start)
    places.clear()
    if slope[0] >= 0:
        return None
    end, _, _, at_bound = LineSearch()._line_search(
        value, gradient, start, direction, slope, first, None, maxstep=0.2, c1=0.23, c2=0.46, stpmax=50.0)
    return {"function": number, "stretch": stretch, "length": length, "places": places, "end": float(end),
            "at_bound": bool(at_bound)}


def line_searches() -> list[dict]:
    """Searches, and how many of their places, from the first on, are the same within 1e-10 of themselves when functions
    are stretched by another 1e-15."""
    found = []
    for number in range(1, 10):
        for stretch in (1.0, 4.0, 15.0, 60.0, 200.0):
            for length in (1e-3, 0.03, 0.15, 1.0, 5.0):
                one = search(number, stretch, length)
                # Ours gives up after 200 evaluations.
                if one is None or len(one["places"]) > 200:
                    continue
                reproducible = len(one["places"])
                for jitter in (-2e-15, 1e-15, 3e-15):
                    other = search(number, stretch * (1 + jitter), length)
                    same = [abs(a - b) <= 1e-10 * abs(a) for a, b in zip(one["places"], other["places"])] + [False]
                    reproducible = min(reproducible, same.index(False))
                found.append(one | {"reproducible": reproducible})
    return found


def write(path: Path, data) -> None:
    """One run a line, so that differences can be read."""
    lines = ",\n".join(json.dumps(item) for item in data)
    path.write_text(f"[\n{lines}\n]\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    out = parser.parse_args().out
    write(out / "line_searches.json", line_searches())
    crystals = structures()
    write(out / "structures.json", crystals)
    for optimizer in OPTIMIZERS:
        runs = [{"structure": i} | relax(crystal, optimizer, cell, 0.0)
                for cell in ("fixed", "frechet") for i, crystal in enumerate(crystals)]
        write(out / f"{optimizer}.json", runs)
        print(optimizer, [(run["end"][0], run["steps"], run["reproducible"]) for run in runs])
    variants = [("constant-volume", 0.0), ("hydrostatic", 0.0), ("frechet", 0.5), ("hydrostatic", -0.02)]
    runs = [{"structure": i} | relax(crystals[i], optimizer, cell, pressure)
            for cell, pressure in variants for optimizer in OPTIMIZERS for i in (0, 5, 8)]
    write(out / "variants.json", runs)
    print("variants", [(run["end"][0], run["steps"], run["reproducible"]) for run in runs])


if __name__ == "__main__":
    main()
