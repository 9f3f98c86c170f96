"""db.roles: owner, migrator, application, reader."""

from __future__ import annotations

from dataclasses import asdict, replace
from json import dumps
from typing import TYPE_CHECKING, Any

from pgproof.tasks.production import audited
from pgproof.tasks.task import place_task

if TYPE_CHECKING:
    from psycopg import Connection

    from pgproof.rds.plan import Plan
    from pgproof.roles import Kept, Wish
    from pgproof.tasks.task import Place


@place_task(help={"dry_run": "show the SQL, change nothing", "json": "for a script"})
def roles(place: Place, dry_run: bool = False, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Make the database's roles by least privilege, and mend what is not as it shall be; twice changes nothing.

    <database>_owner owns everything; _migrator runs migrations as the owner; _app, or the setting application_role,
    reads and writes rows; _reader reads. Nobody else may connect any more. Passwords are taken from MIGRATOR_PASSWORD,
    APPLICATION_PASSWORD and READER_PASSWORD, where they are set.

    --json: {"database", "roles": [{"name", "change", "login", "may"}, …], "statements": […], "notes": […]}; change is
    made, changed or "as it was".
    """
    from pgproof.roles import ensure_roles, find_missing

    plan, tell = _find_plan(place), place.screen.busy
    wish = _wish(place, plan)
    with _connect(place) as connection:
        if dry_run:
            kept = find_missing(connection, wish)
        else:
            with audited(place, connection, "db.roles", dict.fromkeys(wish.names.all, "")):
                kept = ensure_roles(
                    connection, wish, wait=place.settings.runner_wait, on_wait=lambda who: tell(str(who))
                )
    kept = replace(kept, notes=(*kept.notes, *_remind(place, plan, wish.names.migrator)))
    if json:
        place.screen.say(dumps({"database": place.server.database, **asdict(kept)}, indent=2, ensure_ascii=False))
    else:
        _show(place, kept, dry_run=dry_run)


def _wish(place: Place, plan: Plan | None) -> Wish:
    from pgproof.pg.rolenames import name_roles
    from pgproof.roles import Wish, find_held

    settings = place.settings
    names = name_roles(place.server.database, settings)
    passwords = (settings.migrator_password, settings.application_password, settings.reader_password)
    return Wish(
        names=names,
        held=find_held(place.folder, names),
        iam=plan is not None and plan.iam,
        passwords={role: said for role, said in zip(names.logins, passwords, strict=True) if said},
    )


def _find_plan(place: Place) -> Plan | None:
    if place.settings.target != "prod" or not place.settings.instance:
        return None
    from pgproof.rds.plan import read_plan

    return read_plan(place.settings)


def _remind(place: Place, plan: Plan | None, migrator: str) -> list[str]:
    """Say that migrations would run as the master user, whose tables the application cannot use."""
    if plan is None or place.settings.url is not None or plan.role == migrator:
        return []
    return [f'tasks connect as {plan.role}: say `connect_as = "{migrator}"` in [tool.pgproof.rds] before you migrate']


def _connect(place: Place) -> Connection[Any]:
    """Connect as who may make roles: to a planned instance as its master user, else as the URL says."""
    from pgproof.rds.server import RdsServer

    if not isinstance(place.server, RdsServer):
        return place.connect()
    return place.connect_to(place.server.access.conninfo(place.server.plan.username))


def _show(place: Place, kept: Kept, *, dry_run: bool) -> None:
    screen = place.screen
    if dry_run:
        for each in kept.statements:
            screen.say(f"{each};")
        screen.say(f"-- {len(kept.statements)} statements; nothing was changed")
    else:
        screen.table(
            ["role", "login", "may", "change"], [[each.name, each.login, each.may, each.change] for each in kept.roles]
        )
        screen.say(f"{len(kept.statements)} statements" if kept.statements else "nothing to do")
    for note in kept.notes:
        screen.say(f"{'-- ' if dry_run else ''}note: {note}", "notice")
