"""Who gets which client of a backend: no process or event loop that of another."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from pgproof.cache.backends import clients as module
from pgproof.cache.backends.clients import Clients, by_loop, by_process
from tests.faults import Clock


@pytest.fixture
def number() -> Callable[[], int]:
    numbers = count(1)
    return lambda: next(numbers)


def test_nothing_is_made_before_it_is_asked_for_and_then_once(number):
    clients = by_process(number)
    assert clients.drop() is None

    assert [clients.own(), clients.own()] == [1, 1]


def test_all_threads_have_one_client_also_those_that_ask_at_once(number):
    together = threading.Barrier(16)

    clients = by_process(number)

    def ask(_: int) -> object:
        together.wait()
        return clients.own()

    with ThreadPoolExecutor(16) as threads:
        assert {*threads.map(ask, range(16))} == {1}


def test_a_client_that_was_dropped_is_made_anew(number):
    clients = by_process(number)

    assert [clients.own(), clients.drop(), clients.own()] == [1, 1, 2]


def test_a_client_is_dropped_only_when_it_is_old_enough(number, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    clients = by_process(number)
    clients.own()
    clock.now += 4.9

    assert [clients.drop(min_age=5), clients.own()] == [None, 1]
    clock.now += 0.1
    assert [clients.drop(min_age=5), clients.own()] == [1, 2]


def test_a_child_makes_and_drops_its_own_and_leaves_its_parents(number):
    process = [1]
    clients = Clients(number, lambda: process[0])
    assert clients.own() == 1
    process[0] = 2

    assert [clients.own(), clients.drop(), clients.own()] == [2, 2, 3]
    process[0] = 1
    assert clients.own() == 1


def test_each_event_loop_has_a_client_of_its_own_and_none_is_kept_for_one_that_is_over(number):
    clients = by_loop(number)

    async def ask() -> object:
        return clients.own()

    assert [asyncio.run(ask()), asyncio.run(ask())] == [1, 2]
    with asyncio.Runner() as one, asyncio.Runner() as other:
        assert [one.run(ask()), other.run(ask()), one.run(ask())] == [3, 4, 3]
    assert len(clients._made) == 2  # noqa: SLF001
    asyncio.run(ask())
    assert len(clients._made) == 1  # noqa: SLF001
