"""Requests in, processes that migrate a database out: to be killed, cut off, or to run ten at a time.

A process of its own for each run, because SIGKILL ends a process; forked from one that has imported everything,
because a start of Python takes ten times as long as a run. It talks over a socket, so that its end, however it came,
is the end of what can be read: nobody has to sleep.

Run as a program, with the number of a socket, this module is the process that forks.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psycopg

from pgproof.errors import PgproofError
from pgproof.migrations import migrate, read_folder, roll_back
from pgproof.pg.conninfo import read_conninfo
from pgproof.pg.database import connect, connect_runner
from pgproof.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.migrations import Event

DEADLINE = 30  # seconds that a process may be silent: far more than it ever needs, less than a person's patience


# The tests' side


@dataclass
class Running:
    """A process that migrates."""

    line: socket.socket
    told: Iterator[dict[str, Any]]
    pid: int
    """Of the process."""
    backend: int
    """Of its session, on the server."""

    def until(self, kind: str) -> dict[str, Any]:
        """Read what it tells up to the next `kind`."""
        for each in self.told:
            if each["kind"] == kind:
                return each
            assert each["kind"] != "failed", each
        raise AssertionError(f"it ended without {kind}")

    def go(self) -> None:
        """Let it go on from where it paused."""
        self.line.sendall(b"\n")

    def kill(self) -> None:
        """End it as `kill -9` does, and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        assert self.end()["kind"] == "killed"

    def end(self) -> dict[str, Any]:
        """Wait for its end: the outcome (`done`, `failed` or `killed`) with all events before it."""
        events = list(self.told)
        outcome = events.pop() if events and events[-1]["kind"] in ("done", "failed") else {"kind": "killed"}
        return {**outcome, "events": events}


class Nursery:
    """The process that forks; `start` asks it for one that migrates."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    def start(self, conninfo: str, root: Path, **options: object) -> Running:
        """Start one on `root`/migrations; `options` are of `_Request`."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"!"], [theirs.fileno()])
        ours.settimeout(DEADLINE)
        ours.sendall(json.dumps({"conninfo": conninfo, "root": str(root), **options}).encode() + b"\n")
        told = _read(ours)
        return Running(ours, told, **next(told))

    def run(self, conninfo: str, root: Path, **options: object) -> dict[str, Any]:
        """Start one and wait for its end."""
        return self.start(conninfo, root, **options).end()


def _read(line: socket.socket) -> Iterator[dict[str, Any]]:
    """Tell what is told until the other end closes, and close ours."""
    with line, line.makefile("rb") as file:
        yield from map(json.loads, file)


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Give a nursery; it ends when its socket does, even if we are killed."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", __name__, str(theirs.fileno())]
    with ours, theirs:
        process = subprocess.Popen(command, cwd=Path(__file__).parents[1], pass_fds=[theirs.fileno()])
        theirs.close()
        yield Nursery(ours)
    process.wait(DEADLINE)


# The processes' side


@dataclass(frozen=True)
class _Request:
    conninfo: str
    root: str
    back_to: str | None = None
    """Roll back to this migration, instead of migrating."""
    fault: Literal["sent", "received", "cut", "pause"] | None = None
    """At round trip `at`: killed once it is sent, or once the answer is there; its connection cut; told to wait."""
    at: int = 0
    die_in: float | None = None
    """Seconds until the kernel ends it, wherever it is."""
    watchful: bool = True
    """False: its server process does not notice that it is gone."""
    settings: dict[str, Any] = field(default_factory=dict)


def _serve(control: socket.socket) -> None:
    import_module("pgproof.migrations.python")  # the product imports yoyo only when there is a Python migration
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the children
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return
        if os.fork() == 0:
            control.close()
            _be_child(socket.socket(fileno=descriptors[0]))
            os._exit(0)
        os.close(descriptors[0])


def _be_child(line: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = _Request(**json.loads(line.makefile("rb").readline()))
    try:
        _run(request, line)
    except Exception as error:  # noqa: BLE001 - the test is told, whatever it is
        text = str(error) if isinstance(error, PgproofError) else traceback.format_exc()
        _tell(line, kind="failed", error=type(error).__name__, text=text)


def _run(request: _Request, line: socket.socket) -> None:
    with _connect(request) as connection:
        _tell(line, pid=os.getpid(), backend=connection.info.backend_pid)
        trips = _count_trips(request, line)
        if request.die_in is not None:
            # No Python handler, which would wait for the interpreter: the kernel ends the process, as SIGKILL does.
            signal.setitimer(signal.ITIMER_REAL, request.die_in)

        def notify(event: Event) -> None:
            _tell(line, kind=event.kind, id=event.id, text=event.text, trips=trips.made)

        settings = Settings(root=Path(request.root), **request.settings)
        work = partial(roll_back, to=request.back_to) if request.back_to else migrate
        outcome = work(connection, read_folder(settings.migrations), settings, notify=notify)
        _tell(line, kind="done", changed=outcome.changed, trips=trips.made)


def _connect(request: _Request) -> psycopg.Connection[Any]:
    program = f"pgproof of a test, pid {os.getpid()}"
    if not request.watchful:
        return connect(request.conninfo, application_name=program)
    return connect_runner(request.conninfo, dbname=read_conninfo(request.conninfo)["dbname"], program=program)


def _tell(line: socket.socket, **what: object) -> None:
    line.sendall(json.dumps(what).encode() + b"\n")


@dataclass
class _Trips:
    made: int = 0


def _count_trips(request: _Request, line: socket.socket) -> _Trips:
    """Have the fault happen. Every round trip goes through `wait`; those of the run are the main thread's."""
    trips = _Trips()
    wait = psycopg.Connection.wait
    main = threading.main_thread()

    def counting(self: psycopg.Connection[Any], generator: Any, *args: Any, **options: Any) -> Any:
        if threading.current_thread() is not main:
            return wait(self, generator, *args, **options)
        trips.made += 1
        if trips.made != request.at:
            return wait(self, generator, *args, **options)
        match request.fault:
            case "sent":
                next(generator, None)
                os.kill(os.getpid(), signal.SIGKILL)
            case "received":
                wait(self, generator, *args, **options)
                os.kill(os.getpid(), signal.SIGKILL)
            case "cut":
                with socket.socket(fileno=os.dup(self.fileno())) as wire:
                    wire.shutdown(socket.SHUT_RDWR)
            case "pause":
                _tell(line, kind="paused")
                line.recv(1)
        return wait(self, generator, *args, **options)

    psycopg.Connection.wait = counting  # type: ignore[method-assign, assignment]
    return trips


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
