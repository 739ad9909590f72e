"""Whether energies of one potential have the corrections MP2020 of the Materials Project that those of another lack.

Usage: energy_scales.py CORRECTED.csv PLAIN.csv [COLUMN]

CORRECTED.csv is `report/energies.csv` of a run; PLAIN.csv a table of the same crystals with `structure_id` or
`material_id` and total energies in COLUMN (eV, default `energy_ev`). Prints the slope of the difference over the
corrections of anions, and what is left beside them, of crystals without metals that have a U. Needs pandas, pymatgen.
"""

import sys

import numpy as np
import pandas as pd
from pymatgen.core import Composition

# eV an atom, of compounds: MP2020Compatibility.yaml of pymatgen. Oxides; peroxides and superoxides have others.
ANIONS = {"O": -0.687, "S": -0.503, "F": -0.462, "Cl": -0.614, "Br": -0.534, "I": -0.379, "N": -0.361, "H": -0.179,
          "Se": -0.472, "Te": -0.422, "Si": 0.071, "Sb": -0.192}
WITH_U = set("V Cr Mn Fe Co Ni Mo W".split())

name = sys.argv[3] if len(sys.argv) > 3 else "energy_ev"
corrected = pd.read_csv(sys.argv[1], dtype={"structure_id": str})
corrected = corrected[corrected["status"] == "ok"].set_index("structure_id")
plain = pd.read_csv(sys.argv[2]).rename(columns={"material_id": "structure_id"})
plain = plain.astype({"structure_id": str}).set_index("structure_id")
differences, corrections = [], []
for key, row in corrected.join(plain[[name]].add_prefix("plain_"), how="inner").iterrows():
    composition = Composition(row["formula"])
    if WITH_U & {element.symbol for element in composition}:
        continue
    cells = row["n_atoms"] / composition.num_atoms
    anions = [element for element in composition if element.symbol in ANIONS and len(composition) > 1]
    corrections.append(sum(cells * composition[e] * ANIONS[e.symbol] for e in anions) / row["n_atoms"])
    differences.append((row["energy_ev"] - row[f"plain_{name}"]) / row["n_atoms"])
differences, corrections = np.array(differences), np.array(corrections)
left = differences - corrections
print(f"{len(left)} crystals; slope {np.polyfit(corrections, differences, 1)[0]:.3f}")
print(f"difference {differences.mean():.3f} +- {differences.std():.3f} eV/atom")
print(f"left beside the corrections {left.mean():.3f} +- {left.std():.3f} eV/atom")
