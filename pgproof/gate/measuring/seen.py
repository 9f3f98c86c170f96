"""What was seen of a statement in, what it did to a live server out. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgproof.errors import Location
from pgproof.gate.measuring.measured import Lock, Measured
from pgproof.gate.measuring.probe import KINDS
from pgproof.sqltext import hide_passwords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.gate.measuring.deploy import Step
    from pgproof.gate.measuring.probe import Probe
    from pgproof.sqltext import Statement

_WORDS = re.compile(r"(rewriting|verifying) table |building index |validating foreign key constraint ")
_FOREIGN_KEY = re.compile(r'validating foreign key constraint "(.*)"$')
_TEMPORARY = re.compile(r'temporary file: path ".*", size (\d+)$')
_HOLDS_ROWS = ("table", "index", "materialized view")


@dataclass(frozen=True)
class Seen:
    """A statement that has run.

    Attributes:
        began: seconds since its migration began; what looking takes is not counted.
        took: seconds.
        before: how things stood before it.
        after: and afterwards.
        heard: all that the server said meanwhile.
        validated: tables that a foreign key was validated for, by oid: an index may have been read in their place.
        sampled: without a transaction, the locks that were seen: by oid and mode, from when to when.
    """

    statement: Statement
    began: float
    took: float
    before: Probe
    after: Probe
    heard: tuple[str, ...]
    validated: tuple[int, ...] = ()
    sampled: dict[tuple[int, str], tuple[float, float]] = field(default_factory=dict)

    @property
    def ended(self) -> float:
        """When it ended."""
        return self.began + self.took


def find_foreign_keys(heard: list[str]) -> list[str]:
    """Return the names of the foreign keys that were validated."""
    return [found[1] for each in heard if (found := _FOREIGN_KEY.match(each))]


def measure(step: Step, first: Probe, seen: Seen, ended: float, rows: Mapping[int, int]) -> Measured:
    """Return what a statement did.

    Args:
        step: whose statement it is.
        first: how things stood when its transaction began.
        seen: the statement.
        ended: when its transaction ended.
        rows: of each table before, by oid.
    """
    known = seen.after.relations | first.relations  # by the name that others know
    read, written = _count(seen)
    read |= {oid: max(read.get(oid, 0), rows.get(oid, 0)) for oid in seen.validated}
    return Measured(
        migration=step.migration.id,
        phase=step.phase,
        at=Location(step.migration.path, seen.statement.line),
        text=hide_passwords(seen.statement.text),
        kind=seen.statement.kind,
        transactional=step.migration.transactional,
        began=seen.began,
        took=seen.took,
        locks=_find_locks(first, seen, ended),
        rewritten=tuple(sorted(first.relations[oid].name for oid in _find_rewritten(first, seen))),
        said=tuple(each for each in seen.heard if _WORDS.match(each) and "pg_toast" not in each),
        scanned={known[oid].name: number for oid, number in sorted(read.items()) if number and oid in known},
        written={known[oid].name: number for oid, number in sorted(written.items()) if number and oid in known},
        wal=seen.after.wal - seen.before.wal,
        temporary=sum(int(found[1]) for each in seen.heard if (found := _TEMPORARY.match(each))),
        lock_timeout=seen.before.lock_timeout,
    )


def _find_locks(first: Probe, seen: Seen, ended: float) -> tuple[Lock, ...]:
    known = seen.after.relations | first.relations
    taken = dict.fromkeys(seen.after.locks - seen.before.locks, (seen.began, ended)) | seen.sampled
    locks = [
        Lock(known[oid].name, mode, oid in first.relations, began, until, KINDS.get(known[oid].kind, ""))
        for (oid, mode), (began, until) in taken.items()
        if oid in known
    ]
    return tuple(sorted(locks, key=lambda each: (each.relation, each.mode)))


def _find_rewritten(first: Probe, seen: Seen) -> list[int]:
    """A file that is another one and empty is no work: TRUNCATE gives its table and each index one."""
    before, after = seen.before.relations, seen.after.relations
    others = [
        oid for oid in first.relations.keys() & before.keys() & after.keys() if before[oid].file != after[oid].file
    ]
    holds = {oid for oid, each in after.items() if each.size and KINDS.get(each.kind) in _HOLDS_ROWS}
    return [oid for oid in others if oid in holds and (after[oid].table or oid) in holds]


def _count(seen: Seen) -> tuple[dict[int, int], dict[int, int]]:
    """Return the rows that were read and those that were written, by oid."""
    before, after = seen.before.counts, seen.after.counts
    read, written = (
        {oid: counts[which] - before.get(oid, (0, 0))[which] for oid, counts in after.items()} for which in (0, 1)
    )
    return read, written
