"""Settings in, clients of DynamoDB, its streams and S3 out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.aws import ATTEMPTS, Patience, open_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient
    from types_boto3_s3 import S3Client

    from pgproof.settings import Settings


@dataclass(frozen=True)
class Aws(Patience):
    """DynamoDB, its streams, and how to ask them."""

    tables: DynamoDBClient
    streams: DynamoDBStreamsClient


def open_aws(settings: Settings, *, attempts: int | None = ATTEMPTS, notify: Callable[[str], None] = print) -> Aws:
    """Open clients, by the credentials and the region that boto3 finds.

    Raises:
        SettingsError, CloudError: as `open_client`.
    """
    tables: DynamoDBClient = open_client(settings, "dynamodb")
    streams: DynamoDBStreamsClient = open_client(settings, "dynamodbstreams")
    return Aws(tables, streams, attempts=attempts, notify=notify)


def open_s3(settings: Settings) -> S3Client:
    """Open a client of S3, where exports are.

    Raises:
        SettingsError, CloudError: as `open_client`.
    """
    client: S3Client = open_client(settings, "s3")
    return client
