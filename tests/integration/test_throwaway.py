import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgproof.pg.database import connect
from pgproof.pg.server import throwaway_server
from pgproof.settings import Settings

HOLD_A_SERVER = """
import sys
from dataclasses import replace
from pathlib import Path
from pgproof.pg.server import throwaway_server
from pgproof.settings import read_settings
with throwaway_server(replace(read_settings(Path(sys.argv[1])), cache=Path(sys.argv[2]))) as server:
    print(server.conninfo, flush=True)
    sys.stdin.read()
"""


def folder_of(conninfo: str) -> Path:
    return Path(str(conninfo_to_dict(conninfo)["host"]))


@pytest.fixture
def holder(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """Another process in the midst of its use of a throw-away server; its first line is the conninfo."""
    command: list[str | Path] = [sys.executable, "-c", HOLD_A_SERVER, settings.root, settings.cache]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def read_conninfo_of(holder: subprocess.Popen[str]) -> str:
    assert holder.stdout
    return holder.stdout.readline().strip()


def wait_for_the_end_of_the_server(connection: psycopg.Connection) -> None:
    """It is told to end: left alone it would live until it misses a file."""
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT pg_sleep(5)")


def test_nothing_is_durable_and_nothing_remains(settings: Settings):
    with throwaway_server(settings) as server, connect(server.conninfo) as connection:
        names = ("fsync", "full_page_writes", "synchronous_commit", "wal_level")
        values = [connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in names]

    assert values == [("off",), ("off",), ("off",), ("minimal",)]
    assert not folder_of(server.conninfo).exists()


def test_it_is_gone_after_an_error_too(settings: Settings):
    with pytest.raises(RuntimeError), throwaway_server(settings) as server:
        raise RuntimeError

    assert not folder_of(server.conninfo).exists()


def test_killed_parent_leaves_no_server(holder: subprocess.Popen[str]):
    with connect(read_conninfo_of(holder)) as connection:
        holder.send_signal(signal.SIGKILL)

        wait_for_the_end_of_the_server(connection)


def test_what_a_killed_process_and_its_keeper_left_is_removed_by_the_next(
    holder: subprocess.Popen[str], settings: Settings
):
    conninfo = read_conninfo_of(holder)
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
    keepers = [int(pid) for pid in children if b"pgproof-keeper" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    with connect(conninfo) as connection:
        for pid in (*keepers, holder.pid):
            os.kill(pid, signal.SIGKILL)
        holder.wait()
        assert connection.execute("SELECT 1").fetchone() == (1,)
        with throwaway_server(settings):
            wait_for_the_end_of_the_server(connection)
            assert not folder_of(conninfo).exists()


def test_another_process_leaves_alone_what_is_in_use(holder: subprocess.Popen[str], settings: Settings):
    with connect(read_conninfo_of(holder)) as connection, throwaway_server(settings):
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_server_given_by_url_is_given_as_it_is(settings: Settings, server: str, database: str):
    given = replace(settings, server="url", url=database)
    with throwaway_server(given) as throwaway, connect(throwaway.conninfo) as connection:
        assert connection.info.dbname == conninfo_to_dict(server)["dbname"]
        assert connection.info.host == conninfo_to_dict(server)["host"]
