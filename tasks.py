"""The front door of this repository: pgproof's tasks, and the one check that CI runs."""

from __future__ import annotations

from invoke import Context, Task

from pgproof.tasks import ns

_CHECKS = (
    "ruff check .",
    "ruff format --check .",
    "mypy",
    "lint-imports",
    "pytest",
)


def check(context: Context) -> None:
    """All that CI checks: lint, types, floors, tests."""
    for command in _CHECKS:
        context.run(command, echo=True)


ns.add_task(Task(check))
