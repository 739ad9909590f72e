#!/usr/bin/env python3
"""Makes what the tests of this crate compare with: energies above the hull by pymatgen, Parquet files by pyarrow.

    make_goldens.py

Needs pymatgen (2026.10.16 wrote what is here) and pyarrow. Nothing is random between two calls: seeds are fixed.

`goldens.json`: cases with entries (id, formula, total energy in eV) and queries, each with pymatgen's answer on the phase
diagram of the entries within the elements of the query: energy above the hull in eV/atom and decomposition (id and part of
the atoms), or the elements whose own entries are missing. `compositions.json`: formulas and what pymatgen reads.
"""
import itertools, json, os, random

import pyarrow as pa
import pyarrow.parquet as pq
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

here = os.path.dirname(os.path.abspath(__file__))


def entry(row):
    return PDEntry(Composition(row[1]), row[2], name=row[0])


def answer(entries, formula, energy, unique):
    composition = Composition(formula)
    elements = set(composition.elements)
    within = [e for e in map(entry, entries) if set(e.composition.elements) <= elements]
    missing = elements - {e.composition.elements[0] for e in within if e.is_element}
    row = {"formula": formula, "energy": energy}
    if missing:
        return row | {"missing": sorted((str(e) for e in missing), key=lambda e: Composition(e).elements[0].Z)}
    query = PDEntry(composition, energy)
    parts, above = PhaseDiagram(within).get_decomp_and_e_above_hull(query, allow_negative=True, check_stable=False)
    row["above"] = above
    # Where several mixtures have the same energy, which one is named is a matter of taste.
    row["decomposition"] = {e.name: part for e, part in parts.items()} if unique else None
    return row


def formula(amounts):
    return " ".join(f"{element}{n}" for element, n in amounts if n)


def random_case(name, elements, n_entries, n_queries, seed, depth=1.0):
    """Compounds of up to four of the elements, formation energies about as large as those of real ones."""
    choose = random.Random(seed)
    atoms = {e: choose.uniform(-10, -1) for e in elements}
    rows = [[f"{e}-{n}", f"{e}{n}", n * (atoms[e] + extra)] for e in elements for n, extra in ((1, 0.2), (4, 0.0))]

    def compound(of):
        amounts = [(e, choose.randint(1, 6)) for e in of]
        n = sum(n for _, n in amounts)
        return amounts, sum(k * atoms[e] for e, k in amounts) - n * choose.uniform(-0.2, depth)

    for i in range(n_entries):
        amounts, energy = compound(choose.sample(elements, choose.randint(2, min(4, len(elements)))))
        rows.append([f"id-{i}", formula(amounts), energy])
    queries = []
    for _ in range(n_queries):
        amounts, energy = compound(choose.sample(elements, choose.randint(1, len(elements))))
        queries.append((formula(amounts), energy))
    amounts, energy = compound(elements)
    queries.append((formula(amounts), energy - 3.0 * sum(n for _, n in amounts)))
    return name, rows, queries, True


def line(n):
    """Compounds that lie exactly on the line between others, and each of them twice."""
    rows = [["a", "Na1", -1.0], ["b", "Cl2", -4.0]]
    for i in range(1, n):
        energy = -1.0 * i - 2.0 * (n - i) - 0.5 * min(i, n - i)
        rows += [[f"one-{i}", f"Na{i} Cl{n - i}", energy], [f"two-{i}", f"Na{2 * i} Cl{2 * (n - i)}", 2 * energy]]
    queries = [(f"Na{i} Cl{m - i}", -1.5 * m) for m in range(2, 14) for i in range(1, m)]
    return "ties on lines", rows, queries, False


iron = [["Fe", "Fe2", -16.5], ["O", "O8", -39.5], ["hematite", "Fe4 O6", -67.0], ["wustite", "Fe1 O1", -13.9],
        ["high", "Fe12 O18", -190.0], ["magnetite", "Fe6 O8", -95.5], ["dear", "Fe1 O2", -9.0]]
cases = [
    random_case("two elements", ["Li", "O"], 12, 12, 1),
    random_case("four elements", ["Li", "Fe", "P", "O"], 60, 40, 2),
    random_case("six elements", ["Li", "Fe", "P", "O", "Mn", "Ni"], 120, 40, 3),
    random_case("eight elements", ["K", "Na", "Al", "Si", "O", "H", "Mg", "Ca"], 150, 24, 4),
    ("on the hull, above and below", iron,
     [("Fe4 O6", -67.0), ("Fe2 O3", -33.5), ("Fe1 O1", -13.9), ("Fe2", -16.5), ("Fe3", -30.0), ("O1", -4.0),
      ("Fe12 O18", -190.0), ("Fe4 O6", -67.9), ("Fe8 O9", -120.0), ("Fe1 O2", -9.0), ("Fe0.5 O0.5", -6.9)], True),
    ("one element", [["one", "Si2", -10.8], ["two", "Si8", -43.3], ["three", "Si8", -43.1]],
     [("Si2", -10.8), ("Si8", -43.3), ("Si4", -22.0), ("Si1", -4.0)], True),
    ("missing elements", [["one", "Li1", -1.9], ["two", "Li2 O1", -14.0], ["three", "Li1 F1", -10.0]],
     [("Li1", -1.8), ("Li2 O1", -14.0), ("Li1 F1", -9.0), ("Li4 O1 F2", -30.0), ("O2", -9.0), ("Cs1 Cl1", -6.0)], True),
    ("equal compositions", [["a", "Mg1", -1.5], ["b", "Mg2", -3.2], ["c", "O2", -9.8], ["d", "Mg4 O4", -48.0],
                            ["e", "Mg1 O1", -11.9], ["f", "Mg2 O2", -24.2], ["g", "Mg8 O8", -90.0]],
     [("Mg1 O1", -12.0), ("Mg4 O4", -48.0), ("Mg2 O1", -10.0), ("Mg1 O3", -15.0)], True),
    line(12),
]
goldens = []
for name, rows, queries, unique in cases:
    answers = [answer(rows, text, energy, unique) for text, energy in queries]
    goldens.append({"name": name, "entries": rows, "queries": answers})
with open(os.path.join(here, "goldens.json"), "w", encoding="utf-8") as out:
    json.dump(goldens, out, indent=0)

formulas = ["Al1 Ga1 N2", "Fe2O3", "Ca(OH)2", "K4[Fe(CN)6]", "Li0.5CoO2", "(Li0.5Na0.5)2O", "Y3N@C80", "NaNa", "Fe 2 O 3",
            "Fe1e-1O", "Fe0O", "Fe.5", "Al2(SO4)3", "((NH4)2)SO4", "{CaO}2SiO2", "Fe2.0 O3.0", "Fe", "H2O", "CO", "Co",
            "Nb6Al1.5", "", "  ", "12", "Xx", "Fe2o3", "3Fe", "Ca(OH", "CaOH)2", "fe", "CuSO4*5H2O", "Fe,O", "Fe1.2.3"]


def read(text):
    try:
        composition = Composition(text)
        # `Xx` is a placeholder there.
        return {str(e): n for e, n in composition.items()} if composition and composition.valid else None
    except (ValueError, KeyError):
        return None


charged = [{"Fe3+": 2, "O2-": 3}, {"Li+": 1, "Fe2.5+": 0.5, "O2-": 2}, {"Na+": 4, "Cl-": 4}]
with open(os.path.join(here, "compositions.json"), "w", encoding="utf-8") as out:
    rows = [[text, read(text)] for text in formulas]
    # As pymatgen writes charged species.
    rows += [[str(Composition(c)), {str(e): n for e, n in Composition(c).element_composition.items()}] for c in charged]
    json.dump(rows, out, indent=0)

# In the layout of LeMat-Bulk-MLIP-Hull: the entries of "four elements", in small row groups, two energies missing.
rows = goldens[1]["entries"]
sites = [list(itertools.chain.from_iterable([str(e)] * int(n) for e, n in Composition(f).items())) for _, f, _ in rows]
energies = [energy for _, _, energy in rows]
table = pa.table({
    "immutable_id": pa.array([i for i, _, _ in rows] + ["gap-1", "gap-2"]),
    "elements": pa.array([sorted(set(s)) for s in sites] + [["Li"], ["Li"]]),
    "species_at_sites": pa.array(sites + [["Li"], ["Li", "Li"]], pa.list_(pa.string())),
    "energy": pa.array(energies + [None, None], pa.float64()),
})
pq.write_table(table, os.path.join(here, "lemat.parquet"), row_group_size=25, data_page_size=256)
# As other programs write it: no ids, single precision, formulas, zstd, no dictionaries, values that cannot be missing.
schema = pa.schema([pa.field("composition", pa.string(), nullable=False), pa.field("energy", pa.float32(), nullable=False)])
table = pa.table([[f for _, f, _ in rows], energies], schema=schema)
pq.write_table(table, os.path.join(here, "formulas.parquet"), compression="zstd", use_dictionary=False, version="1.0")
# A list with a gap, an empty list, none at all, something that is no element.
table = pa.table({
    "species": pa.array([["Li", None], [], None, ["Xx"], ["Li", "Li3+"]], pa.list_(pa.string())),
    "energy": pa.array([-1.0] * 5),
})
pq.write_table(table, os.path.join(here, "defects.parquet"))
