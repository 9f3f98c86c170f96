"""Two ledgers in, what was applied in one place only, or otherwise, out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.parity.mismatch import Mismatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.migrations.ledger import Ledger, Row

_BEHIND = "`inv db.migrate --target=prod` brings it"
_AHEAD = "home tries a schema that is gone: get the files, then `inv db.migrate`"
_EDITED = "applied with another content: one of the two has a schema that no files give"
_DIGITS = 12


def compare_ledgers(home: Ledger, production: Ledger) -> Iterator[Mismatch]:
    """Yield what differs, in order of the migrations' names."""
    for id in sorted({*home.rows, *production.rows}):
        yield from _compare_rows(id, home.rows.get(id), production.rows.get(id))
    for name in sorted({*home.repeatables, *production.repeatables}):
        here, there = home.repeatables.get(name), production.repeatables.get(name)
        if here != there:  # what it makes is in the schema, where more can be said of it
            why = "another content was run last, or migrations have changed since"
            yield Mismatch("note", "ledger", f"repeatable {name}", _content(here), _content(there), why)


def _compare_rows(id: str, here: Row | None, there: Row | None) -> Iterator[Mismatch]:
    states = _state(here), _state(there)
    if states[0] != states[1]:
        why = _BEHIND if states[0] == "applied" else _AHEAD if states[1] == "applied" else ""
        yield Mismatch("breaking", "ledger", id, *states, why=why)
    elif here and there and here.sha256 != there.sha256:
        hashes = _content(here.sha256), _content(there.sha256)
        if not (here.sha256 and there.sha256):
            yield Mismatch("note", "ledger", id, *hashes, why="no checksum to compare: `inv db.repair` records it")
        elif here.meaning == there.meaning:
            yield Mismatch("note", "ledger", id, *hashes, why="comments or layout differ")
        else:
            yield Mismatch("breaking", "ledger", id, *hashes, why=_EDITED)


def _state(row: Row | None) -> str:
    if row is None:
        return "not applied"
    return "begun, its end unknown" if row.state == "running" else "applied"


def _content(sha256: str | None) -> str:
    return sha256[:_DIGITS] if sha256 else "none" if sha256 is None else "to be run again"
