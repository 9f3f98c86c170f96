"""Exports of DynamoDB to S3 come over: whole, in increments, and nothing of a file that is broken."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from pgproof.errors import CloudError, SettingsError
from pgproof.metrics.aws import Aws, open_s3
from pgproof.metrics.mirror.intake import take_in
from pgproof.metrics.mirror.record import read_record
from pgproof.metrics.reading.backfill import Reading, backfill, import_export
from pgproof.metrics.reading.export import Bucket, Export, Folder, open_export
from pgproof.metrics.reading.importing import Import
from pgproof.metrics.reading.scan import Scan
from pgproof.metrics.streams.stream import Pace
from pgproof.pg.database import connect
from pgproof.settings import read_settings
from tests.desk import Desk, open_desk
from tests.dynamo import KEYS, connect_aws, delete, make_table, moto_server, put, typed
from tests.exporting import Exported, checksums, whole, write_export, written

HOUR = timedelta(hours=1)
NO_PACE = Pace(interval=0)


class Stop(Exception):
    """What an import is interrupted by."""


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


def now() -> datetime:
    return datetime.now(UTC)


def message(number: int, user: str = "a", **more: Any) -> dict[str, Any]:
    return typed({"pk": f"MSG#{number % 3}", "sk": f"2026-01-01T10:00:{number:02}", "user_uuid": user, **more})


def arn(desk: Desk) -> str:
    return desk.feed().table.need_stream().partition("/stream/")[0]


def put_all(desk: Desk, *items: dict[str, Any]) -> None:
    put(desk.aws, desk.name, *items)


def export_table(desk: Desk, at: datetime | None = None, **more: Any) -> Exported:
    """Export the table as it is."""
    items = desk.aws.tables.scan(TableName=desk.name)["Items"]
    return write_export(desk.root / "bucket", arn(desk), list(map(whole, items)), at or now(), **more)


def increment(desk: Desk, since: datetime, until: datetime, *lines: dict[str, Any]) -> Exported:
    return write_export(desk.root / "bucket", arn(desk), lines, until, since=since, files=2)


def opened(exported: Exported) -> Export:
    return open_export(Folder(exported.folder))


def read(desk: Desk, exported: Exported, **words: Any) -> Reading:
    return import_export(desk.feed(), opened(exported), pace=NO_PACE, **words)


def images(desk: Desk) -> dict[str, str]:
    """Return who wrote each message of the mirror."""
    return {json.loads(text)["sk"]["S"][-2:]: json.loads(text)["user_uuid"]["S"] for text in desk.mirror()}


def test_an_export_and_the_stream_after_it_are_the_table(desk: Desk):
    put_all(desk, *map(message, range(20)), message(21, n={"N": "9" * 38}, b={"B": b"\0\xff"}, none={"NULL": True}))
    exported = export_table(desk)
    put_all(desk, message(3, "b"), message(30))
    delete(desk.aws, desk.name, "MSG#1", message(1)["sk"]["S"])

    done = read(desk, exported)

    desk.check()
    assert (done.items, done.live, done.table) == (21, True, desk.name)


def test_an_export_in_s3_is_read_as_one_in_a_folder(desk: Desk, url: str, monkeypatch: pytest.MonkeyPatch):
    put_all(desk, *map(message, range(5)))
    exported = export_table(desk)
    set_aws(monkeypatch, url)
    s3 = open_s3(read_settings(desk.root, environ={}))
    s3.create_bucket(Bucket=desk.name, CreateBucketConfiguration={"LocationConstraint": "ca-central-1"})
    for path in filter(Path.is_file, exported.bucket.rglob("*")):
        s3.upload_file(str(path), desk.name, f"a/{path.relative_to(exported.bucket)}")
    place = f"s3://{desk.name}/a/AWSDynamoDB/{exported.id}"

    done = import_export(desk.feed(), open_export(Bucket(desk.aws, s3, place)), pace=NO_PACE)

    desk.check()
    assert (done.items, done.live) == (5, True)
    with pytest.raises(CloudError, match=f"s3://{desk.name}/a/b/manifest-summary.json: there is no such file"):
        open_export(Bucket(desk.aws, s3, f"s3://{desk.name}/a/b"))


def set_aws(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    for name, value in zip(("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION"), KEYS.values(), strict=True):
        monkeypatch.setenv(f"AWS_{name}", value)


def test_an_export_from_a_double_of_s3_does_not_come_to_production(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
):
    set_aws(monkeypatch, url)

    with pytest.raises(SettingsError, match=r"requests to AWS would go to 127\.0\.0\.1"):
        open_s3(replace(read_settings(tmp_path, environ={}), target="prod"))


class Flaky:
    """An S3 whose connection breaks off in the midst of the first answer."""

    def __init__(self) -> None:
        broken = ReadTimeoutError(endpoint_url="http://127.0.0.1")
        self.bodies: list[list[bytes | Exception]] = [[b"half of", broken], [b"all of it"]]

    def get_object(self, **_: str) -> dict[str, Any]:
        return {"Body": self}

    def read(self, _: int) -> bytes:
        said = self.bodies[0].pop(0) if self.bodies[0] else b""
        if isinstance(said, Exception):
            del self.bodies[0]
            raise said
        return said


def test_a_file_whose_fetching_broke_off_is_fetched_from_its_beginning(desk: Desk):
    bucket = Bucket(replace(desk.aws, attempts=2), Flaky(), "s3://b/a")  # type: ignore[arg-type]

    with bucket.open("file") as file:
        assert file.read() == b"all of it"


def test_files_of_an_increment_are_found_in_s3_beside_its_folder(desk: Desk):
    exported = increment(desk, now() - HOUR, now(), written(now(), message(1)))
    bucket = Bucket(desk.aws, None, f"s3://b/AWSDynamoDB/{exported.id}")  # type: ignore[arg-type]

    (first, _) = opened(exported).files

    assert bucket.where(first.path) == f"s3://b/{first.name}"


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")], ids=["no bytes", "no lines"])
def test_a_partition_without_items_has_a_file_without_lines(desk: Desk, content: bytes):
    exported = export_table(desk, files=1)
    exported.file(0).write_bytes(content)
    exported.rewrite("manifest-files.json", **checksums(exported.file(0)))

    assert (read(desk, exported).items, desk.source.phase) == (0, "live")


def test_an_export_sweeps_what_is_not_in_it(desk: Desk):
    put_all(desk, *map(message, range(4)))
    backfill(desk.feed(), pace=NO_PACE)
    delete(desk.aws, desk.name, "MSG#1", message(1)["sk"]["S"])

    importing = Import(desk.feed(), opened(export_table(desk)))
    live = importing.run(desk.source, again=True)

    desk.check()
    assert (live.epoch, importing.swept) == (2, 1)


def test_increments_bridge_what_the_stream_no_longer_tells(desk: Desk):
    at = now() - 50 * HOUR
    full = write_export(desk.root / "bucket", arn(desk), [whole(message(n)) for n in range(5)], at)
    first = increment(
        desk,
        at,
        at + 24 * HOUR,
        written(at + HOUR, message(1, "b")),
        written(at + HOUR, message(2), gone=True),
        written(at + HOUR, message(7)),
    )
    second = increment(desk, at + 20 * HOUR, now(), written(at + 30 * HOUR, message(7, "c")))

    not_yet = read(desk, full)
    assert (not_yet.live, not_yet.items, desk.source.phase) == (False, 5, "scanning")
    assert not read(desk, first).live
    assert images(desk) == {"00": "a", "01": "b", "03": "a", "04": "a", "07": "a"}
    live = read(desk, second)

    assert (live.live, live.items) == (True, 1)
    assert images(desk) == {"00": "a", "01": "b", "03": "a", "04": "a", "07": "c"}
    assert desk.source.epoch == 1


def test_an_increment_that_comes_late_or_twice_changes_nothing(desk: Desk):
    at = now() - 90 * HOUR
    read(desk, write_export(desk.root / "bucket", arn(desk), [whole(message(1))], at))
    first = increment(desk, at, at + 24 * HOUR, written(at + HOUR, message(1, "b")), written(at + HOUR, message(2)))
    second = increment(desk, at + 24 * HOUR, at + 48 * HOUR, written(at + 30 * HOUR, message(1), gone=True))
    for exported in (first, second, first, first, second):
        read(desk, exported)

    assert images(desk) == {"02": "a"}
    assert desk.source.exported_to == opened(second).until


def test_a_gap_between_two_exports_is_refused(desk: Desk):
    at = now() - 50 * HOUR
    read(desk, write_export(desk.root / "bucket", arn(desk), [whole(message(1))], at))

    with pytest.raises(CloudError, match=f"is missing\n  hint: import an incremental export from {at:%FT%TZ} on"):
        read(desk, increment(desk, at + HOUR, now(), written(now(), message(1, "b"))))

    assert images(desk) == {"01": "a"}


def test_what_the_stream_said_stands_over_an_increment(desk: Desk):
    at = now() - 50 * HOUR
    read(desk, write_export(desk.root / "bucket", arn(desk), [whole(message(1))], at))
    feed = desk.feed()
    body = {"Keys": {k: message(1)[k] for k in ("pk", "sk")}, "NewImage": message(1, "c"), "SequenceNumber": "1" * 21}
    with desk.connection.transaction():
        said = [{"eventName": "MODIFY", "dynamodb": body}]
        take_in(desk.connection, desk.source, said, partial(read_record, keys=("pk", "sk"), mappings=feed.mappings))

    read(desk, increment(desk, at, now(), written(now(), message(1, "b"))))

    assert images(desk) == {"01": "c"}


def test_an_increment_without_an_export_before_it_is_refused(desk: Desk):
    exported = increment(desk, now() - HOUR, now())
    with pytest.raises(CloudError, match="was not read from one\n  hint: import an export of the whole table first"):
        read(desk, exported)
    backfill(desk.feed(), pace=NO_PACE)
    with pytest.raises(CloudError, match=r"is live\n  hint: `inv metrics.sync` reads its stream"):
        read(desk, exported)


def test_an_export_from_before_the_stream_was_on_does_not_go_live(desk: Desk):
    put_all(desk, message(1))
    exported = export_table(desk, at=now() - HOUR)  # the stream is a moment old

    assert not read(desk, exported).live


def test_a_shard_has_to_be_begun_within_a_day_of_the_export(desk: Desk):
    exported = export_table(desk)

    Import(desk.feed(), opened(exported)).run(desk.source)

    assert desk.rows("SELECT since FROM pgproof_metrics.shard") == [opened(exported).until]


def break_md5(exported: Exported) -> None:
    path = exported.file(1)
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def lose(exported: Exported) -> None:
    exported.file(1).unlink()


def cut_off(exported: Exported) -> None:
    path = exported.file(1)
    path.write_bytes(path.read_bytes()[:-9])
    _bless(exported, checksums(path))


def miscount(exported: Exported) -> None:
    path = exported.file(1)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b'{"Item": {}}\n'))
    _bless(exported, checksums(path))


def _bless(exported: Exported, said: dict[str, str]) -> None:
    path = exported.folder / "manifest-files.json"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    entries[1] |= said
    path.write_text("\n".join(map(json.dumps, entries)))


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (break_md5, "its MD5 is .*, and the manifest says"),
        (lose, "No such file"),
        (cut_off, "Compressed file ended"),
        (miscount, "it has 5 items, and the manifest says 4"),
    ],
)
def test_nothing_of_a_broken_file_counts_and_its_name_is_told_and_a_whole_one_goes_on(
    desk: Desk, harm: Callable[[Exported], None], what: str
):
    put_all(desk, *map(message, range(12)))
    exported = export_table(desk)
    good, manifest = exported.file(1).read_bytes(), (exported.folder / "manifest-files.json").read_text()
    harm(exported)

    with pytest.raises(CloudError, match=f"{exported.file(1).name}: {what}"):
        read(desk, exported)
    broken = set(map(json.dumps, json.loads(f"[{','.join(desk.mirror())}]")))
    lines = gzip.decompress(good).decode().splitlines()
    assert not broken & {json.dumps(json.loads(line)["Item"]) for line in lines}

    exported.file(1).write_bytes(good)
    (exported.folder / "manifest-files.json").write_text(manifest)
    done = read(desk, exported)

    desk.check()
    assert (done.items, done.live, desk.source.epoch) == (12, True, 1)


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_an_interrupted_import_goes_on_at_the_line_where_it_was(
    desk: Desk, pages: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pgproof.metrics.reading.importing._PAGE", 2)
    put_all(desk, *map(message, range(10)))
    exported = export_table(desk, files=1)

    def stop(items: int) -> None:
        if items == 2 * pages:
            raise Stop

    with suppress(Stop):
        Import(desk.feed(), opened(exported), stop).run(desk.source)
    assert desk.rows("SELECT items, done FROM pgproof_metrics.segment") == [(2 * pages, False)]
    told: list[int] = []
    done = read(desk, exported, notify=told.append)

    desk.check()
    assert told[0] == 2 * pages + 2
    assert (done.items, desk.source.epoch) == (10, 1)


def test_what_was_begun_otherwise_is_not_thrown_away_unasked(desk: Desk):
    put_all(desk, message(1))
    with suppress(Stop):
        Scan(desk.feed(), stop_at_once).run(desk.source)
    exported = export_table(desk, at=now() - 50 * HOUR)

    with pytest.raises(CloudError, match="is being read by scan"):
        read(desk, exported)
    read(desk, exported, again=True)
    with pytest.raises(CloudError, match="is being read from an export"):
        backfill(desk.feed(), pace=NO_PACE)
    with pytest.raises(CloudError, match="is being read from another export"):
        read(desk, export_table(desk))
    assert desk.source.epoch == 2
    backfill(desk.feed(), pace=NO_PACE, again=True)

    desk.check()
    assert desk.source.epoch == 3


def stop_at_once(_: int) -> None:
    raise Stop


def test_another_increment_is_refused_while_one_is_not_read_to_its_end(desk: Desk):
    at = now() - 90 * HOUR
    read(desk, write_export(desk.root / "bucket", arn(desk), [whole(message(1))], at))
    first = increment(desk, at, at + HOUR, written(at, message(2)))
    with suppress(Stop):
        Import(desk.feed(), opened(first), stop_at_once).run(desk.source)

    with pytest.raises(CloudError, match="was not read to its end"):
        read(desk, increment(desk, at, at + HOUR * 2))


def test_a_line_that_nobody_can_read_is_set_aside(desk: Desk):
    put_all(desk, message(1))
    lines = [whole(message(1)), {"Itme": {}}, {"Item": {"pk": {"S": "MSG#1"}}}, 7]
    exported = write_export(desk.root / "bucket", arn(desk), lines, now())  # type: ignore[arg-type]

    assert read(desk, exported).live
    desk.check()
    reasons = desk.rows("SELECT reason FROM pgproof_metrics.dead_letter ORDER BY 1")
    assert reasons == ["no Item", "no Item", "no sk, which is a part of the key"]


@pytest.mark.parametrize(
    "said", [1680109764000000, "1680109764000000", {"N": "1680109764000000"}], ids=["number", "text", "typed"]
)
def test_the_moment_of_a_write_is_read_in_any_way_that_aws_writes_it(desk: Desk, said: Any):
    at = now() - 50 * HOUR
    read(desk, write_export(desk.root / "bucket", arn(desk), [], at))
    line = {**written(at, message(1)), "Metadata": {"WriteTimestampMicros": said}}

    strange: list[Any] = [{}, "none", {"WriteTimestampMicros": "x"}, {"WriteTimestampMicros": {}}]
    lines = [line, *({**line, "Metadata": each} for each in strange), ["no map"]]

    read(desk, increment(desk, at, now(), *lines))  # type: ignore[arg-type]

    assert desk.rows("SELECT sequence FROM pgproof_metrics.item") == [1680109764000000]
    assert len(desk.rows("SELECT reason FROM pgproof_metrics.dead_letter")) == 5


@pytest.mark.parametrize(
    ("name", "said", "what"),
    [
        ("manifest-summary.json", {"outputFormat": "ION"}, "the export's format is ION\n  hint: .*DYNAMODB_JSON"),
        ("manifest-summary.json", {"itemCount": 3}, "its files have 2 items, and manifest-summary.json says 3"),
        ("manifest-summary.json", {"exportTime": "soon"}, "it is no manifest of an export: Invalid isoformat"),
        ("manifest-files.json", {"md5Checksum": None, "itemCount": None}, "it is no manifest of an export"),
    ],
)
def test_a_manifest_that_cannot_be_followed_is_refused(desk: Desk, name: str, said: dict[str, Any], what: str):
    exported = write_export(desk.root / "bucket", arn(desk), [whole(message(1)), whole(message(2))], now())
    exported.rewrite(name, **said)

    with pytest.raises(CloudError, match=what):
        opened(exported)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_manifest_that_is_none_is_refused_by_its_name(desk: Desk, text: str):
    exported = write_export(desk.root / "bucket", arn(desk), [], now())
    (exported.folder / "manifest-summary.json").write_text(text)

    with pytest.raises(CloudError, match=r"manifest-summary\.json: it is no manifest of an export: "):
        opened(exported)


def test_an_export_of_another_table_is_refused(desk: Desk):
    other = arn(desk).replace("ca-central-1", "us-east-1")
    exported = write_export(desk.root / "bucket", other, [whole(message(1))], now())

    with pytest.raises(CloudError, match=r"the export is of .*us-east-1.*, and not of .*ca-central-1"):
        read(desk, exported)

    assert desk.source.phase == "new"


def test_two_imports_at_once_are_one(desk: Desk):
    put_all(desk, message(1))
    exported, refused = export_table(desk), []

    def try_another(_: int) -> None:
        with pytest.raises(CloudError, match="is being read as a whole by pgproof") as caught:
            read(desk, exported)
        refused.append(caught.value)

    Import(desk.feed(), opened(exported), try_another).run(desk.source)

    assert len(refused) == 1
    with connect(desk.database) as other:
        assert other.execute("SELECT phase FROM pgproof_metrics.source").fetchone() == ("live",)
