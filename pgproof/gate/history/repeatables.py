"""Base's repeatables and head's files in, those that were removed and leave what they made out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.errors import Location
from pgproof.gate.history import kinds
from pgproof.sqltext import ParseError, canonical, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.gate.change import Change
    from pgproof.gate.finding import Finding
    from pgproof.migrations import Migration
    from pgproof.migrations.files import Script

# Statements that may take away what a repeatable made: whether they do, the proof of the schema measures.
_MAY_DROP = frozenset(("DropStmt", "DropOwnedStmt", "DoStmt", "CallStmt", "SelectStmt", "RenameStmt", "RevokeStmt"))


def judge_repeatables(change: Change) -> Iterator[Finding]:
    """Find removed repeatables whose making certainly stays: nothing new drops it or says the same."""
    there = {each.id for each in change.head.folder.repeatables}
    gone = [each for each in change.base.folder.repeatables if each.id not in there]
    if not gone or any(map(_may_drop, change.new)):
        return
    said = {text for each in (*change.head.folder.repeatables, *change.new) for text in _statements(each)}
    for each in gone:
        if not _statements(each) <= said:
            what = f"{each.path.name} was removed: what it made stays in production"
            at = Location(change.here(each.path))
            yield kinds.REPEATABLE_REMOVED.find(at, what, instead=_drop(each))


def _may_drop(migration: Migration) -> bool:
    if migration.language == "python":
        return True
    return any(each.kind in _MAY_DROP for each in parse(migration.text))


def _statements(script: Script) -> set[str]:
    try:
        return {canonical(each.text) for each in parse(script.text)}
    except (ParseError, UnicodeDecodeError):
        return {script.sha256}


def _drop(repeatable: Migration) -> str:
    """Return the repeatable's own way back, which a new migration may take over."""
    if repeatable.rollback is None:
        return ""
    text = repeatable.rollback.raw.decode(errors="replace").strip()
    return f"`inv db.new drop_{repeatable.id}`, and there:\n{text}"
