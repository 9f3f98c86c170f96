"""Random histories of a table, whose mirror and metrics have to be right at the end of each, and at every commit."""

from dataclasses import replace
from pathlib import Path

import pytest

from pgproof.metrics.mappings.mapping import read_mappings
from pgproof.pg.database import connect
from pgproof.settings import Settings
from tests.chaos.broken import BROKEN, Broken
from tests.chaos.oracle import MAPPING
from tests.chaos.player import Player
from tests.chaos.script import LOSSES
from tests.chaos.stage import TABLE
from tests.metrics import SCHEMA, write_mapping

HISTORIES = 6
ENOUGH = 60
"""Histories of which one shows a mistake; benchmarks/metrics_chaos.py says in how many of them each does."""


@pytest.fixture
def player(database: str, settings: Settings, tmp_path: Path) -> Player:
    write_mapping(tmp_path, "messages", MAPPING.format(table=TABLE))
    return Player(replace(settings, url=database), read_mappings(tmp_path / "metrics"))


def set_up(player: Player, schema: str) -> None:
    with connect(player.settings.url or "") as connection:
        connection.execute(schema.encode())


def play(player: Player, *, by_lambda: bool = False, many: int = HISTORIES) -> dict[int, list[str]]:
    """Return what is wrong with histories that end wrong."""
    return {seed: wrong for seed in range(many) if (wrong := player.play(seed, by_lambda=by_lambda))}


def test_mirror_is_the_table_whatever_happens_to_shards_connections_and_rivals(player: Player):
    set_up(player, SCHEMA.read_text(encoding="utf-8"))
    assert play(player) == {}


def test_mirror_is_the_table_though_records_are_lost_and_the_stream_is_turned_off_and_on(player: Player):
    set_up(player, SCHEMA.read_text(encoding="utf-8"))
    assert play(replace(player, verbs=LOSSES)) == {}


def test_mirror_is_the_table_in_whatever_order_and_how_often_lambda_brings_what(player: Player):
    set_up(player, SCHEMA.read_text(encoding="utf-8"))
    assert play(player, by_lambda=True, many=20) == {}


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_broken_protocol_is_found(player: Player, broken: Broken):
    set_up(player, broken.change(SCHEMA.read_text(encoding="utf-8")))
    player = replace(player, verbs=player.verbs if broken.by_lambda else broken.verbs)
    with broken.install():
        assert any(player.play(seed, by_lambda=broken.by_lambda) for seed in range(ENOUGH)), broken.wrong
