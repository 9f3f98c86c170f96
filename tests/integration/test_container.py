"""The developer's container through the real docker-compose.yml, and the throw-away one, on a real engine."""

import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from threading import Thread

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgproof.errors import ServerUnavailable
from pgproof.pg.container import ContainerServer, throwaway_container
from pgproof.pg.engine import Container, fetch_container
from pgproof.pg.folder import hold_lock
from pgproof.pg.owner import Owner, read_owner
from pgproof.settings import Settings
from tests.containers import docker

pytestmark = pytest.mark.container

COMPOSE_FILE = Path(__file__).parents[2] / "docker-compose.yml"
Checkout = Callable[[str], ContainerServer]


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """One of these tests at a time, of all workers of this machine: each looks at what the engine has.

    The groups of xdist 3.8 are of no use for that: pytest 9.2 does not see them.
    """
    with hold_lock(Path(gettempdir()) / f"pgproof-tests-of-containers-{os.getuid()}"):
        yield


@pytest.fixture
def checkout(tmp_path: Path, settings: Settings, image: str) -> Iterator[Checkout]:
    """Makes a checkout of that name, with the repository's own docker-compose.yml; all is removed afterwards."""
    made: list[ContainerServer] = []

    def make(name: str) -> ContainerServer:
        root = tmp_path / name
        root.mkdir()
        shutil.copy(COMPOSE_FILE, root)
        made.append(ContainerServer(replace(settings, root=root, image=image)))
        return made[-1]

    yield make
    for server in made:
        remove(server)


def remove(server: ContainerServer) -> None:
    if container := fetch_container(server.project):
        docker("container", "rm", "--force", "--volumes", container.id)
    for kind, suffix in (("volume", "data"), ("network", "default")):
        if docker(kind, "ls", "--quiet", f"--filter=name={server.project}_{suffix}"):
            docker(kind, "rm", f"{server.project}_{suffix}")


def container_of(server: ContainerServer) -> Container:
    container = fetch_container(server.project)
    assert container
    return container


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def execute(conninfo: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_data_survives_down_and_up(checkout: Checkout):
    server = checkout("one")
    execute(server.ensure_up(), "CREATE TABLE kept AS SELECT 42 AS answer")

    assert server.ensure_down()
    assert execute(server.ensure_up(), "SELECT answer FROM kept") == [(42,)]


def test_data_survives_the_container_itself(checkout: Checkout):
    server = checkout("one")
    execute(server.ensure_up(), "CREATE TABLE kept AS SELECT 42 AS answer")
    server.ensure_down()  # killed instead, it might lose the last moments: that much it may
    docker("container", "rm", "--volumes", container_of(server).id)

    assert execute(server.ensure_up(), "SELECT answer FROM kept") == [(42,)]


def test_find_starts_nothing_and_down_is_safe_to_repeat(checkout: Checkout):
    server = checkout("one")

    assert server.find() is None
    assert server.read_log(5) == ""
    assert not server.ensure_down()
    assert fetch_container(server.project) is None

    assert server.ensure_up() == server.find()
    assert server.ensure_down()
    assert server.find() is None
    assert not server.ensure_down()
    assert "shut down" in server.read_log(5)


def test_two_who_start_it_at_once_get_one_server(checkout: Checkout):
    server = checkout("one")

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: server.ensure_up(), range(2))

    assert first == second == server.ensure_up()


def test_two_checkouts_have_two_servers(checkout: Checkout):
    one, other = checkout("one"), checkout("other")
    execute(one.ensure_up(), "CREATE TABLE only_here ()")

    assert execute(other.ensure_up(), "SELECT to_regclass('only_here')") == [(None,)]
    assert one.ensure_down()
    assert other.find()


def test_a_changed_port_moves_the_server_and_keeps_its_data(checkout: Checkout):
    server = checkout("one")
    execute(server.ensure_up(), "CREATE TABLE kept ()")
    moved = ContainerServer(replace(server.settings, port=free_port()))

    conninfo = moved.ensure_up()

    assert conninfo_to_dict(conninfo)["port"] == str(moved.settings.port)
    assert execute(conninfo, "SELECT to_regclass('kept')::text") == [("kept",)]


def test_only_this_machine_can_reach_it_and_a_crash_cannot_corrupt_it(checkout: Checkout):
    server = checkout("one")
    conninfo = server.ensure_up()

    assert docker("container", "port", container_of(server).id, "5432").startswith("127.0.0.1:")
    assert execute(conninfo, "SHOW fsync") == [("on",)]
    assert execute(conninfo, "SHOW synchronous_commit") == [("off",)]


def test_a_port_in_use_is_said_with_what_to_choose_instead(checkout: Checkout):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = ContainerServer(replace(checkout("one").settings, port=port))

        with pytest.raises(
            ServerUnavailable, match=f"^port {port} is in use\n  hint: choose another with PGPROOF_PORT"
        ):
            server.ensure_up()


def test_an_image_that_cannot_be_had_is_named(checkout: Checkout):
    server = ContainerServer(replace(checkout("one").settings, image="localhost:1/nowhere:1"))

    with pytest.raises(
        ServerUnavailable, match=r"could not start localhost:1/nowhere:1: .*\n  hint: .*--server=embedded"
    ):
        server.ensure_up()


def test_data_of_another_major_is_said_instead_of_waited_for(checkout: Checkout, image: str):
    server = checkout("one")
    server.ensure_up()
    server.ensure_down()
    version = f"/var/lib/postgresql/pgproof/{server.settings.major}/PG_VERSION"
    volume = f"--volume={server.project}_data:/var/lib/postgresql"
    docker("run", "--rm", volume, "--entrypoint=sh", image, "-c", f"echo 9 >{version}")

    with pytest.raises(ServerUnavailable, match=r"the data is of PostgreSQL 9|files are incompatible"):
        server.ensure_up()


def test_another_password_than_the_volume_was_filled_with_is_said(checkout: Checkout, monkeypatch: pytest.MonkeyPatch):
    server = checkout("one")
    server.ensure_up()
    docker("container", "rm", "--force", "--volumes", container_of(server).id)
    monkeypatch.setenv("POSTGRES_PASSWORD", "not-the-first")

    with pytest.raises(ServerUnavailable, match="filled under another password") as caught:
        server.ensure_up()
    assert "not-the-first" not in str(caught.value)


# Other workers' containers come and go meanwhile: a test looks at those of its own process, and at their volumes.


def owned_by(pid: int) -> list[str]:
    return docker(
        "container", "ls", "--all", "--quiet", "--no-trunc", f"--filter=label=pgproof.owner.pid={pid}"
    ).split()


def volumes_of(container: str) -> set[str]:
    return set(docker("inspect", "--format={{range .Mounts}}{{.Name}} {{end}}", container).split())


def volumes() -> set[str]:
    return set(docker("volume", "ls", "--quiet").split())


def test_a_throwaway_server_keeps_nothing(settings: Settings, image: str):
    before = owned_by(os.getpid())

    with throwaway_container(replace(settings, image=image)) as conninfo:
        assert execute(conninfo, "SHOW fsync") == [("off",)]
        ((folder,),) = execute(conninfo, "SHOW data_directory")
        assert folder == "/var/lib/pgproof/data"
        (made,) = {*owned_by(os.getpid())} - {*before}
        used = volumes_of(made)

    assert owned_by(os.getpid()) == before
    assert used.isdisjoint(volumes())


def test_a_throwaway_server_runs_in_memory_and_is_closed_to_the_network(settings: Settings, image: str):
    with throwaway_container(replace(settings, image=image)) as conninfo:
        newest = docker("container", "ls", "--quiet", "--latest")
        here = conninfo_to_dict(conninfo)["host"] in ("localhost", "127.0.0.1")  # not from inside a container

        assert docker("container", "port", newest, "5432").startswith("127.0.0.1:" if here else "0.0.0.0:")
        assert docker("exec", newest, "stat", "--file-system", "--format=%T", "/var/lib/pgproof") == "tmpfs"


@pytest.mark.usefixtures("image")
def test_a_throwaway_server_that_cannot_start_says_why(settings: Settings):
    before = owned_by(os.getpid())

    with (
        pytest.raises(ServerUnavailable, match="localhost:1/nowhere:1"),
        throwaway_container(replace(settings, image="localhost:1/nowhere:1")),
    ):
        pass

    assert owned_by(os.getpid()) == before


@pytest.fixture
def broken_image(image: str) -> Iterator[str]:
    """An image whose server ends as soon as it starts."""
    container = docker("container", "create", "--entrypoint=false", image)
    change = '--change=ENTRYPOINT ["sh", "-c", "echo it broke; exit 1"]'
    broken = docker("container", "commit", change, container)
    docker("container", "rm", "--volumes", container)
    yield broken
    docker("image", "rm", broken)


def test_a_throwaway_server_that_ends_at_once_says_why_and_leaves_nothing(settings: Settings, broken_image: str):
    before = owned_by(os.getpid())

    with (
        pytest.raises(ServerUnavailable, match="could not start in its container: it broke"),
        throwaway_container(replace(settings, image=broken_image)),
    ):
        pass

    assert owned_by(os.getpid()) == before


HOLD_A_CONTAINER = """
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from pgproof.pg.container import throwaway_container
from pgproof.settings import read_settings
with throwaway_container(replace(read_settings(Path(sys.argv[1])), image=sys.argv[2])) as conninfo:
    print(conninfo, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(settings: Settings, image: str) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts another process and waits until it is in the midst of its use of a throw-away container."""
    started: list[subprocess.Popen[str]] = []
    command: list[str | Path] = [sys.executable, "-c", HOLD_A_CONTAINER, settings.root, image]

    def start() -> subprocess.Popen[str]:
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout
        assert started[-1].stdout.readline()
        return started[-1]

    yield start
    for process in started:
        process.communicate()


def test_the_next_removes_the_container_of_a_killed_process_and_spares_that_of_a_living_one(
    hold: Callable[[], subprocess.Popen[str]], settings: Settings, image: str
):
    killed, living = hold(), hold()
    (left,), (used,) = owned_by(killed.pid), owned_by(living.pid)
    filled = volumes_of(left) | volumes_of(used)
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    with throwaway_container(replace(settings, image=image)):
        assert owned_by(killed.pid) == []
        assert docker("container", "inspect", "--format={{.State.Running}}", used) == "true"

    living.communicate()
    assert living.returncode == 0
    assert filled.isdisjoint(volumes())


def test_labels_say_whose_it_is_beside_those_of_testcontainers(settings: Settings, image: str):
    us = read_owner()
    assert us

    with throwaway_container(replace(settings, image=image)):
        labels = json.loads(docker("inspect", "--format={{json .Config.Labels}}", newest_of(us)))

    assert us.labels.keys() <= labels.keys()
    assert labels["pgproof.owner.started"] == us.started
    assert labels["org.testcontainers.session-id"]


def newest_of(owner: Owner) -> str:
    return docker("container", "ls", "--quiet", "--latest", f"--filter=label=pgproof.owner.pid={owner.pid}")


@pytest.fixture
def leave(image: str) -> Iterator[Callable[..., str]]:
    """Makes a container with the labels of a dead process beside us, but for what is given; it runs if told to."""
    made: list[str] = []

    def make(*, runs: bool = False, **but: str) -> str:
        us = read_owner()
        assert us
        labels = replace(us, **({"started": "1"} | but)).labels
        options = [f"--label={name}={value}" for name, value in labels.items()]
        program = ("--entrypoint=sleep", image, "1000") if runs else ("--entrypoint=true", image)
        made.append(docker("container", "create", *options, *program))
        docker("container", "start", *([] if runs else ["--attach"]), made[-1])
        return made[-1]

    yield make
    docker("container", "rm", "--force", "--volumes", *made)


@pytest.fixture
def sweep(settings: Settings, image: str) -> Callable[[], set[str]]:
    """Opens a throw-away container, and tells which others the engine then has."""

    def look() -> set[str]:
        with throwaway_container(replace(settings, image=image)):
            return set(docker("container", "ls", "--all", "--quiet", "--no-trunc").split())

    return look


def test_an_owner_who_cannot_be_seen_keeps_the_container(leave: Callable[..., str], sweep: Callable[[], set[str]]):
    seen = leave(), leave(runs=True)
    unseen = {
        leave(runs=runs, **foreign)
        for runs in (True, False)
        for foreign in (
            {"uid": "12345"},
            {"uid": "12345", "container": f"{'0' * 64}/1"},  # gone, but still somebody else's to clean
            {"namespace": "a container's"},
            {"boot": "another's", "host": "another"},
        )
    }

    left = sweep()

    assert left >= unseen
    assert left.isdisjoint(seen)


def test_a_restart_of_the_machine_ends_owners_and_their_containers(
    leave: Callable[..., str], sweep: Callable[[], set[str]]
):
    ended, running = leave(boot="an earlier one"), leave(boot="another machine's of our name", runs=True)

    left = sweep()

    assert ended not in left
    assert running in left


def test_an_owner_in_a_container_lives_as_long_as_that_runs(leave: Callable[..., str], sweep: Callable[[], set[str]]):
    def leave_in(outer: str) -> str:
        run = f"{outer}/{docker('inspect', '--format={{.State.Pid}}', outer)}"
        return leave(runs=True, namespace="a container's", container=run)

    removed, restarted, running = (leave(runs=True, uid="12345") for _ in range(3))
    inner = {outer: leave_in(outer) for outer in (removed, restarted, running)}
    docker("container", "restart", "--time=0", restarted)
    docker("container", "rm", "--force", "--volumes", removed)

    left = sweep()

    assert [outer for outer, container in inner.items() if container in left] == [running]


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Another address of the engine, that nobody would know for this machine's own."""
    environment = dict(os.environ)

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            command, line = ("docker", "system", "dial-stdio"), self.request
            subprocess.run(command, stdin=line, stdout=line, env=environment, check=False)

    with socketserver.ThreadingTCPServer(("127.0.0.2", 0), Relay) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever).start()
        yield f"tcp://127.0.0.2:{server.server_address[1]}"
        server.shutdown()


def test_an_engine_elsewhere_is_left_alone(
    leave: Callable[..., str], sweep: Callable[[], set[str]], elsewhere: str, monkeypatch: pytest.MonkeyPatch
):
    container = leave()
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", elsewhere)
        assert container in sweep()

    assert container not in sweep()
