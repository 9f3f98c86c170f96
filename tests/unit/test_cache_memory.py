"""How much results take of a process's memory, and which of them make room; what it promises else, all backends do."""

import tracemalloc

import pytest

from pgproof.cache import BackendError, Memory
from tests.faults import Clock

KEY = f"pgproof1:{'5' * 32}:activities.home:{{:040d}}"


def fill(memory: Memory, many: int, *, size: int = 50, ttl: float = 60) -> None:
    for number in range(many):
        memory.set(KEY.format(number), bytes(size) + b"%d" % number, ttl)


def held(memory: Memory, many: int) -> list[int]:
    return [number for number in range(many) if memory.get(KEY.format(number)) is not None]


@pytest.mark.parametrize("size", [50, 5000])
def test_results_large_or_small_take_no_more_of_the_process_than_was_said(size):
    tracemalloc.start()
    try:
        memory = Memory(2_000_000)
        before, _ = tracemalloc.get_traced_memory()
        fill(memory, 20_000 if size < 500 else 2_000, size=size)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert 1_000_000 < taken < 2_100_000


def test_what_was_not_asked_for_longest_makes_room():
    memory = Memory(3 * 750)
    fill(memory, 3)
    memory.get(KEY.format(0))
    memory.set("new", bytes(50), 60)

    assert held(memory, 3) == [0, 2]


def test_what_is_beyond_its_time_makes_room_first():
    clock = Clock()
    memory = Memory(3 * 750, clock=clock)
    fill(memory, 2)
    memory.set("short", bytes(50), 10)
    memory.get("short")
    clock.now += 20
    memory.set("new", bytes(50), 60)

    assert held(memory, 2) == [0, 1]


def test_what_would_take_the_room_of_too_many_others_is_refused_and_nothing_goes_for_it():
    memory = Memory(4_000)
    fill(memory, 3)
    memory.set("large", bytes(1_000), 60)

    with pytest.raises(BackendError, match="TOO_LARGE"):
        memory.set("larger", bytes(1_001), 60)
    with pytest.raises(BackendError, match="TOO_LARGE"):
        memory.add("larger", bytes(1_001), 60)
    assert (held(memory, 3), memory.get("larger")) == ([0, 1, 2], None)


@pytest.mark.parametrize("ttl", [0, -1])
def test_what_has_no_time_left_is_not_kept(ttl):
    memory = Memory()
    memory.set("key", b"value", ttl)

    assert memory.get("key") is None


def test_each_memory_is_its_own():
    one, other = Memory(), Memory()
    one.set("key", b"value", 60)

    assert (other.get("key"), one.is_shared, one.holds_tokens) == (None, False, False)
