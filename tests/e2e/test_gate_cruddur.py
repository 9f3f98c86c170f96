"""`inv gate` in this repository's own project: one migration more, as somebody would write it on a branch."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Project
from tests.gates import GIT

ROOT = Path(__file__).parents[2]
# Without schema.sql, which would need a dump of the new schema for each of these.
PARTS = ("pyproject.toml", "tasks.py", "migrations", "seeds", "queries", "tests/contracts")


@pytest.fixture(scope="module")
def cruddur(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Cruddur's project in a git repository, all of it committed."""
    project = Project(tmp_path_factory.mktemp("gate") / "cruddur", environ)
    for name in PARTS:
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, project.root / name)
        else:
            shutil.copy(ROOT / name, project.root / name)
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Cruddur"]):
        subprocess.run([*GIT, *words], cwd=project.root, check=True)
    return project


def add(project: Project, up: str, down: str) -> None:
    project.write("migrations/9999_change.sql", up)
    project.write("migrations/9999_change.rollback.sql", down)
    project.write("migrations/HEAD", "9999_change\n")


def test_cruddur_may_be_deployed_where_nothing_is_yet(cruddur: Project):
    said = cruddur.inv("gate", "--base=nothing", "--rows=1000", "--sign")

    assert "This change may merge" in said
    assert (cruddur.root / "migrations" / "PROOF").is_file()


def test_a_new_column_of_cruddur_may_merge(cruddur: Project):
    add(cruddur, "ALTER TABLE users ADD COLUMN website text;\n", "ALTER TABLE users DROP COLUMN website;\n")
    done = cruddur.run("gate", "--base=main", "--rows=1000")

    assert (done.returncode, done.stderr) == (0, ""), done


def test_a_column_that_cruddur_reads_may_not_go(cruddur: Project):
    add(cruddur, "ALTER TABLE users DROP COLUMN bio;\n", "ALTER TABLE users ADD COLUMN bio text;\n")
    done = cruddur.run("gate", "--base=main", "--rows=1000")

    assert done.returncode == 1
    assert "migrations/9999_change.sql:1: PG201" in done.stdout
    assert "users.profile" in done.stdout
