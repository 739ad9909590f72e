"""The folder of a run as tables and structures. Pure Python over the files of its report."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ._errors import MissingFormatError, UsageError
from ._structures import structure_of
from ._tables import as_pandas, as_polars, lazy_polars

if TYPE_CHECKING:
    import pandas
    import polars
    from ase import Atoms
    from pymatgen.core import Structure


def read(path: str | os.PathLike[str]) -> Run:
    """The run in a folder. Nothing is read before it is asked for."""
    return Run(path)


class Run:
    """A run and its report.

    >>> run = mlip_batch.read("RUN")
    >>> run.energies                            # pandas.DataFrame
    >>> run.table("forces", "polars")           # polars.DataFrame
    >>> for atoms in run.atoms("chgnet"): ...   # ase.Atoms with energy, forces, stress
    >>> for structure in run.structures(): ...  # pymatgen structures
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not (self.path / "run.toml").is_file():
            raise UsageError(f"there is no run in {self.path}: a folder of a run has a file run.toml")
        if not self.report_path.is_dir():
            raise MissingFormatError(f"{self.path} has no report yet: {self._remedy()}")

    def __repr__(self) -> str:
        return f"mlip_batch.read({str(self.path)!r})"

    @property
    def report_path(self) -> Path:
        """The folder of tables and formats."""
        return self.path / "report"

    def _remedy(self, form: str | None = None) -> str:
        program = f"mlip-batch report {self.path}" + (f" --format {form}" if form else "")
        call = f'.report("{form}")' if form else ".report()"
        return f"write it with mlip_batch.read({str(self.path)!r}){call}, or on the command line with `{program}`"

    def report(self, format: str | None = None, **settings: Any) -> Run:
        """Writes tables, and formats beside them (``"extxyz,parquet"``), as ``mlip-batch report`` does.

        What the run was begun with is written too. Other settings are flags of that command: ``csv_zst=True``,
        ``space_groups=True``, ``hull=FILE``.
        """
        from . import _native
        from ._run import BARE_OF_REPORT, words_of

        words = ["report", str(self.path)]
        words += [] if format is None else ["--format", format]
        _native.report(words + words_of(settings, BARE_OF_REPORT))
        return self

    # -- About the run --------------------------------------------------------------------------------------------

    @property
    def info(self) -> dict[str, Any]:
        """``run.json``: versions, potentials, settings, counts, times."""
        path = self.report_path / "run.json"
        if not path.is_file():
            raise MissingFormatError(f"{path} is not there: {self._remedy()}")
        return json.loads(path.read_text(encoding="utf-8"))

    @property
    def potentials(self) -> list[str]:
        """Labels of the potentials, in the order of the tables."""
        return [potential["label"] for potential in self.info["potentials"]]

    def _label(self, label: str | None) -> str:
        known = self.potentials
        if label is None and len(known) == 1:
            return known[0]
        if label is None:
            raise UsageError(f"the run has several potentials: name one of {', '.join(known)}")
        if label not in known:
            raise UsageError(f"the run has no potential {label!r}; it has {', '.join(known)}")
        return label

    # -- Tables ---------------------------------------------------------------------------------------------------

    @property
    def tables(self) -> list[str]:
        """Names of the tables that there are."""
        names = {path.name.split(".csv")[0] for path in self.report_path.glob("*.csv*")}
        return sorted(names | {path.stem for path in self.report_path.glob("*.parquet")})

    def _table(self, name: str) -> Path:
        for ending in (".csv", ".csv.zst"):
            path = self.report_path / (name + ending)
            if path.is_file():
                return path
        known = ", ".join(self.tables)
        raise MissingFormatError(f"{self.path} has no table {name!r}; it has {known or 'none'}: {self._remedy()}")

    def table(self, name: str, engine: str = "pandas") -> Any:
        """A table as a ``pandas.DataFrame``, or with ``engine="polars"`` a ``polars.DataFrame``.

        ``name`` is that of a file without its ending: ``energies``, ``forces``, ``ensemble``, ``structures``,
        ``failures``, ``relaxation``, ``stability``, ``timings``, …; ``sites`` is a Parquet table with lists. Numbers are those
        of the files to the bit; ids are texts.
        """
        path = self._parquet(name) if name == "sites" else self._table(name)
        if engine == "pandas":
            return as_pandas(path)
        if engine == "polars":
            return as_polars(path)
        raise UsageError(f"engine={engine!r}: there are pandas and polars")

    def scan(self, name: str) -> polars.LazyFrame:
        """A table as a ``polars.LazyFrame``, from Parquet where the run has it."""
        path = self.report_path / f"{name}.parquet"
        return lazy_polars(path if path.is_file() else self._table(name))

    def _parquet(self, name: str) -> Path:
        path = self.report_path / f"{name}.parquet"
        if not path.is_file():
            raise MissingFormatError(f"{path} is not there: {self._remedy('parquet')}")
        return path

    def rows(self, name: str) -> Iterator[dict[str, str]]:
        """The rows of a table one by one, as texts."""
        with _open(self._table(name)) as file:
            yield from csv.DictReader(file)

    @property
    def energies(self) -> pandas.DataFrame:
        """A row for each (structure, potential)."""
        return self.table("energies")

    @property
    def forces(self) -> pandas.DataFrame:
        """A row for each atom of each result."""
        return self.table("forces")

    @property
    def ensemble(self) -> pandas.DataFrame:
        """A row for each structure, with a column for each potential."""
        return self.table("ensemble")

    @property
    def failures(self) -> pandas.DataFrame:
        """What has no result, and why."""
        return self.table("failures")

    @property
    def relaxation(self) -> pandas.DataFrame:
        """A row for each (structure, potential) of a run that relaxes."""
        return self.table("relaxation")

    # -- Structures -----------------------------------------------------------------------------------------------

    def _file(self, name: str) -> Path | None:
        paths = (self.report_path / (name + ending) for ending in ("", ".zst"))
        return next((path for path in paths if path.is_file()), None)

    def _format(self, label: str, ending: str) -> Path | None:
        several = len(self.potentials) > 1
        return self._file(f"structures.{label}.{ending}" if several else f"structures.{ending}")

    def atoms(self, potential: str | None = None, *, relaxed: bool = False) -> Iterator[Atoms]:
        """Structures with a result of this potential (or the only one) as ``ase.Atoms``, one by one.

        Each has a calculator that knows energy, forces, stress and magnetic moments, and ``info["structure_id"]``. They come
        from ``structures.extxyz`` where that was written, otherwise from the tables. With ``relaxed`` they are the last
        structures of relaxations, converged or not (``info["converged"]``), with their energies.
        """
        label = self._label(potential)
        if relaxed:
            path = self._file(f"relaxed.{label}.extxyz")
            if path is None:
                raise MissingFormatError(
                    f"{self.path} has no relaxed structures: runs with --relax (relax=True) have; if this is one, "
                    + self._remedy()
                )
        else:
            path = self._format(label, "extxyz")
        return self._frames(path) if path is not None else self._from_tables(label)

    def structures(self, potential: str | None = None, *, relaxed: bool = False) -> Iterator[Structure]:
        """The same as pymatgen structures, with results as ``properties`` and site properties.

        They come from ``structures.jsonl`` where that was written, otherwise from the tables.
        """
        label = self._label(potential)
        path = self._format(label, "jsonl")
        if path is None or relaxed:
            return (structure_of(atoms) for atoms in self.atoms(label, relaxed=relaxed))
        return self._lines(path)

    # Not static: the folder of a temporary run lives as long as this object.
    def _lines(self, path: Path) -> Iterator[Structure]:
        from pymatgen.core import Structure

        with _open(path) as file:
            for line in file:
                yield Structure.from_dict(json.loads(line))

    def _frames(self, path: Path) -> Iterator[Atoms]:
        import ase.io

        with _open(path) as file:
            yield from ase.io.iread(file, index=":", format="extxyz")

    def _from_tables(self, label: str) -> Iterator[Atoms]:
        if not self._has_forces():
            raise MissingFormatError(
                f"the tables of {self.path} hold no sites, since forces were not computed: {self._remedy('extxyz')}"
            )
        return self._merged(label)

    def _has_forces(self) -> bool:
        try:
            first = next(self.rows("forces"), None)
        except MissingFormatError:
            return False
        done = any(row["status"] == "ok" for row in self.rows("energies"))
        return not done or (first is not None and first["frac_a"] != "")

    def _merged(self, label: str) -> Iterator[Atoms]:
        """Rows of all three tables come in the order of the input list."""
        from ._merge import atoms_of

        cells = self.rows("structures")
        sites = (row for row in self.rows("forces") if row["potential"] == label)
        site = next(sites, None)
        for energy in self.rows("energies"):
            if energy["potential"] != label or energy["status"] != "ok":
                continue
            name = energy["structure_id"]
            cell = next((row for row in cells if row["structure_id"] == name), None)
            own = []
            while site is not None and site["structure_id"] == name:
                own.append(site)
                site = next(sites, None)
            if cell is None or cell["ax"] == "" or not own or own[0]["frac_a"] == "":
                raise MissingFormatError(f"the tables of {self.path} hold no cell of {name}: {self._remedy('extxyz')}")
            yield atoms_of(energy, cell, own)


def _open(path: Path) -> IO[str]:
    """A text, also one that is compressed."""
    if path.suffix != ".zst":
        return open(path, encoding="utf-8", newline="")
    from ._tables import decompressed

    return io.TextIOWrapper(decompressed(path), encoding="utf-8", newline="")
