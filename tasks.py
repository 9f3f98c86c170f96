"""The front door of this repository: pgproof's tasks, and the one check that CI runs."""

from __future__ import annotations

from invoke import Context, Task

from pgproof.tasks import ns

_CHECKS = (
    "ruff check .",
    "ruff format --check .",
    "mypy",
    "lint-imports",
    "inv lint",
    "pytest -n auto --dist worksteal",
)
# On a server of another major, in a container, what it may answer otherwise (tests/once.py says what does not depend on
# it); without an engine it skips at a desk and fails in CI.
_IN_A_CONTAINER = "pytest -n auto --dist worksteal -m 'not once' tests/integration"


def check(context: Context) -> None:
    """All that CI checks: lint, types, floors, tests."""
    for command in _CHECKS:
        context.run(command, echo=True)
    context.run(_IN_A_CONTAINER, echo=True, env={"PGPROOF_TEST_SERVER": "container"})


ns.add_task(Task(check))
