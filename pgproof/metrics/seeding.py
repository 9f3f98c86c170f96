"""A folder of demo items in, DynamoDB's tables with them out; only of a DynamoDB on this machine.

`<table>.table.json` is what `aws dynamodb create-table --cli-input-json` takes. `<table>.jsonl` has an item a line,
`{"Item": {"pk": {"S": "MSG#1"}, …}}`, as DynamoDB's own exports have them.
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pgproof.errors import CloudError, DestructionRefused, Location, Problem, SettingsError, SqlFileError
from pgproof.metrics.mirror.item import Malformed, normalize
from pgproof.metrics.table import fetch_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pgproof.metrics.aws import Aws

_MOST = 25  # items of a batch: DynamoDB takes no more
_THROTTLED = "ProvisionedThroughputExceededException"
_SOON = {"Delay": 1, "MaxAttempts": 60}


@dataclass(frozen=True)
class Demo:
    """A table as a newcomer should find it.

    Attributes:
        definition: arguments of `create_table`; the name is the file's.
        items: typed, as boto3 takes them.
    """

    table: str
    definition: dict[str, Any]
    items: Sequence[dict[str, Any]]


@dataclass
class _Batch:
    """Items on their way: DynamoDB may take some, and says which it has not."""

    aws: Aws
    left: Any

    def write(self) -> None:
        """Write what is left; what is not taken is throttled, and waits as all do that is."""
        self.left = self.aws.tables.batch_write_item(RequestItems=self.left)["UnprocessedItems"]
        if self.left:
            said: Any = {"Error": {"Code": _THROTTLED, "Message": "not all items were taken"}}
            raise self.aws.tables.exceptions.ProvisionedThroughputExceededException(said, "BatchWriteItem")


def read_demos(folder: Path) -> list[Demo]:
    """Read the demo items of a project, in the order of their tables.

    Raises:
        SettingsError: there are none.
        SqlFileError: files cannot be read as such; all problems at once.
    """
    demos, problems = [], []
    for path in sorted(folder.glob("*.table.json")):
        try:
            demos.append(_read_demo(path))
        except SqlFileError as error:
            problems += error.problems
    if problems:
        raise SqlFileError(problems)
    if not demos:
        hint = "<table>.table.json, as create-table takes it, and <table>.jsonl with an item a line"
        raise SettingsError(f"no demo items in {folder}", hint=hint)
    return demos


def refuse_remote(aws: Aws) -> None:
    """Refuse to write anywhere but on this machine.

    Raises:
        DestructionRefused: the endpoint is not of loopback.
    """
    host = urlsplit(aws.tables.meta.endpoint_url).hostname or ""
    if not _is_loopback(host):
        what = f"demo items are for a DynamoDB on this machine, and requests would go to {host}"
        raise DestructionRefused(what, hint="start `moto_server`, and export AWS_ENDPOINT_URL=http://127.0.0.1:5000")


def seed(aws: Aws, demo: Demo) -> bool:
    """Put a table's items, which replace those of the same key; return whether the table had to be made.

    Raises:
        DestructionRefused: it is not on this machine.
        CloudError: DynamoDB refuses; or the table is there, and has no stream.
    """
    refuse_remote(aws)
    made = _make(aws, demo)
    fetch_table(aws, demo.table).need_stream()
    for start in range(0, len(demo.items), _MOST):
        puts = [{"PutRequest": {"Item": each}} for each in demo.items[start : start + _MOST]]
        aws.ask(_Batch(aws, {demo.table: puts}).write)
    return made


def _make(aws: Aws, demo: Demo) -> bool:
    try:
        fetch_table(aws, demo.table)
    except CloudError as error:
        if error.code != "ResourceNotFoundException":
            raise
    else:
        return False
    aws.ask(aws.tables.create_table, **{**demo.definition, "TableName": demo.table})
    aws.ask(aws.tables.get_waiter("table_exists").wait, TableName=demo.table, WaiterConfig=_SOON)  # type: ignore[arg-type]
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_demo(path: Path) -> Demo:
    name = path.name.removesuffix(".table.json")
    definition = _read_json(path.read_text(encoding="utf-8"), Location(path, 1))
    items = path.with_name(f"{name}.jsonl")
    if not items.is_file():
        raise SqlFileError([Problem(Location(items), "there is no such file", "an item a line, as exports have them")])
    return Demo(name, definition, list(_read_items(items)))


def _read_items(path: Path) -> Iterator[dict[str, Any]]:
    problems = []
    for number, line in enumerate(path.read_text(encoding="utf-8").rstrip("\n").split("\n"), 1):
        at = Location(path, number)
        try:
            item = _read_json(line, at).get("Item")
            normalize(item)  # type: ignore[arg-type]
            yield _to_boto({"M": item})["M"]
        except SqlFileError as error:
            problems += error.problems
        except Malformed as error:
            problems.append(Problem(at, f"no item of DynamoDB's: {error}", '{"Item": {"pk": {"S": "MSG#1"}}}'))
    if problems:
        raise SqlFileError(problems)


def _read_json(text: str, at: Location) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError as error:
        raise SqlFileError([Problem(at, f"this is not JSON: {error}")]) from error
    if not isinstance(said, dict):
        raise SqlFileError([Problem(at, "this is JSON, but no object")])
    return said


def _to_boto(value: dict[str, Any]) -> dict[str, Any]:
    """Return a typed value of JSON as boto3 takes it: binary is bytes, not base64."""
    ((kind, content),) = value.items()
    if kind == "B":
        return {kind: b64decode(content)}
    if kind == "BS":
        return {kind: [b64decode(each) for each in content]}
    if kind == "L":
        return {kind: [_to_boto(each) for each in content]}
    return {kind: {name: _to_boto(each) for name, each in content.items()}} if kind == "M" else value
