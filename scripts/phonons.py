"""Phonon frequencies with upstream's CHGNet calculator: what crates/python/tests/python/phonons.json holds.

usage: python scripts/phonons.py [phonons.json]

Needs chgnet 0.4.2 (https://github.com/CederGroupHub/chgnet), ASE and phonopy. The test in
crates/python/tests/python/test_phonons.py computes the same with this program's calculator, by the functions below.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.spacegroup import crystal

GOLDENS = Path(__file__).resolve().parents[1] / "crates/python/tests/python/phonons.json"

# Points of the Brillouin zone in reciprocal vectors of the primitive cell: special ones, and some of no symmetry.
POINTS = [[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5], [0.25, 0.25, 0], [0.1, 0.2, 0.3], [0.37, 0.11, 0.43]]


def crystals() -> dict[str, tuple[Atoms, list[int], str]]:
    """Conventional cells near their minima, how often they are repeated, and their centring."""
    salt = crystal(["Na", "Cl"], [(0, 0, 0), (0.5, 0.5, 0.5)], spacegroup=225, cellpar=[5.66] * 3 + [90] * 3)
    rutile = crystal(
        ["Ti", "O"], [(0, 0, 0), (0.3047, 0.3047, 0)], spacegroup=136, cellpar=[4.638, 4.638, 2.988, 90, 90, 90]
    )
    return {"NaCl": (salt, [2, 2, 2], "F"), "TiO2": (rutile, [2, 2, 3], "P")}


def frequencies(atoms: Atoms, repeated: list[int], centring: str, calculator: object) -> np.ndarray:
    """Frequencies at the points, THz; imaginary ones are negative. Shape [points, branches]."""
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    symbols, fractional = atoms.get_chemical_symbols(), atoms.get_scaled_positions()
    cell = PhonopyAtoms(symbols=symbols, cell=atoms.cell.array, scaled_positions=fractional)
    phonons = Phonopy(cell, np.diag(repeated), primitive_matrix=centring)
    phonons.generate_displacements(distance=0.03)
    forces = []
    for displaced in phonons.supercells_with_displacements:
        of = Atoms(displaced.symbols, cell=displaced.cell, scaled_positions=displaced.scaled_positions, pbc=True)
        of.calc = calculator
        forces.append(of.get_forces())
    phonons.forces = forces
    phonons.produce_force_constants()
    phonons.symmetrize_force_constants()
    phonons.run_qpoints(POINTS)
    return np.array(phonons.qpoints.frequencies)


def main() -> None:
    from chgnet.model.dynamics import CHGNetCalculator

    calculator = CHGNetCalculator(use_device="cpu")
    goldens = {name: np.round(frequencies(*one, calculator), 5).tolist() for name, one in crystals().items()}
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDENS
    path.write_text(json.dumps(goldens, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
