#!/usr/bin/env python3
"""Times energies above the hull of made-up entries, and compares some of them with HiGHS.

usage: hulls.py PROGRAM [ENTRIES] [FOLDER]     5,000,000 entries, in a temporary folder that goes, by default

Entries hold 2 to 5 of 89 elements, 1 to 6 atoms of each, with formation energies of -1.5 to 0.5 eV/atom; each element is an
entry itself. Asked are 10,000 compositions of the same kind, and 1,000 of eight elements. Prints the time and the peak
memory of each command (Linux), and the largest difference from HiGHS (dual simplex) for 30 compositions of eight elements. Nothing
is random between two calls. Needs numpy, scipy and pyarrow.
"""
import csv, gzip, subprocess, sys, tempfile, time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.optimize import linprog

# Those of LeMat-GenBench's reference energies: 89 of the first 94.
ABSENT = {"Po", "At", "Rn", "Fr", "Ra"}
SYMBOLS = [s for s in (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo "
    "Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl "
    "Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu"
).split() if s not in ABSENT]
N_COMPARED = 30


def crystals(draw, count, fewest, most, of_elements):
    """Elements and amounts, `[count, most]`, the amounts zero behind the last element, and total energies in eV."""
    elements = draw.integers(len(SYMBOLS), size=(count, most))
    while True:
        ordered = np.sort(elements, axis=1)
        twice = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
        if not len(twice):
            break
        elements[twice] = draw.integers(len(SYMBOLS), size=(len(twice), most))
    amounts = draw.integers(1, 7, size=(count, most))
    amounts[np.arange(most) >= draw.integers(fewest, most + 1, size=(count, 1))] = 0
    formation = draw.uniform(-1.5, 0.5, size=count)
    return elements, amounts, (amounts * of_elements[elements]).sum(axis=1) + amounts.sum(axis=1) * formation


def write_csv(path, prefix, elements, amounts, energies):
    file = gzip.open(path, "wt", compresslevel=1) if path.suffix == ".gz" else open(path, "w")
    with file:
        file.write("material_id,composition,energy\n")
        for n in range(len(energies)):
            formula = " ".join(f"{SYMBOLS[e]}{a}" for e, a in zip(elements[n].tolist(), amounts[n].tolist()) if a)
            file.write(f"{prefix}-{n},{formula},{energies[n].item()!r}\n")


def write_parquet(path, elements, amounts, energies):
    """In the layout of LeMat-Bulk-MLIP-Hull."""
    sites = np.repeat(elements.ravel(), amounts.ravel()).astype(np.int8)
    offsets = np.concatenate([[0], np.cumsum(amounts.sum(axis=1))]).astype(np.int32)
    species = pa.ListArray.from_arrays(offsets, pa.DictionaryArray.from_arrays(pa.array(sites), pa.array(SYMBOLS)))
    ids = pa.array([f"entry-{n}" for n in range(len(energies))])
    pq.write_table(pa.table({"immutable_id": ids, "species_at_sites": species, "energy": energies}), path)


def ask(program, what, entries, query, out):
    """Seconds that the command took."""
    command, peak, said = [program, "hull", "--entries", entries, "--query", query, "--out", out], 0, out.with_suffix(".txt")
    since = time.perf_counter()
    with open(said, "w") as stderr:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
    while child.poll() is None:
        # Resources of a child count what it was before it became the command: a copy of this process.
        status = Path(f"/proc/{child.pid}/status").read_text()
        peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
        time.sleep(0.005)
    took = time.perf_counter() - since
    if child.returncode:
        sys.exit(said.read_text())
    print(f"{what}: {took:.2f} s, {peak / 1024:.0f} MiB")
    print("".join(f"  {line}\n" for line in said.read_text().splitlines()), end="", flush=True)
    return took


def of_highs(entries, of_elements, elements, amounts, energy):
    """The energy above the hull, and the number of entries that it is made of."""
    their, many, energies = entries
    known = np.zeros(len(SYMBOLS), bool)
    known[elements] = True
    rows = np.flatnonzero((known[their] | (many == 0)).all(axis=1))
    n_atoms = many[rows].sum(axis=1)
    parts = np.zeros((len(elements), len(rows)))
    for at, element in enumerate(elements):
        parts[at] = np.where(their[rows] == element, many[rows], 0).sum(axis=1) / n_atoms
    formation = energies[rows] / n_atoms - of_elements[elements] @ parts
    asked = amounts / amounts.sum()
    tolerances = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    solved = linprog(formation, A_eq=parts, b_eq=asked, method="highs-ds", options=tolerances)
    return energy / amounts.sum() - of_elements[elements] @ asked - solved.fun, len(rows)


def main(program, count, folder):
    draw = np.random.default_rng(20)
    of_elements = draw.uniform(-10, -1, size=len(SYMBOLS))
    elements, amounts, energies = crystals(draw, count - len(SYMBOLS), 2, 5, of_elements)
    alone = np.zeros((len(SYMBOLS), 5), int)
    alone[:, 0] = np.arange(len(SYMBOLS))
    entries = (np.concatenate([alone, elements]), np.concatenate([np.eye(1, 5, dtype=int).repeat(len(SYMBOLS), 0), amounts]),
               np.concatenate([of_elements, energies]))
    write_csv(folder / "entries.csv.gz", "entry", *entries)
    write_parquet(folder / "entries.parquet", *entries)
    write_csv(folder / "few.csv", "query", *crystals(draw, 10_000, 2, 5, of_elements))
    eight = crystals(draw, 1_000, 8, 8, of_elements)
    write_csv(folder / "eight.csv", "query", *eight)
    write_csv(folder / "one.csv", "query", *(values[:1] for values in eight))

    of = f"{count:,} entries"
    ask(program, f"{of}, CSV with gzip; 10,000 queries", folder / "entries.csv.gz", folder / "few.csv", folder / "few-out.csv")
    ask(program, f"{of}, Parquet; 10,000 queries", folder / "entries.parquet", folder / "few.csv", folder / "parquet-out.csv")
    same = (folder / "few-out.csv").read_bytes() == (folder / "parquet-out.csv").read_bytes()
    print("both tables have the same answers" if same else "ANSWERS DIFFER BETWEEN CSV AND PARQUET")
    one = ask(program, f"{of}, CSV with gzip; 1 query of eight elements", folder / "entries.csv.gz", folder / "one.csv",
              folder / "one-out.csv")
    many = ask(program, f"{of}, CSV with gzip; 1,000 queries of eight elements", folder / "entries.csv.gz",
               folder / "eight.csv", folder / "eight-out.csv")
    print(f"a query of eight elements more: {(many - one) / 999 * 1000:.2f} ms")

    largest, sizes = 0.0, []
    with open(folder / "eight-out.csv", newline="") as file:
        for row, *asked in zip(csv.DictReader(file), *(values[:N_COMPARED] for values in eight)):
            above, size = of_highs(entries, of_elements, *asked)
            largest, sizes = max(largest, abs(above - float(row["e_above_hull_ev_per_atom"]))), sizes + [size]
    print(f"HiGHS: {len(sizes)} answers among {min(sizes):,} to {max(sizes):,} entries, at most {largest:.1e} eV/atom away")
    return not same


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 5_000_000
    where = Path(sys.argv[1]).resolve()
    if len(sys.argv) > 3:
        sys.exit(main(where, size, Path(sys.argv[3])))
    with tempfile.TemporaryDirectory(prefix="hulls-") as temporary:
        sys.exit(main(where, size, Path(temporary)))
