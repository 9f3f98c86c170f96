"""The front door: what a person can ask, a few lines a task."""

from __future__ import annotations

from invoke import Collection, Context, task


@task
def check(c: Context) -> None:
    """All that CI checks: lint, types, floors, tests."""
    for command in ("ruff check .", "ruff format --check .", "mypy", "lint-imports", "pytest"):
        c.run(command, pty=False, echo=True)


ns = Collection(check)
