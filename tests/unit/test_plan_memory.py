"""The plans that kept a promise last are known to the next run; what is lost of them only costs a comparison."""

from dataclasses import replace
from pathlib import Path

import pytest

from pgproof.contracts.answer import Refusal
from pgproof.contracts.planning.memory import Memory, read_memory
from pgproof.contracts.planning.plantree import Node, Plan
from pgproof.contracts.planning.verdict import Plans
from pgproof.settings import Settings

BELOW = Node("Seq Scan", "posts", "public", "p", conditions=(("filter", "(p.body = '\udc80é'::text)"),), rows=3)
RUN = Node("Limit", rows=2, loops=1, buffers=4, children=(replace(BELOW, loops=2, buffers=4, is_inner=True), BELOW))
PLANS = Plans({"all": Plan(BELOW), "taken": Refusal("23505", "duplicate")}, {"all": Plan(RUN)}, {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "plans" / "shop"


def known(memory: Memory, *queries: str) -> list[bool]:
    return [memory.recall(each) is not None for each in queries]


def test_plans_are_known_to_the_next_run_as_they_were(folder: Path):
    Memory(folder).remember("users.all", PLANS)

    earlier = Memory(folder).recall("users.all")
    assert earlier
    assert (earlier.forced, earlier.run) == ({"all": Plan(BELOW)}, {"all": Plan(RUN)})
    assert known(Memory(folder), "users", "all", "posts.all") == [False] * 3


def test_only_the_last_ones_are_known(folder: Path):
    Memory(folder).remember("users.all", PLANS)
    Memory(folder).remember("users.all", Plans({"new": Plan(RUN)}, {}, {}))

    earlier = Memory(folder).recall("users.all")
    assert earlier
    assert (earlier.forced, earlier.run) == ({"new": Plan(RUN)}, {})


def test_of_two_runs_at_once_neither_loses_what_the_other_has_noted(folder: Path):
    first, second = Memory(folder), Memory(folder)
    first.remember("users.all", PLANS)
    second.remember("posts.all", PLANS)
    first.remember("posts.all", PLANS)

    assert known(Memory(folder), "users.all", "posts.all") == [True, True]
    assert sorted(each.name for each in folder.iterdir()) == ["posts.all.json", "users.all.json"]


def test_who_reads_while_another_writes_reads_the_whole_of_what_was_there(folder: Path):
    Memory(folder).remember("users.all", PLANS)
    before = (folder / "users.all.json").read_text(encoding="utf-8")

    with (folder / "users.all.json").open(encoding="utf-8") as reader:
        Memory(folder).remember("users.all", Plans({}, {}, {}))
        assert reader.read() == before


@pytest.mark.parametrize(
    "told",
    [
        *("", "{", "7", "null", "[]", "[1, 2]", "[{}, []]", '[{}, {"all": {}}]', '[{}, {"all": [7]}]', "\udc80"),
        '[{}, {"all": {"kind": "Limit", "conditions": 7, "children": []}}]',
        '[{}, {"all": {"kind": "Limit", "conditions": [], "children": [], "of_another_version": 7}}]',
    ],
)
def test_a_file_that_cannot_be_read_only_costs_a_comparison(folder: Path, told: str):
    memory = Memory(folder)
    memory.remember("users.all", PLANS)
    (folder / "users.all.json").write_bytes(told.encode(errors="surrogateescape"))
    assert known(memory, "users.all") == [False]

    memory.remember("users.all", PLANS)

    assert known(memory, "users.all") == [True]


def test_a_place_where_nothing_can_be_kept_only_costs_a_comparison(folder: Path):
    folder.parent.write_text("no folder", encoding="utf-8")

    Memory(folder).remember("users.all", PLANS)

    assert known(Memory(folder), "users.all") == [False]


# A project's


@pytest.fixture
def project(settings: Settings) -> Settings:
    """A project at a desk, with two queries under contract whose plans are known."""
    settings = replace(settings, ci=False)
    (settings.contracts / "users").mkdir(parents=True)
    for name in ("all", "users/all"):
        (settings.contracts / f"{name}.toml").touch()
    for name in ("all", "users.all"):
        read_memory(settings).remember(name, PLANS)
    return settings


def test_what_is_under_contract_is_known_until_it_is_no_more(project: Settings):
    assert known(read_memory(project), "all", "users.all") == [True, True]
    (project.contracts / "users/all.toml").unlink()

    memory = read_memory(project)

    assert known(memory, "all", "users.all") == [True, False]
    assert memory.folder
    assert [each.name for each in memory.folder.iterdir()] == ["all.json"]


def test_in_ci_nothing_is_known_and_nothing_kept(project: Settings):
    before = sorted(project.cache.rglob("*.json"))
    memory = read_memory(replace(project, ci=True))
    memory.remember("new", PLANS)

    assert known(memory, "all", "new") == [False, False]
    assert sorted(project.cache.rglob("*.json")) == before


def test_another_project_knows_nothing_of_it_and_forgets_nothing(project: Settings, tmp_path: Path):
    assert known(read_memory(replace(project, root=tmp_path / "another")), "all") == [False]
    assert known(read_memory(project), "all") == [True]
