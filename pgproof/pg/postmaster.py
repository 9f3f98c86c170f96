"""A data directory in, its running postgres out: started, found by its pid file, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pgproof.errors import ServerUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.pg.account import Account
    from pgproof.pg.binaries import Binaries

_POLL = 0.003  # seconds; pg_ctl's own 0.1 would be most of a start
_PATIENCE = 60.0  # seconds: recovery after a crash and a last checkpoint take their time


@dataclass(frozen=True)
class Postmaster:
    """A server's main process, as its pid file tells of it.

    Attributes:
        address: what it listens on besides its Unix socket; empty for nothing.
        ready: it has come up and lets clients in.
    """

    pid: int
    port: int
    socket_folder: Path
    address: str
    ready: bool

    @property
    def answers(self) -> bool:
        """Somebody listens: a socket file outlives a killed server, but then refuses."""
        if not self.ready:
            return False
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            return client.connect_ex(str(self.socket_folder / f".s.PGSQL.{self.port}")) == 0

    def local_conninfo(self, database: str) -> str:
        """Return the conninfo through its Unix socket, which only its private folder guards."""
        folder = str(self.socket_folder).replace("\\", r"\\").replace("'", r"\'")
        return f"host='{folder}' port={self.port} user=postgres dbname={database}"


def read_postmaster(data: Path) -> Postmaster | None:
    """Return what the pid file says, None where there is none; it is written line by line while the server starts."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid, _, _, port, folder, address, _, status = (line.strip() for line in [*lines, *[""] * 8][:8])
        return Postmaster(int(pid), int(port or 0), Path(folder), address, status == "ready")
    except (FileNotFoundError, ValueError):
        return None


def launch(
    binaries: Binaries, account: Account, data: Path, *, log: Path, config: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], Postmaster]:
    """Start postgres on a data directory and wait until it lets clients in.

    Raises:
        ServerUnavailable: it ended instead, or took more than a minute; says why in the server's words.
    """
    command: list[str | Path] = [
        binaries.program("postgres"),
        "-D",
        data,
        *(f"--{name}={value}" for name, value in config.items()),
    ]
    log.touch(mode=0o600)
    with log.open("wb") as output:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in our terminal is not meant for it
            **account.options,
        )
    return process, _await_ready(process, data, log)


def _await_ready(process: subprocess.Popen[bytes], data: Path, log: Path) -> Postmaster:
    deadline = time.monotonic() + _PATIENCE
    while not ((found := read_postmaster(data)) and found.pid == process.pid and found.ready):
        if process.poll() is not None:
            from pgproof.pg.diagnosis import explain_failure

            raise explain_failure(log.read_text(encoding="utf-8", errors="replace"), doing="start")
        if time.monotonic() > deadline:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise ServerUnavailable(f"PostgreSQL was not ready after {_PATIENCE:.0f} s", hint=f"its log: {log}")
        time.sleep(_POLL)
    return found


def settle(data: Path) -> None:
    """Wait while a server comes up or goes down, and remove a pid file that belongs to no server.

    Postgres removes one itself when its process is gone, but not when, after a restart of the machine, another
    program has that pid. It stays safe if we err: its shared memory, known by the data directory's inode, tells a
    new server of a living one.
    """
    deadline = time.monotonic() + _PATIENCE
    while (found := read_postmaster(data)) and _works_in(data, found.pid) and not found.ready:
        if time.monotonic() > deadline:
            raise ServerUnavailable(f"PostgreSQL (pid {found.pid}) neither starts nor stops")
        time.sleep(_POLL)
    if not found or not _works_in(data, found.pid):
        (data / "postmaster.pid").unlink(missing_ok=True)


def _works_in(data: Path, pid: int) -> bool:
    """A postmaster's working directory is its data directory."""
    try:
        return data.samefile(f"/proc/{pid}/cwd")
    except OSError:
        return False


def stop(data: Path) -> bool:
    """Stop the server of a data directory without waiting for its clients; True if there was one.

    Raises:
        ServerUnavailable: it did not end within a minute.
    """
    found = read_postmaster(data)
    if not found or not _works_in(data, found.pid):
        return False
    os.kill(found.pid, signal.SIGINT)
    deadline = time.monotonic() + _PATIENCE
    # To remove its pid file is the last thing a server does.
    while read_postmaster(data) and _works_in(data, found.pid):
        if time.monotonic() > deadline:
            raise ServerUnavailable(f"PostgreSQL (pid {found.pid}) did not stop after {_PATIENCE:.0f} s")
        time.sleep(_POLL)
    with suppress(ChildProcessError):
        os.waitpid(found.pid, os.WNOHANG)  # it may be our own child, started a moment ago
    return True
