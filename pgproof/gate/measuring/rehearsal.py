"""A large database and a change in, what each new statement does there out: locks, rewrites, scans, WAL, time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from psycopg.sql import SQL, Identifier

from pgproof.gate.measuring.deploy import order
from pgproof.gate.measuring.fitting import Fitting
from pgproof.gate.measuring.measured import Lock, Measured, Rehearsal
from pgproof.gate.measuring.performing import Performer
from pgproof.gate.measuring.probe import look_between
from pgproof.migrations import writer
from pgproof.migrations.ledger import ensure_tables, fetch_ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from pgproof.gate.change import Change
    from pgproof.gate.databases import Databases
    from pgproof.gate.measuring.probe import Relation

__all__ = ["Lock", "Measured", "Rehearsal", "rehearse"]

_COUNTED = ("r", "p")


def rehearse(databases: Databases, name: str, change: Change) -> Rehearsal:
    """Run the new migrations, and the repeatables that changed, statement by statement; the ledger hears nothing of it.

    Args:
        databases: the server.
        name: of a database with base's schema; it has head's afterwards.
        change: what is new.

    Raises:
        MigrationFailed: the server refuses a statement.
    """
    statements: list[Measured] = []
    with databases.connect_runner(name) as connection:
        before = look_between(connection).relations
        rows = _count_rows(connection, before)
        called: dict[str, int] = {}
        fitting = Fitting(connection, lambda: databases.connect(databases.built(change.head, seeded=False)))
        performer = Performer(connection, lambda: databases.connect(name), rows)
        with writer.prepared(connection, fetch_ledger(connection).schema or ensure_tables(connection)):
            for step in order(change):
                _call(called, rows, look_between(connection).relations)
                measured = fitting.fitted(partial(performer.perform, step))
                statements += measured if step.is_new else ()
    roots = {each.name: before[each.root].name for each in before.values() if each.root in before}
    return Rehearsal(name, tuple(statements), called, roots)


def _call(called: dict[str, int], rows: Mapping[int, int], relations: Mapping[int, Relation]) -> None:
    """Note rows by the names that tables have now; who had a name first keeps it."""
    for oid, number in rows.items():
        if oid in relations:
            called.setdefault(relations[oid].name, number)


def _count_rows(connection: Connection[Any], relations: Mapping[int, Relation]) -> dict[int, int]:
    """Count, because what the server estimates is different each time it looks."""
    one = SQL("SELECT {}::bigint, count(*) FROM {}")
    tables = {oid: Identifier(each.schema, each.called) for oid, each in relations.items() if each.kind in _COUNTED}
    counts = SQL(" UNION ALL ").join(one.format(oid, table) for oid, table in tables.items())
    return dict(connection.execute(counts).fetchall()) if tables else {}
