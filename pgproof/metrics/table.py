"""A DynamoDB table's name in, its key and its stream out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.errors import CloudError

if TYPE_CHECKING:
    from pgproof.metrics.aws import Aws

_VIEWS = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")


class StreamOff(CloudError):
    """A table has no stream that is on: once it is on again, that is another one, and the table is read anew."""


@dataclass(frozen=True)
class Table:
    """A table as DynamoDB describes it.

    Attributes:
        keys: attributes of its key: the partition's, then the sort key's if there is one.
        stream: ARN of its stream; None where it has none that is on.
        view: what the stream's records hold.
        items: about how many; DynamoDB counts every six hours.
    """

    name: str
    keys: tuple[str, ...]
    stream: str | None
    view: str | None
    items: int

    def need_stream(self) -> str:
        """Return the ARN of the stream.

        Raises:
            StreamOff: there is none that is on.
            CloudError: it does not say what items have become.
        """
        if self.stream is None:
            raise StreamOff(f"DynamoDB's table {self.name} has no stream", hint="turn it on: NEW_AND_OLD_IMAGES")
        if self.view not in _VIEWS:
            what = f"the stream of DynamoDB's table {self.name} has {self.view} only"
            raise CloudError(what, hint="it has to be NEW_AND_OLD_IMAGES, or NEW_IMAGE")
        return self.stream


def fetch_table(aws: Aws, name: str) -> Table:
    """Describe a table.

    Raises:
        CloudError: there is none, or it cannot be described.
    """
    said = aws.ask(aws.tables.describe_table, TableName=name)["Table"]
    stream = said.get("StreamSpecification", {})
    kinds = {each["KeyType"]: each["AttributeName"] for each in said["KeySchema"]}
    return Table(
        name=name,
        keys=tuple(kinds[kind] for kind in ("HASH", "RANGE") if kind in kinds),
        stream=said.get("LatestStreamArn") if stream.get("StreamEnabled") else None,
        view=stream.get("StreamViewType"),
        items=said.get("ItemCount", 0),
    )
