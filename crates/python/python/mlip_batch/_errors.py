"""What is raised. Texts are those of the command line: what is wrong, its causes, what to do."""

from __future__ import annotations


class Error(RuntimeError):
    """Something could not be done; the text says what, why, and what to do."""


class UsageError(Error, ValueError):
    """What was asked for cannot be meant."""


class MissingFormatError(UsageError):
    """The report of a run does not hold what was asked for; the text says what writes it."""


class EvaluationError(Error):
    """A potential has no answer for a structure.

    Attributes:
        kind: class of the failure, as in ``failures.csv``: ``unsupported_species``, ``isolated_atom``, ``timeout``, …
    """

    def __init__(self, message: str, kind: str = "internal") -> None:
        super().__init__(message, kind)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[0])
