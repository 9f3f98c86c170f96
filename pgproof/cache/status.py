"""A database in, how the caches that it feeds fare out: what all processes count, what each store has yet to hear.

Numbers are those of processes that reported within a day; one that was killed has told all but its last seconds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgproof.cache.outbox import find_due
from pgproof.queries.steps import Select

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pgproof.queries.steps import Steps

_SET_UP = "SELECT to_regclass('pgproof_cache.processes') IS NOT NULL"
_REPORTS = """
SELECT report, extract(epoch FROM now() - reported_at)::float8 FROM pgproof_cache.processes
ORDER BY report->>'store', reported_at DESC, process
"""
_LATELY = 30.0  # seconds: who is well reports every 10, if there is anything to report

# Whose caller did not wait for a query that was run for it, and who did.
_SPARED = ("hit", "stale", "joined", "waited")
_ASKED = ("miss", "bypass")


@dataclass(frozen=True)
class Process:
    """A process of the application, or a worker.

    Attributes:
        state: of the breaker; of a worker what it waits for, if for anything.
        ago: seconds since it reported.
    """

    host: str
    pid: int
    state: str
    ago: float

    @property
    def is_live(self) -> bool:
        """Whether it reported lately."""
        return self.ago < _LATELY


@dataclass(frozen=True)
class Status:
    """How the caches of one store fare.

    Attributes:
        store: as the outbox knows it.
        tokens: it holds any, so that it has to be told of writes.
        queries: how often each event happened, by query.
        failures: how often the backend failed, by kind.
        processes: of the application, that which reported last first.
        workers: the same of those that deliver the outbox.
        due: tables that the store has yet to hear of.
        behind: seconds for which the first of them waits, at most; None where no worker was there within a day.
    """

    store: str
    tokens: bool
    queries: Mapping[str, Mapping[str, int]]
    failures: Mapping[str, int]
    processes: tuple[Process, ...]
    workers: tuple[Process, ...]
    due: tuple[str, ...]
    behind: float | None


def is_set_up() -> Steps[bool]:
    """Find whether the cache has its schema in this database."""
    [(found,)] = yield Select(_SET_UP)
    return bool(found)


def fetch_statuses() -> Steps[list[Status]]:
    """Find how each store fares that a process reported about.

    Raises:
        psycopg.Error, PgproofError: as the database does.
    """
    by_store: dict[str, list[tuple[Mapping[str, Any], float]]] = {}
    for report, ago in (yield Select(_REPORTS)):
        by_store.setdefault(report["store"], []).append((report, ago))
    found = []
    for store, reports in by_store.items():
        due = (yield from find_due(store)) if reports[0][0]["tokens"] else {}
        found.append(_sum_up(store, reports, tuple(due)))
    return found


def hit_rate(events: Mapping[str, int]) -> float | None:
    """Return the share of calls that did not have the query run; None where there were none."""
    spared, asked = (sum(events.get(each, 0) for each in kinds) for kinds in (_SPARED, _ASKED))
    return spared / (spared + asked) if spared + asked else None


def _sum_up(store: str, reports: list[tuple[Mapping[str, Any], float]], due: tuple[str, ...]) -> Status:
    told = [report for report, _ in reports if not report.get("worker")]
    caught_up = [report["behind"] + ago for report, ago in reports if report.get("behind") is not None]
    return Status(
        store=store,
        tokens=reports[0][0]["tokens"],
        queries=_add_events(told),
        failures=_add(each["failures"] for each in told),
        processes=tuple(_process(*each) for each in reports if not each[0].get("worker")),
        workers=tuple(_process(*each) for each in reports if each[0].get("worker")),
        due=due,
        behind=min(caught_up, default=None) if due else 0.0,
    )


def _add_events(reports: Collection[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    queries = sorted({query for report in reports for query in report["events"]})
    return {query: _add(report["events"].get(query, {}) for report in reports) for query in queries}


def _add(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for each in counts:
        total.update(each)
    return dict(total)


def _process(report: Mapping[str, Any], ago: float) -> Process:
    return Process(report["host"], report["pid"], report.get("breaker") or report.get("failure", ""), ago)
