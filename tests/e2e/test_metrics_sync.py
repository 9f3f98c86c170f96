"""`inv metrics.sync` as a person types it: once, for a script, and until it is told to stop."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import pytest

from pgproof.metrics.aws import Aws
from pgproof.metrics.feed import open_feeds
from pgproof.metrics.mappings.mapping import read_mappings
from pgproof.metrics.mirror.source import fetch_source
from pgproof.metrics.reading.scan import Scan
from tests.dynamo import KEYS, connect_aws, make_table, moto_server, put
from tests.e2e.conftest import BIN, PATIENCE, Project
from tests.metrics import MESSAGES, install

USERS = 'postgres = "users"\ntime = "created_at"\n\n[metric.users]\n'


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def aws(url: str) -> Aws:
    return connect_aws(url)


@pytest.fixture
def fed(full_shop: Project, url: str) -> Project:
    """A shop with a place for metrics, in a shell that knows the double."""
    with full_shop.connect() as connection:
        install(connection)
    names = {"AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"], "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"]}
    where = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": KEYS["region_name"]}
    return Project(full_shop.root, full_shop.environ | names | where)


@pytest.fixture
def table(fed: Project, aws: Aws) -> str:
    """A table of which the project knows."""
    name = make_table(aws)
    fed.write("metrics/messages.toml", MESSAGES.format(table=name))
    return name


def read_all(fed: Project, aws: Aws, table: str) -> None:
    """What `inv metrics.backfill` does."""
    (feed,) = open_feeds(aws, fed.connect, read_mappings(fed.root / "metrics"))
    with fed.connect() as connection:
        Scan(feed).run(fetch_source(connection, table))


def message(day: int) -> dict[str, str]:
    return {"pk": "MSG#1", "sk": f"2026-01-0{day}T10:00:00", "user_uuid": "a"}


@contextmanager
def follower(fed: Project) -> Iterator[subprocess.Popen[str]]:
    """Run one that is killed at the end, if it has not ended."""
    command: list[str | os.PathLike[str]] = [BIN / "inv", "metrics.sync", "--follow"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=fed.root, env=fed.environ, stdout=pipe, stderr=pipe, text=True) as process:
        patience = Timer(PATIENCE, process.kill)  # one that says nothing more ends the test, not the night
        patience.start()
        try:
            yield process
        finally:
            patience.cancel()
            process.kill()


def test_a_stream_is_read_once_up_to_the_present(fed: Project, aws: Aws, table: str):
    assert fed.refuse("metrics.sync") == (
        f"DynamoDB's table {table} was never read\n  hint: `inv metrics.backfill` reads it\n"
    )
    read_all(fed, aws, table)
    put(aws, table, message(1), message(2))

    done = fed.inv("metrics.sync")

    assert re.fullmatch(rf"{table}: 2 records, 2 news, up to \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n", done)
    assert fed.rows("SELECT sum(value) FROM pgproof_metrics.daily WHERE metric = 'messages'") == [(2,)]
    assert json.loads(fed.inv("metrics.sync", "--json")) == [{"table": table, "records": 0, "news": 0, "read_to": None}]


def test_metrics_of_tables_of_this_database_are_counted_without_aws(full_shop: Project):
    full_shop.write("metrics/people.toml", USERS)
    full_shop.execute("ALTER TABLE users ADD created_at timestamptz NOT NULL DEFAULT now()")
    with full_shop.connect() as connection:
        install(connection)

    assert full_shop.inv("metrics.sync") == "users: counted\n"

    assert full_shop.rows("SELECT value FROM pgproof_metrics.daily") == [(2,)]


@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT])
def test_a_table_is_followed_until_it_is_told_to_stop(fed: Project, aws: Aws, table: str, word: signal.Signals):
    read_all(fed, aws, table)
    with follower(fed) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == f"following {table}\n"
        put(aws, table, message(1))
        came = process.stdout.readline()
        process.send_signal(word)
        rest, errors = process.stdout.read(), process.stderr.read()

        assert (process.wait(), rest, errors) == (0, "stopped\n", "")
    assert re.fullmatch(rf"{table}: 1 records, \d+ a second, \d+ s behind\n", came)
    assert fed.rows("SELECT sum(value) FROM pgproof_metrics.daily WHERE metric = 'messages'") == [(1,)]


def test_what_one_table_cannot_go_on_after_ends_all_of_them(fed: Project, aws: Aws, table: str):
    read_all(fed, aws, table)
    other = make_table(aws)
    fed.write("metrics/others.toml", MESSAGES.format(table=other).replace("metric.", "metric.other_"))

    done = fed.run("metrics.sync", "--follow")

    assert (done.returncode, done.stdout) == (1, f"following {', '.join(sorted([table, other]))}\n")
    assert done.stderr == (f"error: DynamoDB's table {other} was never read\n  hint: `inv metrics.backfill` reads it\n")


def test_production_takes_nothing_from_a_double(fed: Project, table: str):
    url = fed.inv("db.url", "--show-password").strip()
    assert table

    told = fed.refuse("metrics.sync", "--follow", "--target=prod", PROD_CONNECTION_URL=url)

    assert told.startswith("target prod, and requests to AWS would go to 127.0.0.1\n  hint: unset AWS_ENDPOINT_URL, ")


def test_what_is_missing_is_said_in_a_line(fed: Project, table: str):
    bare = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    assert table

    nowhere = Project(fed.root, {name: value for name, value in fed.environ.items() if name != "AWS_DEFAULT_REGION"})
    assert nowhere.refuse("metrics.sync").startswith("no AWS region\n  hint: ")
    assert fed.refuse("metrics.sync", **bare).startswith("no AWS credentials\n  hint: ")
    both = fed.refuse("metrics.sync", "--follow", "--json")
    assert both == "--follow has no --json\n  hint: `inv metrics.status --json` says how it goes\n"


def test_where_metrics_are_not_set_up_that_is_said_before_aws_is_asked(full_shop: Project):
    full_shop.write("metrics/messages.toml", MESSAGES.format(table="messages"))
    boto3 = full_shop.write("nowhere/boto3.py", "raise AssertionError('it was asked')\n")

    told = full_shop.refuse("metrics.sync", PYTHONPATH=os.fspath(boto3.parent))

    assert told.startswith("metrics are not set up in shop\n  hint: `inv metrics.init` writes the migration")
