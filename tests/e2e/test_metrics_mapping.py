"""`inv metrics.init`, `metrics.check` and `metrics.seed` as a person types them."""

import json
from collections.abc import Iterator

import pytest

from tests.dynamo import moto_server
from tests.e2e.conftest import Project

POSTS = 'postgres = "posts"\ntime = "created_at"\n\n[metric.posts]\n'
MESSAGES = 'dynamodb = "messages"\ntime = "sk"\n\n[metric.messages]\n'
TABLE = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    """The environment of a shell that has a DynamoDB on its desk."""
    with moto_server() as url:
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "ca-central-1",
        }


def test_the_migration_is_written_once_and_its_way_back_leaves_nothing(full_shop: Project):
    assert full_shop.inv("metrics.init").splitlines() == [
        "migrations/0004_mirror_dynamodb_for_metrics.sql",
        "migrations/0004_mirror_dynamodb_for_metrics.rollback.sql",
        "migrations/HEAD",
    ]
    assert full_shop.inv("metrics.init") == "the migrations make the metrics' tables already\n"

    was = full_shop.catalog()
    full_shop.inv("db.migrate")
    assert full_shop.rows("SELECT count(*) FROM pgproof_metrics.daily") == [(0,)]
    full_shop.inv("db.rollback")
    assert full_shop.catalog() == was


def test_mappings_are_checked_against_what_the_migrations_make_before_they_are_applied(full_shop: Project):
    full_shop.write("metrics/posts.toml", POSTS)
    done = full_shop.run("metrics.check", "--offline")
    assert (done.returncode, done.stderr) == (1, "error: 1 thing does not fit\n")
    assert done.stdout == (
        f"{full_shop.root}/metrics/posts.toml:2: posts has no column created_at\n  hint: it has body, id, user_id\n"
    )

    full_shop.write("migrations/0004_add_created_at_to_posts.sql", "ALTER TABLE posts ADD created_at timestamptz;\n")
    full_shop.write("migrations/0004_add_created_at_to_posts.rollback.sql", "ALTER TABLE posts DROP created_at;\n")
    full_shop.write("migrations/HEAD", "0004_add_created_at_to_posts\n")
    assert full_shop.inv("metrics.check", "--offline") == "1 mapping, 1 metric: all of it fits\n"


def test_a_desk_with_demo_items_is_checked_and_what_does_not_fit_is_told_to_a_script(
    full_shop: Project, aws: dict[str, str]
):
    full_shop.write("metrics/messages.toml", MESSAGES)
    full_shop.write("metrics/demo/messages.table.json", json.dumps(TABLE))
    full_shop.write("metrics/demo/messages.jsonl", '{"Item": {"pk": {"S": "1"}, "at": {"S": "2026-01-01"}}}\n')
    assert full_shop.inv("metrics.seed", **aws) == "messages: made, with its stream; 1 item\n"
    assert full_shop.inv("metrics.seed", **aws) == "messages: there already; 1 item\n"

    done = full_shop.run("metrics.check", "--json", **aws)

    assert (done.returncode, done.stderr) == (1, "error: 1 thing does not fit\n")
    (finding,) = json.loads(done.stdout)["findings"]
    assert finding == {
        "path": f"{full_shop.root}/metrics/messages.toml",
        "line": 2,
        "what": "of 1 item that fits none has sk",
        "hint": "they have at, pk",
        "warns": False,
    }


def test_demo_items_never_go_to_aws(full_shop: Project, aws: dict[str, str]):
    full_shop.write("metrics/demo/messages.table.json", json.dumps(TABLE))
    full_shop.write("metrics/demo/messages.jsonl", '{"Item": {"pk": {"S": "1"}}}\n')
    at_aws = aws | {"AWS_ENDPOINT_URL": "https://dynamodb.ca-central-1.amazonaws.com"}

    assert "requests would go to dynamodb.ca-central-1.amazonaws.com" in full_shop.refuse("metrics.seed", **at_aws)
