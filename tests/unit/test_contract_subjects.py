"""What is under contract is read from files alone, and so is what has no partner among them."""

from dataclasses import replace
from pathlib import Path

import pytest

from pgproof.contracts.golden import Golden, Shape, write_golden
from pgproof.contracts.subjects import Subject, find_strays, find_unpaired, read_subjects
from pgproof.errors import SqlFileError, UnknownQuery
from pgproof.queries import Queries, read_queries

CASE = '[[case]]\nname = "all"\n'
SHAPE = Shape("value", (), (), ordered=True)


def put(root: Path, *names: str, text: str = CASE) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("-- returns: value\nSELECT 1 AS one\n" if name.endswith(".sql") else text, encoding="utf-8")


def golden(root: Path, name: str, *cases: str) -> None:
    path = root / "contracts" / f"{name.replace('.', '/')}.golden.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_golden(path, Golden(name, SHAPE, dict.fromkeys(cases, ("[1]",))))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project whose two queries are under contract."""
    put(tmp_path, "queries/items/all.sql", "queries/ping.sql", "contracts/items/all.toml", "contracts/ping.toml")
    golden(tmp_path, "items.all", "all")
    golden(tmp_path, "ping", "all")
    return tmp_path


def queries(root: Path) -> Queries:
    return read_queries(root / "queries")


def read(root: Path, *names: str) -> list[Subject]:
    return read_subjects(queries(root), root / "contracts", names)


def strays(root: Path, *names: str) -> list[tuple[str, str, str]]:
    found = find_strays(queries(root), root / "contracts", names)
    return [(str(each.at.path.relative_to(root)), each.what, each.hint) for each in found]


def unpaired(root: Path) -> list[tuple[str, str]]:
    (subject,) = read(root, "ping")
    found = list(find_unpaired(subject))
    assert {each.hint for each in found} <= {"if it is right as it is now: `inv query.accept --name ping`"}
    return [(f"{each.at.path.relative_to(root)}:{each.at.line}", each.what) for each in found]


def test_a_query_its_cases_and_its_golden_belong_together_by_their_paths(shop: Path):
    subjects = read(shop)

    assert [each.query.name for each in subjects] == ["items.all", "ping"]
    assert [[case.name for case in each.contract.cases] for each in subjects] == [["all"], ["all"]]
    assert [each.golden.query if each.golden else None for each in subjects] == ["items.all", "ping"]
    assert (strays(shop), unpaired(shop)) == ([], [])


def test_only_what_is_named_is_read(shop: Path):
    put(shop, "contracts/items/all.toml", text="nonsense")

    assert [each.query.name for each in read(shop, "ping")] == ["ping"]
    with pytest.raises(UnknownQuery, match="did you mean ping"):
        read(shop, "pin")


def test_all_that_cannot_be_read_is_told_at_once(shop: Path):
    put(shop, "contracts/items/all.toml", "contracts/ping.golden.json", text="nonsense")

    with pytest.raises(SqlFileError) as caught:
        read(shop)

    assert [each.at.path.name for each in caught.value.problems] == ["all.toml", "ping.golden.json"]


def test_what_has_no_partner_is_told_with_what_to_do(shop: Path):
    put(shop, "queries/stray.sql", "contracts/items/al.toml")
    golden(shop, "items.gone")

    assert strays(shop) == [
        ("contracts/items/al.toml", "there is no query items.al", "rename the file with its query, or delete it"),
        ("contracts/items/gone.golden.json", "a golden without cases", "delete it, or write the cases of items.gone"),
        ("queries/stray.sql", "it has no contract", "`inv query.case stray` writes a case from a run"),
    ]
    assert [path for path, _, _ in strays(shop, "stray", "ping")] == ["queries/stray.sql"]


def test_a_renamed_query_leaves_two_strays(shop: Path):
    (shop / "queries/ping.sql").rename(shop / "queries/pong.sql")

    assert [(path, what) for path, what, _ in strays(shop)] == [
        ("contracts/ping.toml", "there is no query ping"),
        ("queries/pong.sql", "it has no contract"),
    ]
    assert [each.query.name for each in read(shop)] == ["items.all"]


def test_a_case_without_a_golden_and_one_that_is_gone_are_told(shop: Path):
    put(shop, "contracts/ping.toml", text=CASE + '\n[[case]]\nname = "again"\n')
    golden(shop, "ping", "all", "gone", "away")

    assert unpaired(shop) == [
        ("contracts/ping.toml:4", "the golden does not have this case"),
        ("contracts/ping.golden.json:None", "the golden has cases that are gone: gone, away"),
    ]


def test_a_golden_that_is_missing_is_told_once(shop: Path):
    (shop / "contracts/ping.golden.json").unlink()

    assert unpaired(shop) == [("queries/ping.sql:2", "it has no golden")]


def test_another_query_s_golden_is_no_golden(shop: Path):
    (subject,) = read(shop, "ping")
    assert subject.golden
    write_golden(shop / "contracts/ping.golden.json", replace(subject.golden, query="pong"))

    assert unpaired(shop) == [("contracts/ping.golden.json:None", "this is the golden of pong")]
