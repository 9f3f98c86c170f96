"""Back door: the pytest plugin. What a test asks for in, a database of its own out; contracts in, items out.

A test asks by its fixtures and by `@pytest.mark.pgproof`. Nothing is started before the first one does.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from pgproof.errors import Location, PgproofError
from pgproof.isolation.tally import Tally
from pgproof.isolation.workbench import Workbench
from pgproof.plugin.collecting import PROJECT, Project, pytest_collect_file, pytest_make_collect_report

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import TracebackType

    from psycopg import AsyncConnection, Connection
    from psycopg.rows import TupleRow

    from pgproof.isolation.lease import Lease
    from pgproof.isolation.wish import Wish
    from pgproof.migrations import Outcome
    from pgproof.queries import Database

__all__ = ["pytest_collect_file", "pytest_make_collect_report"]  # pytest finds them here

MARKER = """\
pgproof(isolation="transaction" | "clone", seeds=False | "folder", at="0007_..."): which database a test gets. \
isolation: what it does is rolled back, or it has a clone of its own and may commit. \
seeds: none, or those of another folder. at: the last migration; then without seeds, if none are named."""

CONTRACT_MARKER = """\
contract(layer="files" | "shape" | "rows" | "stability" | "plan"): set on the items of tests/contracts: \
-m 'not contract(layer="stability")' leaves some out."""

_WORKBENCH = pytest.StashKey[Workbench]()
_LEASE = pytest.StashKey["Lease"]()
_NEXT = pytest.StashKey[pytest.Item]()
_KEPT = pytest.StashKey[str]()


# A run


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --pgproof-keep."""
    parser.getgroup("pgproof").addoption(
        "--pgproof-keep",
        action="store_true",
        help="keep the database of a test that fails and print its URL; the tests run on the developer's own server",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and make room for what tests will ask for."""
    for marker in (MARKER, CONTRACT_MARKER):
        config.addinivalue_line("markers", marker)
    lender = getattr(config, "workerinput", {}).get("pgproof")
    config.stash[_WORKBENCH] = Workbench(config.rootpath, keep=config.getoption("pgproof_keep"), lender=lender)
    config.stash[PROJECT] = Project(config.stash[_WORKBENCH])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - of xdist, which need not be installed
    """Tell a worker of xdist where it borrows the server."""
    node.workerinput["pgproof"] = node.config.stash[_WORKBENCH].lend()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401
    """Count in what a worker has made; one that crashed has not told."""
    if told := getattr(node, "workeroutput", {}).get("pgproof"):
        node.config.stash[_WORKBENCH].tally.add(Tally(**told))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what was started, when the last fixture is gone."""
    workbench = session.config.stash[_WORKBENCH]
    session.config.stash[PROJECT].close()
    workbench.close()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["pgproof"] = asdict(workbench.tally)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which server was used, if one was, and what was made on it."""
    tally = config.stash[_WORKBENCH].tally
    if tally.server:
        terminalreporter.write_line(f"pgproof: {tally}")


# A test


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, object, object]:
    """Refuse a marker that makes no sense before any test runs."""
    made = yield
    for item in made if isinstance(made, list) else []:
        if isinstance(item, pytest.Function) and item.get_closest_marker("pgproof"):
            with _told_as_text():
                _read_wish(item)
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Remember what comes next, where that asks for a database."""
    if nextitem and _pgproof_lease.__name__ in getattr(nextitem, "fixturenames", ()):
        item.stash[_NEXT] = nextitem


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """While a test runs, prepare what the next one will ask for."""
    result = yield
    run, after = item.config.stash[_WORKBENCH].run.if_made, item.stash.get(_NEXT, None)
    if run and after:
        with suppress(PgproofError):  # a marker that makes no sense is told by its own test
            run.expect(_read_wish(after))
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Check what a test has done as soon as it is over, so that what COMMIT would refuse fails it."""
    __tracebackhide__ = True
    lease = item.stash.get(_LEASE, None)
    try:
        result = yield
    except Exception as error:
        if lease:
            lease.advise(error)
        if isinstance(error, PgproofError) and not item.config.getoption("fulltrace"):
            _hide_our_code(error)
        raise
    if lease:
        with _told_as_text():
            lease.check()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Decide whether the test's database is kept, and say where in its report."""
    report = yield
    workbench, lease = item.config.stash[_WORKBENCH], item.stash.get(_LEASE, None)
    if workbench.keep and lease and report.failed and report.when != "teardown":
        item.stash[_KEPT], told = workbench.run.get().choose_kept(lease, item.name)
        report.sections.append(("pgproof", told))
    return report


@pytest.fixture
def _pgproof_lease(request: pytest.FixtureRequest) -> Iterator[Lease]:
    """A database for this test; the fixtures below are ways to use it."""
    item = cast("pytest.Item", request.node)
    with _told_as_text():
        wish, run = _read_wish(item), item.config.stash[_WORKBENCH].run.get()
        lease = run.start(wish)
    item.stash[_LEASE] = lease
    yield lease
    del item.stash[_LEASE]
    with _told_as_text():
        if kept := item.stash.get(_KEPT, None):
            del item.stash[_KEPT]
            run.keep(lease, kept)
        else:
            run.end(wish, lease)


# What tests ask for


@pytest.fixture
def database_url(request: pytest.FixtureRequest, _pgproof_lease: Lease) -> str:
    """URL of a database of this test's own, migrated and seeded; whatever is left in it, no other test sees it."""
    _check_clone(request)
    return _pgproof_lease.clone.url


@pytest.fixture
def connection(_pgproof_lease: Lease) -> Connection[TupleRow]:
    """A psycopg connection in autocommit to a migrated and seeded database; what it writes is gone after the test."""
    return _pgproof_lease.connect()


@pytest.fixture
def async_connection(_pgproof_lease: Lease) -> AsyncConnection[TupleRow]:
    """The same as `connection` for an asynchronous test: its session, seen through a psycopg.AsyncConnection."""
    return _pgproof_lease.connect_async()


@pytest.fixture
def db(request: pytest.FixtureRequest, connection: Connection[TupleRow]) -> Database:
    """The project's named queries on `connection`."""
    from pgproof.queries import Database

    with _told_as_text():
        return Database(connection, request.config.stash[_WORKBENCH].queries.get())


@pytest.fixture
def query(db: Database) -> Callable[..., Any]:
    """Run a named query: `query("activities.home", handle="andrew")`."""
    return db.run


@pytest.fixture
def migrate(request: pytest.FixtureRequest, _pgproof_lease: Lease) -> Callable[..., Outcome]:
    """Go on with the project's migrations in this test's clone: `migrate(to="0008")`, or `migrate()` to the last."""
    _check_clone(request)
    settings = request.config.stash[_WORKBENCH].settings.get()

    def go_on(*, to: str | None = None) -> Outcome:
        return _pgproof_lease.clone.migrate(settings, to=to)

    return go_on


def _check_clone(request: pytest.FixtureRequest) -> None:
    """A fixture that a test asks for while it runs comes too late to change its isolation."""
    if _read_wish(request.node).isolation != "clone":
        from pgproof.isolation.wish import refuse

        with _told_as_text():
            refuse(str(request.fixturename), _locate(request.node))


def _read_wish(item: pytest.Item) -> Wish:
    """Read the words of all its markers; the nearest counts."""
    from pgproof.isolation.wish import read_wish

    words: dict[str, Any] = {}
    for mark in item.iter_markers("pgproof"):
        words = {repr(value): value for value in mark.args} | dict(mark.kwargs) | words
    return read_wish(words, getattr(item, "fixturenames", ()), _locate(item))


def _locate(item: pytest.Item) -> Location:
    path, line, _ = item.location
    return Location(Path(path), None if line is None else line + 1)


@contextmanager
def _told_as_text() -> Iterator[None]:
    """Let an expected error fail a test by its words; a traceback through our code would say nothing more."""
    __tracebackhide__ = True
    try:
        yield
    except PgproofError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def _hide_our_code(error: PgproofError) -> None:
    """Let the traceback of an expected error end where the test called us; of its cause only the words are shown."""
    error.__traceback__ = _without_us(error.__traceback__)
    if error.__cause__:
        error.__cause__.__traceback__ = None


def _without_us(trace: TracebackType | None) -> TracebackType | None:
    if trace is None:
        return None
    trace.tb_next = _without_us(trace.tb_next)
    package = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
    return trace.tb_next if package in ("pgproof", "contextlib") else trace
