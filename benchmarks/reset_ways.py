"""One size of a project on one server in, the ways to make its database anew out: each tool's, ours, and the limit.

What a way needs is there before it is measured, and nothing of ours is at work in the background while another one is.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from migrate_peers import INV
from places import DATABASE
from psycopg import errors, sql
from reset_peers import PEERS, make_one_more
from sidebyside import measure_call, measure_process

from pgproof.migrations import migrate, read_folder
from pgproof.pg.database import connect
from pgproof.pg.kept import discard, fetch_kept
from pgproof.pg.layers import ensure_template
from pgproof.pg.spare import ensure_spare
from pgproof.pg.strategy import STRATEGIES, Strategy
from pgproof.pg.template import PREFIX, Template, find_template, fingerprints
from pgproof.recipe import read_recipe
from pgproof.reset import reset
from pgproof.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from places import Place
    from psycopg import Connection
    from sidebyside import Cost

    from pgproof.recipe import Recipe
    from pgproof.settings import Settings

    Work = Callable[[], object]

_PATIENCE = 120  # seconds for what goes on in the background; it is not measured
_OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Stage:
    """A project of some size on a server.

    Attributes:
        folder: has a folder with the project's files for each tool.
        connection: an open one to the maintenance database.
    """

    place: Place
    folder: Path
    size: int
    connection: Connection[Any]

    @property
    def settings(self) -> Settings:
        """Our project's."""
        return read_settings(self.place.project, environ=self.place.settings)

    @property
    def recipe(self) -> Recipe:
        """What the files say now."""
        settings = self.settings
        return read_recipe(settings, seeds=settings.seeds)

    @property
    def template(self) -> Template:
        """The finished one of these files."""
        return ensure_template(self.place.conninfo, self.recipe)

    def enter(self) -> None:
        """Give our project this size."""
        for name in ("migrations", "seeds"):
            link = self.place.project / name
            link.unlink(missing_ok=True)
            link.symlink_to(self.folder / "pgproof" / name)

    @contextmanager
    def one_more(self, attempt: int) -> Iterator[None]:
        """Have another migration at the end for a while."""
        added, folder = make_one_more(self.size, attempt), self.place.project / "migrations"
        (folder / f"{added.id}.sql").write_text(f"-- added\n{added.forwards}\n")
        (folder / f"{added.id}.rollback.sql").write_text(f"{added.back}\n")
        yield
        for path in folder.glob(f"{added.id}.*"):
            path.unlink()

    def drop(self, kind: str, name: str = "") -> None:
        """Drop what we keep of a kind: all, or the one by that name."""
        for each in fetch_kept(self.connection):
            if each.kind == kind and name in ("", each.name):
                discard(self.connection, each)

    def settle(self) -> None:
        """Wait until the process that a reset leaves behind has made template and spare, and is gone."""
        fingerprint = fingerprints(self.connection, self.recipe)[-1]
        end = time.monotonic() + _PATIENCE
        while not ((template := find_template(self.connection, fingerprint)) and self._has_settled(template)):
            if time.monotonic() > end:
                raise RuntimeError("no spare was made")
            time.sleep(0.02)

    def _has_settled(self, template: Template) -> bool:
        kinds = {each.kind: each.name for each in fetch_kept(self.connection)}
        (others,) = self.connection.execute(_OTHERS).fetchone() or (0,)
        return kinds.get("spare", "").endswith(template.fingerprint) and "old" not in kinds and not others


@dataclass(frozen=True)
class Way:
    """A way to make the database anew.

    Attributes:
        ready: makes what it needs, gives what is measured, and clears up.
        command: what is measured instead, where it is a process of its own; `folder` names its project.
        slow: sits out some rounds of the largest size.
    """

    name: str
    ready: Callable[[Stage, int], AbstractContextManager[Work]] = lambda _, __: nullcontext(lambda: None)
    command: Sequence[str] = ()
    folder: str = ""
    slow: bool = False

    def measure(self, stage: Stage, attempt: int) -> Cost:
        """Run it once; `attempt` is another one each time."""
        with self.ready(stage, attempt) as work:
            if not self.command:
                return measure_call(work)
            folder = stage.folder / self.folder if self.folder else stage.place.project
            return measure_process(self.command, folder, stage.place.environ)


def find_bare_ways(connection: Connection[Any]) -> list[Way]:
    """Return the least that a copy costs by each strategy that this server has: the fastest of them is the limit."""
    ways = []
    for each in STRATEGIES:
        if connection.info.server_version // 10000 < each.since:
            continue
        try:
            with connection.transaction(force_rollback=True):
                _choose_method(connection, each)
        except errors.InvalidParameterValue:
            continue  # a build without it
        words = f"{each.clause}{', clone' if each.method == 'clone' else ''}"
        ways.append(Way(f"DROP, CREATE … {words}", partial(_bare, each)))
    return ways


def _choose_method(connection: Connection[Any], strategy: Strategy) -> None:
    if connection.info.server_version >= 18_00_00:  # noqa: PLR2004 - the version that has the setting
        connection.execute(sql.SQL("SET file_copy_method = {}").format(strategy.method))


@contextmanager
def _bare(strategy: Strategy, stage: Stage, _: int) -> Iterator[Work]:
    name, database, connection = sql.Identifier(stage.template.name), sql.Identifier(DATABASE), stage.connection
    copy = sql.SQL(f"CREATE DATABASE {{}} TEMPLATE {{}} {strategy.clause}")
    _choose_method(connection, strategy)

    def work() -> None:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
        connection.execute(copy.format(database, name))

    yield work


# Ours


def _reset(stage: Stage, *, cold: bool = False) -> None:
    """Do what `inv db.reset` does, the files read as well."""
    reset(stage.place.conninfo, DATABASE, stage.recipe, cold=cold)


@contextmanager
def _with_template(stage: Stage, _: int) -> Iterator[Work]:
    assert stage.template.name.startswith(PREFIX)
    stage.drop("spare")
    yield partial(_reset, stage)
    stage.settle()


@contextmanager
def _with_spare(stage: Stage, _: int) -> Iterator[Work]:
    ensure_spare(stage.connection, DATABASE, stage.template)
    yield partial(_reset, stage)
    stage.settle()


@contextmanager
def _with_one_more(stage: Stage, attempt: int) -> Iterator[Work]:
    ensure_spare(stage.connection, DATABASE, stage.template)
    with stage.one_more(attempt):
        yield partial(_reset, stage)
        stage.settle()
        stage.drop("template", stage.template.name)


@contextmanager
def _one_more(stage: Stage, attempt: int) -> Iterator[Work]:
    _reset(stage)
    stage.settle()
    with stage.one_more(attempt), connect(stage.place.database) as connection:
        yield lambda: migrate(connection, read_folder(stage.settings.migrations), stage.settings)


@contextmanager
def _read(stage: Stage, _: int) -> Iterator[Work]:
    yield lambda: stage.recipe.steps


@contextmanager
def _cold(stage: Stage, _: int) -> Iterator[Work]:
    yield partial(_reset, stage, cold=True)


TEMPLATE = Way("pgproof, from its template", _with_template)
SPARE = Way("pgproof, from a spare", _with_spare)
ADDED = Way("pgproof, one migration was added", _with_one_more)
MIGRATION = Way("that migration alone, by `migrate`", _one_more)
READ = Way("of that, reading and hashing the files", _read)
COLD = Way("pgproof, cold", _cold, slow=True)
IN_PROCESS = (TEMPLATE, SPARE, READ, ADDED, MIGRATION, COLD)

_INV = (INV.command[0], "db.reset")
INV_TEMPLATE = Way("inv db.reset, from its template", _with_template, _INV)
INV_SPARE = Way("inv db.reset, from a spare", _with_spare, _INV)
INV_ADDED = Way("inv db.reset, one migration was added", _with_one_more, _INV)
INV_COLD = Way("inv db.reset --cold", command=(*_INV, "--cold"), slow=True)
_OTHER_TOOLS = [Way(each.name, command=each.command, folder=each.name, slow=each.slow) for each in PEERS]
DBMATE, *_ = _OTHER_TOOLS
PROCESSES = (*_OTHER_TOOLS, INV_COLD, INV_TEMPLATE, INV_SPARE, INV_ADDED)
