"""Settings in, a PostgreSQL in a container out: the developer's from docker-compose.yml, or a throw-away one."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import make_conninfo

from pgproof.errors import ServerUnavailable
from pgproof.pg import engine
from pgproof.pg.diagnosis import explain_failure
from pgproof.pg.folder import hold_lock
from pgproof.pg.owner import Owner, parse_owner, read_container_id, read_owner
from pgproof.pg.server import NOTHING_IS_KEPT, choose_maintenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from docker import APIClient  # type: ignore[import-untyped]
    from testcontainers.core.container import DockerContainer

    from pgproof.settings import ServerKind, Settings

_START_LIMIT = 60.0  # seconds; a cold disk and a busy machine take their time for initdb
_PAUSE = 0.05  # seconds between two tries
_LOG_TAIL = 50  # lines; enough to hold what a server says before it ends

# A place of our own: official images before 18 put a volume, which is on disk, over their data folder.
_MEMORY = "/var/lib/pgproof"


@dataclass(frozen=True)
class ContainerServer:
    """The checkout's own container, kept by compose: the engine knows its port and password, we store nothing."""

    settings: Settings
    kind: ClassVar[ServerKind] = "container"
    ours: ClassVar[bool] = True

    @property
    def database(self) -> str:
        """Name of the project's database on it."""
        return self.settings.database

    @property
    def name_in_full(self) -> str:
        """The same: what is ours has no other."""
        return self.database

    def find(self) -> str | None:
        """Return the conninfo of its maintenance database if it runs; two questions to the engine, nothing is started.

        Raises:
            ServerUnavailable: there is no engine, or it does not answer.
        """
        container = engine.fetch_container(self.project)
        return self._conninfo(container) if container and container.running else None

    def ensure_up(self) -> str:
        """Start it where needed, make it anew where image or port were changed; return the same conninfo.

        Raises:
            ServerUnavailable: it cannot be started or does not answer.
        """
        if not self._is_up():
            with hold_lock(self._compose_file()):
                engine.ensure_started(self.project, self._compose_file(), self._choices)
        return _wait_for_answer(self.find, self.read_log)

    def ensure_down(self) -> bool:
        """Stop it; its data stays in the volume, its log in the container. True if it was running."""
        container = engine.fetch_container(self.project)
        if not container or not container.running:
            return False
        engine.ensure_stopped(container)
        return True

    def read_log(self, lines: int) -> str:
        """Return its last lines, also after it ended; empty if it never was."""
        container = engine.fetch_container(self.project)
        return engine.fetch_log(container, lines) if container else ""

    @property
    def project(self) -> str:
        """Name of its compose project: another checkout has another one."""
        return f"pgproof-{sha256(os.fsencode(self.settings.root.resolve())).hexdigest()[:12]}"

    @property
    def _choices(self) -> dict[str, str]:
        """What docker-compose.yml leaves open, and we decide."""
        return {
            "PGPROOF_IMAGE": _choose_image(self.settings),
            "PGPROOF_MAJOR": str(self.settings.major),
            "PGPROOF_PORT": str(self.settings.port),
        }

    def _compose_file(self) -> Path:
        file = self.settings.root / "docker-compose.yml"
        if not file.is_file():
            raise ServerUnavailable(
                f"there is no {file}", hint=f"write one with a service `{engine.SERVICE}`, or use --server=embedded"
            )
        return file

    def _is_up(self) -> bool:
        container = engine.fetch_container(self.project)
        if not container or not container.running or container.image != _choose_image(self.settings):
            return False
        return self.settings.port in (0, container.port)

    def _conninfo(self, container: engine.Container) -> str:
        if container.port is None:
            raise ServerUnavailable(
                f"service {engine.SERVICE} publishes no port", hint='add "127.0.0.1:${PGPROOF_PORT:-54320}:5432"'
            )
        return make_conninfo(
            host="127.0.0.1",
            port=container.port,
            user=container.environment.get("POSTGRES_USER", "postgres"),
            password=container.environment.get("POSTGRES_PASSWORD"),
            dbname=choose_maintenance(self.database),
        )


@contextmanager
def throwaway_container(settings: Settings, **besides: str) -> Iterator[str]:
    """Give the conninfo of database postgres on a server in a container of its own, removed afterwards.

    Where we are killed, the next one removes it: its labels say whose it is.

    Raises:
        ServerUnavailable: testcontainers is not installed, no engine answers, or the server does not start.
    """
    password = secrets.token_hex(16)
    container = _start_throwaway(_choose_image(settings), password, NOTHING_IS_KEPT | besides)

    def find() -> str | None:
        try:
            host, port = container.get_container_host_ip(), container.get_exposed_port(5432)
        except OSError:  # what testcontainers says of a container that ended
            return None
        return make_conninfo(host=host, port=port, user="postgres", password=password, dbname="postgres")

    def read_log(lines: int) -> str:
        log: bytes = container.get_wrapped_container().logs(tail=lines)
        return log.decode(errors="replace")

    try:
        yield _wait_for_answer(find, read_log)
    finally:
        container.stop()


def _start_throwaway(image: str, password: str, config: Mapping[str, str]) -> DockerContainer:
    try:
        from docker.errors import DockerException  # type: ignore[import-untyped]
        from testcontainers.core.container import DockerContainer
    except ImportError as error:
        raise ServerUnavailable("testcontainers is not installed", hint="pip install 'pgproof[container]'") from error
    try:
        # Not testcontainers' own PostgresContainer, which shows the password in the list of processes.
        container = (
            DockerContainer(image)
            .with_envs(POSTGRES_USER="postgres", POSTGRES_PASSWORD=password, PGDATA=f"{_MEMORY}/data")
            .with_command(["postgres", *(f"--{name}={value}" for name, value in config.items())])
            .with_tmpfs_mount(_MEMORY)
        )
        owner = _find_owner(api := container.get_docker_client().client.api)
        if owner and _is_here(api):
            _remove_abandoned(api, owner)
        # Docker's own 64 MB of shared memory are too few for parallel queries.
        container.with_kwargs(shm_size="256m", labels=owner.labels if owner else {})
        _publish(container)
        return container.__enter__()  # which cleans up after a start that fails
    except DockerException as error:
        raise ServerUnavailable(
            f"no container of {image} could be started: {error}",
            hint="choose another image with PGPROOF_IMAGE, or use --server=embedded, which needs no container",
        ) from error


def _find_owner(api: APIClient) -> Owner | None:
    """Return ourselves; where the engine runs the container that we are in, it will know when that ends."""
    id = read_container_id()
    return read_owner(container=_fetch_run(api, id) if id else "")


def _fetch_run(api: APIClient, id: str) -> str:
    """Return a name for this run of a container, which its id and its first process make; empty if it does not run."""
    from docker.errors import NotFound

    try:
        told = api.inspect_container(id)
    except NotFound:
        return ""
    return f"{told['Id']}/{told['State']['Pid']}" if told["State"]["Running"] else ""


def _is_here(api: APIClient) -> bool:
    """The engine is this machine's: reached through a socket file or the loopback."""
    return urlsplit(api.base_url).hostname in ("localhost", "127.0.0.1", "::1")


def _remove_abandoned(api: APIClient, us: Owner) -> None:
    """Remove the containers of owners who are known to be dead, with their volumes."""
    from docker.errors import APIError

    for container in api.containers(all=True, filters={"label": us.user_label}):
        owner = parse_owner(container["Labels"])
        if owner and _is_dead(api, owner, us, state=container["State"]):
            with suppress(APIError):  # others, who start at the same time, remove it too
                api.remove_container(container["Id"], force=True, v=True)


def _is_dead(api: APIClient, owner: Owner, us: Owner, *, state: str) -> bool:
    """Only what is certain counts: an owner whom neither we nor the engine can see may live."""
    if owner.is_beside(us):
        return not owner.lives()
    if owner.container:
        return _fetch_run(api, owner.container.partition("/")[0]) != owner.container
    # The machine was started anew, and its containers ended with it. Another machine of this name, if one
    # shares the engine, has use for its container as long as that runs.
    return owner.is_of_earlier_boot(us) and state == "exited"


def _publish(container: DockerContainer) -> None:
    """Open its port to this machine only, where the engine is this machine's and we are in no container ourselves."""
    client = container.get_docker_client()
    here = client.get_connection_mode().value == "docker_host" and client.host() in ("localhost", "127.0.0.1")
    container.ports["5432/tcp"] = ("127.0.0.1",) if here else None  # type: ignore[assignment] # docker's own form


def _choose_image(settings: Settings) -> str:
    return settings.image or f"postgres:{settings.major}-alpine"


def _wait_for_answer(find: Callable[[], str | None], read_log: Callable[[int], str]) -> str:
    """Return the conninfo as soon as the server behind it answers; a container that ended is not waited for."""
    limit = time.monotonic() + _START_LIMIT
    while conninfo := find():
        try:
            psycopg.connect(conninfo, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            _give_up(error, late=time.monotonic() > limit)
            time.sleep(_PAUSE)
        else:
            return conninfo
    raise explain_failure(read_log(_LOG_TAIL), doing="start in its container")


def _give_up(error: psycopg.OperationalError, *, late: bool) -> None:
    """Raise where waiting longer is of no use."""
    if "password authentication failed" in str(error):
        raise ServerUnavailable(
            "the container's volume was filled under another password",
            hint="export that one as POSTGRES_PASSWORD, or remove the volume and with it the data",
        ) from error
    if late:
        raise ServerUnavailable(
            f"the container runs, but its server did not answer within {_START_LIMIT:.0f} s: {error}"
        ) from error
