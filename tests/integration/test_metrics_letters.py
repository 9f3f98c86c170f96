"""What was set aside, tried again: applied once it can be, dropped where the mirror knows better, and never lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Json

from pgproof.errors import SettingsError
from pgproof.metrics.mappings.adopt import adopt
from pgproof.metrics.mappings.mapping import Mapping
from pgproof.metrics.mirror.intake import take_in
from pgproof.metrics.mirror.letters import Retried, retry
from pgproof.metrics.mirror.mirror import sweep
from pgproof.metrics.mirror.record import read_item, read_record
from pgproof.metrics.mirror.source import begin_epoch, end_scan, fetch_source
from pgproof.pg.database import connect
from tests.dynamo import typed
from tests.lambdas import arn, message, record
from tests.metrics import fetch_daily, fetch_from_scratch, install, read_messages

TABLE = "messages"
STREAM = arn(TABLE)
KEYS = ("pk", "sk")
MESSAGES = ("messages", "2026-01-01", "{}")


class Town:
    """A database that follows one table."""

    def __init__(self, connection: psycopg.Connection[Any], mappings: list[Mapping]) -> None:
        self.connection, self.mappings = connection, mappings

    def begin(self) -> None:
        with self.connection.transaction():
            begin_epoch(self.connection, fetch_source(self.connection, TABLE), STREAM)

    def end(self) -> None:
        with self.connection.transaction():
            sweep(self.connection, fetch_source(self.connection, TABLE))
            end_scan(self.connection, fetch_source(self.connection, TABLE))

    def take(self, *records: dict[str, Any]) -> None:
        """Take in records, or items, as the stream or a scan gives them."""

        def read(each: Any) -> Any:
            return (read_record if "eventName" in each else read_item)(each, KEYS, self.mappings)

        with self.connection.transaction():
            take_in(self.connection, fetch_source(self.connection, TABLE), records, read)

    def refuse(self, what: str) -> None:
        """Have Postgres refuse items of which this holds, until `mend`."""
        self.connection.execute(
            f"ALTER TABLE pgproof_metrics.item ADD CONSTRAINT refused CHECK (1 / (NOT ({what}))::int > 0)".encode()
        )

    def mend(self) -> None:
        self.connection.execute("ALTER TABLE pgproof_metrics.item DROP CONSTRAINT refused")

    def retry(self, *ids: int) -> list[tuple[str, str]]:
        return [(each.fate, each.reason) for each in retry(self.connection, self.mappings, ids)]

    def letters(self) -> list[tuple[int, str]]:
        return self.connection.execute("SELECT id, reason FROM pgproof_metrics.dead_letter ORDER BY id").fetchall()

    def daily(self) -> dict[tuple[str, str, str], int]:
        daily = fetch_daily(self.connection)
        assert daily == fetch_from_scratch(self.connection)
        return daily

    def days_pass(self, days: int) -> None:
        """Have what was set aside come so many days earlier."""
        self.connection.execute(
            "UPDATE pgproof_metrics.dead_letter SET arrived_at = now() - %s * interval '1d'", [days]
        )


@pytest.fixture
def town(database: str, tmp_path: Path) -> Iterator[Town]:
    with connect(database) as connection:
        install(connection)
        town = Town(connection, read_messages(tmp_path, TABLE))
        adopt(connection, town.mappings)
        connection.execute("UPDATE pgproof_metrics.source SET keys = '{pk,sk}'")
        town.begin()
        town.end()
        yield town


def test_a_record_is_applied_once_it_can_be_and_its_letter_goes(town: Town):
    town.refuse("image->'pk'->>'S' = 'MSG#2'")
    town.take(record(STREAM, 1, message(1)), record(STREAM, 2, message(2)))
    assert town.retry() == [("kept", "division by zero")]

    town.mend()

    assert town.retry() == [("applied", "")]
    assert town.letters() == []
    assert town.daily()[MESSAGES] == 2
    assert town.retry() == []


def test_what_still_cannot_be_taken_is_kept_with_its_new_reason(town: Town):
    town.take(record(STREAM, 1, message(1), name="RENAME"))
    town.connection.execute("UPDATE pgproof_metrics.dead_letter SET reason = 'of before'")

    assert town.retry() == [("kept", "unknown event 'RENAME'")]
    assert [reason for _, reason in town.letters()] == ["unknown event 'RENAME'"]


@pytest.mark.parametrize("name", ["MODIFY", "REMOVE"])
def test_a_record_does_not_undo_a_later_one(town: Town, name: str):
    town.refuse("sequence = 1")
    town.take(record(STREAM, 1, message(1, user="a")))
    town.take(record(STREAM, 2, message(1, user="b"), name=name))
    town.mend()
    wanted = town.daily()

    assert town.retry() == [("overtaken", "the mirror has a later state of its item")]
    assert (town.daily(), town.letters()) == (wanted, [])


def test_a_record_from_before_a_reading_of_the_whole_table_is_dropped_when_that_is_complete(town: Town):
    town.refuse("sequence = 9")
    town.take(record(STREAM, 9, message(1)))
    town.mend()

    town.begin()
    assert town.retry() == [("kept", "division by zero")]
    town.end()

    assert town.retry() == [("covered", "the whole table was read since")]
    assert (town.daily(), town.letters()) == ({}, [])


def test_an_item_of_a_reading_is_not_gone_because_it_was_set_aside(town: Town):
    town.take(typed(message(1)))
    town.refuse("image->'pk'->>'S' = 'MSG#1' AND epoch = 2")
    town.begin()
    town.take(typed(message(1)))
    town.end()
    assert town.daily() == {}
    town.mend()

    assert town.retry() == [("applied", "")]
    assert town.daily()[MESSAGES] == 1


def test_an_item_that_two_readings_set_aside_is_of_the_later_one(town: Town):
    town.refuse("image->'pk'->>'S' = 'MSG#1'")
    for _ in range(2):
        town.begin()
        town.take(typed(message(1)))
        town.end()
    town.mend()

    assert town.retry() == [("applied", "")]
    assert town.daily()[MESSAGES] == 1


@pytest.mark.parametrize("line", [{"Item": typed(message(1))}, typed(message(1))], ids=["an export's", "a scan's"])
def test_an_item_is_read_as_what_it_came_as(town: Town, line: dict[str, Any]):
    town.take({"nothing": {"S": "x"}})
    text = Json(line)
    town.connection.execute("UPDATE pgproof_metrics.dead_letter SET record = %s::json::text", [text])

    assert town.retry() == [("applied", "")]
    assert town.daily()[MESSAGES] == 1


def test_what_is_too_old_to_tell_whether_its_item_is_gone_brings_none_back(town: Town):
    town.refuse("sequence = 1")
    town.take(record(STREAM, 1, message(1)))
    town.take(record(STREAM, 2, message(1), name="REMOVE"))
    town.mend()
    town.connection.execute("DELETE FROM pgproof_metrics.item")  # as `prune` does, two days later
    town.days_pass(2)

    ((fate, reason),) = town.retry()

    assert (fate, reason.partition(":")[0]) == ("kept", "it is too old to tell whether its item is gone")
    assert (town.daily(), len(town.letters())) == ({}, 1)


def test_what_is_old_and_of_an_item_that_is_known_is_judged_by_that(town: Town):
    town.take(record(STREAM, 1, message(1, user="a")))
    town.refuse("sequence = 2")
    town.take(record(STREAM, 2, message(1), name="REMOVE"))
    town.mend()
    town.days_pass(9)

    assert town.retry() == [("applied", "")]
    assert town.daily() == {}


def test_only_those_that_are_named_are_tried(town: Town):
    town.refuse("sequence > 0")
    town.take(*[record(STREAM, number, message(number)) for number in (1, 2, 3)])
    town.mend()
    first, second, third = (id for id, _ in town.letters())

    assert town.retry(second) == [("applied", "")]
    assert [id for id, _ in town.letters()] == [first, third]
    with pytest.raises(SettingsError, match=f"no record is set aside as {second}, 99\n"):
        town.retry(99, third, second)
    assert [id for id, _ in town.letters()] == [first, third]


def test_a_letter_goes_with_its_record_or_not_at_all(town: Town):
    town.refuse("sequence > 0")
    town.take(record(STREAM, 1, message(1)))
    town.mend()
    town.connection.execute(
        """
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '57014'; END $$;
        CREATE TRIGGER fail AFTER DELETE ON pgproof_metrics.dead_letter FOR EACH STATEMENT EXECUTE FUNCTION fail();
        """
    )

    with pytest.raises(psycopg.errors.QueryCanceled):
        town.retry()

    assert (town.daily(), len(town.letters())) == ({}, 1)


def test_what_somebody_else_has_tried_meanwhile_is_left_to_them(town: Town, database: str):
    town.refuse("sequence > 0")
    town.take(*[record(STREAM, number, message(number)) for number in (1, 2)])
    town.mend()
    with connect(database) as other:
        mine = retry(town.connection, town.mappings)
        assert next(mine).fate == "applied"
        assert [each.fate for each in retry(other, town.mappings)] == ["applied"]

        assert list(mine) == []
    assert town.daily()[MESSAGES] == 2


def test_the_tables_name_is_told(town: Town):
    town.take(record(STREAM, 1, message(1), name="RENAME"))

    (found,) = retry(town.connection, town.mappings)

    assert found == Retried(town.letters()[0][0], TABLE, "kept", "unknown event 'RENAME'")
