"""The potentials that can be named."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """A potential that this version knows."""

    name: str
    """As ``model=`` takes it."""
    aliases: tuple[str, ...]
    """Other names of it."""
    about: str
    """What it is."""
    built_in: str | None
    """The weights that come with the program; none where a checkpoint is to be named."""
    options: tuple[str, ...]
    """Keys of its options."""
    licence: str
    """Of the weights."""


def models() -> list[Model]:
    """All potentials, as ``mlip-batch models`` lists them."""
    from . import _native

    return [
        Model(name, tuple(aliases), about, built_in, tuple(options), licence)
        for name, aliases, about, built_in, options, licence in _native.models()
    ]
