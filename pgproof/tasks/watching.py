"""cache.init: the migration that has the cache told of writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.tasks.task import place_task

if TYPE_CHECKING:
    from pgproof.tasks.task import Place


@place_task()
def init(place: Place) -> None:
    """Write the migration that has the cache told of writes to what cached queries read; nothing is run."""
    from pgproof.contracts.caching.unwatched import fetch_unwatched
    from pgproof.contracts.session import Session
    from pgproof.migrations.new import write_new
    from pgproof.pg.database import connect
    from pgproof.schema import built

    queries = list(place.queries)
    place.screen.busy("looking for tables that nobody watches")
    with built(place.folder, place.settings, place.server) as scratch, connect(scratch) as connection:
        unwatched = fetch_unwatched(Session(connection), queries)
    if unwatched.is_empty:
        place.screen.say("the cache is told of every write to what cached queries read", "applied")
        return
    for path in write_new(place.settings.migrations, *unwatched.draft()):
        place.screen.say(str(path.relative_to(place.settings.root)))
