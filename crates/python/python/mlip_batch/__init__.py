"""mlip-batch from Python: results of runs, runs, relaxations, and ASE calculators on the kernels of the program.

>>> import mlip_batch
>>> run = mlip_batch.read("RUN")                     # a finished run: tables and structures
>>> run = mlip_batch.run(list_of_atoms, model="chgnet")
>>> relaxed = mlip_batch.relax(list_of_atoms, model="mace=medium-mpa-0")
>>> atoms.calc = mlip_batch.calculator("chgnet")

Nothing but Python is needed for the program (``mlip-batch``, ``python -m mlip_batch``) and for runs over files; ASE,
pymatgen, pandas and polars are imported where they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._errors import Error, EvaluationError, MissingFormatError, UsageError
from ._models import Model, models
from ._read import Run, read
from ._run import relax, resume, run

if TYPE_CHECKING:
    from ._calculator import MlipCalculator

__all__ = [
    "Error",
    "EvaluationError",
    "MissingFormatError",
    "Model",
    "Run",
    "UsageError",
    "calculator",
    "models",
    "read",
    "relax",
    "resume",
    "run",
]


def calculator(
    model: str = "chgnet",
    *,
    precision: str | None = None,
    engine: str | None = None,
    device: str | None = None,
    threads: int = 1,
    forces: bool = True,
    timeout: float | None = None,
    **options: str | int | float | bool,
) -> MlipCalculator:
    """An ASE calculator for a potential: energy, free energy, forces, stress, magnetic moments where the model has them.

    Args:
        model: as ``--model`` takes it: ``chgnet``, ``mace=medium-mpa-0``, ``mace=FILE``, ``uma=FILE,task=omat``.
        precision: ``f32`` (the default) or ``f64``, of the network, or ``int8x6`` of ORB and UMA on Intel's matrix units;
            energies are summed in double precision either way.
        engine: ``native`` (kernels, the default), or ``candle`` (plain layers, slower, independent of the kernels).
        device: ``cpu``, or ``cuda``, ``cuda:N`` where the model runs on cards and the package was built for them.
        threads: of one evaluation. More than one pays for cells of hundreds of atoms.
        forces: without, energies only, in half of the time or less.
        timeout: seconds after which an evaluation is given up.
        options: of the model, such as ``task="omol"`` or ``head="default"``; ``models()`` lists them.

    Energies are in eV, forces in eV/Å, stress in eV/Å^3 (Voigt order xx yy zz yz xz xy, tension positive), magnetic
    moments in Bohr magnetons. Other threads of Python run while it computes.

    Raises:
        UsageError: there is no such model, option or checkpoint.
    """
    from ._calculator import MlipCalculator

    return MlipCalculator(
        model,
        precision=precision,
        engine=engine,
        device=device,
        threads=threads,
        forces=forces,
        timeout=timeout,
        **options,
    )


def __getattr__(name: str) -> str:
    if name == "__version__":
        from . import _native

        return _native.__version__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
