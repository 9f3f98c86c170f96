"""The command line in this process: words in, what `inv` would write and end with out; a process takes a second."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke import Collection, Program

from pgproof.tasks import ns
from tests.dynamo import KEYS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def run(*words: str) -> Ended:
    """Run `inv` with these words; what is no expected error comes up as it is."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    asked = Collection(_copy(ns.collections[words[0].partition(".")[0]]))  # to read all options takes Invoke 30 ms
    with redirect_stdout(out), redirect_stderr(err):
        try:
            Program(namespace=asked, name="inv", binary="inv").run(["inv", *words])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return Ended(code, out.getvalue(), err.getvalue())


def _copy(group: Collection) -> Collection:
    """Copy tasks: Invoke takes the help out of those that it has read the options of."""
    made = Collection(group.name)
    for name, task in group.tasks.items():
        own = copy(task)
        own.help = dict(task.help)
        made.add_task(own, name=name)
    return made


def enter(root: Path, aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a project, in a shell whose AWS is moto's server."""
    monkeypatch.chdir(root)
    names = {
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": KEYS["region_name"],
        "AWS_CONFIG_FILE": str(root / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(root / "none"),
    }
    for name, value in names.items():
        monkeypatch.setenv(name, value)
