"""A DynamoDB table, its mirror and its metrics, on moto's server and a real Postgres."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgproof.metrics.aws import Aws
from pgproof.metrics.feed import open_feeds
from pgproof.metrics.mirror.source import fetch_source
from pgproof.metrics.reading.scan import Scan
from pgproof.metrics.streams.stream import Pace
from pgproof.metrics.streams.sync import Sync
from pgproof.pg.database import connect
from tests.dynamo import connect_aws, delete, make_table, moto_server, put
from tests.metrics import fetch_daily, fetch_from_scratch, install, read_messages

NO_PACE = Pace(interval=0)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with moto_server() as url:
        yield connect_aws(url)


def test_metrics_are_those_of_the_table_after_a_scan_and_what_its_stream_says(aws: Aws, database: str, tmp_path: Path):
    name = make_table(aws)
    put(aws, name, {"pk": "MSG#1", "sk": "2026-01-01T10:00:00", "user_uuid": "a"})
    put(aws, name, {"pk": "MSG#1", "sk": "2026-01-02T10:00:00", "user_uuid": "a"})
    put(aws, name, {"pk": "GRP#1", "sk": "2026-01-02T10:00:00", "user_uuid": "a"})
    mappings = read_messages(tmp_path, name)
    with connect(database) as connection:
        install(connection)
        (feed,) = open_feeds(aws, lambda: connect(database), mappings)
        source = Scan(feed).run(fetch_source(connection, name))
        put(aws, name, {"pk": "MSG#1", "sk": "2026-01-02T11:00:00", "user_uuid": "b"})
        delete(aws, name, "MSG#1", "2026-01-01T10:00:00")
        Sync(feed, connection, source, NO_PACE).catch_up()

        daily = fetch_daily(connection)
        assert daily == {("active_users", "2026-01-02", "{}"): 2, ("messages", "2026-01-02", "{}"): 2}
        assert daily == fetch_from_scratch(connection)
