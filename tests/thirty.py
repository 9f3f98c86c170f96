"""Migrations to be interrupted out, and all that a database is after them: the same, whatever came between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgproof.pg.catalog import fetch_catalog

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import psycopg

FIRST = """
CREATE TABLE account (id int PRIMARY KEY, cents bigint NOT NULL);
INSERT INTO account VALUES (1, 100), (2, 0);
"""
NEXT = """
ALTER TABLE account ADD COLUMN added_{number} int;
UPDATE account SET cents = cents * 2 + {number};
"""
NEXT_BACK = """
ALTER TABLE account DROP COLUMN added_{number};
UPDATE account SET cents = (cents - {number}) / 2;
"""
INDEX = """-- transactional: false
CREATE {kind} CONCURRENTLY {name} ON account (id, cents);
"""
INDEX_BACK = """-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS {name};
"""
WITH_PYTHON = """
from yoyo import step
step({forwards!r}, {back!r})
"""
VIEW = """
CREATE OR REPLACE VIEW total AS SELECT sum(cents) AS cents FROM account;
"""

_ROWS = {
    "account": "SELECT id, cents FROM account ORDER BY id",
    "ledger": "SELECT migration_id FROM _yoyo_migration ORDER BY 1",
    "log": "SELECT migration_id, operation FROM _yoyo_log ORDER BY 1, 2",
    "checksums": "SELECT migration_id, state, sha256, meaning, rollback_sha256 FROM _pgproof_migration ORDER BY 1",
    "repeatables": "SELECT name, sha256 FROM _pgproof_repeatable ORDER BY 1",
    "yoyo's lock": "SELECT pid FROM yoyo_lock",
    "invalid indexes": "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid",
}


THIRTY = range(1, 31)
ONE_OF_A_KIND = (1, 12, 18)


def write_steps(root: Path, numbers: Iterable[int]) -> None:
    """Write migrations/ of `root`: these of the thirty, and a repeatable."""
    folder = root / "migrations"
    (folder / "repeatable").mkdir(parents=True)
    (folder / "repeatable" / "total.sql").write_text(VIEW, encoding="utf-8")
    (folder / "repeatable" / "total.rollback.sql").write_text("DROP VIEW total;\n", encoding="utf-8")
    for number in numbers:
        for ending, text in _texts(number).items():
            (folder / f"{number:04}_step{ending}").write_text(text, encoding="utf-8")


def _texts(number: int) -> dict[str, str]:
    """Run twice, left out, or run in another order, most of these give another number of cents."""
    forwards, back = NEXT.format(number=number), NEXT_BACK.format(number=number)
    match number:
        case 1:
            return {".sql": FIRST, ".rollback.sql": "DROP TABLE account;\n"}
        case 12:
            return _index("INDEX", "account_id_cents")
        case 18:
            return {".py": WITH_PYTHON.format(forwards=forwards, back=back)}
        case 24:
            return _index("UNIQUE INDEX", "account_once", if_not_exists="IF NOT EXISTS ")
    return {".sql": forwards, ".rollback.sql": back}


def _index(kind: str, name: str, if_not_exists: str = "") -> dict[str, str]:
    return {
        ".sql": INDEX.format(kind=kind, name=if_not_exists + name),
        ".rollback.sql": INDEX_BACK.format(name=name),
    }


def clear(connection: psycopg.Connection[Any]) -> None:
    """Empty a database; a new one would not differ, but making it takes as long as migrating it."""
    connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def fetch_end(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return schema, data and ledger of a database."""
    rows = {name: connection.execute(query.encode()).fetchall() for name, query in _ROWS.items()}
    return {"schema": fetch_catalog(connection).fingerprint, **rows}
