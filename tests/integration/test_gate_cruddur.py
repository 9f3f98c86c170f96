"""Cruddur's own history, migration by migration: each of them may merge, judged against the one before."""

import csv
import io
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest
from psycopg import Connection

from pgproof.contracts.finding import Finding as Broken
from pgproof.contracts.session import Session
from pgproof.contracts.shapes.shape import fetch_shapes
from pgproof.gate.change import Side
from pgproof.gate.judge import judge
from pgproof.queries import read_queries
from tests.gates import Repo

Laid: TypeAlias = dict[str, dict[str, str]]

ROOT = Path(__file__).parents[2]
MIGRATIONS = sorted(each.stem for each in (ROOT / "migrations").glob("*.sql") if not each.stem.endswith(".rollback"))
# On a second server the newest alone: what its commands do there is seen with the gate's corpus (tests/once.py).
STEPS = [
    pytest.param(before, id, id=id, marks=() if id == MIGRATIONS[-1] else [pytest.mark.once])
    for before, id in pairwise(MIGRATIONS)
]
FOLDERS = ("migrations", "seeds", "queries", "tests/contracts")
COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
# At an early time a case may give no rows, where it is to give some in the end.
EXPECT = re.compile(r'^expect = "rows"\n', re.MULTILINE)


@pytest.fixture(scope="module")
def laid() -> Laid:
    """What lay there at each time, by its newest migration: base of one judgement, head of another."""
    return {}


def go_to(repo: Repo, id: str, laid: Laid) -> None:
    """Let the project lie there as it was when a migration was its newest, as far as its files can tell."""
    for folder in FOLDERS:
        shutil.rmtree(repo.root / folder, ignore_errors=True)
    if id not in laid:
        lay(repo, id)
        paths = [each for folder in FOLDERS for each in (repo.root / folder).rglob("*") if each.is_file()]
        laid[id] = {each.relative_to(repo.root).as_posix(): each.read_text(encoding="utf-8") for each in paths}
    for name, text in laid[id].items():
        repo.put(name, text)


def lay(repo: Repo, id: str) -> None:
    """Write what there was then; what stands on the schema as far as that schema takes it."""
    for each in MIGRATIONS[: MIGRATIONS.index(id) + 1]:
        names = (f"{each}.sql", f"{each}.rollback.sql")
        text, way_back = ((ROOT / "migrations" / name).read_text(encoding="utf-8") for name in names)
        repo.add(each, text, way_back)
    repo.put("migrations/HEAD", f"{id}\n")
    with repo.databases() as databases:
        built = databases.built(Side("then", repo.settings), seeded=False)
        with databases.connect(databases.copy(built)) as connection:
            put_seeds(repo, connection)
            put_repeatables(repo, connection)
            put_queries(repo, connection)
    repo.accept()


def put_seeds(repo: Repo, connection: Connection) -> None:
    """Each seed without the columns that are not there yet."""
    for path in sorted((ROOT / "seeds").glob("*.csv")):
        there = {name for (name,) in connection.execute(COLUMNS, [path.stem.partition("_")[2]])}
        header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
        kept = [place for place, name in enumerate(header) if name in there]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([row[place] for place in kept] for row in (header, *rows))
        if kept:
            repo.put(f"seeds/{path.name}", text.getvalue())


def put_repeatables(repo: Repo, connection: Connection) -> None:
    for path in sorted((ROOT / "migrations/repeatable").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        if not path.name.endswith(".rollback.sql") and runs(connection, text):
            way_back = path.with_suffix(".rollback.sql")
            repo.put(f"migrations/repeatable/{path.name}", text)
            repo.put(f"migrations/repeatable/{way_back.name}", way_back.read_text(encoding="utf-8"))


def runs(connection: Connection, text: str) -> bool:
    try:
        connection.execute(text.encode())
    except psycopg.Error:
        return False
    return True


def put_queries(repo: Repo, connection: Connection) -> None:
    queries = read_queries(ROOT / "queries")
    shapes = fetch_shapes(Session(connection), queries.by_name.values())
    for name in (name for name, shape in shapes.items() if not isinstance(shape, Broken)):
        path = name.replace(".", "/")
        cases = (ROOT / "tests/contracts" / f"{path}.toml").read_text(encoding="utf-8")
        repo.put(f"queries/{path}.sql", (ROOT / "queries" / f"{path}.sql").read_text(encoding="utf-8"))
        repo.put(f"tests/contracts/{path}.toml", EXPECT.sub("", cases))


@pytest.mark.parametrize(("before", "id"), STEPS)
def test_each_migration_of_cruddur_may_merge(repo: Repo, laid: Laid, before: str, id: str):
    go_to(repo, before, laid)
    repo.commit(before)
    go_to(repo, id, laid)

    with repo.trial(rows=500) as trial:
        report = judge(trial)

    assert report.new[0] == id
    assert not [f"{each.kind.id} {each.what}" for each in report.findings if each.severity == "error"]
