"""gate.stats: how large production's tables are, for the gate's estimates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pgproof.errors import Location, SettingsError
from pgproof.tasks.task import place_task

if TYPE_CHECKING:
    from pgproof.tasks.task import Place


@place_task(help={"out": "a file to write it to; without one it is shown"})
def stats(place: Place, out: str | None = None) -> None:
    """Export how many rows each table has, as the server estimates it: one read-only transaction, no data."""
    from pgproof.gate.measuring.stats import fetch_sizes, render_stats

    with place.connect_if_up() as connection:
        sizes = fetch_sizes(connection)
    text = render_stats(sizes)
    if out is None:
        place.screen.say(text.rstrip("\n"))
        return
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"it cannot be written: {error.strerror}", at=Location(Path(out))) from error
    place.screen.say(f"{len(sizes)} tables in {out}")
    if unknown := [each.table for each in sizes if each.rows is None]:
        place.screen.say(f"nobody has analysed {', '.join(unknown)}: ANALYZE there says how many rows they have")
