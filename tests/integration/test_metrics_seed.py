"""Demo items: where they may go, in which portions, and that Cruddur's are what its mappings count."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import stamina
from botocore.exceptions import ClientError

from pgproof.errors import CloudError, DestructionRefused, SettingsError, SqlFileError
from pgproof.metrics.aws import Aws
from pgproof.metrics.mappings.mapping import read_mappings
from pgproof.metrics.mappings.shapes import check_items
from pgproof.metrics.seeding import Demo, read_demos, seed
from tests.dynamo import connect_aws, make_table, moto_server

ROOT = Path(__file__).parent.parent.parent
KEYED = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
}
ITEM: dict[str, Any] = {"pk": {"S": "a"}}


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with moto_server() as url:
        yield connect_aws(url)


def scan(aws: Aws, table: str) -> list[Any]:
    return aws.tables.scan(TableName=table)["Items"]


def write(root: Path, definition: str, *lines: str) -> Path:
    (root / "t.table.json").write_text(definition, encoding="utf-8")
    (root / "t.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def test_cruddurs_demo_fits_cruddurs_mappings(aws: Aws):
    (demo,) = read_demos(ROOT / "metrics/demo")

    assert seed(aws, demo)
    assert not seed(aws, demo)  # once more changes nothing

    assert len(scan(aws, demo.table)) == len(demo.items)
    assert check_items(aws, None, read_mappings(ROOT / "metrics")) == []


class Counting:
    """A client that takes no more than so many items of a batch, and now and then none."""

    def __init__(self, client: Any, most: int) -> None:
        self.client, self.most, self.sizes = client, most, list[int]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> Any:  # noqa: N803 - boto3's name
        ((table, puts),) = RequestItems.items()
        self.sizes.append(len(puts))
        if len(self.sizes) % 5 == 0:
            said: Any = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": ""}}
            raise ClientError(said, "BatchWriteItem")
        self.client.batch_write_item(RequestItems={table: puts[: self.most]})
        return {"UnprocessedItems": {table: puts[self.most :]} if puts[self.most :] else {}}


def test_no_batch_is_larger_than_dynamodb_takes_and_what_it_does_not_take_comes_again(aws: Aws):
    items = [{"pk": {"S": str(number)}} for number in range(60)]
    counting: Any = Counting(aws.tables, most=10)
    with stamina.set_testing(True, attempts=10):  # nothing is waited for
        seed(replace(aws, tables=counting), Demo("portions", KEYED, items))

    assert counting.sizes == [25, 15, 5, 25, 15, 15, 5, 10]
    assert len(scan(aws, "portions")) == 60


@pytest.mark.parametrize("url", ["https://dynamodb.ca-central-1.amazonaws.com", "http://10.0.0.7:5000", "http://db:1"])
def test_nothing_is_written_to_another_machine(url: str):
    with pytest.raises(DestructionRefused, match="for a DynamoDB on this machine"):
        seed(connect_aws(url), Demo("t", KEYED, [ITEM]))


def test_a_table_without_a_stream_is_refused_before_anything_is_written(aws: Aws):
    make_table(aws, "streamless")
    aws.tables.update_table(TableName="streamless", StreamSpecification={"StreamEnabled": False})

    with pytest.raises(CloudError, match="has no stream"):
        seed(aws, Demo("streamless", KEYED, [ITEM]))
    assert scan(aws, "streamless") == []


def test_items_arrive_as_they_stand_in_the_file(aws: Aws, tmp_path: Path):
    item = {
        "pk": {"S": "line\u2028end"},
        "b": {"B": "AP8="},
        "more": {"M": {"l": {"L": [{"BS": ["AA=="]}, {"NULL": True}, {"N": "12345678901234567890"}]}}},
    }
    (demo,) = read_demos(write(tmp_path, json.dumps(KEYED), json.dumps({"Item": item}, ensure_ascii=False)))
    seed(aws, demo)

    (there,) = scan(aws, "t")
    assert there["b"] == {"B": b"\x00\xff"}
    assert there["pk"] == item["pk"]
    assert there["more"] == {"M": {"l": {"L": [{"BS": [b"\x00"]}, {"NULL": True}, {"N": "12345678901234567890"}]}}}


def test_what_is_wrong_with_the_files_is_said_at_once_with_its_lines(tmp_path: Path):
    write(
        tmp_path,
        json.dumps(KEYED),
        '{"Item": {"pk": {"S": "a"}}}',
        "{",
        "[]",
        '{"pk": {"S": "a"}}',
        '{"Item": {"a": 1}}',
    )

    with pytest.raises(SqlFileError) as caught:
        read_demos(tmp_path)

    assert [each.at.line for each in caught.value.problems] == [2, 3, 4, 5]


def test_a_project_without_demo_items_is_told_what_they_are(tmp_path: Path):
    with pytest.raises(SettingsError, match="no demo items"):
        read_demos(tmp_path)
