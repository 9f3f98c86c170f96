"""Items in, a folder as DynamoDB exports a table to S3 out: manifests, checksums, and files of lines."""

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from pathlib import Path
from typing import Any
from uuid import uuid4

Line = dict[str, Any]


@dataclass(frozen=True)
class Exported:
    """An export of a table, in a folder that stands for a bucket."""

    bucket: Path
    id: str
    names: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return self.bucket / "AWSDynamoDB" / self.id

    def file(self, number: int) -> Path:
        return self.bucket / self.names[number]

    def rewrite(self, name: str, **said: Any) -> None:
        """Change what a manifest says; the first line of manifest-files.json."""
        path = self.folder / name
        first, _, rest = path.read_text().partition("\n")
        path.write_text(json.dumps({**json.loads(first), **said}) + "\n" + rest)


def write_export(
    bucket: Path, table: str, lines: Sequence[Line], at: datetime, *, since: datetime | None = None, files: int = 3
) -> Exported:
    """Export items, as of a moment; or, since a moment, what was written."""
    id = f"0{at.timestamp() * 1000:.0f}-{uuid4().hex[:8]}"
    data = "AWSDynamoDB/data" if since else f"AWSDynamoDB/{id}/data"
    names = tuple(f"{data}/{uuid4().hex[:26]}.json.gz" for _ in range(files))
    entries = [_write(bucket, name, lines[number::files]) for number, name in enumerate(names)]
    times = {"exportFromTime": _iso(since), "exportToTime": _iso(at)} if since else {"exportTime": _iso(at)}
    summary = {
        "version": "2023-08-01",
        "exportArn": f"{table}/export/{id}",
        "startTime": _iso(at),
        "endTime": _iso(at),
        "tableArn": table,
        "tableId": str(uuid4()),
        **times,
        "s3Bucket": "exports",
        "s3Prefix": None,
        "s3SseAlgorithm": "AES256",
        "s3SseKmsKeyId": None,
        "manifestFilesS3Key": f"AWSDynamoDB/{id}/manifest-files.json",
        "billedSizeBytes": 0,
        "itemCount": len(lines),
        "outputFormat": "DYNAMODB_JSON",
        **({"outputView": "NEW_AND_OLD_IMAGES"} if since else {}),
        "exportType": "INCREMENTAL_EXPORT" if since else "FULL_EXPORT",
    }
    folder = bucket / "AWSDynamoDB" / id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "_started").touch()
    (folder / "manifest-summary.json").write_text(json.dumps(summary))
    (folder / "manifest-files.json").write_text("".join(json.dumps(each) + "\n" for each in entries))
    return Exported(bucket, id, names)


def whole(item: dict[str, Any]) -> Line:
    """Return the line of an item in an export of the whole table."""
    return {"Item": _plain(item)}


def written(at: datetime, new: dict[str, Any], *, gone: bool = False) -> Line:
    """Return the line of an item that was written at a moment, in an increment."""
    keys = {name: new[name] for name in ("pk", "sk")}
    micros = {"N": str(round(at.timestamp() * 1_000_000))}
    image = "OldImage" if gone else "NewImage"
    return {"Metadata": {"WriteTimestampMicros": micros}, "Keys": _plain(keys), image: _plain(new)}


def _write(bucket: Path, name: str, lines: Sequence[Line]) -> dict[str, Any]:
    path = bucket / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return {"itemCount": len(lines), "dataFileS3Key": name, **checksums(path)}


def checksums(path: Path) -> dict[str, str]:
    """Return what DynamoDB says of a file: the MD5 of what is in S3, which is compressed."""
    digest = md5(path.read_bytes(), usedforsecurity=False).digest()
    etag = f"{md5(digest, usedforsecurity=False).hexdigest()}-1"
    return {"md5Checksum": b64encode(digest).decode(), "etag": etag}


def _iso(moment: datetime | None) -> str:
    assert moment
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _plain(value: Any) -> Any:
    """Return what JSON can hold: binary as base64."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return b64encode(value).decode() if isinstance(value, bytes) else value
