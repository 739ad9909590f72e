"""What the package dftd3 gives for 100 crystals: goldens.json.

    pip install dftd3==1.7.0 ase==3.29.0 pymatgen
    python make_goldens.py CIFS

Two-body terms alone (s9 = 0), with the damping of PBE and r2SCAN. Units of ASE: eV, eV/Å, eV/Å^3 (xx yy zz yz xz xy).
Forces with the damping of PBE for all, with that of r2SCAN for each tenth and the three at the end.
The crystals: of the ordered ones of at most 8 atoms in the folder, in the order of their names, 97 at even distances, and
three more: one atom in a large cell, a skewed cell, a molecule in a box.
"""
import json
import sys
import warnings
from pathlib import Path

import numpy as np
from ase.units import Bohr, Hartree
from dftd3.interface import DispersionModel, RationalDampingParam
from pymatgen.core import Structure

warnings.filterwarnings("ignore")
HERE = Path(__file__).resolve().parent


def crystals(folder):
    for path in sorted(Path(folder).glob("*.cif")):
        try:
            structure = Structure.from_file(path)
        except Exception:
            continue
        if structure.is_ordered and len(structure) <= 8 and max(structure.atomic_numbers) <= 94:
            yield path.stem, structure


def special():
    yield "argon_alone", Structure([[9, 0, 0], [0, 9, 0], [0, 0, 9]], ["Ar"], [[0.1, -0.3, 1.4]])
    cell = [[4.1, 0.3, -0.2], [3.2, 4.4, 0.5], [-1.9, 2.2, 5.1]]
    yield "skewed", Structure(cell, ["Cu", "O", "S", "C"], [[0.0, 0.1, 0.0], [0.45, 0.5, 0.4], [-0.2, 1.3, 0.6], [0.8, 0.3, 0.7]])
    yield "water_in_a_box", Structure(np.eye(3) * 8, ["O", "H", "H"], [[0, 0, 0], [0.095, 0.07, 0], [-0.095, 0.07, 0.01]])


def main():
    every = list(crystals(sys.argv[1]))
    goldens = []
    for at, (name, structure) in enumerate(every[:: len(every) // 97][:97] + list(special())):
        numbers, cell, positions = np.array(structure.atomic_numbers), structure.lattice.matrix, structure.cart_coords
        model = DispersionModel(numbers, positions / Bohr, cell / Bohr, np.array([True] * 3))
        golden = dict(name=name, numbers=numbers.tolist(), cell=cell.tolist(), fractional=structure.frac_coords.tolist())
        for method in ("pbe", "r2scan"):
            found = model.get_dispersion(RationalDampingParam(method=method, atm=False), grad=True)
            stress = found["virial"] * Hartree / abs(np.linalg.det(cell))
            golden[method] = dict(energy=found["energy"] * Hartree, stress=stress.flat[[0, 4, 8, 5, 2, 1]].tolist())
            if method == "pbe" or at % 10 == 0 or at >= 97:
                golden[method]["forces"] = (-found["gradient"] * Hartree / Bohr).tolist()
        goldens.append(golden)
    (HERE / "goldens.json").write_text("[\n" + ",\n".join(json.dumps(g) for g in goldens) + "\n]\n")
    print(len(every), "crystals;", len(goldens), "taken")


if __name__ == "__main__":
    main()
