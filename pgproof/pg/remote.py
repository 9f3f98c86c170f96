"""A URL in, the server behind it out: never started, stopped or reconfigured by us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NoReturn

from psycopg import pq
from psycopg.conninfo import make_conninfo

from pgproof.errors import ServerUnavailable, SettingsError
from pgproof.pg.conninfo import is_loopback, read_conninfo, read_defaults
from pgproof.pg.database import CONNECT_TIMEOUT
from pgproof.pg.server import choose_maintenance

if TYPE_CHECKING:
    from pgproof.settings import ServerKind, Settings

_WHERE = ("host", "hostaddr", "service")


@dataclass(frozen=True)
class RemoteServer:
    """A server that runs already, for example a CI service or RDS."""

    settings: Settings
    kind: ClassVar[ServerKind] = "url"

    @property
    def database(self) -> str:
        """Name of the project's database on it: the URL's, else the settings'."""
        return read_conninfo(self.url).get("dbname") or self.settings.database

    @property
    def ours(self) -> bool:
        """On this machine, and not production: that is never ours, also behind a tunnel that ends here."""
        return self.settings.target != "prod" and is_loopback(self.url)

    @property
    def name_in_full(self) -> str:
        """The database's name; of production with its host, which nobody types by habit."""
        if self.settings.target != "prod":
            return self.database
        found = (each.get(name) for each in (read_conninfo(self.url), read_defaults()) for name in _WHERE)
        return f"{self.database}@{next(filter(None, found), 'localhost')}"

    def find(self) -> str | None:
        """Return the conninfo of its maintenance database if a server answers; nobody logs in."""
        patient = {"connect_timeout": CONNECT_TIMEOUT} | read_conninfo(self._maintenance)
        answer = pq.PGconn.ping(make_conninfo("", **patient).encode())
        return self._maintenance if answer == pq.Ping.OK else None

    def ensure_up(self) -> str:
        """Return the conninfo of its maintenance database; a server that does not answer is told by `connect`."""
        return self._maintenance

    def ensure_down(self) -> NoReturn:
        """Refuse: it is not ours to stop."""
        raise ServerUnavailable("a server given by URL is not ours to stop", hint="stop it where it was started")

    def read_log(self, lines: int) -> NoReturn:  # noqa: ARG002 - the Protocol's signature
        """Refuse: its log is on its own machine."""
        raise ServerUnavailable("the log of a server given by URL is on its own machine", hint="look there")

    @property
    def url(self) -> str:
        """A URL or conninfo of the project's database; may hold a password."""
        if self.settings.url is None:
            raise SettingsError("server url needs a URL", hint="export CONNECTION_URL=postgresql://...")
        return self.settings.url

    @property
    def _maintenance(self) -> str:
        return make_conninfo("", **read_conninfo(self.url) | {"dbname": choose_maintenance(self.database)})
