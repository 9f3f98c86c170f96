"""What was proved is known as long as all that it was proved of is the same; what is not known only costs time."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pgproof.contracts.cases import Case, Contract
from pgproof.contracts.golden import Column, Golden, Shape
from pgproof.contracts.proofs import Proofs
from pgproof.contracts.subjects import Subject
from pgproof.errors import Location
from pgproof.queries import Query

PATH = Path("queries/ping.sql")
QUERY = Query("ping", PATH, "-- returns: value\nSELECT 1 AS one", "value")
CASE = Case("all", {"n": 1, "m": None}, frozenset({"id"}), None, None, Location(PATH, 1))
GOLDEN = Golden("ping", Shape("value", (), (Column("one", "integer", "not null"),), ordered=True), {"all": ("[1]",)})
SUBJECT = Subject(QUERY, Contract("ping", PATH, (CASE,)), GOLDEN)
OTHER = replace(SUBJECT, query=replace(QUERY, name="pong", text="-- returns: value\nSELECT 2 AS two"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "proofs" / "shop.json"


def prove(path: Path, *subjects: Subject, whole: bool = True) -> None:
    proofs = Proofs(path, "seeded")
    proofs.add("shape", subjects)
    proofs.save(whole=whole)


def test_what_was_proved_holds_in_the_next_run(path: Path):
    prove(path, SUBJECT)

    again = Proofs(path, "seeded")
    assert again.holds("shape", SUBJECT)
    assert not again.holds("shape", OTHER)
    assert not again.holds("plan", SUBJECT)


def with_case(**change: object) -> Subject:
    return replace(SUBJECT, contract=replace(SUBJECT.contract, cases=(replace(CASE, **change),)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        replace(SUBJECT, query=replace(QUERY, text=QUERY.text + " ")),
        replace(SUBJECT, golden=replace(GOLDEN, cases={"all": ("[2]",)})),
        replace(SUBJECT, golden=replace(GOLDEN, shape=replace(GOLDEN.shape, ordered=False))),
        replace(SUBJECT, golden=None),
        with_case(params={"n": "1", "m": None}),
        with_case(params={"n": 1, "m": ""}),
        with_case(masks=frozenset()),
        with_case(name="another"),
        replace(SUBJECT, contract=replace(SUBJECT.contract, cases=(CASE, replace(CASE, name="more")))),
    ],
)
def test_what_is_changed_is_not_proved(path: Path, changed: Subject):
    prove(path, SUBJECT)

    assert not Proofs(path, "seeded").holds("shape", changed)


def test_in_another_database_nothing_is_proved(path: Path):
    prove(path, SUBJECT)

    assert not Proofs(path, "otherwise seeded").holds("shape", SUBJECT)


def test_a_line_that_moved_is_no_change(path: Path):
    prove(path, SUBJECT)

    assert Proofs(path, "seeded").holds("shape", with_case(at=Location(PATH, 7)))


def test_a_check_of_some_queries_keeps_the_proofs_of_the_others(path: Path):
    prove(path, SUBJECT)
    prove(path, OTHER, whole=False)

    proofs = Proofs(path, "seeded")
    assert (proofs.holds("shape", SUBJECT), proofs.holds("shape", OTHER)) == (True, True)


def test_a_check_of_all_queries_forgets_those_that_are_gone(path: Path):
    prove(path, SUBJECT)
    prove(path, OTHER, whole=True)

    assert not Proofs(path, "seeded").holds("shape", SUBJECT)


@pytest.mark.parametrize("text", ["", "{", "7", "null", '{"a": 1}', "[[1]]", "[1, null]", "\udc80"])
def test_a_file_that_is_broken_only_costs_time(path: Path, text: str):
    path.parent.mkdir()
    path.write_bytes(text.encode(errors="surrogateescape"))

    assert not Proofs(path, "seeded").holds("shape", SUBJECT)
    prove(path, SUBJECT, whole=False)

    assert Proofs(path, "seeded").holds("shape", SUBJECT)


def test_a_place_where_nothing_can_be_kept_only_costs_time(path: Path):
    path.parent.write_text("no folder", encoding="utf-8")

    prove(path, SUBJECT)

    assert not Proofs(path, "seeded").holds("shape", SUBJECT)


def test_of_two_checks_at_once_the_last_one_is_kept_whole(path: Path):
    first, second = Proofs(path, "seeded"), Proofs(path, "seeded")
    first.add("shape", [SUBJECT])
    second.add("shape", [OTHER])
    first.save(whole=True)
    second.save(whole=True)

    assert len(json.loads(path.read_text())) == 1
    assert Proofs(path, "seeded").holds("shape", OTHER)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
