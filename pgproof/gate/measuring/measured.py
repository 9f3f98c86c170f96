"""What a statement of a new migration does to a live server, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.errors import Location
    from pgproof.gate.measuring.deploy import Phase

_BLOCKS_WRITES = ("ExclusiveLock", "ShareRowExclusiveLock", "ShareLock")


@dataclass(frozen=True)
class Lock:
    """A lock that a statement took, held until its transaction ended.

    Attributes:
        relation: `public.users`; an index by its own name.
        mode: as pg_locks has it: `AccessExclusiveLock`.
        was_there: the relation is older than the transaction, so others may want it.
        taken: seconds since its migration began.
        until: the same, when the transaction ended.
        kind: `table`, `index`, `view`, `materialized view`, `sequence`, or nothing.
    """

    relation: str
    mode: str
    was_there: bool
    taken: float
    until: float
    kind: str = "table"

    @property
    def blocks(self) -> Literal["reads and writes", "writes", ""]:
        """What of an application waits for it."""
        if self.mode == "AccessExclusiveLock":
            return "reads and writes"
        # Nobody writes to a materialized view but its refresh.
        return "writes" if self.mode in _BLOCKS_WRITES and self.kind != "materialized view" else ""


@dataclass(frozen=True)
class Measured:
    """One statement of a new migration, and what it did.

    Attributes:
        migration: its id.
        at: its file and line.
        text: as it stands there.
        kind: the name of its node, `AlterTableStmt`; `python` for a Python migration as a whole.
        transactional: it ran in one transaction with the other statements of its migration.
        began: seconds since its migration began.
        took: seconds.
        locks: those that it took and no statement before it in its transaction; without one, those that were seen.
        rewritten: tables, indexes and the like that were there before, and whose rows are in another file now.
        said: the server's own words: `rewriting table "users"`.
        scanned: rows that were read one after the other, by table; those that validation read as well.
        written: rows that were inserted, updated or deleted, by table.
        wal: bytes.
        temporary: bytes of temporary files.
        lock_timeout: in milliseconds, while it ran; 0 for none.
    """

    migration: str
    phase: Phase
    at: Location
    text: str = field(repr=False)
    kind: str
    transactional: bool
    began: float
    took: float
    locks: tuple[Lock, ...] = ()
    rewritten: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    scanned: Mapping[str, int] = field(default_factory=dict)
    written: Mapping[str, int] = field(default_factory=dict)
    wal: int = 0
    temporary: int = 0
    lock_timeout: int = 0


@dataclass(frozen=True)
class Rehearsal:
    """All new statements in their order.

    Attributes:
        database: its name; head's schema, and base's data, many of them.
        rows: of each table before, by `schema.table`; one that is renamed stands there by each of its names.
        roots: of each partition, the table that it is a part of.
    """

    database: str
    statements: tuple[Measured, ...]
    rows: Mapping[str, int]
    roots: Mapping[str, str] = field(default_factory=dict)
