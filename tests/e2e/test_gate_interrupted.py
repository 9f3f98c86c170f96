"""`inv gate` in its midst, stopped by a person, the kernel or the server: what is left of it."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pgproof.pg.conninfo import url
from pgproof.pg.database import connect
from pgproof.pg.server import choose_server
from pgproof.settings import read_settings
from tests.e2e.conftest import BIN, PATIENCE, Project
from tests.gates import GIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OURS = "SELECT datname FROM pg_database WHERE starts_with(datname, 'pgproof_test_')"
_MIDST = """
SELECT pid FROM pg_stat_activity
WHERE starts_with(datname, 'pgproof_test_') AND state = 'active' AND query LIKE '%pg_sleep(100)%'
"""


@pytest.fixture
def repository(environ: dict[str, str], tmp_path: Path) -> Project:
    """A project in a git repository, with a migration that takes for ever."""
    project = Project(tmp_path / "shop", environ)
    project.fill()
    project.write("migrations/HEAD", "0003_add_bio_to_users\n")
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "the shop"]):
        subprocess.run([*GIT, *words], cwd=project.root, check=True, capture_output=True)
    project.write("migrations/0004_wait.sql", "SELECT pg_sleep(100);\n")
    project.write("migrations/0004_wait.rollback.sql", "SELECT 1;\n")
    project.write("migrations/HEAD", "0004_wait\n")
    return project


@pytest.fixture
def server(workshop: Project) -> str:
    """Conninfo of a server that stays, so that what is left on it can be seen."""
    return choose_server(read_settings(workshop.root, environ=workshop.environ)).ensure_up()


@contextmanager
def judging(project: Project, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """Run the gate beside us."""
    command = [BIN / "inv", "gate", "--base=main", "--rows=100", *(["--server=url"] if environ else [])]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=project.root, env=project.environ | environ, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def wait_for(fact: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < until


def ask(server: str, query: str) -> list[object]:
    with connect(server) as connection:
        return [value for (value,) in connection.execute(query.encode())]


def undo(project: Project) -> None:
    """Take the change back, so that the next judgement comes to its end."""
    for name in ("0004_wait.sql", "0004_wait.rollback.sql"):
        (project.root / "migrations" / name).unlink()
    project.write("migrations/HEAD", "0003_add_bio_to_users\n")


def test_a_person_who_interrupts_it_leaves_nothing(repository: Project, server: str):
    with judging(repository, CONNECTION_URL=url(server)) as process:
        wait_for(lambda: bool(ask(server, _MIDST)))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)

    assert (process.returncode, said.strip()) == (130, "interrupted")
    assert ask(server, _OURS) == []


def test_what_a_killed_one_leaves_on_a_server_the_next_one_drops(repository: Project, server: str):
    with judging(repository, CONNECTION_URL=url(server)) as process:
        wait_for(lambda: bool(ask(server, _MIDST)))
        process.kill()
        process.wait(PATIENCE)
    left = ask(server, _OURS)
    wait_for(lambda: not ask(server, _MIDST))  # its session ends by itself
    undo(repository)
    repository.inv("gate", "--base=main", "--rows=100", "--server=url", CONNECTION_URL=url(server))

    assert left
    assert ask(server, _OURS) == []


def test_a_server_of_its_own_ends_with_a_killed_one(repository: Project):
    def born() -> dict[str, str]:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return {_name(each): each for each in children}

    with judging(repository) as process:
        wait_for(lambda: born().keys() >= {"postgres", "sh"})  # the server, and who waits for our end
        server = born()["postgres"]
        process.kill()
        process.wait(PATIENCE)

    wait_for(lambda: _name(server) != "postgres")


def test_a_server_that_ends_its_sessions_is_an_error_in_a_line(repository: Project, server: str):
    with judging(repository, CONNECTION_URL=url(server)) as process:
        wait_for(lambda: bool(ask(server, _MIDST)))
        ask(server, _MIDST.replace("SELECT pid", "SELECT pg_terminate_backend(pid)"))
        _, said = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert ask(server, _OURS) == []


def _name(pid: str) -> str:
    """Return what a process is called; nothing where there is none, or only its entry."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if "\nState:\tZ" in status else status.split("\n")[0].removeprefix("Name:\t")
