"""The server behind a project: one, kept over a stop, apart from others', and nobody reads its password."""

import os
import pty
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgproof.pg.binaries import find_binaries
from pgproof.settings import read_settings
from tests.e2e.conftest import BIN, PATIENCE, Project

# Takes the place of a Postgres program: notes what others can see of it, then what it was given in private.
SPY = """#!/bin/sh
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' >{notes}/processes
printf '%s\\n' "$@" >{notes}/arguments
env >{notes}/environment
{then}
"""


def spy(path: Path, notes: Path, then: str = "") -> None:
    path.write_text(SPY.format(notes=notes, then=then))
    path.chmod(0o755)


# Up and down


def test_up_twice_is_one_server_and_down_twice_is_none(project_in: Callable[[str], Project]):
    shop = project_in("shop")

    assert shop.inv("db.up") == "embedded server is up\n"
    first = shop.inv("db.url")
    shop.inv("db.create")
    [[started]] = shop.rows("SELECT pg_postmaster_start_time()")
    assert shop.inv("db.up") == "embedded server is up\n"
    assert shop.rows("SELECT pg_postmaster_start_time()") == [(started,)]
    assert shop.inv("db.url") == first

    assert shop.inv("db.down") == "embedded server stopped, its data stays\n"
    assert shop.inv("db.down") == "embedded server was not running\n"


def test_data_survives_down_and_up(project_in: Callable[[str], Project]):
    shop = project_in("shop")
    shop.inv("db.reset")
    shop.execute("INSERT INTO users VALUES (3, 'by hand')")

    shop.inv("db.down")
    shop.inv("db.up")

    assert shop.rows("SELECT handle FROM users ORDER BY id") == [("andrew",), ("bayko",), ("by hand",)]
    assert shop.inv("db.migrate") == "nothing to do\n"


def test_two_projects_have_two_servers(project_in: Callable[[str], Project]):
    here, there = project_in("here"), project_in("there")

    here.inv("db.reset")

    assert there.refuse("db.status").startswith("the embedded server is not running\n")
    there.inv("db.up")
    assert there.inv("db.create") == "created shop\n"
    assert here.inv("db.url") != there.inv("db.url")
    there.inv("db.down")
    assert here.rows("SELECT count(*) FROM users") == [(2,)]


# What a person opens


def test_psql_gets_the_terminal_as_it_was(shop: Project, tmp_path: Path):
    client = tmp_path / "psql"
    client.write_text("#!/bin/sh\nprintf 'psql was here'\n")
    client.chmod(0o755)
    ours, theirs = pty.openpty()

    subprocess.run(
        [BIN / "inv", "db.psql"],
        cwd=shop.root,
        env={**shop.environ, "PATH": f"{tmp_path}:{shop.environ['PATH']}"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        timeout=PATIENCE,
        check=True,
    )

    assert os.read(ours, 1000) == b"psql was here"
    os.close(ours)
    os.close(theirs)


def test_pgcli_is_preferred_and_the_servers_own_psql_the_last_resort(shop: Project, tmp_path: Path):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "inv").symlink_to(BIN / "inv")
    assert (
        "shop" in shop.run("db.psql", PATH=str(alone), PGOPTIONS="").stderr
    )  # psql says that there is no such database

    spy(alone / "psql", alone)
    spy(alone / "pgcli", alone, "echo pgcli was here")
    assert shop.inv("db.psql", PATH=f"{alone}:{os.defpath}") == "pgcli was here\n"


# Passwords


@pytest.fixture(scope="module")
def guarded(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose server has a TCP port, so a password, and whose pg_dump is watched."""
    root = tmp_path_factory.mktemp("guarded")
    notes = root / "notes"
    notes.mkdir()
    real = find_binaries(replace(read_settings(root), cache=Path(environ["PGPROOF_CACHE"]))).folder
    binaries = Path(environ["PGPROOF_CACHE"]) / "watched" / "bin"  # where the server's user can go
    binaries.mkdir(parents=True)
    for program in real.iterdir():
        (binaries / program.name).symlink_to(program)
    (binaries / "pg_dump").unlink()
    spy(binaries / "pg_dump", notes, f'exec {real}/pg_dump "$@"')
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    more = {"PGPROOF_PORT": str(port), "PGPROOF_BINARIES": str(binaries)}
    project = Project(root / "shop", environ | more)
    project.fill()
    project.inv("db.reset")
    yield project
    project.inv("db.down")


@pytest.fixture(scope="module")
def password(guarded: Project) -> str:
    return str(conninfo_to_dict(guarded.inv("db.url", "--show-password"))["password"])


def test_no_task_shows_the_password_unless_asked(guarded: Project, password: str):
    url = guarded.inv("db.url")
    tasks = [
        "db.status",
        "db.status --json",
        "db.sessions",
        "db.logs",
        "db.migrate",
        "db.seed",
        "db.verify",
        "db.reset",
    ]

    said = "".join(guarded.inv(*task.split()) for task in tasks)

    assert url == f"postgresql://postgres:***@127.0.0.1:{guarded.environ['PGPROOF_PORT']}/shop\n"
    assert url in said
    assert password not in said
    assert len(password) > 20


def test_a_client_gets_the_password_where_no_process_list_shows_it(guarded: Project, password: str, tmp_path: Path):
    spy(tmp_path / "psql", tmp_path)

    guarded.inv("db.psql", PATH=f"{tmp_path}:{guarded.environ['PATH']}")

    assert "dbname=shop" in (tmp_path / "arguments").read_text()
    assert str(tmp_path / "psql") in (tmp_path / "processes").read_text()
    assert password not in (tmp_path / "arguments").read_text() + (tmp_path / "processes").read_text()
    assert f"PGPASSWORD={password}\n" in (tmp_path / "environment").read_text()


def test_pg_dump_gets_the_password_where_no_process_list_shows_it(guarded: Project, password: str):
    notes = guarded.root.parent / "notes"

    assert guarded.inv("db.dump") == "schema.sql written\n"

    assert "--schema-only" in (notes / "arguments").read_text()
    assert "pg_dump" in (notes / "processes").read_text()
    assert password not in (notes / "arguments").read_text() + (notes / "processes").read_text()
    assert f"PGPASSWORD={password}\n" in (notes / "environment").read_text()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres:s3cret@127.0.0.1:{port}/shop",  # the wrong one
        "postgresql://postgres:s3c@ret@127.0.0.1:{port}/shop",  # not written as a URL wants it
        "postgresql://postgres:s3cret@127.0.0.1:{port}/shop?nosuch=1",
        "postgresql://postgres:s3cret@127.0.0.1:port/shop",
        "s3cret",
    ],
)
def test_an_error_about_a_url_shows_no_part_of_its_password(guarded: Project, url: str):
    error = guarded.refuse("db.status", "--server=url", CONNECTION_URL=url.format(port=guarded.environ["PGPROOF_PORT"]))

    assert "hint: " in error
    assert not re.search("s3c|ret@", error)


# What is not ours to destroy


def test_destroying_elsewhere_says_what_and_goes_on_only_with_its_name(guarded: Project):
    guarded.inv("db.reset")
    port, url = guarded.environ["PGPROOF_PORT"], guarded.inv("db.url", "--show-password").rstrip()
    elsewhere = {"CONNECTION_URL": url.replace("127.0.0.1", "0.0.0.0")}  # noqa: S104 - to be called, not listened at
    place = f"postgresql://postgres:***@0.0.0.0:{port}/shop"

    error = guarded.refuse("db.drop", "--server=url", **elsewhere)
    assert error.startswith(f"db.drop would destroy database shop on {place}")
    assert re.search(r": \d+ tables, \d+ kB\n  hint: .*: --yes-destroy=shop\n$", error)
    assert "; --yes-destroy names shops\n" in guarded.refuse(
        "db.reset", "--server=url", "--yes-destroy=shops", **elsewhere
    )
    assert guarded.rows("SELECT count(*) FROM posts") == [(3,)]

    *_, head, last = guarded.inv("db.reset", "--server=url", "--yes-destroy=shop", **elsewhere).splitlines()
    assert head.startswith("replaced shop on the url server, built: ")
    assert last.startswith(place)
    assert guarded.inv("db.drop", "--server=url", "--yes-destroy=shop", **elsewhere) == "dropped shop\n"
    with pytest.raises(Exception, match='database "shop" does not exist'):
        guarded.connect()


def test_production_behind_a_tunnel_is_looked_at_and_never_ours_to_destroy(guarded: Project):
    guarded.inv("db.reset")
    url = guarded.inv("db.url", "--show-password").rstrip()

    assert "would destroy database shop on " in guarded.refuse("db.drop", "--target=prod", PROD_CONNECTION_URL=url)
    assert guarded.inv("db.verify", "--target=prod", PROD_CONNECTION_URL=url) == "ledger, files and schema agree\n"
    assert guarded.rows("SELECT count(*) FROM posts") == [(3,)]
