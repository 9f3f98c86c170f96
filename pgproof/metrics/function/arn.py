"""The ARN of a DynamoDB stream in, its table and whether it is older than another stream of that table out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pgproof.errors import CloudError

_FORM = re.compile(r"(?P<place>arn:[^/]+:table)/(?P<table>[^/]+)/stream/(?P<label>.+)")


@dataclass(frozen=True)
class StreamArn:
    """A stream by its name.

    Attributes:
        place: partition, region and account.
        label: when it was turned on: ISO 8601, UTC, so that later is greater.
    """

    place: str
    table: str
    label: str

    def is_older(self, other: StreamArn) -> bool:
        """Whether it is a stream of the same table from before."""
        return (self.place, self.table) == (other.place, other.table) and self.label < other.label


def read_stream_arn(text: str) -> StreamArn:
    """Read an ARN.

    Raises:
        CloudError: it is not that of a DynamoDB stream.
    """
    if not (found := _FORM.fullmatch(text)):
        raise CloudError(f"{text!r:.200} is not a DynamoDB stream", hint="is a stream this function's only source?")
    return StreamArn(**found.groupdict())
