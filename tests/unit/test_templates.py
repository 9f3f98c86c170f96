"""Which templates are made, how they are copied, and which of them go: what can be decided without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import inf

import pytest

from pgproof.pg.kept import Kept, find_stale
from pgproof.pg.layers import pays
from pgproof.pg.strategy import STRATEGIES, Samples, choose_strategy, note

# Which layers are kept


@pytest.mark.parametrize(
    ("spent", "total", "at_end", "worth"),
    [
        (0.9, 5.0, True, False),  # to build it again is cheaper than to copy it now
        (1.1, 5.0, True, True),
        (9.0, 9.0, False, False),  # in the middle: less than ten copies' worth
        (11.0, 11.0, False, True),
        (11.0, 50.0, False, False),  # less than a quarter of what was done so far
        (13.0, 50.0, False, True),
    ],
)
def test_a_layer_is_kept_where_it_pays(spent, total, at_end, worth):
    assert pays(spent, total, 1.0, at_end=at_end) is worth


def test_a_long_build_keeps_few_layers():
    layers, last = 0, 0.0
    for migration in range(1, 100_001):
        if pays((migration - last) * 0.001, migration * 0.001, 0.03, at_end=False):
            layers, last = layers + 1, migration

    assert 10 < layers < 30


# How a copy is made


@pytest.mark.parametrize(
    ("major", "names"), [(14, ["default"]), (15, ["file_copy", "wal_log"]), (18, [each.name for each in STRATEGIES])]
)
def test_each_strategy_that_the_server_knows_is_tried_twice(major, names):
    samples: Samples = {}
    tried = []
    for _ in range(2 * len(names)):
        tried.append(choose_strategy(major, samples).name)
        samples.setdefault(tried[-1], []).append(1.0)

    assert sorted(tried) == sorted(names * 2)


def test_the_one_that_is_fastest_of_late_is_chosen():
    samples: Samples = {"file_copy": [0.5, 0.3], "wal_log": [0.9, 0.2], "file_clone": [inf, inf]}
    copying, logging, _ = STRATEGIES
    assert choose_strategy(18, samples) == copying

    for seconds in (0.2, 0.2):
        note(samples, logging, seconds)
    assert choose_strategy(18, samples) == logging

    for seconds in (0.6, 0.6):  # the disk has other things to do
        note(samples, logging, seconds)
    assert choose_strategy(18, samples) == copying


def test_what_is_long_ago_is_forgotten():
    samples: Samples = {}
    for seconds in range(10):
        note(samples, STRATEGIES[0], float(seconds))

    assert samples == {STRATEGIES[0].name: [7.0, 8.0, 9.0]}


# Which of them go

TODAY = date(2026, 11, 24)


def template(name: str, used: int, megabytes: int = 10) -> Kept:
    return Kept(name, "template", megabytes * 1_000_000, used=date(2026, 11, used))


def stale(*kept: Kept, days: int = 7, megabytes: int = 100) -> list[str]:
    return [each.name for each in find_stale(kept, days=days, megabytes=megabytes, today=TODAY)]


def test_a_template_goes_when_nobody_asked_for_it_in_so_many_days():
    assert stale(template("kept", 18), template("gone", 17)) == ["gone"]


def test_beyond_the_total_size_those_unused_for_longest_go():
    assert stale(template("a", 20, 40), template("b", 22, 40), template("c", 21, 40)) == ["a"]


def test_a_template_that_nobody_dated_goes():
    assert stale(replace(template("a", 24), used=None)) == ["a"]


def test_what_is_no_template_is_not_counted():
    assert stale(Kept("spare", "spare", 1_000_000_000), template("a", 24)) == []
