"""ASE calculators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes

from . import _native
from ._errors import EvaluationError, UsageError
from ._structures import charge_and_spin, check_periodic

if TYPE_CHECKING:
    from ase import Atoms

_OF_EVALUATIONS = ("threads", "forces", "timeout")


class CalculationError(EvaluationError, CalculationFailed):
    """A potential has no answer for these atoms; ``kind`` is its class."""


class MlipCalculator(Calculator):
    """A potential of mlip-batch; :func:`mlip_batch.calculator` says what it takes.

    All properties come from one evaluation. A copy (``copy.deepcopy``) shares the weights in memory; one that was
    pickled loads them again, from the same file.
    """

    name = "mlip-batch"
    # Potentials know neither charges nor moments of single atoms.
    ignored_changes = {"initial_charges", "initial_magmoms"}
    discard_results_on_any_change = True

    def __init__(self, model: str = "chgnet", **parameters: Any) -> None:
        self._evaluator: _native.Evaluator | None = None
        super().__init__(model=model, **{"threads": 1, "forces": True, "timeout": None, **parameters})

    def set(self, **parameters: Any) -> dict[str, Any]:
        """Changes parameters; those that changed are returned. Another model or option loads weights anew."""
        before = dict(self.parameters)
        changed = super().set(**parameters)
        if self._evaluator is None or set(changed) - {"forces", "timeout"}:
            try:
                self._load()
            except Exception:
                self.parameters.clear()
                self.parameters.update(before)
                raise
        return changed

    def _load(self) -> None:
        options = {
            key: value
            for key, value in self.parameters.items()
            if key != "model" and key not in _OF_EVALUATIONS and value is not None
        }
        texts = [(key, _text(value)) for key, value in options.items()]
        self._evaluator = _native.Evaluator(self.parameters["model"], texts, self.parameters["threads"])

    @property
    def evaluator(self) -> _native.Evaluator:
        """What computes; it knows name, checkpoint, digest and precision of the potential."""
        assert self._evaluator is not None
        return self._evaluator

    @property
    def implemented_properties(self) -> list[str]:  # type: ignore[override]
        """What can be asked for, with this potential and these parameters."""
        properties = ["energy", "free_energy"]
        if self.parameters["forces"]:
            properties += ["forces", "stress"]
        if self.evaluator.has_magmoms:
            properties += ["magmoms", "magmom"]
        return properties

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """What differs from the atoms of the last calculation; for some potentials charge and spin count."""
        changes = super().check_state(atoms, tol=tol)
        if (
            self.evaluator.uses_charge
            and self.atoms is not None
            and charge_and_spin(self.atoms) != charge_and_spin(atoms)
        ):
            changes.append("info")
        return changes

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Evaluates atoms. All that is implemented comes at once, whatever ``properties`` says.

        Raises:
            UsageError: atoms are not periodic in all directions, or are none.
            CalculationError: the potential has no answer for them.
        """
        super().calculate(atoms, properties or ["energy"], system_changes)
        self.results = {}
        of = self.atoms
        if of is None:
            raise UsageError("there are no atoms to calculate")
        check_periodic(of)
        charge, spin = charge_and_spin(of)
        try:
            energy, forces, stress, magmoms = self.evaluator.evaluate(
                np.asarray(of.numbers).clip(0, 255).astype(np.uint8).tobytes(),
                np.ascontiguousarray(of.cell.array, dtype=np.float64).tobytes(),
                np.ascontiguousarray(of.positions, dtype=np.float64).tobytes(),
                charge,
                spin,
                self.parameters["forces"],
                self.parameters["timeout"],
            )
        except EvaluationError as error:
            raise CalculationError(str(error), error.kind) from None
        self.results = {"energy": energy, "free_energy": energy}
        if forces is not None:
            self.results["forces"] = np.frombuffer(forces).reshape(-1, 3).copy()
        if stress is not None:
            self.results["stress"] = np.frombuffer(stress).copy()
        if magmoms is not None:
            self.results["magmoms"] = np.frombuffer(magmoms).copy()
            self.results["magmom"] = float(self.results["magmoms"].sum())


def _text(value: object) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    return str(value)
