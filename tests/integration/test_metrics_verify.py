"""Whether verify finds what is not as it has to be: exactly that, nothing else, and nothing while others write."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.metrics.aws import Aws
from pgproof.metrics.feed import Feed, open_feeds
from pgproof.metrics.mappings.adopt import adopt
from pgproof.metrics.mappings.mapping import read_mappings
from pgproof.metrics.mappings.relational import refresh_all
from pgproof.metrics.mirror.source import fetch_source
from pgproof.metrics.reading.scan import Scan
from pgproof.metrics.streams.stream import Pace
from pgproof.metrics.streams.sync import Sync
from pgproof.metrics.verifying.difference import Difference
from pgproof.metrics.verifying.verify import Verdict, verify_counted, verify_table
from pgproof.pg.database import connect
from tests.dashboards import order, read_orders
from tests.dynamo import connect_aws, delete, make_table, moto_server, put
from tests.metrics import install, write_mapping

NO_PACE = Pace(interval=0)
ITEM = "UPDATE pgproof_metrics.item SET {} WHERE image -> 'pk' ->> 'S' = 'ORDER#2'"
AWKWARD = 'back\\slash\t"quoted"\nö'
SECOND = {"pk": "ORDER#2", "sk": "2026-01-18T11:00:00"}


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with moto_server() as url:
        yield connect_aws(url)


class World:
    """A table with three items, its mirror, and a stream that is read on when somebody asks for it."""

    def __init__(self, aws: Aws, connection: psycopg.Connection[Any], database: str, root: Path) -> None:
        self.aws, self.connection = aws, connection
        self.table = make_table(aws)
        put(aws, self.table, order(1, "2026-01-17T10:00:00", "a"), order(3, "2026-01-18T12:00:00", "b", "us"))
        put(aws, self.table, order(2, SECOND["sk"], "a"))
        install(connection)
        [self.feed] = open_feeds(aws, lambda: connect(database), read_orders(root, self.table))
        Scan(self.feed).run(fetch_source(connection, self.table), segments=1)
        self.catch_up()

    def catch_up(self) -> None:
        Sync(self.feed, self.connection, fetch_source(self.connection, self.table), NO_PACE).catch_up()

    def verify(self, *, sleep: Callable[[float], None] = lambda _: None, feed: Feed | None = None) -> Verdict:
        return verify_table(feed or self.feed, self.connection, self.catch_up, sleep=sleep)

    def spoil(self, query: str) -> None:
        self.connection.execute(query.encode())


@pytest.fixture
def world(aws: Aws, database: str, tmp_path: Path) -> Iterator[World]:
    with connect(database) as connection:
        yield World(aws, connection, database, tmp_path)


def kinds(verdict: Verdict) -> list[str]:
    return [each.kind for each in verdict.differences]


def test_what_is_equal_is_said_to_be_with_counts(world: World):
    put(world.aws, world.table, order(4, "2026-01-19T10:00:00"))  # the stream says so, nobody has read it
    verdict = world.verify()

    assert (verdict.differences, verdict.busy) == ([], 0)
    assert (verdict.items, verdict.mirrored, verdict.numbers) == (4, 4, 3 * 3 + 4 * 2)


def test_items_of_every_shape_are_equal(world: World):
    many = {
        "digits": {"N": "12345678901234567890123456789012345678"},
        "small": {"N": "1E-130"},
        "texts": {"SS": ["b", "a", "ö"]},
        "numbers": {"NS": ["2", "1.50"]},
        "bytes": {"B": b"\x00\xff"},
        "map": {"M": {"longer": {"L": [{"NULL": True}, {"BOOL": False}, {"S": ""}]}, "s": {"S": "a\\b\n\t\u0000"}}},
    }
    put(world.aws, world.table, {"pk": "back\\slash", "sk": "tab\tand\u0000zero", **many})
    verdict = world.verify()

    assert (verdict.differences, verdict.items) == ([], 4)


@pytest.mark.parametrize(
    ("spoiled", "found"),
    [
        (
            """image = jsonb_set(image, '{who,S}', '"c"')""",
            [Difference("different", SECOND, ("who",)), Difference("facts", SECOND)],
        ),
        (
            "image = image - 'country'",
            [Difference("different", SECOND, ("country",)), Difference("facts", SECOND)],
        ),
        ("deleted = true, image = NULL, facts = NULL", [Difference("missing in the mirror", SECOND)]),
        ("deleted = true, expired = true, facts = NULL", [Difference("missing in the mirror", SECOND)]),
        ("key = sha256('another')", [Difference("under a wrong key", SECOND)] * 1),
    ],
)
def test_an_item_that_was_spoiled_is_found_and_nothing_else(world: World, spoiled: str, found: list[Difference]):
    world.spoil(ITEM.format(spoiled))
    differences = world.verify().differences

    if "key" in spoiled:  # what is filed wrongly is missing where it belongs
        found = [*found, Difference("missing in the mirror", SECOND)]
    assert differences == found


def test_an_item_that_is_only_in_the_mirror_is_found(world: World):
    world.spoil(
        "INSERT INTO pgproof_metrics.item (source, key, epoch, sequence, image) "
        "SELECT source, sha256(convert_to(made.image::text, 'UTF8')), 1, 0, made.image "
        """FROM pgproof_metrics.item, (SELECT '{"pk": {"S": "x"}, "sk": {"S": "y"}}'::jsonb) AS made (image) LIMIT 1"""
    )

    assert world.verify().differences == [Difference("missing in DynamoDB", {"pk": "x", "sk": "y"})]


def test_facts_that_do_not_follow_from_an_item_are_found(world: World):
    world.spoil(ITEM.format("facts = jsonb_set(facts, '{orders,day}', '\"2026-01-11\"')"))

    assert world.verify().differences == [Difference("facts", SECOND)]


def test_a_number_that_does_not_follow_from_the_mirror_is_found(world: World):
    world.spoil("UPDATE pgproof_metrics.daily SET value = value + 1 WHERE metric = 'orders' AND day = '2026-01-18'")
    world.spoil("DELETE FROM pgproof_metrics.daily WHERE metric = 'turnover' AND day = '2026-01-17'")
    world.spoil(
        "INSERT INTO pgproof_metrics.daily VALUES ('buyers_by_country', '2026-01-17', '{\"country\": \"x\"}', 1, 1)"
    )

    assert [str(each) for each in world.verify().differences] == [
        "metric: of buyers_by_country, on 2026-01-17, country x: it says 1 over 1 item, and nothing is right",
        "metric: of orders, on 2026-01-18: it says 3 over 2 items, and 2 over 2 items is right",
        "metric: of turnover, on 2026-01-17: it says nothing, and 1 over 1 item is right",
    ]


def test_who_is_counted_though_nobody_came_is_found(world: World):
    world.spoil("UPDATE pgproof_metrics.member SET items = items + 1 WHERE metric = 'buyers' AND day = '2026-01-17'")

    assert [str(each) for each in world.verify().differences] == ["members: of buyers, on 2026-01-17: 1 of them"]


def test_what_is_written_while_we_look_is_no_difference(world: World):
    written = iter(range(10, 1000))

    def write() -> None:
        number = next(written)
        put(world.aws, world.table, order(number, "2026-01-19T10:00:00"), order(2, SECOND["sk"], f"{number}"))
        delete(world.aws, world.table, f"ORDER#{number - 5}", "2026-01-19T10:00:00")

    def catch_up() -> None:
        write()  # what the next scan or look meets
        world.catch_up()
        write()  # what only a look meets: the mirror has not heard of it

    verdict = verify_table(world.feed, world.connection, catch_up, sleep=lambda _: None)

    assert verdict.differences == []
    assert verdict.busy >= 1


def test_what_the_stream_brings_while_we_wait_is_no_difference(world: World):
    put(world.aws, world.table, order(2, SECOND["sk"], "later"))
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:  # it is somebody else who reads the stream
            world.catch_up()

    verdict = verify_table(world.feed, world.connection, lambda: None, sleep=sleep)

    assert (verdict.differences, verdict.busy) == ([], 0)
    assert len(waits) == 2


def test_what_was_set_aside_is_told_and_is_missing(world: World):
    put(world.aws, world.table, order(5, "never"))
    world.catch_up()
    world.spoil(
        "INSERT INTO pgproof_metrics.dead_letter (source, epoch, record, hash, reason) "
        "SELECT source, 1, '{}', '', 'why' FROM pgproof_metrics.item LIMIT 1"
    )
    verdict = world.verify()

    assert (verdict.differences, verdict.problems, verdict.letters) == ([], 1, 1)


class Odd:
    """A client of a table that has an item which is none."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def scan(self, **arguments: Any) -> Any:
        page = self.client.scan(**arguments)
        return page | {"Items": [*page["Items"], {"pk": {"S": "x"}, "sk": {"N": "NaN"}}] * (not arguments["Segment"])}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


def test_an_item_that_is_malformed_is_missing_and_stops_nothing(world: World):
    odd: Any = Odd(world.aws.tables)
    feed = replace(world.feed, aws=replace(world.aws, tables=odd))

    assert [str(each) for each in world.verify(feed=feed).differences] == [
        "missing in the mirror: an item that is malformed: 'NaN' is not a number of DynamoDB's"
    ]


@pytest.mark.parametrize(
    ("kind", "sort_keys", "mirrored"),
    [("N", ["1.50", "-38"], "-38"), ("B", [b"\x00\x01", b"\xff"], "/w=="), ("S", ["a", AWKWARD], AWKWARD)],
)
def test_keys_of_any_type_are_compared(
    aws: Aws, database: str, tmp_path: Path, kind: Any, sort_keys: list[Any], mirrored: str
):
    name = f"keyed-by-{kind}"  # its partition's key is text: moto cannot scan segments of others
    aws.tables.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "id", "AttributeType": kind},
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    put(aws, name, *({"pk": "nul\0", "id": {kind: key}, "text": "a"} for key in sort_keys))
    with connect(database) as connection:
        install(connection)
        [feed] = open_feeds(aws, lambda: connect(database), read_orders(tmp_path, name))
        Scan(feed).run(fetch_source(connection, name))
        spoiled = "UPDATE pgproof_metrics.item SET image = image - 'text' WHERE image -> 'id' ->> %s = %s"
        connection.execute(spoiled, [kind, mirrored])
        verdict = verify_table(feed, connection, lambda: None, sleep=lambda _: None)

    assert [each.details for each in verdict.differences] == [("text",)]
    assert [each.where["id"] for each in verdict.differences] == [mirrored]


def test_more_than_dynamodb_gives_at_once_are_looked_at_again(world: World):
    puts: list[Any] = [{"PutRequest": {"Item": order(each, "2026-01-19T10:00:00")}} for each in range(100, 200)]
    for first in range(0, 100, 25):
        world.aws.tables.batch_write_item(RequestItems={world.table: puts[first : first + 25]})
    world.catch_up()
    world.spoil("UPDATE pgproof_metrics.item SET image = image - 'price'")
    verdict = world.verify()

    assert len([each for each in verdict.differences if each == Difference("different", each.where, ("price",))]) == 103
    assert kinds(verdict).count("facts") == 103


def test_metrics_of_a_table_of_this_database_are_compared_too(database: str, tmp_path: Path):
    write_mapping(
        tmp_path, "users", 'postgres = "users"\ntime = "at"\n[metric.users]\n[metric.by_name]\nby = ["name"]\n'
    )
    mappings = read_mappings(tmp_path / "metrics")
    with connect(database) as connection:
        install(connection)
        connection.execute("CREATE TABLE users (at timestamptz, name text)")
        connection.execute("INSERT INTO users VALUES ('2026-01-01T10:00Z', 'a'), ('2026-01-02T10:00Z', 'a')")
        adopt(connection, mappings)
        refresh_all(connection, mappings)
        assert verify_counted(connection, mappings) == Verdict(None, 0, 0, 4, [])

        # A trigger spoils one number whenever it is written, so that counting anew does not mend it.
        connection.execute(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN new.value = new.value + 1; RETURN new; END'"
        )
        connection.execute(
            "CREATE TRIGGER spoil BEFORE INSERT ON pgproof_metrics.daily FOR EACH ROW "
            "WHEN (new.metric = 'by_name' AND new.day = '2026-01-02') EXECUTE FUNCTION spoil()"
        )
        verdict = verify_counted(connection, mappings)

    assert [str(each) for each in verdict.differences] == [
        "metric: of by_name, on 2026-01-02, name a: it says 2 over 1 item, and 1 over 1 item is right"
    ]
