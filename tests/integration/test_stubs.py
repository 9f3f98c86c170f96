"""A module of typed queries: what a type checker makes of it, what a formatter, and what a program that imports it."""

import asyncio
import datetime as dt
import decimal
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any, get_type_hints
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgproof.contracts.golden import Column, Shape
from pgproof.contracts.session import Session
from pgproof.contracts.shapes.shape import fetch_shapes
from pgproof.contracts.types.stubs import make_stubs
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.queries import Queries, Query, Returns, read_queries

ROOT = Path(__file__).parents[2]

# What a program may write, and what it may not: the comment is a part of what mypy says to that line.
CALLERS = """
    from dataclasses import dataclass
    from datetime import datetime
    from uuid import UUID

    from typed import ActivitiesHome, AsyncDatabase, Database, UsersProfile

    @dataclass
    class Person:
        uuid: UUID
        handle: str

    def good(db: Database, now: datetime) -> None:
        rows: list[ActivitiesHome] = db.activities.home(
            handle="ann", now=now, before_created_at=None, before_uuid=None, page_size=20
        )
        likes: int = rows[0]["likes_count"]
        ends: datetime | None = rows[0]["expires_at"]
        person: UsersProfile | None = db.users.profile(handle="ann")
        mine: Person | None = db.users.profile(handle="ann", row=Person)
        number: int = db.users.unseen_count(cognito_user_id="x", now=now)
        changed: int = db.activities.like(uuid="…", cognito_user_id="x")
        changed = db.activities.like(uuid=UUID(int=1), cognito_user_id=None)
        with db.transaction():
            db.run("activities.home", handle="ann")
        text: str = db.json("users.profile", handle="ann")
        print(likes, ends, person, mine, number, changed, text)

    async def good_as_well(db: AsyncDatabase) -> UUID | None:
        person = await db.users.profile(handle="ann")
        mine: Person | None = await db.users.profile(handle="ann", row=Person)
        print(mine)
        return person["uuid"] if person else None

    def bad(db: Database, now: datetime) -> None:
        db.activites.home()  # "Database" has no attribute "activites"
        db.activities.hoem()  # "_Activities" has no attribute "hoem"
        db.users.profile()  # require at least one argument
        db.users.profile(handel="ann")  # Unexpected keyword argument "handel"
        db.users.profile(handle=5)  # No overload variant of "profile"
        db.users.profile("ann")  # No overload variant of "profile"
        db.users.profile(handle="ann")["uuid"]  # "UsersProfile | None" is not indexable
        db.activities.like(uuid=5, cognito_user_id="x")  # incompatible type "int"
        db.activities.like(uuid="…")  # Missing named argument "cognito_user_id"
        db.activities.like(uuid="…", cognito_user_id="x", row=Person)  # Unexpected keyword argument "row"
        row = db.activities.home(handle="a", now=now, before_created_at=None, before_uuid=None, page_size=1)[0]
        row["likes"]  # has no key "likes"
        ends: datetime = row["expires_at"]  # Incompatible types in assignment
        number: str = db.users.unseen_count(cognito_user_id="x", now=now)  # Incompatible types in assignment
        print(ends, number)

    async def bad_as_well(db: AsyncDatabase) -> None:
        person = db.users.profile(handle="ann")
        person["uuid"]  # is not indexable
        await db.nobody.profile()  # "AsyncDatabase" has no attribute "nobody"
"""

ODD_CALLERS = """
    from datetime import date

    from odd import ABC, ABC2, AsyncDatabase, Database, Top, XDate

    def good(db: Database) -> None:
        top: list[Top] = db.top(day=None)
        mine: list[date] = db.top(day=date(2026, 1, 1), row=date)
        one: XDate = db.x.date()
        day: date | None = one["date"]
        deep: ABC = db.a.b_c()
        other: ABC2 = db.a_b.c()
        deeper: int | None = db.a.deep.er()
        deeper = db.async_a.n()
        numbers: list[int] | None = db.x.list(list=[1])
        print(top, mine, one, day, deep, other, deeper, numbers, one["?column?"], one["class"], one["_x"])

    def bad(db: Database) -> None:
        db.top(day=1)  # No overload variant of "top"
        db.x.list(list=["a"])  # List item 0 has incompatible type "str"

    async def good_as_well(db: AsyncDatabase) -> None:
        top: list[Top] = await db.top(day=None)
        print(top)
"""


def odd(name: str, returns: Returns, doc: str, params: dict[str, str], columns: dict[str, str]) -> tuple[Query, Shape]:
    text = "".join(f"-- {line}\n" for line in [*doc.split("\n"), f"returns: {returns}"]) + "\nSELECT 1"
    query = Query(name, Path(f"/p/queries/{name.replace('.', '/')}.sql"), text, returns)
    said = tuple(Column(column, kind, "unknown") for column, kind in columns.items())
    return query, Shape(returns, tuple(params.items()), said, ordered=True)


STRANGE = {
    "date": "date",
    "?column?": "time without time zone",
    "class": "numeric(8,2)[]",
    "_x": "jsonb",
    'a"\\': "mood[]",
}
# Names that are Python's, or that two queries would share, and comments that a docstring has to be kept from.
ODD = [
    odd("top", "many", "", {"day": "date"}, {"type": "text", "overload": "mood", "row": "uuid"}),
    odd("x.date", "one", 'ends with a quote "', {}, STRANGE),
    odd("x.list", "value", 'A \\ and """ three"""', {"list": "integer[]"}, {"list": "integer[]"}),
    odd("x.type", "maybe", 'two\nlines, with a quote at the end: "', {"type": "inet"}, {"uuid": "uuid"}),
    odd("x.overload", "many", "three\n\n  lines", {"int": "jsonb", "datetime": "date"}, {"int": "int4range"}),
    odd("a.b_c", "one", "", {}, {"items": "record", "keys": "interval day to second(3)"}),
    odd("a_b.c", "one", "", {}, {"n": "nummultirange", "ip": "cidr"}),
    odd("a.deep.er", "value", "", {}, {"n": "bigint"}),
    odd("async_a.n", "value", "", {}, {"n": "bigint"}),
    odd("a.gone", "affected", "", {"a": "my_domain"}, {}),
]


@dataclass(frozen=True)
class Checked:
    """The generated modules, and what mypy says of who uses them, by file and line."""

    folder: Path
    queries: Queries
    said: dict[tuple[str, int], list[str]]


@pytest.fixture(scope="module")
def cruddur(server: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database with Cruddur's schema."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with connect(make_conninfo(server, dbname=name)) as connection:
        for path in [*sorted(ROOT.glob("migrations/*.sql")), *sorted(ROOT.glob("migrations/repeatable/*.sql"))]:
            if not path.name.endswith(".rollback.sql"):
                connection.execute(path.read_bytes())
        yield connection
    drop(server, name)


@pytest.fixture(scope="module")
def checked(cruddur: psycopg.Connection[Any], tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """All modules, checked in one run: mypy takes seconds to start."""
    folder = tmp_path_factory.mktemp("application")
    queries = read_queries(ROOT / "queries")
    shapes = fetch_shapes(Session(cruddur), queries)
    typed = make_stubs(queries, {name: shape for name, shape in shapes.items() if isinstance(shape, Shape)})
    (folder / "typed.py").write_text(typed, encoding="utf-8")
    (folder / "odd.py").write_text(make_odd(), encoding="utf-8")
    for name, text in (("callers", CALLERS), ("odd_callers", ODD_CALLERS)):
        (folder / f"{name}.py").write_text(dedent(text), encoding="utf-8")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(folder / "cache"), "."]
    done = subprocess.run(mypy, cwd=folder, capture_output=True, text=True, check=False)
    assert not done.stderr
    said: dict[tuple[str, int], list[str]] = {}
    for file, line, what in re.findall(r"^(\w+\.py):(\d+): error: (.*)$", done.stdout, re.MULTILINE):
        said.setdefault((file, int(line)), []).append(what)
    return Checked(folder, queries, said)


def make_odd() -> str:
    return make_stubs([query for query, _ in ODD], {query.name: shape for query, shape in ODD})


@pytest.mark.parametrize("name", ["callers.py", "odd_callers.py"])
def test_mypy_refuses_what_would_fail_and_nothing_else(checked: Checked, name: str):
    lines = (checked.folder / name).read_text(encoding="utf-8").split("\n")
    expected = {number: line.partition("  # ")[2] for number, line in enumerate(lines, start=1) if "  # " in line}
    said = {line: what for (file, line), what in checked.said.items() if file == name}

    assert said.keys() == expected.keys()
    assert not [(said[line], part) for line, part in expected.items() if part not in said[line][0]]


def test_the_modules_themselves_are_clean_to_mypy(checked: Checked):
    assert {file for file, _ in checked.said} <= {"callers.py", "odd_callers.py"}


@pytest.mark.parametrize("name", ["typed.py", "odd.py"])
@pytest.mark.parametrize("width", [60, 88, 120])
def test_a_formatter_would_not_touch_it(checked: Checked, name: str, width: int):
    assert ruff(checked, "format", "--check", "--line-length", str(width), name) == 0


def test_it_is_written_as_a_formatter_would_write_it_all_the_same(checked: Checked):
    text = (checked.folder / "typed.py").read_text(encoding="utf-8")
    (checked.folder / "bare.py").write_text(text.replace("# ruff: noqa\n# fmt: off\n", ""), encoding="utf-8")

    assert ruff(checked, "format", "--check", "bare.py") == 0
    assert ruff(checked, "check", "--select=I,F,UP", "bare.py") == 0


def ruff(checked: Checked, command: str, *options: str) -> int:
    line = [sys.executable, "-m", "ruff", command, "--isolated", *options]
    return subprocess.run(line, cwd=checked.folder, capture_output=True, check=False).returncode


def test_the_same_queries_give_the_same_text_in_whichever_order(checked: Checked):
    reversed_ = make_stubs([query for query, _ in reversed(ODD)], {query.name: shape for query, shape in reversed(ODD)})

    assert reversed_ == make_odd() == (checked.folder / "odd.py").read_text(encoding="utf-8")


def load(checked: Checked, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(checked.folder)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


def test_at_run_time_it_is_the_same_database(checked, cruddur, monkeypatch):
    typed = load(checked, "typed", monkeypatch)
    db = typed.Database(cruddur, checked.queries)

    assert db.users.profile(handle="nobody") is None
    assert db.users.unseen_count(cognito_user_id="nobody", now=None) == 0


def test_at_run_time_it_is_the_same_async_database(checked, cruddur, monkeypatch):
    typed = load(checked, "typed", monkeypatch)
    conninfo = make_conninfo(cruddur.info.dsn, password=cruddur.info.password)

    async def ask() -> Any:
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            return await typed.AsyncDatabase(connection, checked.queries).users.profile(handle="nobody")

    assert asyncio.run(ask()) is None


def test_rows_are_types_that_a_program_can_look_into(checked, monkeypatch):
    typed, strange = load(checked, "typed", monkeypatch), load(checked, "odd", monkeypatch)

    assert get_type_hints(typed.ActivitiesHome)["expires_at"] == dt.datetime | None
    assert get_type_hints(strange.XDate)["class"] == list[decimal.Decimal] | None


def test_what_the_query_says_of_itself_is_said_where_an_editor_looks(checked):
    text = (checked.folder / "typed.py").read_text(encoding="utf-8")

    assert '"""What everybody may see of a person, by their handle in any case' in text
    assert "returns: maybe" not in text
