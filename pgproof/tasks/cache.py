"""cache.* tasks: how the cache fares, what is in it no more, what it costs, and the worker that tells it of writes."""

from __future__ import annotations

import re
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from json import dumps
from typing import TYPE_CHECKING, Any

from pgproof.errors import PgproofError, SettingsError
from pgproof.tasks.query import NAME, choose_names
from pgproof.tasks.task import place_task, until_interrupted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

    from pgproof.cache.backends.backend import Backend
    from pgproof.cache.outbox import Outbox, Round
    from pgproof.cache.status import Status
    from pgproof.queries import Query
    from pgproof.tasks.screen import Screen
    from pgproof.tasks.task import Place

_PATIENCE = 2.0  # seconds that the backend has for a call: nobody waits for a page here
_EVERY = re.compile(r"(?P<number>\d{1,6})(?P<unit>ms|s|min)")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0}
_EVENTS = ("hit", "stale", "joined", "waited", "miss", "bypass", "fresh", "kept", "bump")


@place_task(help={"json": "for a script"})
def status(place: Place, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Show what the application's processes count, and what the cache has yet to hear of; changes nothing.

    --json: [{"store", "tokens", "queries": {"users.show": {"hit": 3, …}, …}, "failures": {"TIMEOUT_ERROR": 1, …},
    "processes": [{"host", "pid", "state", "ago"}, …], "workers": [the same], "due": ["public.users", …], "behind"}, …];
    ago and behind are seconds; behind is null where something is due and no worker was there within a day.
    """
    from pgproof.cache.direct import perform
    from pgproof.cache.status import fetch_statuses

    with _connect(place) as connection:
        found = perform(connection, fetch_statuses())
    if json:
        place.screen.say(dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
        return
    for each in found:
        _show(place.screen, each)
    if not found:
        place.screen.say("no process has reported yet")


@place_task(help=NAME, iterable=["name"])
def flush(place: Place, name: list[str]) -> None:
    """Have what is kept of queries found no more: whoever calls them next asks the database."""
    from pgproof.cache.direct import perform
    from pgproof.cache.status import fetch_statuses

    queries = _choose_cached(place, name)
    with _connect(place) as connection, closing(_make_backend(place)) as backend:
        outbox = _make_outbox(place, backend)
        done = perform(connection, outbox.flush([each.name for each in queries] if name else ()))
        live = sum(process.is_live for each in perform(connection, fetch_statuses()) for process in each.processes)
    who = f"{live} process{'es' if live != 1 else ''} reported lately"
    place.screen.say(f"flushed {_count(queries)}: their next calls ask the database; {who}", "applied")
    _check(outbox, done)


@place_task(help={"every": "rest between two rounds: 500ms, 1s, 1min (default: 1s)", "once": "deliver, and end"})
def worker(place: Place, every: str = "1s", once: bool = False) -> None:  # noqa: FBT001, FBT002
    """Tell the cache of writes that it was not told of by who wrote, until interrupted.

    Answers of mode bounded are as old as this rest at most, where a writer is killed, or writes past the application.
    """
    from pgproof.cache.worker import Worker

    rest, screen = _read_rest(every), place.screen
    with until_interrupted(screen), closing(_make_backend(place)) as backend:
        outbox = _make_outbox(place, backend)
        with closing(Worker(outbox, lambda: _connect(replace(place)), screen.say)) as working:
            if once:
                _check(outbox, working.deliver())
                return
            what = f"telling {outbox.store} of writes" if outbox.holds_tokens else "only adding up what was written"
            screen.say(f"{what} every {every}")
            working.deliver()
            working.run(rest)


@place_task(help=NAME, iterable=["name"])
def bench(place: Place, name: list[str]) -> None:
    """Measure what the cases of cached queries cost without and with the cache, on a seeded clone."""
    from psycopg.conninfo import make_conninfo

    from pgproof.cache.choose import choose_backend
    from pgproof.contracts.subjects import read_subjects
    from pgproof.tasks.bench import open_bench

    queries = _choose_cached(place, name)
    subjects = read_subjects(place.queries, place.settings.contracts, [each.name for each in queries])
    with open_bench(place.settings) as clones:
        url = make_conninfo(place.running, dbname=clones.session.connection.info.dbname)
        with closing(choose_backend(place.settings, url)) as backend:
            rows = [
                [each.query.name, case.name, *_measure(place, url, each.query, dict(case.params), backend)]
                for each in subjects
                for case in each.contract.cases
                if not case.error and case.expect != "not_one_row"
            ]
    place.screen.table(["query", "case", "bytes", "no cache", "miss", "strict hit", "bounded hit"], rows)
    place.screen.say(f"milliseconds, medians, on {backend.name}")


def _connect(place: Place) -> Connection[Any]:
    """Connect to the project's database, in which the cache has to be set up; starts nothing."""
    from pgproof.cache.direct import perform
    from pgproof.cache.status import is_set_up

    with ExitStack() as stack:
        connection = stack.enter_context(place.connect_if_up())
        if not perform(connection, is_set_up()):
            raise SettingsError(
                f"the cache is not set up in {place.server.database}",
                hint="`inv cache.init` writes the migration for it, and `inv db.migrate` applies that",
            )
        stack.pop_all()
    return connection


def _make_backend(place: Place) -> Backend:
    from pgproof.cache.choose import choose_backend

    return choose_backend(place.settings, place.url(show_password=True), timeout=_PATIENCE)


def _make_outbox(place: Place, backend: Backend) -> Outbox:
    from pgproof.cache.outbox import Outbox

    return Outbox(backend, place.settings.cache_name)


def _choose_cached(place: Place, patterns: list[str]) -> list[Query]:
    """Return the cached queries that are meant; all of them without a pattern."""
    from pgproof.cache.declaration import read_declaration

    queries = place.queries
    chosen = choose_names(queries, patterns)
    declared = {query.name: read_declaration(query) for query in queries if not chosen or query.name in chosen}
    cached = [queries[name] for name, each in declared.items() if each and each.ttl]
    if not cached:
        what = ", ".join(chosen) or "no query"
        raise SettingsError(f"{what}: not cached", hint="`-- cache: ttl=60s mode=strict` in its file has it cached")
    return cached


def _check(outbox: Outbox, done: Round) -> None:
    """Fail where the store was not told; what it was told is of no interest to who asked."""
    if done.due:
        raise PgproofError(
            f"{outbox.store} was not told of {', '.join(done.due)}: {done.failure}",
            hint="nothing is lost: `inv cache.worker` tells it as soon as it answers",
        )


def _read_rest(text: str) -> float:
    found = _EVERY.fullmatch(text)
    if not found or int(found["number"]) == 0:
        raise SettingsError(f"--every {text!r} is not a duration", hint="for example 500ms, 1s, 1min")
    return int(found["number"]) * _SECONDS[found["unit"]]


def _measure(place: Place, url: str, query: Query, parameters: dict[str, object], backend: Backend) -> list[str]:
    from pgproof.cache.bench import measure

    place.screen.busy(f"measuring {query.name}")
    costs = measure(url, query, parameters, backend)
    took = [f"{each:.2f}" for each in (costs.plain, costs.miss, costs.strict, costs.bounded)]
    return [str(costs.bytes), *took] if costs.bytes else ["not kept", took[0], "", "", ""]


def _show(screen: Screen, status: Status) -> None:
    live = [sum(each.is_live for each in group) for group in (status.processes, status.workers)]
    screen.say(f"{status.store}: {live[0]} of {len(status.processes)} processes reported lately", "query")
    rows = [_as_row(name, events) for name, events in status.queries.items()]
    screen.table(["query", "hit rate", *_EVENTS, "besides"], rows)
    for kind, many in sorted(status.failures.items()):
        screen.say(f"failed: {kind} {many}", "edited")
    for each in status.processes:
        if each.state != "closed":
            screen.say(f"breaker {each.state}: pid {each.pid} on {each.host}, {each.ago:.0f} s ago", "edited")
    if status.tokens:
        _show_outbox(screen, status, workers=live[1])


def _show_outbox(screen: Screen, status: Status, *, workers: int) -> None:
    waiting = sorted({each.state for each in status.workers if each.is_live and each.state})
    for each in waiting:
        screen.say(f"a worker waits for {each}", "waiting")
    if not status.due:
        screen.say(f"nothing is due; {workers} workers", "applied")
        return
    since = "nobody knows for how long" if status.behind is None else f"for {status.behind:.0f} s at most"
    hint = "" if workers else "; `inv cache.worker` has to run"
    screen.say(f"due {since}: {', '.join(status.due)}; {workers} workers{hint}", "waiting")


def _as_row(name: str, events: Mapping[str, int]) -> list[str]:
    from pgproof.cache.status import hit_rate

    rate = hit_rate(events)
    besides = ", ".join(f"{many} {event}" for event, many in events.items() if event not in _EVENTS)
    counted = [str(events.get(event, 0)) for event in _EVENTS]
    return [name, "" if rate is None else f"{rate:.0%}", *counted, besides]


def _count(queries: list[Query]) -> str:
    return f"{len(queries)} quer{'ies' if len(queries) != 1 else 'y'}"
