"""A function of a place in, an Invoke task out: with --target and --server, and errors as one line for people."""

from __future__ import annotations

import inspect
import os
import re
import resource
import signal
import socket
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from invoke import Context, Exit, Task
from psycopg.conninfo import make_conninfo

from pgproof.errors import PgproofError, ServerUnavailable, SettingsError
from pgproof.markup import visible
from pgproof.migrations import Folder, read_folder
from pgproof.pg.conninfo import url
from pgproof.pg.database import connect_runner
from pgproof.pg.remote import RemoteServer
from pgproof.pg.server import Server, choose_server
from pgproof.settings import Settings, find_root, read_settings
from pgproof.tasks.screen import Screen, open_screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import Connection

    from pgproof.queries import Queries
    from pgproof.rds.cloud import Cloud
    from pgproof.rds.plan import Plan

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_WHERE = {
    "target": "local (default) or prod: PROD_CONNECTION_URL, or else the planned RDS instance",
    "server": "embedded (default), container or url, which is CONNECTION_URL",
}


@dataclass(frozen=True)
class Place:
    """What every task works on: the project's settings, its server, and a screen to say it on."""

    settings: Settings
    server: Server
    screen: Screen

    @property
    def folder(self) -> Folder:
        """The project's migrations."""
        return read_folder(self.settings.migrations)

    def at(self, target: str) -> Place:
        """Return the same project at another target."""
        if self.settings.target == target:
            return self
        settings = read_settings(self.settings.root, target=target)
        return replace(self, settings=settings, server=_choose_server(settings))

    @property
    def queries(self) -> Queries:
        """The project's queries."""
        from pgproof.queries import read_queries

        return read_queries(self.settings.queries)

    def connect(self) -> Connection[Any]:
        """Connect to the project's database, starting the server where needed."""
        return self.connect_to(self.server.ensure_up())

    def connect_if_up(self) -> Connection[Any]:
        """Connect without starting anything.

        Raises:
            ServerUnavailable: the server does not run.
        """
        return self.connect_to(self.running)

    def connect_to(self, conninfo: str) -> Connection[Any]:
        """Connect to the project's database by a conninfo of its server."""
        limit = self.settings.lock_timeout.replace(" ", "")  # a space would end libpq's option
        return connect_runner(conninfo, dbname=self.server.database, program=_program(), lock_timeout=limit)

    @cached_property
    def running(self) -> str:
        """The conninfo of the running server's maintenance database; a container's engine takes 20 ms to say it."""
        if conninfo := self.server.find():
            return conninfo
        if isinstance(self.server, RemoteServer):
            what = f"no server answers at {url(self.server.url)}"
            raise ServerUnavailable(what, hint="is the URL right, and the server open to this machine?")
        raise ServerUnavailable(f"the {self.server.kind} server is not running", hint="`inv db.up` starts it")

    def conninfo(self) -> str:
        """Return the conninfo of the project's database on the running server."""
        return make_conninfo(self.running, dbname=self.server.database)

    def program(self, name: str) -> Path:
        """Return the path of a Postgres program that comes with the server's binaries."""
        from pgproof.pg.binaries import find_binaries

        return find_binaries(self.settings).program(name)

    def open_planned(self) -> tuple[Plan, Cloud]:
        """Return the planned RDS instance, and the cloud that it is in."""
        from pgproof.rds.cloud import open_cloud
        from pgproof.rds.plan import read_plan

        plan = read_plan(self.settings)
        return plan, open_cloud(self.settings, plan, self.screen.busy)

    def url(self, *, show_password: bool = False) -> str:
        """Return the URL of the project's database."""
        return url(self.running, dbname=self.server.database, show_password=show_password)


def place_task(
    help: dict[str, str] | None = None, *, name: str | None = None, iterable: Sequence[str] = ()
) -> Callable[[Callable[..., None]], Task[Any]]:
    """Make a task of `body(place, ...)`.

    Args:
        help: of its own options.
        name: where Python has another use for it.
        iterable: options that may be repeated.
    """

    def make(body: Callable[..., None]) -> Task[Any]:
        return Task(_with_place(body), name=name, help={**(help or {}), **_WHERE}, iterable=iterable)

    return make


def _with_place(body: Callable[..., None]) -> Callable[..., None]:
    own = list(inspect.signature(body).parameters.values())[1:]

    @wraps(body)
    def run(_: Context, *arguments: Any, target: str | None, server: str | None, **keywords: Any) -> None:  # noqa: ANN401
        _leave_no_core()
        with expected_errors():
            settings = read_settings(find_root(Path.cwd()), target=target, server=server)
            with open_screen(ci=settings.ci) as screen:
                body(Place(settings, _choose_server(settings), screen), *arguments, **keywords)

    where = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in _WHERE]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = inspect.Signature([context, *own, *where])  # type: ignore[attr-defined]
    return run


def _leave_no_core() -> None:
    """Have a crash write no core file, of ours or of who takes our place: every password would stand in it."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def _choose_server(settings: Settings) -> Server:
    if settings.target == "prod" and settings.url is None:
        from pgproof.rds.server import RdsServer

        return RdsServer(settings)
    return choose_server(settings)


@contextmanager
def until_interrupted(screen: Screen) -> Iterator[None]:
    """End well when told to, whichever way: what is interrupted is done again by the next one."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        screen.say("stopped")
    finally:
        signal.signal(signal.SIGTERM, before)


def count(option: str, text: str) -> int:
    """Return the number that an option was given; where Invoke converts it, a typing error ends in a traceback."""
    if not text.isdecimal() or int(text) == 0:
        raise SettingsError(f"{option} {text!r} is not a number from 1 on")
    return int(text)


def term(option: str, text: str, *, longest: timedelta) -> timedelta:
    """Return the length of time that an option was given: 90min, 8h, 2d."""
    found = re.fullmatch(r"([0-9]{1,6}) ?(s|m|min|h|d)", text)
    length = int(found[1]) * _UNITS[found[2]] if found else timedelta()
    if not timedelta() < length <= longest:
        hint = f"such as 90min, 8h or 2d; {longest.days}d at most"
        raise SettingsError(f"{option} {text!r} is no length of time", hint=hint)
    return length


class expected_errors:  # noqa: N801  (used as a statement)
    """Turn what a user is expected to meet into a line on stderr and exit code 1; anything else is a bug."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Turn the error, if there is one."""
        if isinstance(error, PgproofError):
            raise Exit(f"error: {visible(str(error))}", code=1) from error
        if isinstance(error, psycopg.Error):
            said = visible(str(error).strip())
            raise Exit(f"error: {said} ({error.sqlstate or 'no SQLSTATE'})", code=1) from error
        if isinstance(error, BrokenPipeError):  # `inv db.status | head`: who reads has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Exit(code=141) from error
        if isinstance(error, KeyboardInterrupt):
            raise Exit("interrupted", code=130) from error


def _program() -> str:
    """Name of our sessions in pg_stat_activity: whoever waits for us reads it."""
    return f"pgproof on {socket.gethostname()}, pid {os.getpid()}"
