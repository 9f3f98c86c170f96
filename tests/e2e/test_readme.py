"""README.md tells what the program does: its tasks, its first screen, its files, and how its examples are written."""

import ast
import re
import shutil
from pathlib import Path

import pytest

from pgproof.contracts.cases import read_contract
from pgproof.metrics.mappings.mapping import read_mapping
from pgproof.queries import read_queries
from pgproof.rds.plan import read_plan
from pgproof.settings import read_settings
from pgproof.tasks import ns
from tests.e2e.conftest import Project, steady

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("group", ["db", "metrics", "rds"])
def test_readme_names_every_task_and_no_other(shop: Project, group: str):
    listed = re.findall(rf"^  ({group}\.[\w-]+)", shop.inv("--list"), re.MULTILINE)
    table = README.partition("## Tasks")[2].partition("\n## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith(f"| `{group}.")]

    assert sorted(re.findall(rf"{group}\.[\w-]+", "".join(first_cells))) == sorted(listed)


@pytest.mark.parametrize("group", ["db", "metrics", "rds"])
def test_every_task_takes_server_and_target_and_tells_of_each_option(group: str):
    for name, task in ns.collections[group].tasks.items():
        options = {option.name: option.help for option in task.get_arguments()}

        assert {"server", "target"} <= set(options), name
        assert [option for option, text in options.items() if not text] == [], name
        assert task.__doc__, name


def test_readmes_first_screen_is_what_a_reset_prints(shop: Project):
    for folder in ("migrations", "seeds"):
        shutil.rmtree(shop.root / folder)
        shutil.copytree(ROOT / folder, shop.root / folder)
    printed = steady(shop.inv("db.reset", PGPROOF_DATABASE="cruddur"))

    [screen] = re.findall(r"\n\n((?:    .*\n)*    created cruddur on .*\n(?:    .*\n)+)\n", README)
    shown = [line.strip() for line in steady(screen)]

    assert [line for line in shown if line not in [*printed, "…"] and not line.startswith("postgresql://")] == []
    assert re.fullmatch(re.escape(shown[-1]).replace("…", ".*"), printed[-1])


def read_examples(language: str) -> list[str]:
    """Return the examples in a language, with its own word for what is left out."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [each.replace("…", "...") for each in found]


def test_readmes_python_is_python_and_calls_queries_that_there_are_with_their_parameters():
    queries = read_queries(ROOT / "queries")
    nodes = [node for each in read_examples("python") for node in ast.walk(ast.parse(each))]
    given = {ast.unparse(node): {word.arg for word in node.keywords} for node in nodes if isinstance(node, ast.Call)}
    named = {text: re.match(r"db\.(?:json\('(\w+\.\w+)'|(\w+\.\w+)\()", text) for text in given}
    asked = {text: queries[found[1] or found[2]].command.parameters for text, found in named.items() if found}

    assert asked
    assert {text: set(parameters) for text, parameters in asked.items()} == {text: given[text] for text in asked}


def test_readmes_cases_are_cases_of_their_query(tmp_path: Path):
    text, *_ = read_examples("toml")
    path = tmp_path / "users" / "profile.toml"
    path.parent.mkdir()
    path.write_text(text)

    for case in read_contract(tmp_path, path).cases:
        read_queries(ROOT / "queries")["users.profile"].command.bind(case.params)


def test_readmes_mapping_is_one(tmp_path: Path):
    _, text, _ = read_examples("toml")
    path = tmp_path / "messages.toml"
    path.write_text(text)

    assert [each.name for each in read_mapping(path).metrics] == ["messages", "active_users"]


def test_readmes_plan_is_one_and_cruddurs_own(tmp_path: Path):
    *_, text = read_examples("toml")
    (tmp_path / "pyproject.toml").write_text(f'[tool.pgproof]\ndatabase = "cruddur"\n\n{text}')

    assert read_plan(read_settings(tmp_path, environ={})) == read_plan(read_settings(ROOT, environ={}))
