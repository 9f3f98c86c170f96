"""`inv lint` as a person and as CI run it."""

from __future__ import annotations

import json
import shutil
import subprocess
from uuid import uuid4

import pytest

from pgproof.lint import RULES
from tests.e2e.conftest import BIN, Project

STAR = "-- returns: many\n\nSELECT u.*\nFROM users AS u\n"
FOUND = "queries/users.sql:3:8 select-star all columns, whatever they will be\n    name the columns\n\n"


@pytest.fixture
def shop(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of two files, for which no server runs."""
    project = Project(tmp_path_factory.mktemp("lint") / "shop", environ)
    project.fill()
    for folder in ("migrations", "seeds"):
        shutil.rmtree(project.root / folder)
    project.write("queries/count.sql", "-- returns: value\n\nSELECT count(*) AS users_count\nFROM users\n")
    return project


def test_a_clean_project_has_nothing_to_say(shop: Project):
    assert shop.inv("lint") == "1 files, nothing to say\n"


def test_a_finding_is_told_with_place_rule_and_help_and_fails(shop: Project):
    shop.write("queries/users.sql", STAR)

    done = shop.run("lint")

    assert (done.returncode, done.stdout) == (1, FOUND)
    assert done.stderr == "error: 1 finding in 1 of 2 files\n"
    assert shop.inv("lint", "--path=queries/count.sql") == "1 files, nothing to say\n"


@pytest.mark.parametrize("format", ["json", "sarif", "github"])
def test_another_format_is_all_that_stands_on_stdout(shop: Project, format: str):  # noqa: A002
    shop.write("queries/users.sql", STAR)

    done = shop.run("lint", f"--format={format}")

    assert done.returncode == 1
    if format == "github":
        assert done.stdout.startswith("::error file=queries/users.sql,line=3,col=8,title=pgproof select-star::")
    else:
        assert "select-star" in json.dumps(json.loads(done.stdout))
    (shop.root / "queries" / "users.sql").unlink()
    assert "::error" not in shop.inv("lint", f"--format={format}")


def test_fix_mends_and_looks_again(shop: Project):
    path = shop.write("queries/users.sql", "-- returns: many\n\nSELECT u.id  FROM users AS u\n")

    assert shop.inv("lint", "--fix") == "mended queries/users.sql\n2 files, nothing to say\n"
    assert path.read_text() == "-- returns: many\n\nSELECT u.id FROM users AS u\n"


def test_what_cannot_be_done_is_refused_with_the_way_out(shop: Project):
    assert "unknown format 'xml'" in shop.refuse("lint", "--format=xml")
    assert "there is nothing to lint at tables" in shop.refuse("lint", "--path=tables")
    assert "nothing is written in CI" in shop.refuse("lint", "--fix", CI="true")


def test_the_page_of_rules_has_every_rule_with_its_examples(shop: Project):
    page = shop.inv("lint", "--rules")

    assert [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")] == [r.id for r in RULES]
    assert all(rule.good in page and rule.bad in page for rule in RULES)
    assert [each["id"] for each in json.loads(shop.inv("lint", "--rules", "--format=json"))] == [r.id for r in RULES]


def test_not_even_a_first_run_imports_sqlfluff_where_one_waits_for_it(shop: Project):
    shop.write("queries/users.sql", f"-- {uuid4()}\n{STAR}")

    done = subprocess.run(
        [BIN / "python", "-X", "importtime", "-m", "invoke", "lint"],
        cwd=shop.root,
        env=shop.environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "pgproof.lint.style" in done.stderr
    assert "sqlfluff.core" not in done.stderr
