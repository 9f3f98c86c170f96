"""A recipe and a database's name in, that database as the recipe says out: a copy where a template may be kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psycopg.conninfo import make_conninfo

from pgproof.attendant import Errand
from pgproof.pg import database
from pgproof.pg.database import EXISTS
from pgproof.pg.spare import ensure_spare, holding_spares, spare_name, swap
from pgproof.pg.template import find_template, fingerprints, remember

if TYPE_CHECKING:
    from psycopg import Connection

    from pgproof.recipe import Recipe

Origin = Literal["built", "a copy of a template", "a spare copy"]


@dataclass(frozen=True)
class Fresh:
    """How a database was made anew.

    Attributes:
        replaced: there was one by that name before.
        origin: `built` if any step ran, whatever it was built on.
    """

    replaced: bool
    origin: Origin


def reset(conninfo: str, name: str, recipe: Recipe, *, cold: bool = False) -> Fresh:
    """Make a database anew; the one before is there until its successor is finished.

    Args:
        conninfo: of the server's maintenance database.
        name: of the database; ask `check_destruction` before.
        recipe: what it shall hold.
        cold: build it from nothing, in its place.

    Raises:
        PgproofError: whatever a step raises. Where templates are kept, the database before is untouched then.
    """
    if cold or not recipe.settings.keeps_templates:
        replaced = database.drop(conninfo, name)
        database.ensure_created(conninfo, name)
        recipe.finish(make_conninfo(conninfo, dbname=name), 0)
        return Fresh(replaced, "built")
    return _replace(conninfo, name, recipe)


def _replace(conninfo: str, name: str, recipe: Recipe) -> Fresh:
    settings = recipe.settings
    with (
        database.connect(conninfo) as connection,
        holding_spares(connection, name, wait=settings.runner_wait),
    ):
        spare, origin = _get_spare(connection, conninfo, name, recipe)
        old = swap(connection, spare, name)
    recipe.finish(make_conninfo(conninfo, dbname=name))
    errand = Errand(conninfo, name, recipe)
    if settings.ci:  # nobody is going to ask again
        errand.tidy()
    else:
        errand.start()
    return Fresh(old is not None, origin)


def _get_spare(connection: Connection[Any], conninfo: str, name: str, recipe: Recipe) -> tuple[str, Origin]:
    """Return a copy that is there, or is made of a template, or was built in this moment."""
    fingerprint = fingerprints(connection, recipe)[-1]
    spare = spare_name(name, fingerprint)
    if connection.execute(EXISTS, [spare]).fetchone():
        return spare, "a spare copy"
    if template := find_template(connection, fingerprint):
        ensure_spare(connection, name, template)
        remember(connection, template)
        return spare, "a copy of a template"
    from pgproof.pg.layers import build  # what only a build needs

    if template := build(conninfo, recipe, wait=recipe.settings.runner_wait, give_as=spare):
        ensure_spare(connection, name, template)
    return spare, "built"
