"""Structures of ASE and pymatgen as what the program reads, and back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Union

from ._errors import UsageError

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

    AnyStructure = Union[Atoms, Structure]


def is_atoms(thing: object) -> bool:
    """Whether this is an ``ase.Atoms``."""
    return all(hasattr(thing, name) for name in ("numbers", "positions", "cell", "pbc"))


def is_structure(thing: object) -> bool:
    """Whether this is a pymatgen structure."""
    return all(hasattr(thing, name) for name in ("lattice", "sites", "as_dict"))


def check_periodic(atoms: Atoms) -> None:
    """Refuses atoms that do not repeat in all directions."""
    open_axes = [axis for axis, periodic in zip("abc", atoms.pbc) if not periodic]
    if open_axes:
        raise UsageError(
            f"atoms are not periodic along {', '.join(open_axes)}, and potentials are computed in cells that repeat in all"
            " directions: set atoms.pbc = True, with a cell that is wider than the atoms by the cutoff (5 to 12 Å) or more"
        )


def charge_and_spin(atoms: Atoms) -> tuple[int | None, int | None]:
    """Total charge (elementary charges) and spin multiplicity that ``atoms.info`` has, under ``charge`` and ``spin``."""
    charge, spin = (_whole(atoms.info.get(name), name) for name in ("charge", "spin"))
    if spin is not None and spin < 0:
        raise UsageError(f"atoms.info['spin'] is {spin}, and a multiplicity is not negative")
    return charge, spin


def _whole(value: Any, name: str) -> int | None:
    if value is None:
        return None
    try:
        whole = int(value)
    except (TypeError, ValueError):
        whole = None
    if whole is None or whole != value:
        raise UsageError(f"atoms.info[{name!r}] is {value!r}, and a whole number is expected")
    return whole


# The columns of a table of structures.
COLUMNS = {"id_column": "structure_id", "cif_column": "structure"}


def table(structures: Iterable[object], names: list[str]) -> str:
    """A CSV table of structures as pymatgen's JSON, with these names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS.values())
    writer.writerows((name, _json(structure)) for name, structure in zip(names, structures))
    return text.getvalue()


def _json(thing: Any) -> str:
    if is_atoms(thing):
        return json.dumps(_document_of_atoms(thing))
    if is_structure(thing):
        return thing.to_json()
    raise UsageError(f"{type(thing).__name__} is neither an ase.Atoms nor a pymatgen Structure nor a path")


def _document_of_atoms(atoms: Any) -> dict[str, Any]:
    check_periodic(atoms)
    charge, spin = charge_and_spin(atoms)
    known = {"charge": charge, "spin": spin}
    positions = atoms.positions.tolist()
    return {
        "@module": "pymatgen.core.structure",
        "@class": "Structure",
        "lattice": {"matrix": atoms.cell.array.tolist(), "pbc": [True, True, True]},
        "sites": [
            {"species": [{"element": symbol, "occu": 1}], "xyz": position, "label": symbol}
            for symbol, position in zip(atoms.get_chemical_symbols(), positions)
        ],
        "properties": {name: value for name, value in known.items() if value is not None},
    }


def structure_of(atoms: Atoms) -> Structure:
    """Atoms as a pymatgen structure, with what ``atoms.info`` and their calculator hold as properties."""
    from pymatgen.core import Lattice, Structure

    of_sites = {}
    properties = dict(atoms.info)
    if atoms.calc is not None:
        results = atoms.calc.results
        of_sites = {name: results[name].tolist() for name in ("forces", "magmoms") if name in results}
        properties.update({name: results[name] for name in ("energy",) if name in results})
        if "stress" in results:
            properties["stress"] = results["stress"].tolist()
    return Structure(
        Lattice(atoms.cell.array),
        atoms.get_chemical_symbols(),
        atoms.positions,
        coords_are_cartesian=True,
        site_properties=of_sites or None,
        properties=properties,
    )
