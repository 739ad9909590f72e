#!/usr/bin/env python3
"""Relaxes the same crystals with this program and with ASE on upstream's CHGNet, one thread each, and compares both.

usage: upstream_relaxations.py PROGRAM CIFS [--count 100] [--most-atoms 10] [--rounds 1]
           [--series f32 displaced f64] [--out FILE.json]

CIFS is a folder; of its crystals with at most so many atoms, in the order of their names, `count` are taken at even distances.
Both use FIRE, the Frechet cell filter, 0.02 eV/Å and 500 steps at most. The series, each in groups of ten crystals, ours
before theirs, so that what else the machine does hits both:

    f32         as released
    displaced   upstream alone is given positions that are 1e-7 Å elsewhere: how far it reproduces itself
    f64         both in double precision, upstream's code widened as it is: weights are the same numbers

CPU time is that of the process: ours with start, reading and tables, upstream's of the relaxations alone. `--rounds` repeats
the series f32. Needs chgnet 0.4.2, ASE 3.29, pymatgen; Linux.
"""

import ase_timing

ase_timing.one_thread()

import argparse
import contextlib
import csv
import io
import json
import pathlib
import resource
import subprocess
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")

import chgnet.graph.converter
import chgnet.graph.crystalgraph
import chgnet.model.model
import numpy
import torch
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE
from chgnet.model.composition_model import AtomRef
from chgnet.model.dynamics import CHGNetCalculator
from chgnet.model.model import CHGNet
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

FMAX, MOST_STEPS, GROUP, DISPLACEMENT = 0.02, 500, 10, 1e-7
SAME_ENERGY = 1e-4
RELEASED = AtomRef._assemble_graphs


def fractions(self, graphs):
    """What upstream's reference energies are multiplied with, in the precision of the weights instead of f32."""
    counts = [torch.bincount(graph.atomic_number - 1, minlength=self.max_num_elements) for graph in graphs]
    whole = torch.stack(counts).to(self.fc.weight.dtype)
    return whole / whole.sum(dim=1, keepdim=True) if self.is_intensive else whole


def calculator_in(precision):
    dtype = {"f32": torch.float32, "f64": torch.float64}[precision]
    torch.set_default_dtype(dtype)
    for module in (chgnet.graph.converter, chgnet.graph.crystalgraph, chgnet.model.model):
        module.TORCH_DTYPE = dtype
    AtomRef._assemble_graphs = fractions if precision == "f64" else RELEASED
    with contextlib.redirect_stdout(io.StringIO()):
        return Counting(CHGNet.load(use_device="cpu", verbose=False).to(dtype), use_device="cpu")


class Counting(CHGNetCalculator):
    """Upstream's calculator, with the number of its evaluations."""

    evaluations = 0

    def calculate(self, *arguments, **options):
        self.evaluations += 1
        super().calculate(*arguments, **options)


def of_upstream(files, calculator, displacement):
    """A row for each file, wall and CPU time."""
    rows, wall, cpu = [], 0.0, 0.0
    for file in files:
        atoms = AseAtomsAdaptor.get_atoms(Structure.from_file(file), msonable=False)
        atoms.positions += displacement * numpy.random.default_rng(1).standard_normal(atoms.positions.shape)
        atoms.calc = calculator
        calculator.evaluations = 0
        calculator.reset()
        begin, began = time.perf_counter(), time.process_time()
        row = {"name": file.stem, "n_atoms": len(atoms)}
        try:
            filtered = FrechetCellFilter(atoms)
            optimizer = FIRE(filtered, logfile=None)
            converged = bool(optimizer.run(fmax=FMAX, steps=MOST_STEPS))
            energy = float(atoms.get_potential_energy()) / len(atoms)
            row |= {"converged": converged, "steps": optimizer.nsteps, "energy_per_atom": energy}
        except Exception as error:
            row |= {"error": f"{type(error).__name__}: {error}"}
        wall += time.perf_counter() - begin
        cpu += time.process_time() - began
        rows.append(row | {"evaluations": calculator.evaluations})
    return rows, wall, cpu


def of_program(program, files, precision, folder):
    """A row for each file, wall and CPU time of the process."""
    listed, out = folder / "files.list", folder / "run"
    listed.write_text("".join(f"{file}\n" for file in files))
    subprocess.run(["rm", "-rf", out], check=True)
    command = [program, "run", "--cifs", listed, "--model", "chgnet", "--precision", precision, "--relax", "--quiet"]
    command += ["--structure-workers", "1", "--threads-per-mlip", "1", "--out", out]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows = []
    with open(out / "report" / "relaxation.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["status"] == "ok":
                rows.append({
                    "name": row["structure_id"], "n_atoms": int(row["n_atoms"]), "converged": row["converged"] == "true",
                    "steps": int(row["steps"]), "evaluations": int(row["evaluations"]), "ended": row["ended"],
                    "energy_per_atom": float(row["energy_final_per_atom_ev"]),
                })
            else:
                rows.append({"name": row["structure_id"], "error": row["status"]})
    return rows, wall, cpu


def series(name, program, files, precision, displacement, folder):
    """Both over all files, in turns."""
    calculator = calculator_in(precision)
    of_upstream(files[:1], calculator, 0.0)
    ours, theirs, times = [], [], numpy.zeros(4)
    for at in range(0, len(files), GROUP):
        group = files[at : at + GROUP]
        some, *our_times = of_program(program, group, precision, folder)
        ours += some
        some, *their_times = of_upstream(group, calculator, displacement)
        theirs += some
        times += [*our_times, *their_times]
    our_evaluations, their_evaluations = (sum(row.get("evaluations", 0) for row in rows) for rows in (ours, theirs))
    wall, cpu = times[2] / times[0], times[3] / times[1]
    print(f"{name}: ours {times[0]:.1f} s wall, {times[1]:.1f} s CPU, {our_evaluations} evaluations; upstream {times[2]:.1f} s wall,"
          f" {times[3]:.1f} s CPU, {their_evaluations} evaluations: {wall:.1f} times by wall, {cpu:.1f} times by CPU", flush=True)
    return {"ours": ours, "upstream": theirs, "times": dict(zip(["our_wall", "our_cpu", "wall", "cpu"], times.tolist()))}


def compare(what, some, others):
    """How many relaxations have the same energies and numbers of steps, and which have not."""
    both = [(a, b) for a, b in zip(some, others, strict=True) if "error" not in a and "error" not in b]
    assert all(a["name"] == b["name"] for a, b in both)
    energies = numpy.array([abs(a["energy_per_atom"] - b["energy_per_atom"]) for a, b in both])
    steps = numpy.array([abs(a["steps"] - b["steps"]) for a, b in both])
    ended = sum(a["converged"] == b["converged"] for a, b in both)
    print(f"{what}: of {len(both)}, {(energies <= SAME_ENERGY).sum()} energies within {SAME_ENERGY:g} eV/atom (median {numpy.median(energies):.1e},"
          f" largest {energies.max():.1e}), {(steps <= 1).sum()} within one step ({(steps == 0).sum()} equal), {ended} ended alike")
    for (a, b), energy, apart in zip(both, energies, steps):
        if energy > SAME_ENERGY or apart > 1:
            print(f"    {a['name']:40} {a['n_atoms']:3} atoms  steps {a['steps']:3} {b['steps']:3}  {energy:.1e} eV/atom")
    for a, b in zip(some, others):
        if "error" in a or "error" in b:
            print(f"    {a['name']}: {a.get('error')}, {b.get('error')}")


def main(arguments):
    torch.set_num_threads(1)
    files = sorted(pathlib.Path(arguments.cifs).resolve().glob("*.cif"))
    small = [file for file in files if len(Structure.from_file(file)) <= arguments.most_atoms]
    count = min(arguments.count, len(small))
    files = [small[at * len(small) // count] for at in range(count)]
    pathlib.Path("relaxed.list").write_text("".join(f"{file}\n" for file in files))
    print(f"{count} of the {len(small)} crystals with at most {arguments.most_atoms} atoms, in relaxed.list")
    kinds = {"f32": ("f32", 0.0), "displaced": ("f32", DISPLACEMENT), "f64": ("f64", 0.0)}
    results = {name: [] for name in kinds if name in arguments.series}
    with tempfile.TemporaryDirectory(prefix="relaxations-") as temporary:
        for name, several in results.items():
            for _ in range(arguments.rounds if name == "f32" else 1):
                several.append(series(name, arguments.program, files, *kinds[name], pathlib.Path(temporary)))
    rows = {(name, whose): several[0][whose] for name, several in results.items() for whose in ("ours", "upstream")}
    for one, other in (
        (("f32", "ours"), ("f32", "upstream")), (("f64", "ours"), ("f64", "upstream")),
        (("f32", "upstream"), ("displaced", "upstream")), (("f32", "upstream"), ("f64", "upstream")),
        (("f32", "ours"), ("f64", "ours")),
    ):
        if one in rows and other in rows:
            compare(f"{one[1]} {one[0]} and {other[1]} {other[0]}", rows[one], rows[other])
    if arguments.out:
        pathlib.Path(arguments.out).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("cifs")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--most-atoms", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--series", nargs="+", default=["f32", "displaced", "f64"], choices=["f32", "displaced", "f64"])
    parser.add_argument("--out")
    main(parser.parse_args())
