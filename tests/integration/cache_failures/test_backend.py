"""A backend that fails under a cache: the answer is what it would be without, in time, and all is well again after."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pgproof import Database
from pgproof.cache import Cache
from pgproof.cache.outbox import Outbox
from pgproof.queries.steps import Do, Fetch, Join, Send
from tests.caches import Run, begin
from tests.faults import ADDS, BUDGET, MODES, TABLES, TIMEOUT, VERBS, Clock, Faulty, fail_for, perform, same


@pytest.fixture
def backend(clock: Clock) -> Faulty:
    return Faulty(clock)


@pytest.fixture
def read_through(backend: Faulty, clock: Clock) -> Cache:
    return Cache(backend, clock=clock)


@pytest.fixture
def db(open_db: Callable[..., Any], database: str, read_through: Cache) -> Any:
    return open_db(database, cache=read_through)


@pytest.fixture
def threads(database: str, folder: Path, read_through: Cache) -> Iterator[Database]:
    """A database whose calls are performed step by step."""
    with Database(database, folder, cache=read_through) as db:
        yield db


FAULTS: dict[str, Callable[[Faulty], None]] = {
    "down": lambda backend: backend.fail(),
    "slow": lambda backend: backend.fail("TIMEOUT_ERROR", TIMEOUT),
    "late": lambda backend: backend.slow_down(0.049),
    "limited": lambda backend: backend.fail("LIMIT_EXCEEDED_ERROR", is_limited=True),
    "buggy": lambda backend: setattr(backend, "befalls", lambda *_: 1 / 0),
}


@MODES
@pytest.mark.parametrize("fault", FAULTS)
def test_the_answer_is_what_it_is_without_a_cache(db, plain, backend, elsewhere, mode, fault):
    clock = backend.clock
    assert same(db, plain, mode)
    FAULTS[fault](backend)
    assert same(db, plain, mode)
    for add in ADDS:
        db.run(add)
        assert same(db, plain, mode)
    elsewhere.execute("INSERT INTO note VALUES (2)")
    clock.now += 1.001 if mode == "bounded" else 0
    assert same(db, plain, mode) or (fault, mode) == ("late", "bounded")  # the outbox has not delivered yet
    backend.heal()
    clock.now += 10
    db.run("add.note")

    assert same(db, plain, mode)
    assert same(db, plain, mode)


@MODES
@pytest.mark.parametrize("takes", [0.01, 0.03, 0.049, TIMEOUT])
@pytest.mark.parametrize("fails", [True, False])
def test_no_call_waits_for_the_backend_beyond_its_budget(db, backend, clock, mode, takes, fails):
    if fails:
        backend.fail("TIMEOUT_ERROR", takes)
    else:
        backend.slow_down(takes)
    for name in [mode, mode, *ADDS, mode, *ADDS, mode, mode]:
        began = clock.now
        db.run(name)
        assert clock.now - began <= BUDGET + 1e-9


@pytest.mark.parametrize("fails", [True, False])
def test_a_transaction_of_many_writes_waits_for_the_backend_no_longer_than_one(db, backend, clock, fails):
    db.run("bounded")
    if fails:
        backend.fail("TIMEOUT_ERROR", TIMEOUT)
    else:
        backend.slow_down(TIMEOUT)
    began = clock.now
    with db.transaction():
        for verb in VERBS:
            for table in TABLES:
                db.run(f"{verb}.{table}")

    assert clock.now - began <= BUDGET + 1e-9


def test_who_lets_another_one_look_for_tokens_has_waited_for_the_backend_too(threads, read_through, backend, clock):
    threads.run("tags")
    clock.now += 1.001
    backend.slow_down(0.045)
    first = begin(threads, read_through, "tags").until(Do, "get")
    second = begin(threads, read_through, "tags").until(Join)
    began = clock.now
    first.finish()
    backend.forget(":tags:")
    second.finish()

    assert clock.now - began <= BUDGET + 1e-9


def test_a_read_is_not_given_what_another_one_asked_before_a_write_of_this_process(threads, read_through, backend):
    threads.run("notes")
    backend.befalls = fail_for("token:public.tag")
    early = begin(threads, read_through, "both").until(Fetch)
    answer = perform(threads, early)
    threads.run("add.note")
    threads.run("notes")
    late = begin(threads, read_through, "both")
    while not late.is_over and not isinstance(late.next, Join):
        late.step()

    early.hear(answer)
    assert (early.finish(), late.finish()) == ({"notes": 0, "tags": 0}, {"notes": 1, "tags": 0})


@MODES
def test_a_backend_that_fails_is_left_alone_and_used_again_after_a_rest(db, plain, read_through, backend, clock, mode):
    backend.fail()
    for _ in range(20):
        db.run(mode)
    assert read_through.breaker.state == "open"
    asked = len(backend.calls)
    for _ in range(5):
        assert same(db, plain, mode)
    assert len(backend.calls) == asked

    clock.now += 1.001
    assert same(db, plain, mode)
    assert (len(backend.calls), read_through.breaker.state) == (asked + 1, "open")
    backend.heal()
    clock.now += 1.001
    for _ in range(3):
        assert same(db, plain, mode)
    assert (read_through.breaker.state, read_through.counters.events[mode, "hit"] > 0) == ("closed", True)


@MODES
def test_a_backend_that_wants_fewer_calls_gets_none_after_the_first(db, plain, backend, mode):
    backend.fail("LIMIT_EXCEEDED_ERROR", is_limited=True)
    for _ in range(5):
        assert same(db, plain, mode)

    assert len(backend.calls) == 1


def test_a_bump_that_failed_is_made_up_for_before_this_process_relies_on_the_token_again(
    db, plain, backend, read_through
):
    assert same(db, plain, "bounded")
    backend.befalls = fail_for("token:public.note")
    db.run("add.note")
    backend.calls.clear()
    for _ in range(3):
        assert same(db, plain, "bounded")
    assert {method for method, _ in backend.calls} == {"set"}  # tries to replace the token; neither reads nor fills
    assert {key.rpartition(":")[2] for _, key in backend.calls} == {"public.note"}

    backend.heal()
    assert same(db, plain, "bounded")
    counted = read_through.counters.events
    assert (counted["add.note", "lost bump"] > 0, counted["add.note", "bump"]) == (True, 1)


def test_a_bump_that_failed_is_in_the_outbox_for_the_other_processes(threads, plain, backend, clock, database, folder):
    with Database(database, folder, cache=Cache(backend, clock=clock)) as other:
        assert same(other, plain, "bounded")
        Run(plain, Outbox(backend).deliver()).finish()
        backend.fail()
        threads.run("add.note")
        assert Run(plain, Outbox(backend).deliver()).finish() == ((), ("public.note",), "SERVER_UNAVAILABLE")

        backend.heal()
        Run(plain, Outbox(backend).deliver()).finish()
        clock.now += 1.001
        assert same(other, plain, "bounded")


def interrupt(run: Run[Any], error: BaseException) -> None:
    run.hear(None, error)
    run.finish()


@pytest.mark.parametrize("interruption", [asyncio.CancelledError, KeyboardInterrupt])
@pytest.mark.parametrize("step", [Send, Do])
def test_a_writer_that_is_interrupted_has_its_write_seen_by_this_process(
    threads, read_through, plain, elsewhere, interruption, step
):
    assert same(threads, plain, "bounded")
    writer = begin(threads, read_through, "add.note").until(step)
    elsewhere.execute("INSERT INTO note VALUES (7)")  # what the server did of it, if it never came to the Send
    with pytest.raises(interruption):
        interrupt(writer, interruption())

    assert same(threads, plain, "bounded")
