"""A compose project in, its container out: what the command line of Docker knows of it; nothing is kept on our side."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgproof.errors import ServerUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SERVICE = "postgres"
"""Name of the service in docker-compose.yml."""

_PORT_IN_USE = ("address already in use", "port is already allocated")
_FAREWELL = "Encountered errors while bringing up the project."  # the older compose's last line, which says nothing


@dataclass(frozen=True)
class Container:
    """What the engine says of one container."""

    id: str
    image: str
    running: bool
    port: int | None
    """Where on 127.0.0.1 its 5432 is reached."""
    environment: dict[str, str] = field(repr=False)
    """It holds the password."""


def fetch_container(project: str) -> Container | None:
    """Return the container of the project's service, None if there is none; running or not.

    Raises:
        ServerUnavailable: there is no engine, or it does not answer.
    """
    labels = {"project": project, "service": SERVICE, "oneoff": "False"}
    filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
    found = _docker("container", "ls", "--all", "--no-trunc", "--quiet", *filters).stdout.split()
    return _inspect(found[0]) if found else None


def fetch_log(container: Container, lines: int) -> str:
    """Return the last lines that it wrote: what set it up, then what the server said."""
    log = _docker("container", "logs", f"--tail={lines}", container.id)
    return (log.stdout + log.stderr).rstrip("\n")


def ensure_stopped(container: Container) -> None:
    """Stop it; container and volume stay."""
    _docker("container", "stop", container.id)


def ensure_started(project: str, file: Path, choices: Mapping[str, str]) -> None:
    """Let compose create and start the service; where `choices` changed since last time, it is made anew.

    Raises:
        ServerUnavailable: there is no compose, or it could not do it.
    """
    up = (f"--project-name={project}", f"--file={file}", "up", "--detach", "--quiet-pull", SERVICE)
    # The environment and not the command line: other users of the machine can read the latter.
    done = _run((*_find_compose(), *up), environment={**os.environ, **choices})
    if done.returncode != 0:
        raise _explain(done.stderr or done.stdout, choices)


def _inspect(id: str) -> Container:
    (told,) = json.loads(_docker("container", "inspect", id).stdout)
    bindings = told["NetworkSettings"]["Ports"].get("5432/tcp") or []
    return Container(
        id=id,
        image=told["Config"]["Image"],
        running=told["State"]["Running"],
        port=int(bindings[0]["HostPort"]) if bindings else None,
        environment=dict(each.split("=", 1) for each in told["Config"]["Env"]),
    )


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = _run(("docker", *arguments))
    if done.returncode != 0:
        raise ServerUnavailable(
            f"`docker {arguments[0]} {arguments[1]}` failed: {_last_line(done.stderr)}",
            hint="make `docker info` work for this user, or use --server=embedded, which needs no engine",
        )
    return done


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise ServerUnavailable(
            f"{command[0]} is not installed", hint="install Docker, or use --server=embedded, which needs no container"
        ) from error


def _find_compose() -> tuple[str, ...]:
    """Compose 2 is a word of docker's, the older one a program of its own."""
    if _run(("docker", "compose", "version")).returncode == 0:
        return ("docker", "compose")
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    raise ServerUnavailable(
        "neither `docker compose` nor `docker-compose` is installed",
        hint="install one of them, or use --server=embedded, which needs no container",
    )


def _explain(output: str, choices: Mapping[str, str]) -> ServerUnavailable:
    if any(words in output for words in _PORT_IN_USE):
        return ServerUnavailable(
            f"port {choices['PGPROOF_PORT']} is in use",
            hint="choose another with PGPROOF_PORT, or 0 to be given a free one",
        )
    return ServerUnavailable(
        f"docker compose could not start {choices['PGPROOF_IMAGE']}: {_last_line(output)}",
        hint="choose another image with PGPROOF_IMAGE, or use --server=embedded, which needs no container",
    )


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip() not in ("", _FAREWELL)]
    return lines[-1] if lines else "it said nothing"
