"""pgproof proves a Postgres change before it ships."""

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

__all__ = [
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
