"""Finished databases to copy: found again by the hash of what they were built of, copied, dropped.

A template is finished when Postgres says so: its name, IS_TEMPLATE and ALLOW_CONNECTIONS false are set by one
transaction, last (`layers`).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from psycopg import errors, sql

from pgproof.pg.strategy import Samples, choose_strategy, note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

PREFIX = "pgproof_template_"

# What a server gives to every database that is made on it.
_GROUND = """
SELECT jsonb_build_array(
  current_setting('server_version_num')::int / 10000, current_user,
  current_setting('search_path'), current_setting('TimeZone'), current_setting('DateStyle'),
  current_setting('IntervalStyle'), current_setting('default_tablespace'),
  current_setting('default_table_access_method'), current_setting('default_toast_compression'),
  (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(d)) WHERE key ~ 'encoding|coll|ctype|loc|icu')
)::text
FROM pg_database AS d WHERE datname = 'template1'
"""
_FINISHED = """
SELECT datname, shobj_description(oid, 'pg_database')
FROM pg_database WHERE starts_with(datname, %s) AND datistemplate AND NOT datallowconn
"""


class Recipe(Protocol):
    """How to build a database, step by step; all that is known here of migrations and seeds."""

    @property
    def steps(self) -> Sequence[str]:
        """A hash of what each step does."""

    @property
    def portable(self) -> int:
        """How many of the first steps may be kept in a template."""

    def describe(self, done: int) -> str:
        """Say what the first `done` steps are."""

    def run(self, conninfo: str, done: int, stop: Callable[[], bool]) -> int:
        """Go on after the first `done` steps, to the end of a stage or until `stop`; return how many are done then."""


@dataclass(frozen=True)
class Template:
    """A finished database that nobody can connect to; copies are made of it.

    Attributes:
        holds: what was built in it, for a person.
        made, used: days (UTC); used is the last one on which it was asked for.
        samples: what copies of it took, by strategy; grows as copies are made.
    """

    name: str
    holds: str
    made: str
    used: str
    samples: Samples = field(default_factory=dict, compare=False)

    @property
    def fingerprint(self) -> str:
        """What tells it from other templates: the hash of its contents."""
        return self.name.removeprefix(PREFIX)


def fingerprints(connection: Connection[Any], recipe: Recipe) -> list[str]:
    """Return the hash of the first 0, 1, 2, … portable steps of a recipe, on what this server is."""
    (ground,) = connection.execute(_GROUND).fetchone() or ("",)
    hashes = accumulate(recipe.steps[: recipe.portable], _link, initial=_link("", ground))
    return [each[:24] for each in hashes]


def find_template(connection: Connection[Any], fingerprint: str) -> Template | None:
    """Return the finished template of this fingerprint, if it is there."""
    return next(iter(fetch_templates(connection, PREFIX + fingerprint)), None)


def fetch_templates(connection: Connection[Any], prefix: str = PREFIX) -> list[Template]:
    """Return the finished templates of this server."""
    return [_read(name, comment) for name, comment in connection.execute(_FINISHED, [prefix])]


def clone(connection: Connection[Any], template: Template, name: str, *, closed: bool = False) -> None:
    """Make a copy of a template, by the fastest strategy seen so far; `closed` for one nobody connects to yet."""
    while True:
        strategy = choose_strategy(connection.info.server_version // 10000, template.samples)
        began = time.monotonic()
        try:
            if strategy.since >= 18:  # noqa: PLR2004 - the version that has the setting
                connection.execute(sql.SQL("SET file_copy_method = {}").format(strategy.method))
            create(connection, name, source=template.name, clause=strategy.clause, closed=closed)
        except (errors.InvalidParameterValue, errors.FeatureNotSupported, errors.IoError, errors.SystemError):
            note(template.samples, strategy, inf, inf)  # this file system cannot; another strategy can
        else:
            note(template.samples, strategy, time.monotonic() - began)
            return


def create(connection: Connection[Any], name: str, *, source: str, clause: str = "", closed: bool = False) -> None:
    """Make a copy of a database that nobody is connected to."""
    words = "CREATE DATABASE {} TEMPLATE {} " + clause + (" ALLOW_CONNECTIONS false" if closed else "")
    connection.execute(sql.SQL(words).format(sql.Identifier(name), sql.Identifier(source)))


def create_empty(connection: Connection[Any], name: str, *, clause: str = "") -> None:
    """Make a database with nothing of ours in it."""
    # Others may be connected to template1 as we are, which then cannot be copied.
    source = "template0" if connection.info.dbname == "template1" else "template1"
    create(connection, name, source=source, clause=clause)


def remember(connection: Connection[Any], template: Template) -> None:
    """Write down that it was used today, and what copies of it took."""
    said = describe(template.holds, made=template.made, samples=template.samples)
    connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(template.name), said))


def describe(holds: str, *, made: str = "", samples: Samples | None = None) -> str:
    """Return the comment of a template that is used today."""
    today = str(datetime.now(UTC).date())
    return json.dumps({"holds": holds, "made": made or today, "used": today, "samples": samples or {}})


def _read(name: str, comment: str | None) -> Template:
    try:
        said = json.loads(comment or "{}")
        return Template(name, said["holds"], said["made"], said["used"], said["samples"])
    except (ValueError, KeyError):  # somebody wrote a comment of their own
        return Template(name, "", "", "")


def _link(before: str, step: str) -> str:
    return sha256(f"{before}\n{step}".encode()).hexdigest()
