"""pgproof proves a Postgres change before it ships."""

from pgproof.errors import (
    DestructionRefused,
    LedgerDrift,
    LockTimeout,
    MigrationError,
    MigrationFailed,
    PgproofError,
    SeedError,
    ServerUnavailable,
    SettingsError,
    SqlFileError,
)
from pgproof.settings import Settings, read_settings

__all__ = [
    "DestructionRefused",
    "LedgerDrift",
    "LockTimeout",
    "MigrationError",
    "MigrationFailed",
    "PgproofError",
    "SeedError",
    "ServerUnavailable",
    "Settings",
    "SettingsError",
    "SqlFileError",
    "read_settings",
]
