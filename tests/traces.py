"""A person at a desk in, what the commands leave behind that are typed there out: said, logged, filed, started."""

from __future__ import annotations

import base64
import logging
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.inv import Ended, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.e2e.conftest import Project

_ASK = "_make_api_call"  # all that boto3 asks goes through it
_AT_AWS = ("moto", "werkzeug")  # loggers of moto's server


def search(text: bytes, secrets: Mapping[str, str]) -> set[str]:
    """Return which secrets are in a text: by their first letters, which no quoting changes, also in base 64."""
    pieces = {name: secret[:9].encode() for name, secret in secrets.items()}
    return {name for name, piece in pieces.items() if piece in text or base64.b64encode(piece) in text}


@dataclass
class Traces:
    """What runs leave behind.

    Attributes:
        ended: how each command ended.
        records: what was logged, with all that is attached to it.
        started: arguments of the programs that were started.
        since: when all began, by the clock of files.
        folders: where they are written.
        servers: data directories of servers that run on.
    """

    ended: list[tuple[str, Ended]] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    since: float = field(default_factory=time.time)
    folders: tuple[Path, ...] = ()
    servers: tuple[Path, ...] = ()

    def files(self) -> Iterator[tuple[Path, bytes]]:
        """Return what was written, and is still there."""
        for folder in self.folders:
            for path in folder.rglob("*"):
                with suppress(OSError):  # a folder, a socket; or a server has just removed it
                    if path.stat().st_mtime >= self.since:
                        yield path, path.read_bytes()


class Desk:
    """Where a person types the commands, in a shell that has every secret."""

    def __init__(self, project: Project, patch: pytest.MonkeyPatch) -> None:
        self.project = project
        self.patch = patch
        self.ended: list[tuple[str, Ended]] = []

    def run(self, *words: str, **environ: str) -> Ended:
        """Run a command; `environ` is set for it alone."""
        with self.patch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            self.ended.append((" ".join(words), run(*words)))
        return self.ended[-1][1]

    def inv(self, *words: str, **environ: str) -> None:
        """Run what is to succeed."""
        done = self.run(*words, **environ)
        assert done.code == 0, done

    def refuse(self, why: str, *words: str, **environ: str) -> None:
        """Run what is to fail for this reason: another might come before any secret is needed."""
        done = self.run(*words, **environ)
        assert done.code == 1, done
        assert why in done.err, done

    def plan(self, *words: str) -> None:
        """Plan what else is said, instead of what is so far."""
        names = {word.partition(" ")[0] for word in words}
        before = (self.project.root / "pyproject.toml").read_text().splitlines()
        kept = [line for line in before if line.partition(" ")[0] not in names]
        self.project.write("pyproject.toml", "\n".join([*kept, *words, ""]))


@contextmanager
def at_desk(project: Project, shell: Mapping[str, str]) -> Iterator[Desk]:
    """Stand in a project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("boto3.DEFAULT_SESSION", None)  # it has the credentials of who came first
        patch.setattr("tempfile.tempdir", shell["TMPDIR"])
        # What cfn-lint sees is what `rds.template` says; it takes a second each time.
        patch.setattr(import_module("pgproof.rds.judging.judge"), "lint", lambda _: [])
        patch.chdir(project.root)
        for name, value in shell.items():
            patch.setenv(name, value)
        yield Desk(project, patch)


class Listener(logging.Handler):
    """Keeps what is logged; botocore's debugging shows its requests, and who turns that on wants it."""

    def __init__(self, records: list[str]) -> None:
        super().__init__(logging.INFO)
        self.records = records

    def emit(self, record: logging.LogRecord) -> None:
        if record.name not in _AT_AWS:
            self.records.append(f"{record.getMessage()} {vars(record)}")


@contextmanager
def listening(traces: Traces, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep what is logged, and what is started."""
    start = subprocess.Popen.__init__

    def note(process: subprocess.Popen[Any], arguments: Any, *more: Any, **named: Any) -> None:
        traces.started.append(repr(arguments))
        start(process, arguments, *more, **named)

    patch.setattr(subprocess.Popen, "__init__", note)
    root, handler = logging.getLogger(), Listener(traces.records)
    patch.setattr(root, "level", logging.INFO)
    root.addHandler(handler)
    yield
    root.removeHandler(handler)


@contextmanager
def refusing(patch: pytest.MonkeyPatch, codes: dict[str, str]) -> Iterator[None]:
    """Have AWS make no instance, for one reason after the other."""
    ask, answers = getattr(BaseClient, _ASK), iter(codes.items())

    def answer(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        if operation != "CreateDBInstance":
            return ask(client, operation, arguments)
        code, message = next(answers)
        raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

    with patch.context() as during:
        during.setattr(BaseClient, _ASK, answer)
        yield


@contextmanager
def hanging_up() -> Iterator[str]:
    """Give the address of a server that ends every call."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    listening.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
