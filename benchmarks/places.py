"""Where to measure in, a server there out: a developer's own on a disk, a throw-away one in memory, or one by URL."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from migrate_peers import driver_url
from psycopg.conninfo import make_conninfo

from pgproof.pg.binaries import find_binaries
from pgproof.pg.conninfo import split_secrets
from pgproof.pg.conninfo import url as to_url
from pgproof.pg.database import connect
from pgproof.pg.server import choose_server, throwaway_server
from pgproof.settings import read_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

DATABASE = "pgproof_benchmark"

_PYPROJECT = f"""
[tool.pgproof]
database = "{DATABASE}"
"""


@dataclass(frozen=True)
class Place:
    """A server, and a project of ours that uses it.

    Attributes:
        name: of its section in README.md.
        words: what it is, for a person.
        conninfo: of its maintenance database.
        project: folder of the project.
        settings: what the project's environment says, for `read_settings` and for a process.
        programs: folder of the server's own programs, psql for one.
    """

    name: str
    words: str
    conninfo: str = field(repr=False)
    project: Path
    settings: Mapping[str, str] = field(repr=False)
    programs: Path

    @property
    def database(self) -> str:
        """Conninfo of the database that all tools work on."""
        return make_conninfo(self.conninfo, dbname=DATABASE)

    @property
    def environ(self) -> dict[str, str]:
        """What a user's shell would hold: each tool's URL, and nothing that keeps Python from compiling once."""
        ours = ("PYTHON", "PG", "CONNECTION_URL", "CI")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        url = to_url(self.database, show_password=True)
        urls = {"CONNECTION_URL": url, "DATABASE_URL": _without_tls(url), "DRIVER_URL": driver_url(url)}
        urls["PSQL_MAINTENANCE"], _ = split_secrets(self.conninfo)
        urls["PSQL_DATABASE"], secrets = split_secrets(self.database)  # psql's arguments are for all to see
        programs = (str(self.programs), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
        return clean | urls | secrets | dict(self.settings) | {"PATH": os.pathsep.join(programs)}


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--on-disk", action="store_true", help="the server of `inv db.up`, not one in memory")
    place.add_argument("--server-url", help="a server that runs already")


@contextmanager
def open_place(arguments: argparse.Namespace) -> Iterator[Place]:
    """Give a server and an empty project on it; both are gone afterwards."""
    with TemporaryDirectory(prefix="pgproof-bench-") as folder:
        Path(folder).chmod(0o755)  # root's server runs as somebody else, who passes through
        project = Path(folder) / "project"
        project.mkdir()
        (project / "pyproject.toml").write_text(_PYPROJECT)
        (project / "tasks.py").write_text("from pgproof.tasks import ns\n")
        with _open(project, arguments) as place:
            yield place


@contextmanager
def _open(project: Path, arguments: argparse.Namespace) -> Iterator[Place]:
    embedded = read_settings(project, environ={}, server="embedded")
    programs = find_binaries(embedded).folder
    if arguments.server_url:
        yield Place("url", "given by URL", arguments.server_url, project, _by_url(arguments.server_url), programs)
    elif arguments.on_disk:
        environ = {"PGPROOF_CACHE": str(project.with_name("cache"))}
        server = choose_server(read_settings(project, environ=environ))
        words = "as `inv db.up` starts it: on disk, commits do not wait for it"
        try:
            yield Place("disk", words, server.ensure_up(), project, environ, programs)
        finally:
            server.ensure_down()
    else:
        with throwaway_server(embedded) as throwaway:
            words, conninfo = f"throw-away, {throwaway.place}, nothing durable", throwaway.conninfo
            yield Place("memory", words, conninfo, project, _by_url(conninfo), programs)


def _by_url(conninfo: str) -> dict[str, str]:
    """Such a server is not ours; here it may have templates all the same."""
    url = to_url(conninfo, dbname=DATABASE, show_password=True)
    return {"CONNECTION_URL": url, "PGPROOF_SERVER": "url", "PGPROOF_TEMPLATES": "always"}


def _without_tls(url: str) -> str:
    """Return the URL for dbmate, whose driver insists on TLS where the URL does not say otherwise."""
    return url if "sslmode=" in url else f"{url}{'&' if '?' in url else '?'}sslmode=disable"


def describe(place: Place, packages: Sequence[str], rounds: str) -> str:
    """Return what was measured with."""
    with connect(place.conninfo) as connection:
        server = f"PostgreSQL {connection.info.parameter_status('server_version')}"
    tools = ", ".join(f"{name} {version(name)}" for name in packages)
    python = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    return f"{server} ({place.words}), {python}; {rounds}.\n{tools}."
