"""Base, tip and head in, whether the order of their migrations matters out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof import migrations
from pgproof.errors import Location, MigrationFailed
from pgproof.gate.finding import Kind
from pgproof.gate.history.numbers import find_theirs
from pgproof.gate.proof import Outcome
from pgproof.migrations import Folder
from pgproof.pg.catalog import diff, fetch_catalog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgproof.gate.change import Change
    from pgproof.gate.finding import Finding
    from pgproof.gate.trial import Trial
    from pgproof.migrations import Migration
    from pgproof.pg.catalog import Catalog

MATTERS = Kind(
    "PG601",
    "order-matters",
    "error",
    "the main branch's newer migrations and this branch's give another schema in another order",
    "Production runs them in one order, the desk of whoever wrote this branch ran them in the other: the two have "
    "different schemas under one ledger, and a test that is green there says nothing here.",
    "Merge the main branch into this one, build anew with `inv db.reset`, and look whether it is what you meant; "
    "a view that names its columns instead of `*` does not depend on the order.",
)
REFUSED = Kind(
    "PG602",
    "order-refused",
    "error",
    "the main branch's newer migrations and this branch's can be run in one order only, or in none",
    "Where they meet in the order that the server refuses, `inv db.migrate` stops half way: in production, if that "
    "order is the main branch first; else on a database that had this branch before.",
    "Merge the main branch into this one, and change the migration that is refused to what is there then; "
    "nobody has applied it yet.",
)
KINDS = (MATTERS, REFUSED)
_SHOWN = 20  # differences


def prove(trial: Trial) -> Outcome:
    """Prove that what the main branch has got since and what is new here give one schema in either order."""
    change, theirs = trial.change, find_theirs(trial.change)
    if change.tip is None or not theirs:
        return Outcome(not_applicable="the main branch has no migration that is not here")
    known = {each.id for each in change.tip.folder.migrations}
    ours = [each for each in change.new if each.id not in known]
    if not ours:
        return Outcome(not_applicable="no migration is new")
    main, branch = _build(trial, [*theirs, *ours]), _build(trial, [*ours, *theirs])
    findings = _compare(change, ours[0], (main, branch))
    return Outcome(tuple(findings), note=f"{len(ours)} of this branch, {len(theirs)} of the main branch, both ways")


def _build(trial: Trial, order: Sequence[Migration]) -> Catalog | MigrationFailed:
    """Return the schema that base's database gets in an order, less the order of columns, which both ways differs."""
    base = trial.change.base
    folder = Folder((*base.folder.migrations, *order), merge_repeatables(trial.change))
    source = trial.databases.built(base, seeded=True)
    with trial.databases.clone(source) as name, trial.databases.connect_runner(name) as connection:
        try:
            migrations.migrate(connection, folder, base.settings, sweeps=False)
        except MigrationFailed as error:
            return error
        return fetch_catalog(connection).without("order")


def merge_repeatables(change: Change) -> list[Migration]:
    """Return the repeatables as git would merge them: the main branch's, with what has changed here."""
    ours, base = ({each.id for each in side.folder.repeatables} for side in (change.head, change.base))
    theirs = change.tip.folder.repeatables if change.tip else ()
    merged = {each.id: each for each in theirs if each.id in ours or each.id not in base}
    merged |= {each.id: each for each in change.repeated}
    return [merged[id] for id in sorted(merged)]


def _compare(
    change: Change, first: Migration, ends: tuple[Catalog | MigrationFailed, Catalog | MigrationFailed]
) -> Iterator[Finding]:
    main, branch = ends
    if isinstance(main, MigrationFailed):
        yield _refuse(change, first, "the main branch", main)
    if isinstance(branch, MigrationFailed):
        yield _refuse(change, first, "this branch", branch)
    if isinstance(main, MigrationFailed) or isinstance(branch, MigrationFailed):
        return
    if differences := [f"with this branch first: {each}" for each in diff(main, branch)]:
        what = f"{first.id} gives another schema before the main branch's newer migrations than after them"
        more = len(differences) - _SHOWN
        details = (*differences[:_SHOWN], *([f"... and {more} differences more"] if more > 0 else []))
        yield MATTERS.find(Location(first.path), what, details=details)


def _refuse(change: Change, first: Migration, order: str, error: MigrationFailed) -> Finding:
    """Name the refused file; the main branch's is not in the working tree, so it is told, not pointed at."""
    at, tip = error.at or Location(first.path), change.tip
    said, *more = error.what.splitlines()
    if tip and at.path.is_relative_to(tip.settings.root):
        said, at = f"{tip.show(at.path, at.line)}: {said}", Location(first.path)
    return REFUSED.find(at, f"with {order} first, the server refuses: {said}", details=tuple(map(str.strip, more)))
