"""pgproof proves a Postgres change before it ships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgproof.errors import (
    DestructionRefused,
    LedgerDrift,
    LockTimeout,
    MigrationError,
    MigrationFailed,
    NotOneRow,
    ParameterMismatch,
    PgproofError,
    QueryError,
    QueryFailed,
    SeedError,
    ServerUnavailable,
    SettingsError,
    SqlFileError,
    UnknownQuery,
)
from pgproof.settings import Settings, read_settings

if TYPE_CHECKING:
    from pgproof.queries.database import AsyncDatabase, Database

__all__ = [
    "AsyncDatabase",
    "Database",
    "DestructionRefused",
    "LedgerDrift",
    "LockTimeout",
    "MigrationError",
    "MigrationFailed",
    "NotOneRow",
    "ParameterMismatch",
    "PgproofError",
    "QueryError",
    "QueryFailed",
    "SeedError",
    "ServerUnavailable",
    "Settings",
    "SettingsError",
    "SqlFileError",
    "UnknownQuery",
    "read_settings",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import what stands on psycopg when it is asked for: the errors and settings cost nobody a driver."""
    if name not in ("AsyncDatabase", "Database"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pgproof.queries import database

    return getattr(database, name)
