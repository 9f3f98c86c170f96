"""A run that is cut short, at any moment and in any way, is finished by the next one without a person's help.

These are rows 11 to 15 of what stock yoyo does wrong: SIGKILL in the midst of a migration (11), of CREATE INDEX
CONCURRENTLY (12), between a migration's work and its record (13), at each round trip (14), and a connection that
is cut (15). The other rows are in test_yoyo_traps.py.
"""

import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof.pg.database import connect, drop, ensure_created
from tests.project import Project
from tests.runners import DEADLINE, Nursery, Running, nursery
from tests.thirty import ONE_OF_A_KIND, THIRTY, clear, fetch_end, write_steps

FORTH: dict[str, object] = {}
BACK: dict[str, object] = {"back_to": "0001_step"}


@dataclass(frozen=True)
class Undisturbed:
    """What a run that nobody disturbs comes to: in the database, in round trips, in seconds."""

    end: dict[str, Any]
    trips: int
    before: int
    """How many of its round trips come before the first migration."""
    seconds: float


@dataclass(frozen=True)
class Ground:
    """One database and some migrations for it; it is emptied for each run."""

    runners: Nursery
    connection: psycopg.Connection[Any]
    conninfo: str
    root: Path

    def clear(self) -> None:
        clear(self.connection)

    def start(self, **options: object) -> Running:
        return self.runners.start(self.conninfo, self.root, **options)

    def run(self, **options: object) -> dict[str, Any]:
        """Run one to its end, which is not of its own choice if it has a fault."""
        running = self.start(**options)
        if options.get("fault") == "pause":
            running.until("paused")
            self.connection.execute("SELECT pg_terminate_backend(%s)", [running.backend])
            running.go()
        return running.end()

    def run_through(self, **options: object) -> dict[str, Any]:
        outcome = self.run(**options)
        assert outcome["kind"] == "done", outcome
        return outcome

    def fetch_end(self) -> dict[str, Any]:
        return fetch_end(self.connection)

    def measure(self, **options: object) -> Undisturbed:
        started = time.monotonic()
        outcome = self.run_through(**options)
        seconds = time.monotonic() - started
        return Undisturbed(self.fetch_end(), outcome["trips"], outcome["events"][0]["trips"], seconds)


@pytest.fixture(scope="module")
def runners() -> Iterator[Nursery]:
    with nursery() as runners:
        yield runners


@pytest.fixture(scope="module")
def thirty(server: str, runners: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    root = tmp_path_factory.mktemp("thirty")
    write_steps(root, THIRTY)
    ensure_created(server, "test_crash")
    conninfo = make_conninfo(server, dbname="test_crash")
    with connect(conninfo) as connection:
        yield Ground(runners, connection, conninfo, root)
    drop(server, "test_crash")


@pytest.fixture(scope="module")
def few(thirty: Ground, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """One migration of each kind."""
    root = tmp_path_factory.mktemp("few")
    write_steps(root, ONE_OF_A_KIND)
    return replace(thirty, root=root)


@pytest.fixture(scope="module")
def undisturbed(thirty: Ground) -> Undisturbed:
    thirty.clear()
    return thirty.measure()


# At every round trip


@pytest.mark.parametrize(("fault", "first"), [("sent", 1), ("received", 3)])
def test_row_14_a_run_killed_at_a_round_trip_is_finished_by_the_next(thirty, undisturbed, fault, first):
    for at in range(first, undisturbed.trips + 1, 4):
        thirty.clear()
        outcome = thirty.run(fault=fault, at=at)
        thirty.run_through()

        assert (at, "killed") == (at, outcome["kind"])
        assert (at, undisturbed.end) == (at, thirty.fetch_end())


@pytest.mark.parametrize(("fault", "first"), [("cut", 2), ("pause", 4)])
def test_row_15_a_run_whose_connection_is_lost_says_so_and_is_finished_by_the_next(thirty, undisturbed, fault, first):
    for at in range(first, undisturbed.trips + 1, 8):
        thirty.clear()
        outcome = thirty.run(fault=fault, at=at)
        thirty.run_through()

        assert (at, "ServerUnavailable") == (at, outcome.get("error")), outcome
        assert (at, undisturbed.end) == (at, thirty.fetch_end())


@pytest.mark.parametrize("before", [[], [FORTH]], ids=["migrate", "rollback"])
def test_one_migration_of_each_kind_outlives_a_kill_between_any_two_round_trips(few, before):
    direction = BACK if before else FORTH
    few.clear()
    for each in before:
        few.run_through(**each)
    undisturbed = few.measure(**direction)
    for at in range(undisturbed.before, undisturbed.trips + 1):
        few.clear()
        for each in before:
            few.run_through(**each)
        few.run(fault="received", at=at, **direction)
        few.run_through(**direction)

        assert (at, undisturbed.end) == (at, few.fetch_end())


# At any moment


def test_runs_killed_at_fifty_random_moments_end_like_one_that_was_not(thirty, undisturbed):
    chance = random.Random(13)  # noqa: S311 - the same moments each time
    outcomes = []
    latest = undisturbed.seconds / 2
    thirty.clear()
    for _ in range(50):
        outcome = thirty.run(die_in=chance.uniform(1e-4, latest))
        outcomes.append(outcome["kind"])
        if outcome["kind"] != "killed":
            assert undisturbed.end == thirty.fetch_end(), outcome
            thirty.clear()
            latest *= 0.9  # the undisturbed run may have been a slow one
    thirty.run_through()

    assert undisturbed.end == thirty.fetch_end()
    assert outcomes.count("killed") >= 10, "the moments are too late to disturb anything"


# While the server is at work

DOUBLE = "UPDATE account SET cents = cents * 2;\n"
INDEX = "-- transactional: false\nCREATE INDEX CONCURRENTLY account_cents ON account (cents);\n"
INDEX_BACK = "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS account_cents;\n"
INDEX_STATE = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('account_cents')"
AT_WORK = "wait_event_type = 'Lock' AND query ~ '0002_work|account_cents'"
ITS_RECORD = "INSERT INTO _yoyo_migration SELECT encode(sha256('0002_work'), 'hex'), '0002_work'"
# A migration, its way back, and what somebody else does in a transaction to keep it waiting until that is over.
BLOCKED = [
    pytest.param(DOUBLE, "SELECT 1;", "LOCK TABLE account IN EXCLUSIVE MODE", id="row 11: in a statement"),
    pytest.param(INDEX, INDEX_BACK, "LOCK TABLE account IN ROW EXCLUSIVE MODE", id="row 12: in a concurrent index"),
    pytest.param(DOUBLE, "SELECT 1;", ITS_RECORD, id="row 13: between work and record"),
]


@pytest.fixture
def account(project: Project) -> Project:
    """A project whose first migration is applied."""
    project.add(
        "0001_account", "CREATE TABLE account (id int PRIMARY KEY, cents int);\nINSERT INTO account VALUES (1, 100);\n"
    )
    project.migrate()
    return project


@pytest.mark.parametrize(("work", "way_back", "in_the_way"), BLOCKED)
def test_what_a_killed_run_left_at_work_on_the_server_is_waited_for(account, runners, work, way_back, in_the_way):
    account.add("0002_work", work, way_back)
    with account.session(autocommit=False) as other:
        other.execute(in_the_way)
        killed = kill_blocked(account, runners, watchful=False)
        following = start(account, runners)
        told = following.until("waiting")["text"]
        other.rollback()

    assert following.end()["kind"] == "done"
    assert re.search(rf"test, pid {killed.pid} \(server process {killed.backend}, from \S+ since 20", told)
    assert_applied_once(account, work)


@pytest.mark.parametrize(("work", "way_back", "in_the_way"), BLOCKED)
def test_a_killed_run_that_the_server_notices_keeps_nobody_waiting(account, runners, work, way_back, in_the_way):
    account.add("0002_work", work, way_back)
    with account.session(autocommit=False) as other:
        other.execute(in_the_way)
        killed = kill_blocked(account, runners)
        following = start(account, runners)
        wait_until(account, AT_WORK, following)  # in its turn, as `other` is still in the way
        assert not is_true(account, "true", killed)
        assert account.conditions()["0002_work"] == ("interrupted" if work == INDEX else "pending")
        other.rollback()

    assert following.end()["kind"] == "done"
    assert_applied_once(account, work)


def test_a_half_built_index_that_cannot_be_dropped_now_is_left_to_a_later_run(account, runners):
    account.add("0002_work", INDEX, INDEX_BACK)
    with account.session(autocommit=False) as other:
        other.execute("LOCK TABLE account IN ROW EXCLUSIVE MODE")
        kill_blocked(account, runners)
        outcome = start(account, runners, settings={"lock_timeout": "500ms", "lock_attempts": 1}).end()
        in_its_way = other.info.backend_pid

    assert outcome.get("error") == "LockTimeout", outcome
    assert f"server process {in_its_way} " in outcome["text"]
    account.migrate()
    assert_applied_once(account, INDEX)


def test_row_15_a_run_outlives_an_idle_session_timeout(account, runners):
    account.add("0002_work", DOUBLE)
    name = account.connection.info.dbname
    with account.session(autocommit=False) as other:
        account.connection.execute(f"ALTER DATABASE {name} SET idle_session_timeout = '50ms'")
        other.execute("LOCK TABLE account IN EXCLUSIVE MODE")
        first = start(account, runners)
        wait_until(account, AT_WORK, first)
        second = start(account, runners)
        wait_until(account, "state = 'idle' AND state_change < clock_timestamp() - interval '100ms'", second)
        other.rollback()

    assert [first.end()["kind"], second.end()["kind"]] == ["done", "done"]
    assert_applied_once(account, DOUBLE)


def test_an_index_whose_rollback_was_killed_is_there_again_after_the_next_migrate(account, runners):
    account.add("0002_work", INDEX, INDEX_BACK)
    account.migrate()
    undisturbed = start(account, runners, back_to="0001_account").end()
    account.migrate()
    for at in range(undisturbed["events"][0]["trips"], undisturbed["trips"]):
        start(account, runners, fault="received", at=at, back_to="0001_account").end()
        account.migrate()
        assert (at, {"applied"}) == (at, set(account.conditions().values()))
        assert (at, [True]) == (at, account.rows(INDEX_STATE))


def start(project: Project, runners: Nursery, **options: object) -> Running:
    return runners.start(project.conninfo, project.settings.root, **options)


def kill_blocked(project: Project, runners: Nursery, **options: object) -> Running:
    """Start a run, and kill it when the server has it wait in the midst of its work."""
    running = start(project, runners, settings={"lock_timeout": "10min"}, **options)
    wait_until(project, AT_WORK, running)
    running.kill()
    return running


def wait_until(project: Project, condition: str, running: Running) -> None:
    """Wait for something to be true of the session of `running`."""
    end = time.monotonic() + DEADLINE
    while not is_true(project, condition, running):
        assert time.monotonic() < end, f"not in time: {condition}"


def is_true(project: Project, condition: str, running: Running) -> bool:
    sessions = f"SELECT pid FROM pg_stat_activity WHERE {condition}"  # noqa: S608 - of this file
    return running.backend in project.rows(sessions)


def assert_applied_once(project: Project, work: str) -> None:
    assert project.rows("SELECT cents FROM account") == [200 if work == DOUBLE else 100]
    assert project.rows("SELECT migration_id FROM _yoyo_log ORDER BY 1") == ["0001_account", "0002_work"]
    assert set(project.conditions().values()) == {"applied"}
    assert project.rows("SELECT pid FROM yoyo_lock") == []
    assert project.rows(INDEX_STATE) == ([True] if work == INDEX else [])
