"""`inv gate` and `inv gate.init` as a person or CI types them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgproof.pg.server import choose_server
from pgproof.settings import read_settings
from tests.e2e.conftest import Project
from tests.gates import GIT

if TYPE_CHECKING:
    from pathlib import Path

_PASSWORD = "s3cret-word"  # noqa: S105 - looked for in what is written
_SAFE = "ALTER TABLE users ADD COLUMN website text;\n"
_DANGEROUS = "ALTER TABLE posts ALTER COLUMN id TYPE bigint;\n"


def git(project: Project, *words: str) -> None:
    subprocess.run([*GIT, *words], cwd=project.root, check=True, capture_output=True)


@pytest.fixture(scope="module")
def checkout(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in a git repository, all of it committed."""
    project = Project(tmp_path_factory.mktemp("gate") / "shop", environ)
    project.fill()
    project.write("migrations/HEAD", "0003_add_bio_to_users\n")
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "the shop")
    return project


@pytest.fixture
def repository(checkout: Project) -> Project:
    """The same with nothing changed."""
    git(checkout, "clean", "--quiet", "--force", "-d")
    git(checkout, "checkout", "--quiet", "--", ".")
    return checkout


def add(project: Project, up: str, down: str) -> None:
    project.write("migrations/0004_change.sql", up)
    project.write("migrations/0004_change.rollback.sql", down)
    project.write("migrations/HEAD", "0004_change\n")


def test_a_change_that_may_merge_is_said_to_be_so(repository: Project):
    add(repository, _SAFE, "ALTER TABLE users DROP COLUMN website;\n")
    lines = repository.inv("gate", "--base=main", "--rows=300").splitlines()

    assert lines[0].startswith("main (")
    assert lines[0].endswith(" → the working tree")
    assert lines[1:3] == ["new: 0004_change", next(line for line in lines if line.startswith("PostgreSQL "))]
    assert lines[4].split() == ["proof", "took"]
    assert lines[-1].startswith("This change may merge: ")
    assert not [line for line in lines if line.endswith(" ") or "\x1b" in line]


def test_a_change_that_may_not_is_told_in_every_format_at_once_and_no_password_is_in_any(
    repository: Project, workshop: Project, tmp_path: Path
):
    add(repository, _DANGEROUS, "ALTER TABLE posts ALTER COLUMN id TYPE int;\n")
    names = ["report.json", "report.xml", "report.sarif", "report.md", "report.html"]
    files = [f"--write={tmp_path / name}" for name in names]
    done = repository.run(
        "gate", "--base=main", "--rows=300", "--server=url", "--format=json", *files, CONNECTION_URL=_url(workshop)
    )
    told = json.loads(done.stdout)
    texts = {name: (tmp_path / name).read_text() for name in names}

    assert done.returncode == 1
    assert done.stderr.startswith("error: This change may not merge: 1 proof broken, ")
    assert len(done.stderr.splitlines()) == 1
    assert "PG401" in {each["id"] for each in told["findings"]}
    assert told["findings"][0]["path"] == "migrations/0004_change.sql"
    assert json.loads(texts["report.json"]) == told
    assert all("migrations/0004_change.sql" in each and "PG401" in each for each in texts.values())
    assert ET.fromstring(texts["report.xml"]).get("failures") == "1"  # noqa: S314 - ours
    everything = [done.stdout, done.stderr, *texts.values()]
    assert not [each for each in everything if _PASSWORD in each or str(repository.root) in each]


def _url(project: Project) -> str:
    """Return the URL of a running server, with a password that nobody asks for."""
    parts = conninfo_to_dict(choose_server(read_settings(project.root, environ=project.environ)).ensure_up())
    place = f"host={quote(str(parts['host']), safe='')}&port={parts.get('port', 5432)}"
    return f"postgresql://{parts['user']}:{_PASSWORD}@/postgres?{place}"


def test_where_nothing_changes_that_is_said(repository: Project):
    lines = repository.inv("gate", "--base=main", "--rows=300").splitlines()

    assert lines[1] == "no new migration, no repeatable that changed"
    assert lines[-1].startswith("This change may merge: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format=yaml"], "unknown format 'yaml'\n  hint: human, json, junit, sarif, markdown"),
        (["--write=report.txt"], "--write report.txt: no format has this ending\n  hint: .json .xml .sarif .md .html"),
        (["--html=nowhere/report.html"], "nowhere/report.html cannot be written\n  hint: name a file in a folder"),
        (["--rows=many"], "--rows 'many' is not a number"),
        (["--base=nowhere"], "git knows no nowhere"),
        (["--stats=pyproject.toml"], "pyproject.toml: it is not JSON: "),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is(repository: Project, words: list[str], said: str):
    assert said in repository.refuse("gate", *words)


def test_a_project_that_is_in_no_repository_has_nothing_to_compare_with(environ: dict[str, str], tmp_path: Path):
    project = Project(tmp_path / "shop", environ)
    project.fill()

    assert "not a git repository" in project.refuse("gate", GIT_CEILING_DIRECTORIES=str(tmp_path))


def test_sizes_of_production_make_a_change_to_a_small_table_safe(repository: Project, full_shop: Project):
    add(repository, _DANGEROUS, "ALTER TABLE posts ALTER COLUMN id TYPE int;\n")
    full_shop.execute("ANALYZE")
    production = {"PROD_CONNECTION_URL": full_shop.inv("db.url").strip()}
    said = repository.inv("gate.stats", "--target=prod", "--out=sizes.json", **production)
    lines = repository.inv("gate", "--base=main", "--rows=300", "--stats=sizes.json").splitlines()

    assert said == "2 tables in sizes.json\n"
    assert '"public.posts": {"rows": 3, ' in (repository.root / "sizes.json").read_text()
    assert lines[-1].startswith("This change may merge: ")


def test_a_job_for_ci_is_written_once(repository: Project):
    path = repository.root / ".github/workflows/pgproof.yml"
    lines = repository.inv("gate.init", "--ci=github").splitlines()
    text = path.read_text()

    assert lines[0] == f"written: {path}"
    assert "inv gate --base" in text
    assert "is there already" in repository.refuse("gate.init", "--ci=github")
    assert path.read_text() == text
