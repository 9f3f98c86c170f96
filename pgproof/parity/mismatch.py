"""One thing that home and production do not share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["breaking", "note"]
"""Breaking: SQL that was tried at home may fail in production, or give something else."""


@dataclass(frozen=True)
class Mismatch:
    """One thing that differs.

    Attributes:
        subject: server, setting, sorting, extension, ledger or schema.
        name: of the thing.
        home: what it is here; empty where it is not.
        production: what it is there.
        why: what it changes, or what to do.
    """

    severity: Severity
    subject: str
    name: str
    home: str
    production: str
    why: str = ""
