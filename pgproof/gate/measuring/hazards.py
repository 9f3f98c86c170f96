"""Measured statements in, what in them hurts a live server out. Pure: by locks, files and rows, never by times."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from pgproof.gate.measuring import kinds
from pgproof.sqltext import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pgproof.gate.finding import Kind
    from pgproof.gate.measuring.measured import Lock, Measured

PATIENCE = 10_000
"""Milliseconds that a queue may build up behind a migration: what a person takes for a broken page, no more."""

_SMALL = 10_000  # production's tables below that are read, written and indexed in the time of a blink
_PART = 10  # a table counts as large from a tenth of the rows that were wanted; a tenth of its rows is a large part
_SEEN_BY_ALL = ("table", "view", "materialized view")
_TABLE = re.compile(r'\btable "(.+?)"(?: serially| with |$)')

Does = Literal["written anew", "read through", "written"]


@dataclass(frozen=True)
class Sizes:
    """How large tables are.

    Attributes:
        rows: here, by `schema.table`; tables that the change makes are not among them.
        wanted: how many each was to have.
        production: the same there, where it is known.
        roots: of each partition, the table that it is a part of.
    """

    rows: Mapping[str, int]
    wanted: int
    production: Mapping[str, int] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)

    def is_large(self, table: str) -> bool:
        """Whether it is one that others have to wait for: by what production says, else by what is here."""
        if table in self.production and table in self.rows:
            return self.production[table] >= _SMALL
        # Which partition generated rows come to says nothing of where production's are.
        return self.rows.get(self.roots.get(table, table), 0) * _PART >= self.wanted

    def is_part(self, table: str, rows: int) -> bool:
        """Whether so many rows are a large part of a large table."""
        return self.is_large(table) and rows * _PART > self.rows.get(table, 0)


@dataclass(frozen=True)
class Hazard:
    """One thing that hurts.

    Attributes:
        relations: whose reads or writes wait.
        what: one line that names them.
    """

    kind: Kind
    statement: Measured
    relations: tuple[str, ...]
    what: str


def find_hazards(statements: Sequence[Measured], sizes: Sizes) -> Iterator[Hazard]:
    """Yield what hurts, statement by statement: of each kind one at most."""
    for _, group in groupby(statements, key=lambda each: (each.migration, each.phase)):
        yield from _Transaction(sizes).judge(list(group))


def find_work(statement: Measured, sizes: Sizes) -> dict[str, Does]:
    """Return the large tables that a statement works through, so that its time grows with them."""
    work: dict[str, Does] = {}
    for table, rows in statement.written.items():
        if sizes.is_part(table, rows):
            work[table] = "written"
    for table, rows in statement.scanned.items():
        if sizes.is_large(table) and rows * 2 >= sizes.rows.get(table, 0):
            work.setdefault(table, "read through")
    work |= dict.fromkeys(filter(sizes.is_large, statement.rewritten), "written anew")
    return dict(sorted(work.items()))


@dataclass
class _Transaction:
    """What was seen in one, up to a statement.

    Attributes:
        held: locks that block others, each with the line where it was taken.
        written: rows, by table.
        told: of which relations it was said that they are waited for without limit.
    """

    sizes: Sizes
    held: list[tuple[Lock, int]] = field(default_factory=list)
    written: Counter[str] = field(default_factory=Counter)
    told: set[str] = field(default_factory=set)

    def judge(self, statements: Sequence[Measured]) -> Iterator[Hazard]:
        for each in statements:
            work = find_work(each, self.sizes)
            own = list(self._own(each, work)) or list(self._other_work(each, work))
            yield from own
            yield from self._kept(each, work, {name for hazard in own for name in hazard.relations})
            yield from self._backfill(each)
            yield from self._unlimited(each)
            if each.kind == "AlterExtensionStmt":
                name = parse(each.text)[0].tree["extname"]
                yield Hazard(kinds.EXTENSION_UPDATE, each, (), f"the extension {name} is updated")
            self.held += [(lock, each.at.line or 1) for lock in self._blocking(each)]

    def _own(self, each: Measured, work: Mapping[str, Does]) -> Iterator[Hazard]:
        """Find what the statement does under a lock that it needs itself."""
        anew = tuple(table for table, does in work.items() if does == "written anew")
        if anew:
            what = f"{_list(anew)} {_be(anew)} written anew while reads and writes wait"
            yield Hazard(kinds.TABLE_REWRITE, each, anew, what)
        read = [table for table, does in work.items() if does == "read through"]
        if not each.transactional:
            # Locks come and go there. But only a REINDEX that is not CONCURRENTLY gives an index another file, and who
            # reads has to know of each index.
            if read and not anew and each.rewritten:
                yield _index(each, read, "reads and writes")
        elif not _only_validates(each):
            blocked = {table: blocks for table in read if (blocks := self._blocked(each, table))}
            yield from _by_words(each, blocked)

    def _other_work(self, each: Measured, work: Mapping[str, Does]) -> Iterator[Hazard]:
        """Find work under a lock that the server has no word for: a refresh, a function, a block."""
        locked = _names(lock for lock in self._blocking(each) if lock.kind in _SEEN_BY_ALL)
        if work and locked and each.transactional:
            what = f"{_list(locked)} {_be(locked)} locked while {_tell(work)}"
            yield Hazard(kinds.WORK_UNDER_LOCK, each, locked, what)

    def _kept(self, each: Measured, work: Mapping[str, Does], told: set[str]) -> Iterator[Hazard]:
        kept = [(lock, line) for lock, line in self.held if lock.kind in _SEEN_BY_ALL and lock.relation not in told]
        if work and kept:
            names, line = _names(lock for lock, _ in kept), min(line for _, line in kept)
            what = f"{_list(names)} {_be(names)} locked since line {line}, and kept so while {_tell(work)}"
            yield Hazard(kinds.LOCK_KEPT, each, names, what)

    def _backfill(self, each: Measured) -> Iterator[Hazard]:
        before = {table for table, rows in self.written.items() if self.sizes.is_part(table, rows)}
        self.written.update(each.written)
        now = {table for table, rows in self.written.items() if self.sizes.is_part(table, rows)}
        if tables := tuple(sorted(now - before)):
            what = f"one transaction writes a large part of {_list(tables)}"
            yield Hazard(kinds.BACKFILL_AT_ONCE, each, tables, what)

    def _unlimited(self, each: Measured) -> Iterator[Hazard]:
        if 0 < each.lock_timeout <= PATIENCE:
            return
        waited = {lock.relation for lock in self._blocking(each) if lock.kind in _SEEN_BY_ALL}
        if not each.transactional:
            waited = set(each.rewritten) & self.sizes.rows.keys()
        if names := tuple(sorted(waited - self.told)):
            self.told |= waited
            how = f"for up to {each.lock_timeout // 1000} s" if each.lock_timeout else "without a limit"
            what = f"{_list(names)} {_be(names)} waited for {how}, and others queue up behind that"
            yield Hazard(kinds.NO_LOCK_TIMEOUT, each, names, what)

    def _blocking(self, each: Measured) -> list[Lock]:
        """Return locks that the statement took and that somebody may wait for: on what base has."""
        return [
            lock
            for lock in each.locks
            if lock.blocks and lock.was_there and (lock.kind != "table" or lock.relation in self.sizes.rows)
        ]

    def _blocked(self, each: Measured, table: str) -> str:
        """Return what waits for the locks on a table that are held while the statement runs."""
        locks = [*self._blocking(each), *(lock for lock, _ in self.held)]
        return min((lock.blocks for lock in locks if lock.relation == table), default="")  # "reads and writes" first


def _by_words(each: Measured, blocked: Mapping[str, str]) -> Iterator[Hazard]:
    """Tell by the server's own words what a blocked table was read for."""
    built, verified = ([table for table in blocked if _says(each, does, table)] for does in ("building", "verifying"))
    if built:
        yield _index(each, built, min(blocked[table] for table in built))
    validates = any(said.startswith("validating") for said in each.said)
    if each.kind in ("AlterTableStmt", "CreateStmt") and not (built or verified or validates):
        verified = list(blocked)  # whether rows of the default partition belong to a new one is asked without a word
    if read := tuple(table for table in verified if blocked[table] != "writes"):
        what = f"{_list(read)} {_be(read)} read through while reads and writes wait"
        yield Hazard(kinds.SCAN_UNDER_LOCK, each, read, what)
    if blocked and validates:
        yield _validation(each, "a foreign key", blocked)
    elif each.kind == "AlterDomainStmt" and blocked:
        yield _validation(each, "a domain", blocked)


def _index(each: Measured, tables: Sequence[str], blocks: str) -> Hazard:
    what = f"an index of {_list(tables)} is built while {blocks} wait"
    return Hazard(kinds.INDEX_BLOCKS, each, tuple(tables), what)


def _validation(each: Measured, of: str, blocked: Mapping[str, str]) -> Hazard:
    what = f"{of} is validated while {min(blocked.values())} of {_list(list(blocked))} wait"
    return Hazard(kinds.VALIDATION_BLOCKS_WRITES, each, tuple(blocked), what)


def _only_validates(each: Measured) -> bool:
    """Whether the statement needs no lock that blocks others, whatever is held already."""
    if each.kind != "AlterTableStmt":
        return False
    commands = [command["AlterTableCmd"]["subtype"] for command in parse(each.text)[0].tree["cmds"]]
    return all(command == "AT_ValidateConstraint" for command in commands)


def _says(each: Measured, does: str, table: str) -> bool:
    """Whether the server says that it does something to a table, whose schema it leaves out."""
    said = [found[1] for said in each.said if said.startswith(does) and (found := _TABLE.search(said))]
    return table.partition(".")[2] in said


def _names(locks: Iterator[Lock]) -> tuple[str, ...]:
    return tuple(sorted({lock.relation for lock in locks}))


def _tell(work: Mapping[str, Does]) -> str:
    return " and ".join(f"{table} is {does}" for table, does in work.items())


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]


def _be(names: Sequence[str]) -> str:
    return "are" if len(names) > 1 else "is"
