"""A recipe in, its finished template out: the longest layer that is there is copied, and only the rest is built.

Whatever a killed builder leaves has the name of a draft; the next builder drops it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof.pg.database import await_quiet, connect, ensure_dropped
from pgproof.pg.lock import named_lock
from pgproof.pg.template import (
    PREFIX,
    Template,
    clone,
    create_empty,
    describe,
    fetch_templates,
    find_template,
    fingerprints,
    remember,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from pgproof.pg.template import Recipe

DRAFT = "pgproof_draft"
LOCK = "building a template"


def ensure_template(conninfo: str, recipe: Recipe, *, wait: float = 600.0) -> Template:
    """Return the template of a recipe, building what is missing of it.

    Args:
        conninfo: of the server's maintenance database.
        recipe: what to build; only its portable steps.
        wait: seconds to wait for another builder on this server.

    Raises:
        LockTimeout: another builder is still at work.
        PgproofError: whatever a step raises; nothing is left of the draft.
    """
    template = build(conninfo, recipe, wait=wait)
    assert template is not None  # noqa: S101 - there is nobody to hand the draft to
    return template


def build(conninfo: str, recipe: Recipe, *, wait: float, give_as: str = "") -> Template | None:
    """Return the template of a recipe, or None where what was built was given away instead of becoming one.

    Args:
        conninfo: of the server's maintenance database.
        recipe: what to build; only its portable steps.
        wait: seconds to wait for another builder on this server.
        give_as: the name of a copy that somebody waits for. Where the last of the work was less than a copy, the draft
            itself takes that name, closed, so that nobody waits for both; the template is left to be built later.

    Raises:
        LockTimeout, PgproofError: as of `ensure_template`.
    """
    with connect(conninfo) as connection:
        chain = fingerprints(connection, recipe)
        template = find_template(connection, chain[-1])
        if not template:
            with named_lock(connection, LOCK, wait=wait):
                return find_template(connection, chain[-1]) or _build(connection, conninfo, recipe, chain, give_as)
        if template.used != str(datetime.now(UTC).date()):
            remember(connection, template)
        return template


def pays(spent: float, total: float, copy: float, *, at_end: bool) -> bool:
    """Return whether what is built so far is worth a layer of its own.

    A layer costs one copy of a database now, and saves the work before it later. The next build begins most likely at
    the end of a stage (a migration is added after the last one, a seed is edited), again and again: there a layer pays
    as soon as the work since the last one is more than it costs. In the middle it serves edits of old migrations,
    which are rare: ten copies' worth of work, and a quarter of all work so far, so that a long chain has few of them.
    What that costs a first build, and saves the next ones, is measured by benchmarks/layers.py.

    Args:
        spent: seconds of work since the last layer.
        total: seconds of work in this build.
        copy: seconds that a copy takes on this server.
        at_end: of a stage.
    """
    return spent > copy if at_end else spent > max(10 * copy, total / 4)


def _build(
    connection: Connection[Any],
    conninfo: str,
    recipe: Recipe,
    chain: Sequence[str],
    give_as: str,
) -> Template | None:
    """Build in a draft; layer by layer it becomes a template, and a copy of that the next draft."""
    draft = make_conninfo(conninfo, dbname=DRAFT)
    finished = {each.fingerprint: each for each in fetch_templates(connection)}
    done = max((index for index, each in enumerate(chain) if each in finished), default=0)
    with _dropping_draft(connection):
        copy = _start(connection, finished.get(chain[done]))
        began = layer = time.monotonic()

        def worth(*, at_end: bool = False) -> bool:
            now = time.monotonic()
            return pays(now - layer, now - began, copy, at_end=at_end)

        while done < recipe.portable:
            done = recipe.run(draft, done, worth)
            if done < recipe.portable and worth(at_end=True):
                _seal(connection, chain[done], recipe.describe(done))
                copy = _start(connection, find_template(connection, chain[done]))
                layer = time.monotonic()
        if give_as and not worth(at_end=True):
            _give(connection, give_as)
        else:
            _seal(connection, chain[done], recipe.describe(done))
        return find_template(connection, chain[-1])


def _start(connection: Connection[Any], base: Template | None) -> float:
    """Make the draft a copy of a layer, else an empty database; return the seconds that took."""
    began = time.monotonic()
    if base:
        clone(connection, base, DRAFT)
        remember(connection, base)
    else:
        create_empty(connection, DRAFT)
    return time.monotonic() - began


def _seal(connection: Connection[Any], fingerprint: str, holds: str) -> None:
    """Say in one transaction that the draft is finished."""
    await_quiet(connection, DRAFT)
    draft, template = sql.Identifier(DRAFT), sql.Identifier(PREFIX + fingerprint)
    with connection.transaction():
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(draft, describe(holds)))
        connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false").format(draft))
        connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(draft, template))


def _give(connection: Connection[Any], name: str) -> None:
    """Let the draft become a copy that nobody connects to yet."""
    await_quiet(connection, DRAFT)
    draft = sql.Identifier(DRAFT)
    with connection.transaction():
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(draft))
        connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(draft, sql.Identifier(name)))


@contextmanager
def _dropping_draft(connection: Connection[Any]) -> Iterator[None]:
    """Drop what a killed builder left before, and what a failed one leaves after: we hold the lock."""
    ensure_dropped(connection, DRAFT)
    try:
        yield
    finally:
        if not connection.closed:
            ensure_dropped(connection, DRAFT)
