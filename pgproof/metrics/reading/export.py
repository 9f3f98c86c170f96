"""A folder that DynamoDB exported a table to in, what is in it out; nothing of a file that is not whole.

DynamoDB writes `…/AWSDynamoDB/<id>/`: manifest-summary.json says of which table and moment it is, manifest-files.json
names the files, one JSON a line, and these are in data/, of an increment in ../data/. A line of theirs is an item, of
an increment a key with what became of it.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from gzip import GzipFile
from hashlib import md5
from pathlib import Path
from posixpath import normpath
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, Protocol

from pgproof.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_s3 import S3Client

    from pgproof.metrics.aws import Aws

_CHUNK = 1 << 20
_GONE = ("NoSuchKey", "NoSuchBucket", "404")


class Store(Protocol):
    """A folder of files."""

    def where(self, name: str) -> str:
        """Return the place of a file, for people."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file.

        Raises:
            FileNotFoundError: there is none.
            CloudError: AWS refused.
        """


@dataclass(frozen=True)
class Folder:
    """A folder of this machine."""

    path: Path

    def where(self, name: str) -> str:
        """Return the path of a file."""
        return normpath(self.path / name)

    def open(self, name: str) -> IO[bytes]:
        """Open a file."""
        return Path(self.where(name)).open("rb")


@dataclass(frozen=True)
class Bucket:
    """A folder of S3's: `s3://bucket/prefix`."""

    aws: Aws
    s3: S3Client = field(repr=False)
    url: str

    def where(self, name: str) -> str:
        """Return the URL of a file."""
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        return f"s3://{bucket}/{normpath(f'{prefix}/{name}').lstrip('/')}"

    def open(self, name: str) -> IO[bytes]:
        """Fetch a file to a temporary one."""
        bucket, _, key = self.where(name).removeprefix("s3://").partition("/")
        with ExitStack() as stack:
            copy = stack.enter_context(TemporaryFile())
            try:
                self.aws.ask(self._fetch, bucket=bucket, key=key, to=copy)
            except CloudError as error:
                raise FileNotFoundError(key) if error.code in _GONE else error from error
            stack.pop_all()  # the caller closes it
            return copy

    def _fetch(self, bucket: str, key: str, to: IO[bytes]) -> None:
        to.seek(0)
        to.truncate()
        copyfileobj(self.s3.get_object(Bucket=bucket, Key=key)["Body"], to, _CHUNK)
        to.seek(0)


@dataclass(frozen=True)
class DataFile:
    """A file of an export.

    Attributes:
        name: DynamoDB's for it, which no other export has.
        path: in the folder of the export.
        md5: of the file as it is, compressed; base64.
    """

    name: str
    items: int
    md5: str

    @property
    def path(self) -> str:
        """Where it is, from the folder of the export: those of increments are shared by all of them."""
        inside = self.name.rpartition("AWSDynamoDB/")[2]
        return f"{'' if inside.count('/') > 1 else '../'}data/{inside.rpartition('/')[2]}"


@dataclass(frozen=True)
class Export:
    """A table as it was at a moment, or what it has become between two.

    Attributes:
        table: its ARN.
        since: from when on an increment has what was written; None: this is the whole table.
        until: the moment; what was written then or later is not in it.
    """

    store: Store
    table: str
    since: datetime | None
    until: datetime
    files: tuple[DataFile, ...]

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.rpartition("/")[2]

    @property
    def items(self) -> int:
        """How many lines all files have."""
        return sum(each.items for each in self.files)

    @contextmanager
    def lines(self, file: DataFile) -> Iterator[Iterator[bytes]]:
        """Open a file, and look that it is whole before anything of it counts.

        Raises:
            CloudError: it is missing, or is not what DynamoDB wrote.
        """
        with self._open(file) as raw:
            if (found := _md5(raw)) != file.md5:
                raise self._broken(file, f"its MD5 is {found}, and the manifest says {file.md5}")
            try:
                count = sum(1 for _ in _unzip(raw))
            except (OSError, EOFError, zlib.error) as error:
                raise self._broken(file, str(error)) from error
            if count != file.items:
                raise self._broken(file, f"it has {count} items, and the manifest says {file.items}")
            yield _unzip(raw)

    def _open(self, file: DataFile) -> IO[bytes]:
        try:
            return self.store.open(file.path)
        except OSError as error:
            raise self._broken(file, error.strerror or "there is no such file") from error

    def _broken(self, file: DataFile, why: str) -> CloudError:
        hint = "copy it again, `aws s3 sync` does: the import goes on where it is"
        return CloudError(f"{self.store.where(file.path)}: {why}", hint=hint)


def open_export(store: Store) -> Export:
    """Read the manifests of an export.

    Raises:
        CloudError: they are missing, or say what cannot be read; AWS refused.
    """
    name = "manifest-summary.json"
    try:
        summary = json.loads(_read(store, name))
        _need_json(store, name, summary)
        whole = summary.get("exportType", "FULL_EXPORT") == "FULL_EXPORT"
        since = None if whole else datetime.fromisoformat(summary["exportFromTime"])
        until = datetime.fromisoformat(summary["exportTime" if whole else "exportToTime"])
        name = "manifest-files.json"
        files = tuple(_data_file(json.loads(line)) for line in _read(store, name).splitlines() if line.strip())
        return _need_all(Export(store, summary["tableArn"], since, until, files), int(summary["itemCount"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise CloudError(f"{store.where(name)}: it is no manifest of an export: {what}") from error


def _read(store: Store, name: str) -> str:
    try:
        with store.open(name) as file:
            return file.read().decode()
    except OSError as error:
        hint = "the folder of one export is …/AWSDynamoDB/<id>; DynamoDB writes this file when the export is done"
        raise CloudError(f"{store.where(name)}: there is no such file", hint=hint) from error


def _data_file(said: dict[str, Any]) -> DataFile:
    return DataFile(said["dataFileS3Key"], int(said["itemCount"]), said["md5Checksum"])


def _need_json(store: Store, name: str, summary: dict[str, Any]) -> None:
    if summary["outputFormat"] != "DYNAMODB_JSON":
        what = f"{store.where(name)}: the export's format is {summary['outputFormat']}"
        raise CloudError(what, hint="export it as DYNAMODB_JSON: Ion's numbers and sets are not read here")


def _need_all(export: Export, items: int) -> Export:
    if export.items != items:
        what = f"{export.store.where('manifest-files.json')}: its files have {export.items} items"
        raise CloudError(f"{what}, and manifest-summary.json says {items}", hint="copy it again: lines are missing")
    return export


def _md5(file: IO[bytes]) -> str:
    digest = md5(usedforsecurity=False)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return b64encode(digest.digest()).decode()


def _unzip(file: IO[bytes]) -> Iterator[bytes]:
    """Yield lines from the beginning, empty ones left out."""
    file.seek(0)
    if not file.read(1):
        return  # of a partition without items
    file.seek(0)
    with GzipFile(fileobj=file) as text:
        yield from (line for line in text if line.strip())
