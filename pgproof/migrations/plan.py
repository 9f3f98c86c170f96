"""Files and ledger in, what is to be done out; pure, so that `status`, `migrate` and the gate judge alike."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

from pgproof.errors import LedgerDrift, Location, MigrationError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pgproof.migrations.files import Migration
    from pgproof.migrations.ledger import Ledger, Row

Condition = Literal[
    "applied",
    "pending",
    "interrupted",  # without a transaction, begun, its end unknown: the next run finishes it
    "unchecked",  # applied by yoyo or before pgproof: no checksum yet
    "reworded",  # comments or layout differ from what was applied
    "edited",  # the meaning differs from what was applied
    "missing",  # applied, but the file is gone
    "out of order",  # pending, but a later one is applied
]
DRIFT: frozenset[Condition] = frozenset({"edited", "missing", "out of order"})
PENDING: frozenset[Condition] = frozenset({"pending", "interrupted", "out of order"})

_HINTS: dict[Condition, str] = {
    "edited": "put the file back as it was and write a new migration; at a desk, `inv db.reset` builds all anew",
    "missing": "bring the file back; if it shall be forgotten on purpose, `inv db.unmark`",
    "out of order": "give it a number after the newest, so that every database runs them in one order",
}


_NOTES: dict[Condition, str] = {
    "interrupted": "the next run finishes it",
    "unchecked": "applied by yoyo; `inv db.repair` records its checksum",
    "reworded": "comments or layout changed; `inv db.repair` accepts it",
}


@dataclass(frozen=True)
class Entry:
    """One migration as files and ledger see it together.

    Attributes:
        path: where its file is, or should be.
        migration: None where the file is gone.
        renamed_to: a pending migration with the same content, where the file is gone.
    """

    id: str
    path: Path
    condition: Condition
    migration: Migration | None = None
    row: Row | None = None
    renamed_to: str = ""

    @property
    def note(self) -> str:
        """What a person may want to know besides; only who asks pays for reading the rollback."""
        if self.renamed_to:
            return f"renamed to {self.renamed_to}"
        if self.condition == "applied" and self.migration and self.row:
            return _rollback_note(self.migration, self.row)
        return _NOTES.get(self.condition, "")

    @property
    def half_undone(self) -> bool:
        """Whether a run died as it rolled this back without a transaction: either direction finishes it."""
        return self.row is not None and self.row.applied_at is not None and self.row.state == "running"


def compare(migrations: Sequence[Migration], ledger: Ledger) -> list[Entry]:
    """Put files and ledger side by side, in order of the files; what has no file comes last."""
    applied = ledger.applied
    last = max((index for index, each in enumerate(migrations) if each.id in applied), default=-1)
    entries = [_entry(each, ledger.rows.get(each.id), overtaken=index < last) for index, each in enumerate(migrations)]
    known = {each.id for each in migrations}
    return entries + _missing(migrations, [row for id, row in applied.items() if id not in known], applied)


def _missing(migrations: Sequence[Migration], gone: Sequence[Row], applied: Mapping[str, Row]) -> list[Entry]:
    """Return an entry for each row without a file; content is compared only where there is one."""
    if not gone:
        return []
    folder = migrations[0].path
    new = {each.sha256: each.id for each in migrations if each.id not in applied}
    return [
        Entry(row.id, folder.with_name(f"{row.id}.sql"), "missing", None, row, new.get(row.sha256 or "", ""))
        for row in gone
    ]


def pending(entries: Sequence[Entry], *, to: str | None = None) -> list[Migration]:
    """Return what is to be applied, in order, up to and with `to`.

    Raises:
        LedgerDrift: files and ledger disagree; all of it at once.
        MigrationError: there is no migration `to`.
    """
    refuse_drift(entries)
    chosen = list(entries)
    if to is not None:
        chosen = chosen[: _position([each.id for each in chosen], to) + 1]
    return [each.migration for each in chosen if each.migration and (each.condition in PENDING or each.half_undone)]


def before_code(migrations: Sequence[Migration]) -> list[Migration]:
    """Return those that run before the new code is out: all up to the first that waits for it."""
    return list(takewhile(lambda each: each.header.phase == "pre", migrations))


def to_repeat(repeatables: Sequence[Migration], ledger: Ledger) -> list[Migration]:
    """Return the repeatables whose content, or what they stand on, is not that of their last run."""
    return [each for each in repeatables if ledger.repeatables.get(each.id) != each.sha256]


def to_roll_back(entries: Sequence[Entry], *, steps: int | None = None, to: str | None = None) -> list[Migration]:
    """Return what is to be rolled back, newest first: the last `steps`, or everything after `to`.

    Raises:
        LedgerDrift: files and ledger disagree.
        MigrationError: there is no migration `to`, or one of them has no way back.
    """
    refuse_drift(entries)
    after = _position([each.id for each in entries], to) + 1 if to is not None else 0
    applied = [each.migration for each in entries[after:] if each.migration and each.condition not in PENDING]
    chosen = applied[::-1] if steps is None else applied[::-1][:steps]
    refuse_one_way(chosen)
    return chosen


def refuse_drift(entries: Sequence[Entry]) -> None:
    """Raise LedgerDrift if files and ledger disagree in a way that a run would make worse."""
    problems = [_problem(each) for each in entries if each.condition in DRIFT]
    if problems:
        raise LedgerDrift("\n".join(map(str, problems)))


def refuse_one_way(migrations: Sequence[Migration]) -> None:
    """Raise MigrationError if one of `migrations` has no rollback: before anything is undone."""
    for each in migrations:
        if each.header.irreversible:
            at = Location(each.path, each.header.line_of("irreversible"))
            raise MigrationError(f"it is declared irreversible: {each.header.irreversible}", at=at)
        if each.language == "sql" and each.rollback is None:
            hint = f"write {each.id}.rollback.sql; nothing was rolled back"
            raise MigrationError("there is no rollback", at=Location(each.path), hint=hint)


def find(entries: Sequence[Entry], name: str) -> Entry:
    """Return the entry called `name`: its id, or a number or beginning that only it has.

    Raises:
        MigrationError: none or several are called so.
    """
    return entries[_position([each.id for each in entries], name)]


def up_to(migrations: Sequence[Migration], name: str) -> Sequence[Migration]:
    """Return the migrations up to and with the one called `name`, which is found as by `find`."""
    return migrations[: _position([each.id for each in migrations], name) + 1]


def _position(ids: Sequence[str], name: str) -> int:
    wanted = name.removesuffix(".sql")
    if wanted in ids:
        return ids.index(wanted)
    matches = [index for index, id in enumerate(ids) if id.startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise MigrationError(f"{name} could be {', '.join(ids[index] for index in matches)}")
    near = get_close_matches(wanted, ids, n=1)
    raise MigrationError(
        f"there is no migration {name}", hint=f"did you mean {near[0]}?" if near else "`inv db.status`"
    )


def _entry(migration: Migration, row: Row | None, *, overtaken: bool) -> Entry:
    return Entry(migration.id, migration.path, _judge(migration, row, overtaken=overtaken), migration, row)


def _judge(migration: Migration, row: Row | None, *, overtaken: bool) -> Condition:
    if row is None or row.applied_at is None:
        if row is not None and row.state == "running":
            return "interrupted"
        return "out of order" if overtaken else "pending"
    if row.sha256 is None:
        return "unchecked"
    if row.sha256 == migration.sha256:
        return "applied"
    return "reworded" if row.meaning == migration.meaning else "edited"


def _rollback_note(migration: Migration, row: Row) -> str:
    if row.state == "running":
        return "its rollback was interrupted: `inv db.rollback` finishes it, `inv db.migrate` takes it back"
    now = migration.rollback.sha256 if migration.rollback else None
    return "" if now == row.rollback_sha256 else "its rollback was edited since"


def _problem(entry: Entry) -> Problem:
    what = {
        "edited": "it was edited after it was applied",
        "missing": "it is applied, but the file is gone",
        "out of order": "it is not applied, but a later one is",
    }[entry.condition]
    note = f" ({entry.note})" if entry.note else ""
    return Problem(Location(entry.path), what + note, _HINTS[entry.condition])
