"""A recipe in, clones for one test at a time out: made ahead in the background, used again where that is safe."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import make_conninfo

from pgproof.errors import ServerUnavailable
from pgproof.isolation.clone import Clone
from pgproof.pg import template
from pgproof.pg.database import ensure_dropped
from pgproof.pg.layers import ensure_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from pgproof.isolation.tally import Tally
    from pgproof.pg.template import Template
    from pgproof.recipe import Recipe


@dataclass(frozen=True)
class Source:
    """How the databases of one recipe are made on a server: copied from a template where it may have one."""

    maintenance: Connection[TupleRow]
    conninfo: str
    recipe: Recipe
    template: Template | None

    def make(self, name: str) -> Clone:
        """Make a database and open a session in it.

        Raises:
            ServerUnavailable: the server refuses, for example on a full disk.
            PgproofError: whatever a step of the recipe raises.
        """
        conninfo = make_conninfo(self.conninfo, dbname=name)
        with _explained("no database could be made for a test"):
            if self.template:
                template.clone(self.maintenance, self.template, name)
                self.recipe.finish(conninfo)
            else:
                template.create_empty(self.maintenance, name)
                self.recipe.finish(conninfo, 0)
            return Clone(name, conninfo)


def open_source(maintenance: Connection[TupleRow], conninfo: str, recipe: Recipe) -> Source:
    """Return how to make a recipe's databases, with its template finished.

    Raises:
        PgproofError: whatever a step of the recipe raises.
    """
    settings, kept = recipe.settings, None
    if settings.keeps_templates:
        with _explained("no template for the tests could be made"):
            kept = ensure_template(conninfo, recipe, wait=settings.runner_wait)
    return Source(maintenance, conninfo, recipe, kept)


class Pool:
    """The clones of one recipe in this process.

    Making and dropping happen in the one thread of `background`; what fails there is raised at the next `acquire`.
    """

    def __init__(self, source: Source, background: Executor, choose_name: Callable[[], str], tally: Tally) -> None:
        self._source = source
        self._background = background
        self._choose_name = choose_name
        self._tally = tally
        self._clean: list[Clone] = []
        self._ahead: deque[Future[Clone]] = deque()
        self._dropped: deque[Future[None]] = deque()

    def prepare(self, count: int) -> None:
        """Have so many clones ready soon."""
        while len(self._clean) + len(self._ahead) < count:
            self._ahead.append(self._background.submit(self._make))

    def acquire(self) -> Clone:
        """Return a clone that nobody else has; wait only if none is ready.

        Raises:
            PgproofError: making or dropping one failed.
        """
        while self._dropped and self._dropped[0].done():
            self._dropped.popleft().result()
        while not (clone := self._take()).is_alive():
            self.release(clone, clean=False)
        return clone

    def release(self, clone: Clone, *, clean: bool) -> None:
        """Take a clone back: the next test gets a clean one, any other is dropped."""
        if clean:
            self._clean.append(clone)
        else:
            clone.close()
            self._dropped.append(self._background.submit(self._drop, clone.name))

    def close(self) -> None:
        """End the sessions; `background` has ended before, and the databases are the run's to drop."""
        made = [each.result() for each in self._ahead if not each.cancelled() and not each.exception()]
        for clone in (*self._clean, *made):
            clone.close()

    def _take(self) -> Clone:
        if self._clean:
            self._tally.reused += 1
            return self._clean.pop()
        self.prepare(1)
        return self._ahead.popleft().result()

    def _make(self) -> Clone:
        clone = self._source.make(self._choose_name())
        self._tally.made += 1  # only ever in this thread
        return clone

    def _drop(self, name: str) -> None:
        with _explained(f"database {name}, of a test that is over, could not be dropped"):
            ensure_dropped(self._source.maintenance, name)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise ServerUnavailable(f"{what}: {error}") from error
