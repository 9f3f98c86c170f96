"""What a run, a ledger or a script has to say in, lines on the screen out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke import Exit

from pgproof.migrations import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pgproof.migrations import Entry, Migration, Outcome
    from pgproof.seeds import Loaded
    from pgproof.tasks.screen import Screen


def follow(screen: Screen) -> Callable[[Event | Loaded], None]:
    """Return a listener that tells each event of a run, and each seed, as a line."""

    def tell(event: Event | Loaded) -> None:
        if not isinstance(event, Event):
            screen.say(f"{'seeded':<11} {event.name:<48} {event.changed} rows")
        elif event.kind == "begun":
            screen.busy(event.id)
        elif event.kind in ("waiting", "retrying", "notice"):
            screen.say(f"{event.kind}: {' '.join(filter(None, (event.id, event.text)))}", event.kind)
        else:
            screen.say(f"{event.kind:<11} {event.id:<48} {_milliseconds(event.took)}", event.kind)

    return tell


def conclude(screen: Screen, outcome: Outcome, verb: str) -> None:
    """Say how many, and what the sweep found; what the run made and should not stay is an error."""
    screen.say(f"{verb} {len(outcome.changed)}" if outcome.changed else "nothing to do")
    for finding in outcome.notes:
        screen.say(f"note: {finding}", "notice")
    for finding in outcome.failures:
        screen.say(f"made by this run: {finding}", "edited")
    if outcome.failures:
        raise Exit("error: the migrations are applied, but left what should not stay", code=1)


def show_sql(screen: Screen, chosen: Sequence[Migration], *, back: bool = False) -> None:
    """Say what would be run."""
    for each in chosen:
        script = each.rollback if back and each.rollback else each
        screen.say(f"-- {script.path.name}\n{script.text.rstrip()}\n")
    screen.say(f"-- {len(chosen)} to {'roll back' if back else 'apply'}; nothing was changed")


def as_dict(entry: Entry) -> dict[str, Any]:
    """Return an entry as `db.status --json` has it."""
    row = entry.row
    return {
        "id": entry.id,
        "condition": entry.condition,
        "applied_at": row.applied_at.isoformat() if row and row.applied_at else None,
        "took": row.took if row else None,
        "note": entry.note,
    }


def as_row(entry: Entry) -> list[str]:
    """Return an entry as a row of the table of `db.status`."""
    row = entry.row
    applied = f"{row.applied_at:%Y-%m-%d %H:%M:%S}" if row and row.applied_at else ""
    took = _milliseconds(row.took) if row and row.took is not None else ""
    return [entry.id, entry.condition, applied, took, entry.note]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"  # noqa: PLR2004
