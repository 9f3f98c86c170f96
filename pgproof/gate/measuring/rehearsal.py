"""A large database and a change in, what each new statement does there out: locks, rewrites, scans, WAL, time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.errors import Location
    from pgproof.gate.change import Change
    from pgproof.gate.databases import Databases

Phase = Literal["pre", "post", "repeatable"]


@dataclass(frozen=True)
class Lock:
    """A lock that a statement took, held until its transaction ended.

    Attributes:
        relation: `public.users`; an index by its own name.
        mode: as pg_locks has it: `AccessExclusiveLock`.
        was_there: the relation is older than the transaction, so others may want it.
        taken: seconds since its migration began.
        until: the same, when the transaction ended.
    """

    relation: str
    mode: str
    was_there: bool
    taken: float
    until: float

    @property
    def blocks(self) -> Literal["reads and writes", "writes", ""]:
        """What of an application waits for it."""
        if self.mode == "AccessExclusiveLock":
            return "reads and writes"
        blocks_writes = ("ExclusiveLock", "ShareRowExclusiveLock", "ShareLock")
        return "writes" if self.mode in blocks_writes else ""


@dataclass(frozen=True)
class Measured:
    """One statement of a new migration, and what it did.

    Attributes:
        migration: its id.
        at: its file and line.
        text: as it stands there.
        kind: the name of its node, `AlterTableStmt`.
        transactional: it ran in one transaction with the other statements of its migration.
        began: seconds since its migration began.
        took: seconds.
        locks: those that it took and no statement before it in its transaction.
        rewritten: tables and indexes that were there before, and whose file is another one now.
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
        rows: of each table before, by `schema.table`.
    """

    database: str
    statements: tuple[Measured, ...]
    rows: Mapping[str, int]


def rehearse(databases: Databases, name: str, change: Change) -> Rehearsal:
    """Run the new migrations, and the repeatables that changed, statement by statement.

    Args:
        databases: the server.
        name: of a database with base's schema; it has head's afterwards.
        change: what is new.

    Raises:
        MigrationFailed: the server refuses a statement.
    """
    raise NotImplementedError
