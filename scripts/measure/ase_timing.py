"""Times an ASE calculator on given cells; `upstream_mace.py` and `symmetrix_mace.py` bring the calculators.

Cells are JSON files with a list of {"name", "numbers", "cell", "positions"}, in Å, periodic in all directions. Every
call is for positions that differ by 1e-4 Å from the last, so that nothing is served from a cache of results, and asks
for energy, forces and stress at once: asked one by one, symmetrix-xl computes the structure twice.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import time


def parser(description):
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("model", help="the model's file")
    arguments.add_argument("cells", nargs="+", help="JSON files of cells")
    arguments.add_argument("--only", nargs="*", help="names of cells, instead of all")
    arguments.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    arguments.add_argument("--warm-up", type=int, default=3, metavar="N", help="calls that are not counted")
    arguments.add_argument("--repeats", type=int, default=7, metavar="N", help="calls at least that are counted")
    arguments.add_argument("--seconds", type=float, default=6, help="go on counting for so long")
    arguments.add_argument("--out", help="write the figures to this JSON file, too")
    return arguments


def one_thread():
    """Keeps every library to one thread; to be called before they are imported."""
    for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "KOKKOS"):
        os.environ[f"{library}_NUM_THREADS"] = "1"


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def read_cells(files, only):
    from ase import Atoms

    for file in files:
        for cell in json.loads(pathlib.Path(file).read_text()):
            if not only or cell["name"] in only:
                atoms = Atoms(numbers=cell["numbers"], positions=cell["positions"], cell=cell["cell"], pbc=True)
                yield cell["name"], atoms


def time_calls(atoms, calculator, arguments):
    """Wall times of calls, in ms: those to warm up, those that count, and the times of the CPU of these; and the results of
    the first."""
    import numpy
    from ase.calculators.calculator import all_changes

    random = numpy.random.default_rng(0)

    def call():
        begin, cpu_begin = time.perf_counter(), time.process_time()
        calculator.calculate(atoms, ["energy", "forces", "stress"], all_changes)
        wall_ms, cpu_ms = 1e3 * (time.perf_counter() - begin), 1e3 * (time.process_time() - cpu_begin)
        results = [calculator.results[name] for name in ("energy", "forces", "stress")]
        atoms.positions += 1e-4 * random.standard_normal(atoms.positions.shape)
        return wall_ms, cpu_ms, results

    first_ms, _, results = call()
    warm_up_ms = [first_ms] + [call()[0] for _ in range(arguments.warm_up - 1)]
    counted, begin = [], time.perf_counter()
    while len(counted) < arguments.repeats or time.perf_counter() - begin < arguments.seconds:
        counted.append(call()[:2])
    return warm_up_ms, [wall for wall, _ in counted], [cpu for _, cpu in counted], results


def measure(arguments, about, calculator):
    """Times the cells in their order, prints a line for each. `about`: what to say of calculator and loading."""
    import numpy

    print("  ".join(f"{name} {value}" for name, value in about.items()), flush=True)
    print(f"after loading: peak {peak_mb():.0f} MB", flush=True)
    figures = {**about, "model": pathlib.Path(arguments.model).name, "loaded_mb": peak_mb(), "cells": []}
    for name, atoms in read_cells(arguments.cells, arguments.only):
        warm_up_ms, times_ms, cpu_ms, (energy, forces, stress) = time_calls(atoms, calculator, arguments)
        row = {
            "cell": name,
            "n_atoms": len(atoms),
            "min_ms": min(times_ms),
            "median_ms": statistics.median(times_ms),
            "cpu_median_ms": statistics.median(cpu_ms),
            "calls": len(times_ms),
            "warm_up_ms": warm_up_ms,
            "peak_mb": peak_mb(),
            # To see that two programs computed the same: of the first call, on the cell as it is in the file.
            "energy_ev": float(energy),
            "largest_force": float(numpy.abs(forces).max()),
            "stress": [float(component) for component in stress],
        }
        figures["cells"].append(row)
        print(
            f"{name:12} {len(atoms):4} atoms  min {row['min_ms']:9.2f} ms  median {row['median_ms']:9.2f} ms, of the CPU {row['cpu_median_ms']:.2f}  ({len(times_ms)} calls;"
            f" first {warm_up_ms[0]:.0f} ms)  peak {row['peak_mb']:.0f} MB  E {energy:.6f} eV  F {row['largest_force']:.6f} eV/Å",
            flush=True,
        )
    if arguments.out:
        pathlib.Path(arguments.out).write_text(json.dumps(figures, indent=1) + "\n")
