"""Settings in, a real PostgreSQL from this machine's own binaries out: the developer's, its data kept on disk."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pgproof.errors import ServerUnavailable
from pgproof.pg.folder import ensure_folder, ensure_parents, hold_lock
from pgproof.pg.postmaster import Postmaster, launch, read_postmaster, settle, stop
from pgproof.pg.server import choose_maintenance

if TYPE_CHECKING:
    from pgproof.pg.account import Account
    from pgproof.settings import ServerKind, Settings

_LONGEST_SOCKET_PATH = 103  # bytes; what the shortest of the systems allows


@dataclass(frozen=True)
class EmbeddedServer:
    """The checkout's own server, one for each major: started on demand, found again by its pid file."""

    settings: Settings
    kind: ClassVar[ServerKind] = "embedded"
    ours: ClassVar[bool] = True

    @property
    def database(self) -> str:
        """Name of the project's database on it."""
        return self.settings.database

    @property
    def name_in_full(self) -> str:
        """The same: what is ours has no other."""
        return self.database

    @property
    def data(self) -> Path:
        """Its data directory; it exists from the first start on."""
        return self._home / "data"

    def find(self) -> str | None:
        """Return the conninfo of its maintenance database if it runs; one read and one connect, nothing is started."""
        found = read_postmaster(self.data)
        return self._conninfo(found) if found and found.answers else None

    def ensure_up(self) -> str:
        """Start it where needed; return the conninfo of its maintenance database.

        Raises:
            ServerUnavailable: it cannot be started, or runs on another port than the settings want.
        """
        if conninfo := self.find():
            self._check_port()
            return conninfo
        ensure_parents(self._home)
        with hold_lock(self._home / "lock"):
            settle(self.data)
            return self.find() or self._start()

    def ensure_down(self) -> bool:
        """Stop it without waiting for its clients; True if it was running."""
        if not self.data.exists():
            return False
        with hold_lock(self._home / "lock"):
            return stop(self.data)

    def read_log(self, lines: int) -> str:
        """Return its last lines since it was last started; empty if it never was."""
        if not self._log.exists():
            return ""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    @property
    def _home(self) -> Path:
        return self.settings.cache / _hash(self.settings.root.resolve()) / str(self.settings.major)

    @property
    def _log(self) -> Path:
        return self._home / "postgres.log"

    @property
    def _password(self) -> Path:
        return self._home / "password"

    def _start(self) -> str:
        from pgproof.pg.account import choose_account  # a server that runs already need not pay for its start
        from pgproof.pg.binaries import find_binaries
        from pgproof.pg.cluster import copy_cluster, force_to_disk

        account = choose_account()
        binaries = find_binaries(self.settings)

        def fill(draft: Path) -> None:
            copy_cluster(binaries, account, self.settings.cache, draft)
            force_to_disk(binaries, account, draft)

        ensure_folder(self.data, fill)
        config = self._configure(self._ensure_socket_folder(account))
        process, found = launch(binaries, account, self.data, log=self._log, config=config)
        process.returncode = 0  # it outlives us on purpose, and Popen would warn of that
        if self.settings.port:
            self._ensure_password(found.local_conninfo("postgres"))
        return self._conninfo(found)

    def _configure(self, socket_folder: Path) -> dict[str, str]:
        return {
            "unix_socket_directories": f'"{socket_folder}"',
            "listen_addresses": "127.0.0.1" if self.settings.port else "",
            "port": str(self.settings.port or 5432),
            # May lose the last moments when the machine dies, but is never corrupted: fsync stays on.
            "synchronous_commit": "off",
        }

    def _ensure_socket_folder(self, account: Account) -> Path:
        """Who enters this folder is let in without a password, so it must be closed to everybody else."""
        folder = self._home / "socket"
        if len(os.fsencode(folder / ".s.PGSQL.65535")) > _LONGEST_SOCKET_PATH:
            folder = Path(tempfile.gettempdir()) / f"pgproof-{_hash(self._home)}"
        if not folder.exists():
            account.make_private(folder)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
            raise ServerUnavailable(f"{folder} is not private to user {account.name}", hint="remove it")
        for left in folder.iterdir():  # of a killed server, whose pid may be another program's by now
            left.unlink()
        return folder

    def _check_port(self) -> None:
        found = read_postmaster(self.data)
        wanted = self.settings.port
        if found and wanted and (found.port != wanted or not found.address):
            raise ServerUnavailable(
                f"the server runs already, but not on port {wanted}", hint="inv db.down, then once more"
            )

    def _conninfo(self, found: Postmaster) -> str:
        database = choose_maintenance(self.database)
        if not found.address or not self._password.exists():
            return found.local_conninfo(database)
        password = self._password.read_text(encoding="ascii")
        return f"host={found.address} port={found.port} user=postgres password={password} dbname={database}"

    def _ensure_password(self, conninfo: str) -> None:
        """TCP is open to every user of the machine; only the hash of the password travels."""
        if self._password.exists():
            return
        from secrets import token_urlsafe

        from psycopg import sql

        from pgproof.pg.database import connect

        password = token_urlsafe(24)
        with connect(conninfo) as connection:
            hashed = connection.pgconn.encrypt_password(password.encode(), b"postgres", b"scram-sha-256")
            statement = sql.SQL("ALTER ROLE postgres PASSWORD {}").format(hashed.decode())
            connection.execute(statement)
        self._password.touch(mode=0o600)
        self._password.write_text(password, encoding="ascii")


def _hash(path: Path) -> str:
    return sha256(os.fsencode(path)).hexdigest()[:12]
