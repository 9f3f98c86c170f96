"""A recipe and a database's name in, that database as the recipe says out: a copy where a template may be kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from psycopg.conninfo import make_conninfo

from pgproof.pg import database
from pgproof.pg.attendant import Errand
from pgproof.pg.spare import ensure_spare, holding_spares, swap
from pgproof.pg.template import find_template

if TYPE_CHECKING:
    from pgproof.pg.template import Template
    from pgproof.recipe import Recipe


@dataclass(frozen=True)
class Fresh:
    """How a database was made anew.

    Attributes:
        replaced: there was one by that name before.
        origin: what it was made of.
    """

    replaced: bool
    origin: Literal["nothing", "a template", "a spare"]


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
        return Fresh(replaced, "nothing")
    return _replace(conninfo, name, recipe)


def _replace(conninfo: str, name: str, recipe: Recipe) -> Fresh:
    settings = recipe.settings
    with database.connect(conninfo) as connection:
        template = find_template(connection, recipe) or _ensure_template(conninfo, recipe)
        with holding_spares(connection, name, wait=settings.runner_wait):
            spare, made = ensure_spare(connection, name, template)
            old = swap(connection, spare, name)
    recipe.finish(make_conninfo(conninfo, dbname=name))
    errand = Errand(conninfo, name, template.name, settings.template_days, settings.template_megabytes)
    if settings.ci:  # nobody is going to ask again
        errand.tidy()
    else:
        errand.start()
    return Fresh(old is not None, "a template" if made else "a spare")


def _ensure_template(conninfo: str, recipe: Recipe) -> Template:
    from pgproof.pg.layers import ensure_template  # what only a build needs

    return ensure_template(conninfo, recipe, wait=recipe.settings.runner_wait)
