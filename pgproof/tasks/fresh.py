"""db.* tasks about databases made anew, and the templates they are copies of."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING

from pgproof.pg.database import check_destruction, connect
from pgproof.tasks.report import follow
from pgproof.tasks.server import YES_DESTROY
from pgproof.tasks.task import place_task

if TYPE_CHECKING:
    from pgproof.pg.kept import Kept
    from pgproof.tasks.task import Place

_MEGABYTE = 1_000_000


@place_task(help={"cold": "build it from nothing, in its place", **YES_DESTROY})
def reset(place: Place, cold: bool = False, yes_destroy: str | None = None) -> None:  # noqa: FBT001, FBT002
    """Make the database anew, migrated and seeded: a copy of a template where one may be kept."""
    from pgproof.recipe import read_recipe
    from pgproof.reset import reset as make

    settings, name = place.settings, place.server.database
    recipe = read_recipe(settings, seeds=settings.seeds, notify=follow(place.screen))  # first: what cannot be read
    maintenance = place.server.ensure_up()
    check_destruction(place.server, what="db.reset", allowed=yes_destroy)
    place.screen.busy(f"making {name} anew")
    fresh = make(maintenance, name, recipe, cold=cold)
    verb = "replaced" if fresh.replaced else "created"
    holds = recipe.describe(len(recipe.steps))
    place.screen.say(f"{verb} {name} on the {place.server.kind} server, {fresh.origin}: {holds}")
    place.screen.say(place.url())


@place_task(
    help={"prune": "drop what is unused for long, beyond the size allowed, or left over", "json": "for a script"}
)
def templates(place: Place, prune: bool = False, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Show the databases that pgproof keeps on the server: templates, spares, and what failing tests have left."""
    from pgproof.pg import kept

    with connect(place.running) as connection:
        gone = []
        if prune:
            limits = {"days": place.settings.template_days, "megabytes": place.settings.template_megabytes}
            gone = kept.prune(connection, **limits, failed_tests=True, wait=place.settings.runner_wait)
        found = kept.fetch_kept(connection)
    if json:
        shown = {"kept": list(map(_as_dict, found)), "dropped": list(map(_as_dict, gone))}
        place.screen.say(dumps(shown, indent=2))
        return
    place.screen.table(["database", "kind", "size", "used", "holds"], list(map(_as_row, found)))
    for each in gone:
        place.screen.say(f"dropped {each.name}")
    total = sum(each.bytes for each in found)
    place.screen.say(f"{len(found)} kept, {total / _MEGABYTE:.0f} MB")


def _as_dict(kept: Kept) -> dict[str, object]:
    return asdict(kept) | {"used": str(kept.used) if kept.used else None}


def _as_row(kept: Kept) -> list[str]:
    return [kept.name, kept.kind, f"{kept.bytes / _MEGABYTE:.0f} MB", str(kept.used or ""), kept.holds]
