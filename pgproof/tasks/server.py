"""db.* tasks about the server and the database as a whole."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from pgproof.pg import database
from pgproof.pg.conninfo import split_secrets
from pgproof.pg.database import check_destruction
from pgproof.tasks.task import count, place_task

if TYPE_CHECKING:
    from pgproof.tasks.task import Place

YES_DESTROY = {"yes_destroy": "name of the database, where it is not a local one of ours; of production, name@host"}


@place_task()
def up(place: Place) -> None:
    """Start the server; once is enough."""
    place.server.ensure_up()
    _ = place.running  # a server given by URL is not ours to start: whether it answers is all that can be said
    place.screen.say(f"{place.server.kind} server is up")


@place_task()
def down(place: Place) -> None:
    """Stop the server; its data stays."""
    was_up = place.server.ensure_down()
    place.screen.say(f"{place.server.kind} server {'stopped, its data stays' if was_up else 'was not running'}")


@place_task(help={"show_password": "write the password out"})
def url(place: Place, show_password: bool = False) -> None:  # noqa: FBT001, FBT002  (a flag of the command line)
    """Say the database's URL."""
    place.server.ensure_up()
    place.screen.say(place.url(show_password=show_password))


@place_task()
def psql(place: Place) -> None:
    """Open a client: pgcli if installed, else psql."""
    place.server.ensure_up()
    address, secrets = split_secrets(place.conninfo())
    program = shutil.which("pgcli") or shutil.which("psql") or str(place.program("psql"))
    # The client takes our place; a password goes into its environment, for arguments are for all to see.
    os.execvpe(program, [program, address], {**os.environ, **secrets})  # noqa: S606


@place_task(help={"lines": "how many"})
def logs(place: Place, lines: str = "40") -> None:
    """Show the end of the server's log."""
    place.screen.say(place.server.read_log(count("--lines", lines)).rstrip())


@place_task(help={"kill": "disconnect them all", **YES_DESTROY})
def sessions(place: Place, kill: bool = False, yes_destroy: str | None = None) -> None:  # noqa: FBT001, FBT002
    """Show who is connected to the database."""
    conninfo, name = place.running, place.server.database
    if kill:
        harm = "disconnect everybody from"
        check_destruction(place.server, what="db.sessions --kill", allowed=yes_destroy, harm=harm)
    found = database.fetch_sessions(conninfo, name)
    rows = [[str(s.pid), s.role, s.client, s.application, s.state, f"{s.since:%Y-%m-%d %H:%M:%S}"] for s in found]
    place.screen.table(["pid", "role", "from", "program", "state", "since"], rows)
    if kill:
        place.screen.say(f"disconnected {database.end_sessions(conninfo, name)}")


@place_task()
def create(place: Place) -> None:
    """Make the empty database."""
    made = database.ensure_created(place.server.ensure_up(), place.server.database)
    place.screen.say(f"{'created' if made else 'there already:'} {place.server.database}")


@place_task(help=YES_DESTROY)
def drop(place: Place, yes_destroy: str | None = None) -> None:
    """Drop the database, whoever is connected to it."""
    conninfo = place.server.ensure_up()
    check_destruction(place.server, what="db.drop", allowed=yes_destroy)
    was_there = database.drop(conninfo, place.server.database)
    place.screen.say(f"{'dropped' if was_there else 'there was no'} {place.server.database}")
