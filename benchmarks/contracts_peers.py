"""This repository's queries in, cases of them in each tool's own files out: pgproof's, syrupy's, and those by hand."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

OURS = Path(__file__).parents[1]
CALLS = 300

# What a case does not say itself, as `tests/contracts` has it.
_NOW = {"now": datetime(2026, 3, 8, 12, tzinfo=UTC)}
_FIRST_PAGE = {"before_created_at": None, "before_uuid": None}
_BY_HANDLE: Mapping[str, Mapping[str, object]] = {
    "users.profile": {},
    "users.followers": {"page_size": 3, "before_followed_at": None, "before_uuid": None},
    "users.following": {"page_size": 4, "after_handle": None},
    "activities.by_user": {**_NOW, "page_size": 3, **_FIRST_PAGE},
    "activities.home": {**_NOW, "page_size": 4, **_FIRST_PAGE},
}
_BY_POST: Mapping[str, Mapping[str, object]] = {
    "activities.show": {**_NOW, "cognito_user_id": None},
    "activities.likers": {"page_size": 6, "before_liked_at": None, "before_uuid": None},
    "activities.thread": {**_NOW, "page_size": 50},
}
QUERIES = (*_BY_HANDLE, *_BY_POST)
_SHARED = {**_BY_HANDLE, **_BY_POST}

_TESTS = """
import datetime, json, os
from pathlib import Path

import psycopg
import pytest

HERE = Path(__file__).parent
CALLS = {calls}
TEXTS = {{name: path.read_text() for name, path in {paths}.items()}}


@pytest.fixture(scope="session")
def connection():
    with psycopg.connect(os.environ["CONNECTION_URL"], autocommit=True) as connection:
        yield connection

{fixtures}
@pytest.mark.parametrize(("query", "name", "params"), CALLS, ids=[f"{{query}}-{{name}}" for query, name, _ in CALLS])
def test_query(query, name, params, {arguments}):
    {body}
"""
_NOTHING = """
import pytest
{fixtures}

@pytest.mark.parametrize("number", range({count}))
def test_nothing(number):
    pass
"""
_ROWS = "rows = connection.execute(TEXTS[query], params).fetchall()\n    "
_BY_HAND = """path = HERE / "goldens" / f"{query}.{name}.json"
    if os.environ.get("WRITE"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(rows, default=str, indent=2))
    assert json.loads(json.dumps(rows, default=str)) == json.loads(path.read_text())"""
_SYRUPY_JSON = """
from syrupy.extensions.json import JSONSnapshotExtension


@pytest.fixture
def snapshot_json(snapshot):
    return snapshot.with_defaults(extension_class=JSONSnapshotExtension)

"""


@dataclass(frozen=True)
class Call:
    """One case of a query: its name, and the parameters; None is NULL."""

    query: str
    name: str
    params: Mapping[str, object]


@dataclass(frozen=True)
class Suite:
    """Plain tests as a user would have them, who pays for a connection once and for nothing else.

    Attributes:
        arguments: what a test asks for.
        body: what it does with the rows.
        fixtures: what its module says before.
        plugins: the one that it uses; others that happen to be installed are not loaded.
        accept: what writes its goldens: words for pytest, and environment.
    """

    name: str
    arguments: str = "connection"
    body: str = ""
    fixtures: str = ""
    plugins: Sequence[str] = ()
    accept: tuple[Sequence[str], Mapping[str, str]] = field(default=((), {}), hash=False)

    def write(self, folder: Path, calls: Sequence[Call]) -> None:
        """Write its one module."""
        folder.mkdir()
        (folder / "pytest.ini").write_text("[pytest]\n")
        text = _NOTHING.format(count=len(calls), fixtures=self.fixtures)
        if self.body:
            said = ",\n".join(repr((each.query, each.name, dict(each.params))) for each in calls)
            paths = ", ".join(f'"{name}": Path("{query_path(OURS, name)}")' for name in QUERIES)
            text = _TESTS.format(
                calls=f"[\n{said},\n]",
                paths=f"{{{paths}}}",
                fixtures=self.fixtures,
                arguments=self.arguments,
                body=_ROWS + self.body,
            )
        (folder / "test_it.py").write_text(text)


NOTHING = Suite(f"pytest, {CALLS} tests that do nothing")
DRIVER = Suite("the same, psycopg imported", fixtures="import psycopg")
BY_HAND = Suite("pytest, JSON files by hand", body=_BY_HAND, accept=((), {"WRITE": "1"}))
SYRUPY_JSON = Suite(
    "pytest, syrupy's JSON snapshots",
    "connection, snapshot_json",
    "assert rows == snapshot_json",
    _SYRUPY_JSON,
    ("syrupy",),
    (("--snapshot-update",), {}),
)
SYRUPY_AMBER = Suite(
    "pytest, syrupy's own files (amber)",
    "connection, snapshot",
    "assert rows == snapshot",
    plugins=("syrupy",),
    accept=(("--snapshot-update",), {}),
)
SUITES = (NOTHING, DRIVER, BY_HAND, SYRUPY_JSON, SYRUPY_AMBER)


def pytest_command(plugins: Sequence[str], *more: str) -> list[str]:
    """Return how to run a suite: everybody with the same flags."""
    named = [word for each in plugins for word in ("-p", each)]
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *named, *more]


def make_calls() -> list[Call]:
    """Return the cases: of every user, and of as many posts as it takes."""
    users, posts = _column("010_users.csv", "handle"), _column("020_activities.csv", "uuid")
    calls = [
        Call(query, handle.lower(), {**shared, "handle": handle})
        for query, shared in _BY_HANDLE.items()
        for handle in users
    ]
    about_posts = (
        Call(query, f"post_{int(post[-12:])}", {**shared, "uuid": post})
        for post in posts[:: len(posts) * len(_BY_POST) // (CALLS - len(calls))]
        for query, shared in _BY_POST.items()
    )
    calls += islice(about_posts, CALLS - len(calls))
    assert len(calls) == CALLS
    return sorted(calls, key=lambda each: QUERIES.index(each.query))


def query_path(root: Path, query: str) -> Path:
    """Return where a project has a query."""
    return root.joinpath("queries", *query.split(".")).with_suffix(".sql")


def write_project(folder: Path, calls: Sequence[Call]) -> None:
    """Write migrations, seeds, queries and cases as pgproof has them; goldens are still to be accepted."""
    for part in ("migrations", "seeds"):
        shutil.copytree(OURS / part, folder / part)
    for query in QUERIES:
        path, cases = query_path(folder, query), folder.joinpath("tests", "contracts", *query.split("."))
        for each in (path, cases):
            each.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(query_path(OURS, query), path)
        own = [each for each in calls if each.query == query]
        cases.with_suffix(".toml").write_text("\n".join(_toml(_SHARED[query], own)))


def write_goldens(folder: Path, connection: Connection[Any], calls: Sequence[Call]) -> None:
    """Write what `run_limit` compares: a file for each query, as it is the fewest that a person could review."""
    folder.mkdir()
    for query, text in read_texts().items():
        own = [each for each in calls if each.query == query]
        rows = {each.name: connection.execute(text.encode(), each.params).fetchall() for each in own}
        (folder / f"{query}.json").write_text(json.dumps(rows, default=str, indent=1))


def run_limit(folder: Path, connection: Connection[Any], texts: Mapping[str, str], calls: Sequence[Call]) -> None:
    """Do the least that a check can do: ask all at once, then read what is expected, and compare."""
    with connection.pipeline():
        cursors = [connection.execute(texts[each.query].encode(), each.params) for each in calls]
    goldens = {query: json.loads((folder / f"{query}.json").read_bytes()) for query in texts}
    for call, cursor in zip(calls, cursors, strict=True):
        assert json.loads(json.dumps(cursor.fetchall(), default=str)) == goldens[call.query][call.name]


def read_texts() -> dict[str, str]:
    """Read the queries."""
    return {query: query_path(OURS, query).read_text() for query in QUERIES}


def _column(seed: str, name: str) -> list[str]:
    with (OURS / "seeds" / seed).open(newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def _toml(shared: Mapping[str, object], calls: Sequence[Call]) -> Iterator[str]:
    yield f"params = {_table(shared)}"
    yield f"nulls = {json.dumps([name for name, value in shared.items() if value is None])}"
    for each in calls:
        own = {name: value for name, value in each.params.items() if name not in shared}
        yield f'\n[[case]]\nname = "{each.name}"\nparams = {_table(own)}'


def _table(params: Mapping[str, object]) -> str:
    said = (f"{name} = {_value(value)}" for name, value in params.items() if value is not None)
    return f"{{ {', '.join(said)} }}"


def _value(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else json.dumps(value)
