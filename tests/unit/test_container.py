"""What is said where the engine or compose is missing, or cannot do what it was asked; no engine is needed.

And whose a throw-away container is: which processes are known to be dead.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pgproof.errors import ServerUnavailable
from pgproof.pg.container import ContainerServer
from pgproof.pg.owner import Owner, parse_owner, read_owner
from pgproof.settings import Settings

Program = Callable[[str, str], None]

ENGINE_WITHOUT_CONTAINERS = '[ "$1" = container ] && exit 0; exit 1'


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a program of that name, a shell script, on an otherwise empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def write(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)

    return write


@pytest.fixture
def server(settings: Settings) -> ContainerServer:
    (settings.root / "docker-compose.yml").touch()
    return ContainerServer(replace(settings, image=""))


@pytest.mark.usefixtures("program")
def test_no_docker_says_what_to_choose_instead(server: ContainerServer):
    with pytest.raises(ServerUnavailable, match=r"^docker is not installed\n.*--server=embedded"):
        server.ensure_up()


def test_an_engine_that_does_not_answer_is_told_in_its_own_words(server: ContainerServer, program: Program):
    program("docker", "echo Cannot connect to the Docker daemon. >&2; exit 1")

    for ask in (server.find, server.ensure_up, server.ensure_down):
        with pytest.raises(
            ServerUnavailable, match=r"Cannot connect to the Docker daemon\.\n  hint: .*--server=embedded"
        ):
            ask()


def test_no_compose_says_what_to_choose_instead(server: ContainerServer, program: Program):
    program("docker", ENGINE_WITHOUT_CONTAINERS)

    with pytest.raises(
        ServerUnavailable, match=r"^neither `docker compose` nor `docker-compose`.*\n.*--server=embedded"
    ):
        server.ensure_up()


def test_the_older_compose_serves_and_only_its_telling_line_is_shown(server: ContainerServer, program: Program):
    program("docker", ENGINE_WITHOUT_CONTAINERS)
    program(
        "docker-compose",
        'echo "Creating x ... error" >&2; echo >&2; echo "ERROR: for postgres  it is broken" >&2;'
        'echo "Encountered errors while bringing up the project." >&2; exit 1',
    )

    with pytest.raises(
        ServerUnavailable, match="could not start postgres:18-alpine: ERROR: for postgres  it is broken\n"
    ):
        server.ensure_up()


def test_a_project_without_compose_file_is_told_to_write_one(settings: Settings, program: Program):
    program("docker", ENGINE_WITHOUT_CONTAINERS)

    with pytest.raises(ServerUnavailable, match=r"docker-compose\.yml\n  hint: write one with a service `postgres`"):
        ContainerServer(settings).ensure_up()


def test_compose_is_told_the_choices_by_its_environment(server: ContainerServer, program: Program, tmp_path: Path):
    said = tmp_path / "said"
    program("docker", ENGINE_WITHOUT_CONTAINERS)
    program("docker-compose", f'echo "$PGPROOF_IMAGE $PGPROOF_MAJOR $PGPROOF_PORT" >{said}; exit 1')

    with pytest.raises(ServerUnavailable):
        ContainerServer(replace(server.settings, major=15, port=5555)).ensure_up()
    assert said.read_text(encoding="utf-8") == "postgres:15-alpine 15 5555\n"


TELL_WHO_AND_WAIT = """
import json, sys
from pgproof.pg.owner import read_owner
print(json.dumps(read_owner().labels), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def us() -> Owner:
    owner = read_owner()
    assert owner
    return owner


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    """Another process; its first line is the labels of its things."""
    command = [sys.executable, "-c", TELL_WHO_AND_WAIT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.fixture
def owner(process: subprocess.Popen[str]) -> Owner:
    assert process.stdout
    owner = parse_owner(json.loads(process.stdout.readline()))
    assert owner
    return owner


def test_a_living_owner_is_known_by_its_labels(process: subprocess.Popen[str], owner: Owner, us: Owner):
    assert owner.pid == str(process.pid)
    assert owner.is_beside(us)
    assert owner.lives()


def test_a_killed_owner_is_dead_before_its_parent_asks_and_after(process: subprocess.Popen[str], owner: Owner):
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended and is still in the list of processes
    assert not owner.lives()

    process.wait()
    assert not owner.lives()


def test_a_process_that_was_given_a_dead_owners_pid_is_not_the_owner(us: Owner):
    assert us.lives()
    assert not replace(us, started=str(int(us.started) - 1)).lives()


@pytest.mark.parametrize("name", ["boot", "namespace", "uid"])
def test_an_owner_elsewhere_cannot_be_judged_by_its_pid(us: Owner, name: str):
    assert not replace(us, **{name: "another"}).is_beside(us)


def test_labels_that_do_not_tell_all_name_nobody(us: Owner):
    assert parse_owner(us.labels) == us
    for each in fields(Owner):
        rest = {name: value for name, value in us.labels.items() if not name.endswith(f".{each.name}")}
        assert parse_owner(rest) is None
    assert parse_owner(us.labels | {"pgproof.owner.pid": "self"}) is None
