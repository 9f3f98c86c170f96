import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgproof.errors import ServerUnavailable
from pgproof.pg.account import choose_account
from pgproof.pg.database import connect
from pgproof.pg.embedded import EmbeddedServer
from pgproof.settings import Settings

PORT_FILE_OF_A_DEAD_SERVER = "{pid}\n{data}\n1700000000\n5432\n/nowhere\n\n  1234  1\nready   \n"


def ask(conninfo: str, question: LiteralString) -> object:
    with connect(conninfo) as connection:
        row = connection.execute(question).fetchone()
    return row and row[0]


def started(conninfo: str) -> object:
    return ask(conninfo, "SELECT pg_postmaster_start_time()")


def read_pid(server: EmbeddedServer) -> int:
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def embedded(settings: Settings) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(settings)
    yield server
    server.ensure_down()


def test_up_twice_is_one_server(embedded: EmbeddedServer):
    first = embedded.ensure_up()
    since = started(first)

    assert embedded.ensure_up() == first
    assert started(first) == since


def test_two_processes_at_once_make_one_server(embedded: EmbeddedServer):
    program = (
        "import sys; from pathlib import Path; from dataclasses import replace;"
        "from pgproof.settings import read_settings; from pgproof.pg.embedded import EmbeddedServer;"
        "settings = replace(read_settings(Path(sys.argv[1])), cache=Path(sys.argv[2]));"
        "server = EmbeddedServer(settings); server.ensure_up();"
        "print((server.data / 'postmaster.pid').read_text().splitlines()[0])"
    )
    command: list[str | Path] = [sys.executable, "-c", program, embedded.settings.root, embedded.settings.cache]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    said = {process.communicate()[0].strip() for process in processes}

    assert said == {str(read_pid(embedded))}


def test_two_checkouts_have_two_servers(embedded: EmbeddedServer, tmp_path: Path):
    other = EmbeddedServer(replace(embedded.settings, root=tmp_path / "other"))
    try:
        assert started(embedded.ensure_up()) != started(other.ensure_up())
        assert embedded.ensure_down()
        assert other.find()
    finally:
        other.ensure_down()


def test_find_never_starts_anything(embedded: EmbeddedServer):
    assert embedded.find() is None
    assert not embedded.ensure_down()
    assert not embedded.data.exists()


def test_find_gives_what_up_gave_until_it_is_down(embedded: EmbeddedServer):
    conninfo = embedded.ensure_up()

    assert embedded.find() == conninfo
    assert embedded.ensure_down()
    assert embedded.find() is None


def test_data_survives_down_and_up(embedded: EmbeddedServer):
    with connect(embedded.ensure_up()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    embedded.ensure_down()

    assert ask(embedded.ensure_up(), "SELECT answer FROM kept") == 42


def test_data_survives_a_killed_server(embedded: EmbeddedServer):
    with connect(embedded.ensure_up()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.execute("CHECKPOINT")
        os.kill(read_pid(embedded), signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT pg_sleep(60)")

    assert embedded.find() is None
    assert ask(embedded.ensure_up(), "SELECT answer FROM kept") == 42


def test_down_does_not_wait_for_clients(embedded: EmbeddedServer):
    with connect(embedded.ensure_up()) as connection:
        assert embedded.ensure_down()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_data_is_never_corrupted_though_the_last_moments_may_be_lost(embedded: EmbeddedServer):
    conninfo = embedded.ensure_up()

    settings = [ask(conninfo, "SHOW fsync"), ask(conninfo, "SHOW full_page_writes")]
    assert [*settings, ask(conninfo, "SHOW synchronous_commit")] == ["on", "on", "off"]


def test_pid_file_whose_pid_is_another_program_by_now_is_stale(embedded: EmbeddedServer):
    embedded.ensure_up()
    embedded.ensure_down()
    # The server's own user, as Postgres takes a process of any other user for a stranger already.
    with subprocess.Popen(["sleep", "600"], **choose_account().options) as stranger:
        text = PORT_FILE_OF_A_DEAD_SERVER.format(pid=stranger.pid, data=embedded.data)
        (embedded.data / "postmaster.pid").write_text(text)

        assert embedded.find() is None
        assert not embedded.ensure_down()
        assert ask(embedded.ensure_up(), "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_port_in_use_is_one_line_that_says_what_to_choose(embedded: EmbeddedServer):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = EmbeddedServer(replace(embedded.settings, port=port))

        with pytest.raises(ServerUnavailable) as caught:
            server.ensure_up()

    assert str(caught.value) == (
        f"port {port} is in use\n  hint: choose another with PGPROOF_PORT, or 0 for a Unix socket only"
    )


def test_port_is_for_those_who_know_the_password(embedded: EmbeddedServer):
    port = find_free_port()
    server = EmbeddedServer(replace(embedded.settings, port=port))

    conninfo = server.ensure_up()

    parts = conninfo_to_dict(conninfo)
    assert (parts["host"], parts["port"]) == ("127.0.0.1", str(port))
    assert ask(conninfo, "SELECT inet_server_addr()::text") == "127.0.0.1/32"
    with pytest.raises(ServerUnavailable, match="password"):
        connect(make_conninfo(conninfo, password="guessed"))  # noqa: S106 - the wrong one, on purpose
    with pytest.raises(ServerUnavailable, match="no password supplied"):
        connect(f"host=127.0.0.1 port={port} user=postgres dbname=postgres")


def test_password_stays_the_same_and_nobody_else_can_read_it(embedded: EmbeddedServer):
    server = EmbeddedServer(replace(embedded.settings, port=find_free_port()))

    conninfo = server.ensure_up()
    server.ensure_down()

    assert server.ensure_up() == conninfo
    assert stat.S_IMODE((server.data.parent / "password").stat().st_mode) == 0o600


def test_socket_is_closed_to_other_users(embedded: EmbeddedServer):
    folder = Path(str(conninfo_to_dict(embedded.ensure_up())["host"]))

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_another_port_than_the_running_servers_is_said(embedded: EmbeddedServer):
    embedded.ensure_up()

    with pytest.raises(ServerUnavailable, match="runs already, but not on port 5499"):
        EmbeddedServer(replace(embedded.settings, port=5499)).ensure_up()


def test_data_of_another_major_is_one_line_that_says_what_to_choose(embedded: EmbeddedServer):
    embedded.ensure_up()
    embedded.ensure_down()
    (embedded.data / "PG_VERSION").write_text("15\n")

    with pytest.raises(ServerUnavailable, match=r"the data is of PostgreSQL 15, the server is 18\.") as caught:
        embedded.ensure_up()

    assert "major" in caught.value.hint


def test_missing_binaries_are_named(embedded: EmbeddedServer, tmp_path: Path):
    server = EmbeddedServer(replace(embedded.settings, binaries=tmp_path))

    with pytest.raises(ServerUnavailable, match=f"found no postgres in {tmp_path}"):
        server.ensure_up()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pgproof-small-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()


def test_full_disk_is_one_line_that_says_what_to_choose(embedded: EmbeddedServer, small_disk: Path):
    server = EmbeddedServer(replace(embedded.settings, cache=small_disk))

    with pytest.raises(ServerUnavailable) as caught:
        server.ensure_up()

    assert str(caught.value) == (
        "the disk is full\n  hint: free some space, or let PGPROOF_CACHE name a folder on another disk"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as somebody else")
def test_cache_that_the_servers_user_cannot_enter_is_one_line_that_says_what_to_choose(
    embedded: EmbeddedServer, tmp_path: Path
):
    tmp_path.chmod(0o700)
    server = EmbeddedServer(replace(embedded.settings, cache=tmp_path))

    with pytest.raises(ServerUnavailable, match=f"the server's user may not use {tmp_path}") as caught:
        server.ensure_up()

    assert "PGPROOF_CACHE" in caught.value.hint


def test_path_too_long_for_a_socket_moves_the_socket_alone(embedded: EmbeddedServer, cache: Path):
    server = EmbeddedServer(replace(embedded.settings, cache=cache / ("long" * 25)))
    try:
        folder = Path(str(conninfo_to_dict(server.ensure_up())["host"]))
        assert folder.parent == Path(tempfile.gettempdir())
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        server.ensure_down()
        folder.rmdir()


def test_socket_folder_that_others_could_enter_is_refused(embedded: EmbeddedServer):
    embedded.ensure_up()
    embedded.ensure_down()
    (embedded.data.parent / "socket").chmod(0o755)

    with pytest.raises(ServerUnavailable, match="is not private to user"):
        embedded.ensure_up()


def test_log_ends_with_the_servers_last_words(embedded: EmbeddedServer):
    assert embedded.read_log(5) == ""

    embedded.ensure_up()
    embedded.ensure_down()

    assert "database system is shut down" in embedded.read_log(1)
    assert len(embedded.read_log(3).splitlines()) == 3
