"""Tables in pandas and polars, to the bit and with ids as texts."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from ._errors import MissingFormatError

if TYPE_CHECKING:
    import pandas
    import polars

# Columns that are text even where they look like numbers; `element` and ids may read `Na`, `NaN` or `null`.
_TEXTS = {
    "structure_id", "path", "formula", "potential", "checkpoint", "status", "element", "kind", "message", "class",
    "ended", "error", "decomposition", "host", "spacegroup_symbol_initial", "spacegroup_symbol_final",
}  # fmt: skip


def decompressed(path: Path) -> IO[bytes]:
    """The bytes of a Zstandard file, by whichever package is there."""
    try:
        from compression import zstd  # Python 3.14

        return cast(IO[bytes], zstd.open(path))
    except ImportError:
        pass
    try:
        import zstandard

        return cast(IO[bytes], zstandard.open(path, "rb"))
    except ImportError:
        pass
    try:
        import pyarrow

        return cast(IO[bytes], io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd")))
    except ImportError:
        raise MissingFormatError(
            f"{path} is compressed, and none of the packages that read it is there: pip install zstandard (or pyarrow)"
        ) from None


def _columns(path: Path) -> list[str]:
    opened: IO[bytes] = decompressed(path) if path.suffix == ".zst" else open(path, "rb")
    with io.TextIOWrapper(opened, encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def as_pandas(path: Path) -> pandas.DataFrame:
    """A CSV or Parquet table in pandas."""
    import pandas

    if path.suffix == ".parquet":
        return pandas.read_parquet(path)
    options: dict[str, Any] = {
        "dtype": {name: str for name in _columns(path) if name in _TEXTS},
        # Only an empty field is no value.
        "keep_default_na": False,
        "na_values": [""],
    }
    version = tuple(int(part) for part in pandas.__version__.split(".")[:2])
    if version < (3, 1):
        # From then on numbers are exact by themselves, and asking for it is deprecated.
        options["float_precision"] = "round_trip"
    if path.suffix == ".zst":
        with decompressed(path) as file:
            return pandas.read_csv(file, **options)
    return pandas.read_csv(path, **options)


def as_polars(path: Path) -> polars.DataFrame:
    """A CSV or Parquet table in polars."""
    import polars

    if path.suffix == ".parquet":
        return polars.read_parquet(path)
    if path.suffix == ".zst":
        with decompressed(path) as file:
            return polars.read_csv(file.read(), **_of_polars(path))
    return polars.read_csv(path, **_of_polars(path))


def lazy_polars(path: Path) -> polars.LazyFrame:
    """The same, read when it is needed."""
    import polars

    if path.suffix == ".parquet":
        return polars.scan_parquet(path)
    if path.suffix == ".zst":
        return as_polars(path).lazy()
    return polars.scan_csv(path, **_of_polars(path))


def _of_polars(path: Path) -> dict[str, Any]:
    import polars

    texts = {name: polars.String for name in _columns(path) if name in _TEXTS}
    return {"schema_overrides": texts, "infer_schema_length": None}
