"""Production's sizes: a read-only connection in, a file out; the file in, rows by table out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_stats(path: Path) -> Mapping[str, int]:
    """Return the rows of each table, by `schema.table`.

    Raises:
        SettingsError: the file is not what `gate.stats` writes.
    """
    raise NotImplementedError
