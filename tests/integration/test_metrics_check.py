"""What `inv metrics.check` finds: mappings against tables of Postgres, and against DynamoDB's tables and items."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.metrics.aws import Aws
from pgproof.metrics.feed import open_feeds
from pgproof.metrics.mappings.checking import Finding, check_tables
from pgproof.metrics.mappings.mapping import Mapping, read_mappings
from pgproof.metrics.mappings.shapes import check_items
from pgproof.metrics.mirror.source import fetch_source
from pgproof.metrics.reading.scan import Scan
from pgproof.pg.database import connect
from tests.dynamo import connect_aws, delete, make_table, moto_server, put
from tests.metrics import install, write_mapping

USERS = """\
postgres = "users"
where = "country <> 'uk'"
time = "created_at"
[metric.likes]
measure = "sum"
of = "likes"
by = ["country"]
"""
MESSAGES = """\
dynamodb = "{table}"
items = {{ pk = "MSG#*" }}
time = "sk"
expired = "counted"
[metric.sizes]
measure = "sum"
of = "size"
by = ["country"]
[metric.authors]
measure = "distinct"
of = "user_uuid"
"""
WHOLE = {"size": {"N": "1"}, "country": "ca", "user_uuid": "a"}


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with moto_server() as url:
        yield connect_aws(url)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database) as connection:
        connection.execute("CREATE TABLE users (created_at timestamptz, country text, likes int, tags json)")
        yield connection


def map_to(root: Path, text: str) -> list[Mapping]:
    write_mapping(root, "posts", text)
    return read_mappings(root / "metrics")


def lines(findings: list[Finding]) -> list[str]:
    return [f"{each.at.line}: {'warning: ' if each.warns else ''}{each.what} | {each.hint}" for each in findings]


def test_a_mapping_that_fits_its_table_has_no_findings(connection: psycopg.Connection[Any], tmp_path: Path):
    assert check_tables(connection, map_to(tmp_path, USERS)) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"users"', '"usres"', "1: test has no table usres | did you mean users?"),
        ('"created_at"', '"craeted_at"', "3: users has no column craeted_at | did you mean created_at?"),
        (
            '"created_at"',
            '"likes"',
            "3: users.likes is no time, it is integer | it takes timestamptz, timestamp or date",
        ),
        ('of = "likes"', 'of = "lieks"', "6: users has no column lieks | did you mean likes?"),
        ('of = "likes"', 'of = "country"', "6: users.country cannot be summed, it is text | "),
        ('by = ["country"]', 'by = ["xyz"]', "7: users has no column xyz | it has country, created_at, likes, tags"),
        ("country <>", "contry <>", '2: Postgres refuses where: column "contry" does not exist | '),
        (
            "country <> 'uk'",
            "likes",
            "2: Postgres refuses where: argument of WHERE must be type boolean, not type integer",
        ),
        ('"sum"\nof = "likes"', '"distinct"\nof = "tags"', "4: Postgres refuses to count likes: could not identify an"),
    ],
)
def test_what_does_not_fit_a_table_of_postgres_is_found(
    connection: psycopg.Connection[Any], tmp_path: Path, old: str, new: str, said: str
):
    (found,) = lines(check_tables(connection, map_to(tmp_path, USERS.replace(old, new))))

    assert found.replace(connection.info.dbname, "test").startswith(said)


def test_all_that_does_not_fit_is_found_at_once(connection: psycopg.Connection[Any], tmp_path: Path):
    wrong = USERS.replace("created_at", "at").replace("country", "land")

    assert [each.at.line for each in check_tables(connection, map_to(tmp_path, wrong))] == [3, 7, 2]


def test_a_mapping_that_fits_its_items_has_no_findings(aws: Aws, tmp_path: Path):
    name = make_table(aws)
    put(aws, name, {"pk": "MSG#1", "sk": "2026-01-01", **WHOLE}, {"pk": "GRP#1", "sk": "never"})

    assert check_items(aws, None, map_to(tmp_path, MESSAGES.format(table=name))) == []


def test_what_some_items_do_not_have_is_a_warning_with_how_many(aws: Aws, tmp_path: Path):
    name = make_table(aws)
    put(aws, name, {"pk": "MSG#1", "sk": "2026-01-01", **WHOLE}, {"pk": "MSG#1", "sk": "2026-01-02"})
    put(aws, name, {"pk": "MSG#1", "sk": "soon", **WHOLE, "size": "large"})

    found = lines(check_items(aws, None, map_to(tmp_path, MESSAGES.format(table=name))))

    until = "mirrored, but not counted until they are mended: column problem of pgproof_metrics.item says why"
    assert found == [
        f"3: warning: of 3 items that fit 1 has a sk that does not fit: 'soon' is not a time | {until}",
        f"7: warning: of 3 items that fit 1 has no size | {until}",
        f"7: warning: of 3 items that fit 1 has a size that does not fit: it is summed, and is S | {until}",
        "11: warning: of 3 items that fit 1 has no user_uuid | they are not counted",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"sk"', '"at"', "3: of 1 item that fits none has at | they have country, pk, size, sk, user_uuid"),
        (
            '"sk"',
            '"country"',
            "3: of 1 item that fits 1 has a country that does not fit: 'ca' is not a time | mirrored",
        ),
        ('of = "size"', 'of = "country"', "7: of 1 item that fits 1 has a country that does not fit: it is summed"),
        ('["country"]', '["contry"]', "8: of 1 item that fits none has contry | did you mean country?"),
        ('"user_uuid"', '"user_uid"', "11: of 1 item that fits none has user_uid | did you mean user_uuid?"),
        ("MSG#*", "MGS#*", "2: none of 1 item fits | * is any text; all patterns have to fit"),
        ("pk =", "pkk =", "2: of 1 item none has pkk | did you mean pk?"),
    ],
)
def test_what_no_item_has_is_a_fault_at_its_line(aws: Aws, tmp_path: Path, old: str, new: str, said: str):
    name = make_table(aws)
    put(aws, name, {"pk": "MSG#1", "sk": "2026-01-01", **WHOLE})

    (found,) = lines(check_items(aws, None, map_to(tmp_path, MESSAGES.format(table=name).replace(old, new))))

    assert found.startswith(said)


def test_a_table_that_is_not_there_is_a_fault_and_a_near_name_is_offered(aws: Aws, tmp_path: Path):
    name = make_table(aws, "cruddur-messages-near")

    (found,) = lines(check_items(aws, None, map_to(tmp_path, MESSAGES.format(table="cruddur-mesages-near"))))

    assert found == f"1: DynamoDB has no table cruddur-mesages-near | did you mean {name}?"


@pytest.mark.parametrize(
    ("view", "line", "said"),
    [("KEYS_ONLY", 1, "has KEYS_ONLY only"), ("NEW_IMAGE", 4, "what was in an item that has expired is not known")],
)
def test_a_stream_that_does_not_say_enough_is_a_fault(aws: Aws, tmp_path: Path, view: str, line: int, said: str):
    name = make_table(aws, view=view)
    put(aws, name, {"pk": "MSG#1", "sk": "2026-01-01", **WHOLE})

    (found,) = check_items(aws, None, map_to(tmp_path, MESSAGES.format(table=name)))

    assert (found.at.line, found.warns) == (line, False)
    assert said in found.what


def test_an_empty_table_is_a_warning(aws: Aws, tmp_path: Path):
    name = make_table(aws)

    (found,) = lines(check_items(aws, None, map_to(tmp_path, MESSAGES.format(table=name))))

    assert found.startswith(f"1: warning: DynamoDB's table {name} is empty")


def test_items_are_those_of_the_mirror_where_it_is_live(aws: Aws, database: str, tmp_path: Path):
    name = make_table(aws)
    put(aws, name, {"pk": "MSG#1", "sk": "2026-01-01", **WHOLE})
    mappings = map_to(tmp_path, MESSAGES.format(table=name))
    with connect(database) as connection:
        assert check_items(aws, connection, mappings) == []  # no mirror at all yet
        install(connection)
        (feed,) = open_feeds(aws, lambda: connect(database), mappings)
        Scan(feed).run(fetch_source(connection, name))
        delete(aws, name, "MSG#1", "2026-01-01")

        assert check_items(aws, connection, mappings) == []
    assert len(check_items(aws, None, mappings)) == 1
