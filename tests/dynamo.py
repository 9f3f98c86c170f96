"""A DynamoDB of moto's, over HTTP, and tables in it; what moto cannot do is in `tests/streams.py`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from pgproof.metrics.aws import Aws

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "ca-central-1"}
NO_WAIT = {"total_max_attempts": 1}


@contextmanager
def moto_server() -> Iterator[str]:
    """Run moto's server on a free port of loopback; its URL."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        yield url
    finally:
        urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()  # noqa: S310 - its tables are the whole process'
        server.stop()


def connect_aws(url: str) -> Aws:
    """Open clients of that server; nothing is tried twice."""
    config = Config(retries=NO_WAIT, max_pool_connections=32)  # type: ignore[arg-type]
    tables, streams = (
        boto3.client(name, endpoint_url=url, config=config, **KEYS)  # type: ignore[call-overload]
        for name in ("dynamodb", "dynamodbstreams")
    )
    return Aws(tables, streams, attempts=1)


def make_table(aws: Aws, name: str = "", *, view: str = "NEW_AND_OLD_IMAGES", sort_key: bool = True) -> str:
    """Make a table with a stream, keyed as Cruddur's: pk, sk; its name."""
    name = name or f"messages-{uuid4().hex[:8]}"
    keys = [("pk", "HASH"), ("sk", "RANGE")][: 2 if sort_key else 1]
    aws.tables.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],  # type: ignore[typeddict-item]
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},  # type: ignore[typeddict-item]
    )
    return name


def put(aws: Aws, table: str, *items: dict[str, Any]) -> None:
    """Put items, whose values are plain texts or typed."""
    for item in items:
        aws.tables.put_item(TableName=table, Item=typed(item))


def delete(aws: Aws, table: str, pk: str, sk: str) -> None:
    aws.tables.delete_item(TableName=table, Key=typed({"pk": pk, "sk": sk}))


def typed(item: dict[str, Any]) -> dict[str, Any]:
    """Make texts typed values; what is typed stays."""
    return {name: {"S": value} if isinstance(value, str) else value for name, value in item.items()}
