"""Events as Lambda gives them: records of a stream, in the JSON that a function is called with."""

from typing import Any

from tests.dynamo import typed

PLACE = "arn:aws:dynamodb:ca-central-1:111122223333:table"
LABEL = "2026-01-01T00:00:00.000"


def arn(table: str, label: str = LABEL) -> str:
    """Return the ARN of a table's stream."""
    return f"{PLACE}/{table}/stream/{label}"


def record(stream: str, sequence: int, item: dict[str, Any], *, name: str = "INSERT", **more: Any) -> dict[str, Any]:
    """Return a record that an item was put, or for REMOVE that it is gone."""
    image = typed(item)
    body: dict[str, Any] = {
        "ApproximateCreationDateTime": 1767225600.0,
        "Keys": {key: image[key] for key in ("pk", "sk")},
        "SequenceNumber": str(sequence),
        "SizeBytes": 100,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
        "OldImage" if name == "REMOVE" else "NewImage": image,
    }
    return {
        "eventID": f"{sequence:032x}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "ca-central-1",
        "dynamodb": body,
        "eventSourceARN": stream,
        **more,
    }


def message(number: int, *, user: str = "andrew", day: str = "2026-01-01", **more: Any) -> dict[str, Any]:
    """Return an item that the mapping of messages counts."""
    return {"pk": f"MSG#{number}", "sk": f"{day}T10:00:00", "user_uuid": user, **more}
