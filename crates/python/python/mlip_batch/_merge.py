"""Atoms from rows of the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

if TYPE_CHECKING:
    Row = dict[str, str]

_STRESS = [f"stress_{axes}_ev_per_a3" for axes in ("xx", "yy", "zz", "yz", "xz", "xy")]


def atoms_of(energy: Row, cell: Row, sites: list[Row]) -> Atoms:
    """From a row of ``energies.csv``, one of ``structures.csv`` and those of ``forces.csv``."""
    vectors = np.array([[float(cell[f"{vector}{axis}"]) for axis in "xyz"] for vector in "abc"])
    fractional = _columns(sites, ("frac_a", "frac_b", "frac_c"))
    # Summed in the order in which the program sums, so that positions are those of structures.extxyz.
    positions = sum((fractional[:, k, None] * vectors[k] for k in range(3)), start=np.zeros((len(sites), 3)))
    atoms = Atoms([site["element"] for site in sites], positions=positions, cell=vectors, pbc=True)
    atoms.info.update(structure_id=energy["structure_id"], potential=energy["potential"])
    results: dict[str, object] = {"energy": float(energy["energy_ev"])}
    results["forces"] = _columns(sites, ("fx_ev_per_a", "fy_ev_per_a", "fz_ev_per_a"))
    if energy[_STRESS[0]]:
        results["stress"] = np.array([float(energy[name]) for name in _STRESS])
    if sites[0].get("magmom_mu_b"):
        results["magmoms"] = _columns(sites, ("magmom_mu_b",))[:, 0]
        results["magmom"] = float(energy["total_magmom_mu_b"])
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def _columns(rows: list[Row], names: tuple[str, ...]) -> np.ndarray:
    return np.array([[float(row[name]) for name in names] for row in rows])
