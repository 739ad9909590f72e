"""Runs and relaxations in this process, with its cores."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import warnings
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from ._errors import Error, UsageError
from ._read import Run, read
from ._structures import COLUMNS, is_atoms, is_structure, structure_of, table

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

    Path_ = Union[str, os.PathLike[str]]
    Inputs = Union[Path_, Atoms, Structure, Iterable[Union[Path_, Atoms, Structure]]]
    Progress = Union[bool, Callable[[str], object]]

# Switches of `run` and `resume` that take no value, and those of `report`.
_BARE = {"resume", "extend", "force", "no_cache", "no_parallel_mlips"}
BARE_OF_REPORT = {"csv_zst", "space_groups"}
_INPUTS = "inputs.csv"


def run(
    structures: Inputs,
    model: str | Sequence[str] = "chgnet",
    *,
    out: Path_ | None = None,
    names: Sequence[str] | None = None,
    progress: Progress = False,
    **settings: Any,
) -> Run:
    """Computes structures as ``mlip-batch run`` does, and gives the run, whose tables and structures can be read.

    Args:
        structures: paths (CIFs, folders, lists, archives, tables, runs), or ``ase.Atoms`` and pymatgen structures.
        model: a potential as ``--model`` takes it, or several.
        out: folder of the run. Without one it is a temporary folder that vanishes with the object that is returned.
        names: ids of the structures, in place of their numbers (``0``, ``1``, …, with zeros in front).
        progress: lines about how far the run is on ``sys.stderr``, or a function that takes each of them.
        settings: all others, named as the flags of ``mlip-batch run`` with ``_`` for ``-``: ``precision="f64"``,
            ``relax=True``, ``format="extxyz,parquet"``, ``structure_workers=4``, ``resume=True``. ``MLIP_*`` variables
            count as on the command line.

    Structures that were given as objects are kept as ``inputs.csv`` in the folder of the run. What fails for one
    structure is a row of the table ``failures``, and no exception. Ctrl-C lets evaluations in flight end; the run can be
    gone on with (:func:`resume`) where it has a folder of its own.

    Raises:
        UsageError: a setting is wrong, the folder holds a run already, a checkpoint cannot be read.
        Error: the run could not go on, or none of the structures could be read.
    """
    paths, text = _inputs(structures, names)
    temporary = Path(tempfile.mkdtemp(prefix="mlip-batch-")) if out is None else None
    folder = Path(out) if temporary is None else temporary / "RUN"  # type: ignore[arg-type]
    existed = folder.is_dir()
    if text is not None:
        paths = [str(_keep(text, folder, bool(settings.get("resume"))))]
        settings = {**settings, **COLUMNS}
    models = [model] if isinstance(model, str) else [str(one) for one in model]
    words = ["run", "--cifs", *paths, "--model", *models, "--out", str(folder), *words_of(settings)]
    try:
        done = _execute(words, progress)
    except BaseException:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        elif not existed and text is not None and not (folder / "run.toml").exists():
            # Nothing was begun: the folder that was made for it goes.
            (folder / _INPUTS).unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()
        raise
    if temporary is not None:
        weakref.finalize(done, shutil.rmtree, temporary, ignore_errors=True)
    return done


def resume(run: Path_ | Run, *, progress: Progress = False, **settings: Any) -> Run:
    """Goes on with a run, as ``mlip-batch resume`` does; ``settings`` are its flags."""
    folder = run.path if isinstance(run, Run) else Path(run)
    return _execute(["resume", str(folder), *words_of(settings)], progress)


def relax(
    structures: Iterable[Atoms | Structure],
    model: str = "chgnet",
    *,
    out: Path_ | None = None,
    progress: Progress = False,
    **settings: Any,
) -> list[Any]:
    """Relaxes structures as ``mlip-batch run --relax`` does, and gives relaxed ones, in their order and kind.

    ``Atoms`` have a calculator that knows the final energy, and ``info`` with ``converged``, ``ended``, ``steps``, ``fmax``
    (eV/Å) and ``energy`` under ``mlip_batch``; pymatgen structures have these as ``properties``. Where there is no relaxed
    structure, there is ``None``, and a warning says why. Sites keep their order; ``info``, constraints and site properties
    of the originals are not copied. Constraints of ASE are not known to the program: they are an error.

    Args:
        structures: ``ase.Atoms`` and pymatgen structures.
        model: a potential as ``--model`` takes it.
        out, progress, settings: as for :func:`run`: ``fmax=0.02``, ``cell="fixed"``, ``optimizer="bfgs"``,
            ``relax_preset="discovery"``, ``fix_symmetry=True``.
    """
    given = list(structures)
    for number, one in enumerate(given):
        if getattr(one, "constraints", None):
            raise UsageError(
                f"structure {number} has constraints, which relaxations of this program do not know: remove them, or use"
                " an optimizer of ASE with mlip_batch.calculator"
            )
    if not given:
        return []
    names = _numbers(len(given))
    done = run(given, model, out=out, names=names, progress=progress, **{"relax": True, **settings})
    frames = {atoms.info["structure_id"]: atoms for atoms in done.atoms(relaxed=True)}
    results: list[Any] = []
    missing = []
    for name, one in zip(names, given):
        atoms = frames.get(name)
        if atoms is None:
            missing.append(name)
            results.append(None)
            continue
        ended = {key: _plain(atoms.info.pop(key)) for key in ("converged", "ended", "steps", "fmax") if key in atoms.info}
        ended["energy"] = float(atoms.get_potential_energy())
        atoms.info.clear()
        if is_atoms(one):
            atoms.info["mlip_batch"] = ended
            results.append(atoms)
        else:
            structure = structure_of(atoms)
            structure.properties = {**structure.properties, **ended}
            results.append(structure)
    if missing:
        first = next((row for row in done.rows("failures") if row["structure_id"] == missing[0]), None)
        why = f"; the first, number {int(missing[0])}: {first['message']}" if first else ""
        warnings.warn(f"{len(missing)} of {len(given)} structures have no relaxation{why}", stacklevel=2)
    return results


def _plain(value: Any) -> Any:
    """A number of NumPy as one of Python."""
    return value.item() if hasattr(value, "item") else value


def _execute(words: list[str], progress: Progress) -> Run:
    from . import _native

    folder, complete = _native.execute(words, _Listener(progress))
    if not complete:
        raise Error(f"the run was stopped; go on with it: mlip_batch.resume({folder!r})")
    return read(folder)


class _Listener:
    """Says what happens in a run."""

    _FIRST = (2.0, 5.0, 10.0, 20.0)
    _EVERY = 30.0

    def __init__(self, progress: Progress) -> None:
        self._say = progress if callable(progress) else self._print if progress else None
        self._begin = time.monotonic()
        self._due = self._FIRST[0]

    @staticmethod
    def _print(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def __call__(self, kind: str, text: str) -> None:
        if kind == "warning":
            warnings.warn(text, stacklevel=2)
        elif self._say is None:
            return
        elif kind == "progress":
            elapsed = time.monotonic() - self._begin
            if elapsed < self._due:
                return
            later = (int(elapsed / self._EVERY) + 1) * self._EVERY
            self._due = next((first for first in self._FIRST if first > elapsed), later)
            self._say(text)
        else:
            self._say(text)


def _inputs(structures: Any, names: Sequence[str] | None) -> tuple[list[str], str | None]:
    """Paths, or the text of a file of structures."""
    one = isinstance(structures, (str, os.PathLike)) or is_atoms(structures) or is_structure(structures)
    given = [structures] if one else list(structures)
    if not given:
        raise UsageError("there are no structures")
    paths = [isinstance(thing, (str, os.PathLike)) for thing in given]
    if all(paths):
        if names is not None:
            raise UsageError("names= is for structures that are given as objects; those of files are named by them")
        texts = [os.fspath(path) for path in given]
        return [f"./{text}" if text.startswith("-") else text for text in texts], None
    if any(paths):
        raise UsageError("these are paths and structures: give either, or read the files first")
    names = _numbers(len(given)) if names is None else [str(name) for name in names]
    if len(names) != len(given):
        raise UsageError(f"{len(names)} names for {len(given)} structures")
    return [], table(given, names)


def _numbers(n: int) -> list[str]:
    width = len(str(max(n - 1, 0)))
    return [str(number).zfill(width) for number in range(n)]


def _keep(text: str, folder: Path, is_resume: bool) -> Path:
    """Keeps structures in the folder of their run."""
    path = folder / _INPUTS
    if (folder / "run.toml").exists():
        if is_resume and (not path.is_file() or path.read_bytes() != text.encode()):
            raise UsageError(f"the run in {folder} has other structures: name another folder with out=")
        return path
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def words_of(settings: dict[str, Any], bare: set[str] = _BARE) -> list[str]:
    """Settings as flags of the command line."""
    words: list[str] = []
    for key, value in settings.items():
        flag = "--" + key.replace("_", "-")
        if value is None or (value is False and key in bare) or (value is True and key == "forces"):
            continue
        if value is False and key == "forces":
            words.append("--no-forces")
        elif value is True:
            words.append(flag)
        elif value is False:
            words.append(f"{flag}=false")
        elif isinstance(value, (list, tuple)):
            words += [flag, *map(str, value)]
        else:
            words.append(f"{flag}={value}")
    return words
