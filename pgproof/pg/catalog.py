"""A connection in, the schema of its database out: facts by name, their fingerprint, their differences."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from psycopg.rows import tuple_row

from pgproof.pg.viewtext import same_on_every_version

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from psycopg import Connection

LEDGER = ("_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock", "_pgproof_*")
"""Tables of the ledger: how a database came to be is no part of what it is. `*` stands for any text."""

LEDGER_REGEX = f"^({'|'.join(LEDGER)})$".replace("*", ".*")

INTERNAL_REGEX = rf"^pgproof_(cache|metrics)\.|\.({'|'.join(LEDGER)})$".replace("*", ".*")
"""Tables, as `schema.table`, that are not a project's own to query, to fill or to lose: the ledger's, the cache's
and the metrics'.

The last two are part of a schema all the same, for a migration makes them.
"""

_FACTS = Path(__file__).with_name("catalog.sql")

# Everything that decides how Postgres prints a name or a constant. JIT would compile for longer than we run.
_PIN = """
SELECT set_config(name, value, true)
FROM (VALUES
    ('search_path', ''), ('quote_all_identifiers', 'off'), ('jit', 'off'),
    ('TimeZone', 'UTC'), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'),
    ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('lc_monetary', 'C')
) AS pin (name, value)
"""


@dataclass(frozen=True)
class Catalog:
    """What the schema of a database is: `column public.users.handle: type` is `text`, and so on.

    Two databases of the same schema have equal facts, whatever their server's version (14 to 18), oids, history.
    Two properties are facts that a comparison may want to leave out: `order`, the order of a table's columns,
    which adding a column again changes, and `owner`, told where it is not the owner of the database.
    """

    facts: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """Hex SHA-256 over all facts."""
        return sha256(repr(sorted(self.facts.items())).encode()).hexdigest()

    def without(self, *properties: Literal["order", "owner"]) -> Catalog:
        """Return the catalog less these properties, of every object."""
        ends = tuple(f": {name}" for name in properties)
        return Catalog({key: value for key, value in self.facts.items() if not key.endswith(ends)})

    def without_grants(self, roles: Collection[str]) -> Catalog:
        """Return the catalog less what roles were granted, where something else than migrations says that."""
        ends = tuple(f": granted to {written}" for name in roles for written in (name, f'"{name}"'))
        return Catalog({key: value for key, value in self.facts.items() if not key.endswith(ends)})


@dataclass(frozen=True)
class Difference:
    """One fact that two catalogs do not share; `before` or `after` is None where it is not there."""

    kind: Literal["added", "removed", "changed"]
    key: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None or self.after is None:
            return f"{self.kind} {self.key} = {_first_line(self.after or self.before or '')}"
        if "\n" in self.before + self.after:
            return "\n    ".join([f"changed {self.key}", *_changed_lines(self.before, self.after)])
        return f"changed {self.key} = {self.before} -> {self.after}"


def fetch_catalog(connection: Connection[Any], *, schemas: Sequence[str] | None = None) -> Catalog:
    """Read the schema of a database, or of some schemas only, without what concerns the whole database.

    Left out: the ledger, what belongs to an extension, and what carries passwords (user mappings, subscriptions).
    """
    rows = fetch_pinned(connection, _FACTS, {"schemas": None if schemas is None else list(schemas)})
    return Catalog({key: _neutral(key, value) for key, value in rows})


def fetch_pinned(connection: Connection[Any], query: Path, values: Mapping[str, object]) -> list[Any]:
    """Return the rows of a .sql file of ours under settings that make every server and session print alike.

    The file names the tables of the ledger as `%(ledger)s`. A transaction that is open stays as it was.
    """
    # Rolled back: a setting that is local to a savepoint would outlive its release.
    with connection.pipeline(), connection.transaction(force_rollback=True):
        connection.execute(_PIN)
        with connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query.read_bytes(), {"ledger": LEDGER_REGEX, **values}).fetchall()


def diff(before: Catalog, after: Catalog) -> list[Difference]:
    """Return every fact that differs, by key; empty where the two schemas are the same."""
    old, new = before.facts, after.facts
    return [
        Difference(_kind(key, old, new), key, old.get(key), new.get(key))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]


def _kind(key: str, old: Collection[str], new: Collection[str]) -> Literal["added", "removed", "changed"]:
    if key not in old:
        return "added"
    return "changed" if key in new else "removed"


def _neutral(key: str, value: str) -> str:
    is_view = key.startswith(("view ", "materialized view ")) and key.endswith(": definition")
    return same_on_every_version(value) if is_view else value


def _first_line(value: str) -> str:
    first, *others = value.strip().splitlines() or [""]
    return f"{first} ... ({len(others) + 1} lines)" if others else first


def _changed_lines(before: str, after: str) -> list[str]:
    lines = unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]
