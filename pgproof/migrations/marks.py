"""What a person asks of the ledger alone, nothing of the schema is touched: mark, unmark, repair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgproof.errors import MigrationError
from pgproof.migrations import plan, session, writer
from pgproof.migrations.events import ignore
from pgproof.migrations.ledger import fetch_ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from pgproof.migrations.files import Migration
    from pgproof.migrations.ledger import Ledger
    from pgproof.settings import Settings


def mark(connection: Connection[Any], migrations: Sequence[Migration], settings: Settings) -> None:
    """Say that `migrations` are applied without running them: to adopt a database that has them already."""
    with session.alone(connection, settings, ignore) as runner:
        applied = fetch_ledger(connection).applied
        if known := [each.id for each in migrations if each.id in applied]:
            raise MigrationError(f"already applied: {', '.join(known)}")
        session.write(runner, [writer.record(each, "mark") for each in migrations])


def unmark(connection: Connection[Any], ids: Sequence[str], settings: Settings) -> None:
    """Forget that migrations are applied without undoing them: to mend a ledger on purpose."""
    with session.alone(connection, settings, ignore) as runner:
        rows = fetch_ledger(connection).rows
        if unknown := [id for id in ids if id not in rows]:
            raise MigrationError(f"not in the ledger: {', '.join(unknown)}")
        session.write(runner, [writer.erase(id, "unmark") for id in ids])


def find_odd(migrations: Sequence[Migration], ledger: Ledger) -> list[Migration]:
    """Return what `repair` would record."""
    entries = plan.compare(migrations, ledger)
    return [each.migration for each in entries if each.migration and each.condition in ("reworded", "unchecked")]


def repair(connection: Connection[Any], migrations: Sequence[Migration], settings: Settings) -> list[str]:
    """Record the checksums of files whose comments or layout changed, and of what yoyo applied; return their ids.

    A file that means something else than what was applied is left as it is.
    """
    if not find_odd(migrations, fetch_ledger(connection)):
        return []
    with session.alone(connection, settings, ignore) as runner:
        mended = find_odd(migrations, fetch_ledger(connection))
        session.write(runner, [writer.checksum(each, "applied") for each in mended])
        return [each.id for each in mended]
