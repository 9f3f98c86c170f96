"""Protocols that look right and are not, each with the mistake that it makes: the checker has to find every one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from pgproof.cache import Backend, BackendError
from pgproof.cache.current import Current
from pgproof.cache.known import Known
from pgproof.queries import Query, steps
from pgproof.queries.steps import Do, Steps
from tests.histories.history import Mode
from tests.histories.naive import (
    DAY,
    AddOnly,
    Generations,
    Naive,
    OneTable,
    Sequences,
    SharedByCall,
    TokenAtFill,
    TokenBeforeCommit,
    Tokens,
    VersionAtFill,
    Versioned,
)
from tests.histories.places import Kind
from tests.histories.runs import OURS, Process, Protocol, change_steps
from tests.histories.script import Job, Verb

SCHEMA = """
CREATE SEQUENCE left_cell_version;
CREATE SEQUENCE right_cell_version;
CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM nextval(TG_TABLE_NAME || '_version'); RETURN NULL; END $$;
CREATE TRIGGER count_up AFTER INSERT OR UPDATE ON left_cell EXECUTE FUNCTION count_up();
CREATE TRIGGER count_up AFTER INSERT OR UPDATE ON right_cell EXECUTE FUNCTION count_up();
"""
"""What the protocol with sequences needs beside the cells."""


class _Remembering(Known):
    def recall(self, names: Iterable[str], since: float) -> dict[str, str]:
        return super().recall(names, min(since, -inf))


class _Unforgetting(Known):
    def forget(self, names: Iterable[str]) -> None:
        pass


def _remember(process: Process) -> steps.Cache:
    return _with(process, _Remembering())


def _keep_own(process: Process) -> steps.Cache:
    return _with(process, _Unforgetting())


def _with(process: Process, known: Known) -> steps.Cache:
    cache = OURS.make(process)
    vars(cache)["_current"]._known = known  # noqa: SLF001
    return cache


class _Bumping(Current):
    """It replaces tokens once, and does not know of those that could not be replaced."""

    def bump(self, query: Query, names: Iterable[str] | None, access: Any) -> Steps[None]:
        try:
            yield from super().bump(query, names, access)
        finally:
            self._due.clear()


def _bump_once(process: Process) -> steps.Cache:
    cache = OURS.make(process)
    vars(cache)["_current"].__class__ = _Bumping
    return cache


class _Undying:
    """A backend that keeps everything for a day."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def set(self, key: str, value: bytes, _: float) -> None:
        self._backend.set(key, value, DAY)


def _trust_clocks(process: Process) -> steps.Cache:
    process.backend = _Undying(process.backend)  # for the rest it is one
    return OURS.make(process)


def _note_first(backend: Backend) -> Steps[bool]:
    """Note as told what is only then told."""
    waiting: list[Do] = []

    def change(step: Any) -> Steps[Any]:
        if isinstance(step, Do):
            waiting.append(step)
            return None
        given = yield step
        if waiting:
            yield waiting.pop()
        return given

    return (yield from change_steps(OURS.deliver(backend), change))


def _note_failed(backend: Backend) -> Steps[bool]:
    """Note as told also what could not be."""

    def change(step: Any) -> Steps[Any]:
        try:
            return (yield step)
        except BackendError:
            return None

    return (yield from change_steps(OURS.deliver(backend), change))


def _deliver_nothing(_: Backend) -> Steps[bool]:
    yield from ()
    return False


@dataclass(frozen=True)
class Broken:
    """A protocol, what it gets wrong, the promise that it breaks, and what has to happen for it to show."""

    wrong: str
    mode: Mode
    kind: Kind
    protocol: Protocol
    needs: tuple[Job | Verb, ...] = ()


def _naive(cache: type[Naive]) -> Protocol:
    return Protocol(cache, _deliver_nothing)


_OUTBOX: tuple[Job | Verb, ...] = ("psql", "deliver", "fail")
BROKEN = (
    Broken("deletes after the commit", "bounded", "shared", _naive(Naive)),
    Broken("deletes after the commit, fills only where nothing is", "bounded", "shared", _naive(AddOnly)),
    Broken("reads tokens when it fills", "bounded", "shared", _naive(TokenAtFill)),
    Broken("replaces tokens before the commit", "bounded", "shared", _naive(TokenBeforeCommit)),
    Broken("counts generations in the store", "bounded", "shared", _naive(Generations), ("evict",)),
    Broken("tries once to replace a token", "bounded", "shared", _naive(Tokens), ("fail",)),
    Broken("reads versions when it fills", "strict", "memory", _naive(VersionAtFill)),
    Broken("takes versions from sequences", "strict", "shared", _naive(Sequences), ("commit",)),
    Broken("watches one table of two", "strict", "memory", _naive(OneTable)),
    Broken("shares what was asked for before a commit", "strict", "memory", _naive(SharedByCall)),
    Broken("fills inside of transactions", "bounded", "shared", replace(OURS, fills_inside=True), ("roll back",)),
    Broken("remembers tokens without an end", "bounded", "shared", replace(OURS, make=_remember)),
    Broken("remembers versions without an end", "bounded", "memory", replace(OURS, make=_remember)),
    Broken("remembers what it has written over itself", "bounded", "memory", replace(OURS, make=_keep_own)),
    Broken("forgets a bump that failed", "bounded", "shared", replace(OURS, make=_bump_once), ("fail",)),
    Broken("leaves it to clocks what is too old", "bounded", "shared", replace(OURS, make=_trust_clocks), ("psql",)),
    Broken("notes as told what is not yet", "bounded", "shared", replace(OURS, deliver=_note_first), _OUTBOX),
    Broken("notes as told what failed", "bounded", "shared", replace(OURS, deliver=_note_failed), _OUTBOX),
)
RIGHT = _naive(Versioned)
