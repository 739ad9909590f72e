"""The crystals that potentials are timed on: 2, 8, 20 and 64 atoms."""

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal


def cells():
    """Rock salt and a perovskite, off their symmetric places."""
    rock_salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    perovskite = crystal(
        ["Ca", "Ti", "O", "O"],
        [(0.0360, 0.25, 0.9926), (0, 0, 0.5), (0.4838, 0.25, 0.0715), (0.2889, 0.0372, 0.7113)],
        spacegroup=62,
        cellpar=[5.442, 7.640, 5.380, 90, 90, 90],
    )
    for atoms in bulk("NaCl", "rocksalt", a=5.64), rock_salt, perovskite, rock_salt.repeat(2):
        noise = np.random.default_rng(len(atoms)).standard_normal(atoms.positions.shape)
        if len(atoms) > 2:
            atoms.positions += 0.05 * noise
        yield Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
