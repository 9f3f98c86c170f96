"""Whole tables come over by scan: interrupted at any page, disturbed by anybody, of any key; once and to the end."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

import psycopg
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pgproof.errors import CloudError
from pgproof.metrics.aws import Aws
from pgproof.metrics.feed import Feed
from pgproof.metrics.mirror.intake import take_in
from pgproof.metrics.mirror.record import read_record
from pgproof.metrics.mirror.source import EpochOver, begin_epoch, fetch_source
from pgproof.metrics.reading.backfill import Reading, backfill
from pgproof.metrics.reading.scan import Scan
from pgproof.metrics.streams.stream import Pace
from pgproof.pg.database import connect
from tests.desk import Desk, Page, open_desk
from tests.dynamo import connect_aws, delete, make_table, moto_server, put, typed
from tests.metrics import fetch_daily

NO_PACE = Pace(interval=0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def aws(url: str) -> Aws:
    return connect_aws(url)


@pytest.fixture
def desk(aws: Aws, database: str, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(aws, make_table(aws), database, tmp_path) as desk:
        yield desk


class Stop(Exception):
    """What a scan is interrupted by."""


def message(number: int, **more: Any) -> dict[str, Any]:
    return {"pk": f"MSG#{number % 3}", "sk": f"2026-01-0{number % 9 + 1}T10:00:{number:02}", "user_uuid": "a", **more}


def fill(desk: Desk, count: int) -> None:
    wishes: list[Any] = [{"PutRequest": {"Item": typed(message(number))}} for number in range(count)]
    for at in range(0, count, 25):
        desk.aws.tables.batch_write_item(RequestItems={desk.name: wishes[at : at + 25]})


def stop_after(pages: int, stop: Callable[[], object]) -> Callable[[int], None]:
    """Return what stops a scan once so many pages are kept."""
    numbers = count(1)

    def notify(_: int) -> None:
        if next(numbers) == pages:
            stop()

    return notify


def read(feed: Feed, **words: Any) -> Reading:
    """Read a whole table, in no hurry to be polite: moto has no limits."""
    return backfill(feed, pace=NO_PACE, **words)


def fail() -> NoReturn:
    raise Stop


def make_keyed(aws: Aws, kinds: dict[str, Any]) -> str:
    """Make a table with a key of these types."""
    name = f"keyed-{os.urandom(4).hex()}"
    roles: list[Any] = ["HASH", "RANGE"]
    aws.tables.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": role} for key, role in zip(kinds, roles, strict=False)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in kinds.items()],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    return name


def test_a_backfill_brings_all_items_and_says_how_many(desk: Desk):
    fill(desk, 20)

    done = read(desk.feed())

    desk.check()
    assert (done.items, done.swept, done.live) == (20, 0, True)
    assert fetch_daily(desk.connection)[("messages", "2026-01-01", "{}")] == 3


def test_an_empty_table_is_live_after_its_backfill(desk: Desk):
    done = read(desk.feed())

    assert (done.items, done.records, desk.source.phase) == (0, 0, "live")


@pytest.mark.parametrize(
    ("kinds", "key"),
    [
        ({"id": "S"}, lambda n: {"id": {"S": f"é{n}"}}),
        ({"id": "N"}, lambda n: {"id": {"N": f"1234567890123456789012345678901234567{n}"}}),
        ({"id": "B"}, lambda n: {"id": {"B": bytes([0, 255, n])}}),
        ({"id": "B", "at": "N"}, lambda n: {"id": {"B": b"\0"}, "at": {"N": f"-{n}.5"}}),
        ({"id": "S", "at": "B"}, lambda n: {"id": {"S": "x" * 2048}, "at": {"B": bytes([n]) * 1024}}),
    ],
    ids=["text", "number", "binary", "binary and number", "as long as can be"],
)
def test_a_scan_goes_on_from_a_key_of_any_type(
    aws: Aws, database: str, tmp_path: Path, kinds: dict[str, str], key: Callable[[int], Any]
):
    name = make_keyed(aws, kinds)
    put(aws, name, *({**key(number), "n": f"{number}"} for number in range(7)))
    with open_desk(aws, name, database, tmp_path) as desk:
        for _ in range(3):
            with suppress(Stop):
                Scan(desk.feed(desk.scans(limit=2)), stop_after(1, fail)).run(desk.source, segments=1)
        Scan(desk.feed(desk.scans(limit=2))).run(desk.source)

        desk.check()
        assert len(desk.mirror()) == 7


def test_items_of_400_kilobytes_come_in_pages_of_a_megabyte(desk: Desk):
    put(desk.aws, desk.name, *(message(number, body="é" * 199_000) for number in range(6)))
    scans = desk.scans()

    Scan(desk.feed(scans)).run(desk.source, segments=1)

    desk.check()
    assert len(scans.asked) > 1


def test_what_was_interrupted_goes_on_from_each_segments_place(desk: Desk):
    fill(desk, 30)
    scans = desk.scans(limit=3)
    with pytest.raises(Stop):
        Scan(desk.feed(scans), stop_after(5, fail)).run(desk.source, segments=3)
    kept = desk.rows("SELECT items FROM pgproof_metrics.segment")
    places = len(scans.asked)

    goes_on = Scan(desk.feed(scans))
    goes_on.run(desk.source, segments=8)

    desk.check()
    again = scans.asked[places:]
    assert {words["TotalSegments"] for words in again} == {3}
    assert sum(kept) > 9
    assert goes_on.items == 30
    assert sum(desk.rows("SELECT items FROM pgproof_metrics.segment")) == 30
    assert desk.source.epoch == 1


def test_nothing_is_read_twice_but_the_page_at_hand(desk: Desk):
    fill(desk, 24)
    scans = desk.scans(limit=2)
    for pages in range(1, 5):
        with suppress(Stop):
            Scan(desk.feed(scans), stop_after(pages, fail)).run(desk.source, segments=1)
    Scan(desk.feed(scans)).run(desk.source)

    starts = [str(words.get("ExclusiveStartKey")) for words in scans.asked]
    assert len(starts) == len({*starts})
    desk.check()


def test_a_segment_that_was_read_to_its_end_is_not_read_again(desk: Desk):
    fill(desk, 4)
    with suppress(Stop):
        Scan(desk.feed(), stop_after(1, fail)).run(desk.source, segments=1)
    scans = desk.scans()

    live = Scan(desk.feed(scans)).run(desk.source)

    assert (live.phase, scans.asked) == ("live", [])
    desk.check()


def test_a_killed_backfill_goes_on(desk: Desk, url: str):
    fill(desk, 20)
    desk.feed()  # mappings are adopted here, and not in the process that is killed
    if (child := os.fork()) == 0:
        os.closerange(3, 256)  # no socket of the parent's
        desk.aws = connect_aws(url)
        Scan(desk.feed(desk.scans(limit=2)), stop_after(3, partial(os.kill, os.getpid(), signal.SIGKILL))).run(
            fetch_source(connect(desk.database), desk.name), segments=2
        )
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    kept = sum(desk.rows("SELECT items FROM pgproof_metrics.segment"))
    assert 6 <= kept < 20
    scans = desk.scans(limit=2)

    while True:
        with suppress(CloudError):  # the server may take a moment to see that its client is gone
            read(desk.feed(scans))
            break

    desk.check()
    assert desk.source.epoch == 1
    assert len(scans.asked) <= (20 - kept) // 2 + 2


def test_ctrl_c_ends_all_segments_and_the_next_run_goes_on(desk: Desk):
    fill(desk, 30)
    heard = Event()

    def press() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert heard.wait(30)  # on a busy machine all would be read before anybody hears of it

    def hear(*_: object) -> None:
        heard.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, hear)
    try:
        with pytest.raises(KeyboardInterrupt):
            Scan(desk.feed(desk.scans(limit=1)), stop_after(4, press)).run(desk.source, segments=3)
    finally:
        signal.signal(signal.SIGINT, before)
    kept = sum(desk.rows("SELECT items FROM pgproof_metrics.segment"))
    assert 4 <= kept < 30

    scan = Scan(desk.feed())
    scan.run(desk.source)

    desk.check()
    assert scan.items == 30


def test_the_error_of_one_segment_ends_the_others_and_is_the_one_told(desk: Desk):
    fill(desk, 1)
    others = Event(), Event()

    def answer(words: Page, page: Page) -> Page:
        if words["Segment"] == 0:
            assert all(other.wait(30) for other in others)
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Scan")
        others[words["Segment"] - 1].set()
        if words["Segment"] == 1:
            return {**page, "LastEvaluatedKey": {"pk": {"S": "MSG#0"}, "sk": {"S": "0"}}}  # without an end
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1")

    with pytest.raises(CloudError, match="AccessDeniedException"):
        Scan(desk.feed(desk.scans(after=answer), attempts=None)).run(desk.source, segments=3)


def test_a_second_backfill_is_refused_and_says_who_is_at_it(desk: Desk):
    fill(desk, 6)
    refused: list[CloudError] = []

    def try_another(_: int) -> None:
        with pytest.raises(CloudError) as caught:
            read(desk.feed())
        refused.append(caught.value)

    read(desk.feed(), notify=try_another, segments=1)

    pids = desk.rows("SELECT pg_backend_pid()")
    assert "is being read as a whole by pgproof, server process" in str(refused[0])
    assert str(pids[0]) not in str(refused[0])
    assert desk.source.epoch == 1
    desk.check()


def test_a_new_epoch_sweeps_what_was_deleted_unwatched_and_has_the_new_image_of_what_was_changed(desk: Desk):
    fill(desk, 6)
    read(desk.feed())
    delete(desk.aws, desk.name, message(0)["pk"], message(0)["sk"])
    put(desk.aws, desk.name, message(1, user_uuid="b"), message(7))

    scan = Scan(desk.feed())
    live = scan.run(desk.source, again=True)

    desk.check()
    assert (live.epoch, scan.items, scan.swept) == (2, 6, 1)


def test_what_was_swept_comes_back_with_the_stream(desk: Desk):
    fill(desk, 2)
    read(desk.feed())
    delete(desk.aws, desk.name, message(0)["pk"], message(0)["sk"])
    Scan(desk.feed()).run(desk.source, again=True)
    put(desk.aws, desk.name, message(0))

    read(desk.feed())

    desk.check()
    assert len(desk.mirror()) == 2


def test_what_the_stream_said_during_the_scan_is_not_overwritten_by_it(desk: Desk):
    fill(desk, 1)
    feed = desk.feed()

    def hear(_: Page, page: Page) -> Page:
        new = {**page["Items"][0], "user_uuid": {"S": "b"}}
        body = {"Keys": {name: new[name] for name in ("pk", "sk")}, "NewImage": new, "SequenceNumber": "1" * 21}
        read = partial(read_record, keys=feed.table.keys, mappings=feed.mappings)
        with connect(desk.database) as other, other.transaction():
            take_in(other, desk.source, [{"eventName": "MODIFY", "dynamodb": body}], read)
        return page

    Scan(desk.feed(desk.scans(after=hear))).run(desk.source, segments=1)

    (image,) = desk.mirror()
    assert '"user_uuid": {"S": "b"}' in image


def test_what_is_written_while_the_scan_goes_on_comes_with_the_stream(desk: Desk):
    fill(desk, 8)
    numbers = iter(range(100, 200))

    def write(_: Page, page: Page) -> Page:
        put(desk.aws, desk.name, message(next(numbers)), *({**item, "user_uuid": "b"} for item in page["Items"][:1]))
        for item in page["Items"][1:]:
            delete(desk.aws, desk.name, item["pk"]["S"], item["sk"]["S"])
        return page

    done = read(desk.feed(desk.scans(limit=3, after=write)), segments=1)

    desk.check()
    assert done.records > 8


def test_another_epoch_ends_a_scan_which_keeps_nothing_more(desk: Desk):
    fill(desk, 6)

    def begin(_: int) -> None:
        with connect(desk.database) as other:
            begin_epoch(other, fetch_source(other, desk.name), desk.feed().table.need_stream())

    with pytest.raises(CloudError, match="began to read it anew"):
        read(desk.feed(desk.scans(limit=2)), notify=begin, segments=1)

    assert desk.rows("SELECT epoch, count(*) FROM pgproof_metrics.item GROUP BY 1") == [(1, 2)]
    assert desk.source.phase == "scanning"


def test_an_epoch_that_another_ended_is_not_ended_again(desk: Desk):
    source = desk.source
    begin_epoch(desk.connection, source, "other")

    with pytest.raises(EpochOver):
        Scan(desk.feed()).run(source)


def test_a_malformed_item_is_set_aside_and_the_scan_goes_on(desk: Desk):
    fill(desk, 4)
    bad = [{"pk": {"S": "MSG#1"}}, {"pk": {"S": "MSG#1"}, "sk": {"S": "x"}, "n": {"X": 1}}]

    def spoil(_: Page, page: Page) -> Page:
        return {**page, "Items": [bad[0], *page["Items"], bad[1]]}

    done = read(desk.feed(desk.scans(after=spoil)), segments=1)

    desk.check()
    assert done.live
    reasons = desk.rows("SELECT reason FROM pgproof_metrics.dead_letter ORDER BY 1")
    assert reasons == ["no sk, which is a part of the key", "unknown type 'X'"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE pgproof_metrics.source SET scan_began_at = now() - interval '1 day' RETURNING id",
        "UPDATE pgproof_metrics.source SET stream = 'other' RETURNING id",
    ],
    ids=["too old", "another stream"],
)
def test_a_scan_whose_place_in_the_stream_is_gone_begins_anew(desk: Desk, change: str):
    fill(desk, 6)
    with suppress(Stop):
        Scan(desk.feed(desk.scans(limit=2)), stop_after(1, fail)).run(desk.source, segments=1)
    desk.rows(change)

    scan = Scan(desk.feed())
    live = scan.run(desk.source)

    desk.check()
    assert (live.epoch, scan.items) == (2, 6)


@pytest.mark.parametrize(("limit", "pages"), [(2, 2), (None, 1)], ids=["at its next page", "at its end"])
def test_a_scan_that_takes_longer_than_the_stream_lasts_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, limit: int | None, pages: int
):
    fill(desk, 6)
    scans = desk.scans(limit)

    def days_later(_: int) -> None:
        monkeypatch.setattr("pgproof.metrics.reading.scan.READING", timedelta(0))

    with pytest.raises(CloudError, match="longer than a day"):
        Scan(desk.feed(scans), days_later).run(desk.source, segments=1)

    assert (desk.source.phase, len(scans.asked)) == ("scanning", pages)


def test_an_error_of_postgres_loses_nothing(desk: Desk):
    fill(desk, 8)

    def break_off(_: int) -> None:
        raise psycopg.OperationalError("the server is gone")

    with pytest.raises(psycopg.OperationalError):
        read(desk.feed(desk.scans(limit=2)), notify=break_off)
    read(desk.feed())

    desk.check()
