"""`inv metrics.backfill` and `metrics.import-export` as a person types them."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pgproof.metrics.aws import Aws
from tests.dynamo import KEYS, connect_aws, make_table, moto_server, put, typed
from tests.e2e.conftest import BIN, PATIENCE, Project
from tests.exporting import whole, write_export
from tests.metrics import MESSAGES, install


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def aws(url: str) -> Aws:
    return connect_aws(url)


@pytest.fixture
def table(full_shop: Project, aws: Aws, url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A table with three messages, of which the project knows."""
    name = make_table(aws)
    put(aws, name, *({"pk": "MSG#1", "sk": f"2026-01-0{day}T10:00:00", "user_uuid": "a"} for day in (1, 2, 3)))
    full_shop.write("metrics/messages.toml", MESSAGES.format(table=name))
    with full_shop.connect() as connection:
        install(connection)
    names = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": KEYS["region_name"],
    }
    for variable, value in names.items():
        monkeypatch.setitem(full_shop.environ, variable, value)
    return name


def test_a_table_is_read_once_and_anew_only_when_asked_to(full_shop: Project, table: str):
    done = full_shop.inv("metrics.backfill")
    assert re.fullmatch(rf"{table}: 3 items, 0 gone since before, 3 records of its stream, \d+\.\d s\n", done)

    live = full_shop.inv("metrics.backfill", "--table", table)
    assert re.fullmatch(rf"{table} is live since .*: `inv metrics.sync` reads its stream; --again reads it all\n", live)

    (again,) = json.loads(full_shop.inv("metrics.backfill", "--again", "--segments", "2", "--json"))
    assert {**again, "seconds": 0} == {
        "table": table,
        "items": 3,
        "swept": 0,
        "records": 3,
        "seconds": 0,
        "exported_to": None,
        "live": True,
    }
    assert full_shop.rows("SELECT epoch, phase FROM pgproof_metrics.source") == [(2, "live")]


def test_what_is_no_table_of_the_project_is_refused(full_shop: Project, table: str):
    what = "no file of metrics/*.toml is about DynamoDB's table no-such, not-either\n"
    assert full_shop.refuse("metrics.backfill", "--table", "no-such", "--table", "not-either") == (
        f"{what}  hint: they are about {table}\n"
    )
    assert full_shop.refuse("metrics.backfill", "--segments", "0") == "--segments '0' is not a number from 1 on\n"


def test_ctrl_c_is_no_loss_and_the_next_run_goes_on(full_shop: Project, table: str):
    full_shop.inv("metrics.backfill")
    with full_shop.connect() as connection, connection.transaction():
        connection.execute("SELECT FROM pgproof_metrics.item FOR UPDATE")  # so its first page waits
        process = subprocess.Popen(
            [BIN / "inv", "metrics.backfill", "--again"],
            cwd=full_shop.root,
            env=full_shop.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for_waiting(full_shop)
        process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, error) == (130, "", "interrupted\n")
    assert full_shop.rows("SELECT epoch, phase FROM pgproof_metrics.source") == [(2, "scanning")]

    assert full_shop.inv("metrics.backfill").startswith(f"{table}: 3 items, ")
    assert full_shop.rows("SELECT epoch, phase FROM pgproof_metrics.source") == [(2, "live")]


def wait_for_waiting(project: Project) -> None:
    """Look until a session waits for a lock."""
    until = datetime.now(UTC) + timedelta(seconds=PATIENCE)
    while not project.rows("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'shop'"):
        assert datetime.now(UTC) < until


def test_an_export_is_read_from_its_folder_and_says_what_comes_next(full_shop: Project, aws: Aws, table: str):
    arn = aws.tables.describe_table(TableName=table)["Table"]["TableArn"]
    now = datetime.now(UTC).replace(microsecond=0)
    lines = [whole(typed({"pk": "MSG#1", "sk": "2026-01-09T10:00:00"}))]
    full, increment, broken = (
        write_export(full_shop.root / "bucket", arn, lines[:number], at, since=since)
        for number, at, since in (
            (1, now - timedelta(hours=40), None),
            (0, now + timedelta(seconds=1), now - timedelta(hours=41)),
            (1, now, None),
        )
    )
    broken.file(0).unlink()

    first = full_shop.inv("metrics.import-export", "--path", str(full.folder))
    at = f"{now - timedelta(hours=40):%Y-%m-%dT%H:%M:%SZ}"
    assert [re.sub(r"\d+\.\d s$", "_ s", line) for line in first.splitlines()] == [
        f"{table}: 1 item as of {at}, _ s",
        f"{table} is not live yet: its stream does not reach back so far: import an incremental export from {at} on",
    ]
    second = full_shop.inv("metrics.import-export", "--path", f"bucket/AWSDynamoDB/{increment.id}/")
    assert re.fullmatch(rf"{table}: 0 items, 0 gone since before, 3 records of its stream, \d+\.\d s\n", second)
    assert full_shop.rows("SELECT count(*) FROM pgproof_metrics.item WHERE NOT deleted") == [(4,)]

    assert "is live since" in full_shop.inv("metrics.import-export", "--path", str(broken.folder))
    refused = full_shop.refuse("metrics.import-export", "--again", "--path", str(broken.folder))
    assert refused.startswith(f"{broken.file(0)}: No such file or directory\n  hint: copy it again")
