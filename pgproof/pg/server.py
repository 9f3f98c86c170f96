"""Settings in, the server that they choose out: embedded, container or url; above it only a conninfo is known."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.settings import ServerKind, Settings


NOTHING_IS_KEPT = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",  # it would wake up in the midst of a test, and has no time to be of use
    "max_connections": "500",  # 32 workers of pytest, each with clones made ahead and tests that open pools
}
"""How a throw-away server is configured: nothing outlives it, so nothing has to be safe."""


@dataclass(frozen=True)
class Throwaway:
    """A server for a while.

    Attributes:
        conninfo: of its maintenance database.
        place: where it and its data are, for a person.
    """

    conninfo: str = field(repr=False)
    place: str


class Server(Protocol):
    """A PostgreSQL server that the project's database lives on."""

    @property
    def kind(self) -> ServerKind:
        """Where it comes from."""

    @property
    def database(self) -> str:
        """Name of the project's database on it."""

    @property
    def ours(self) -> bool:
        """Made on this machine for this project: its databases may be destroyed without asking."""

    @property
    def name_in_full(self) -> str:
        """What a person has to type before the project's database on it is destroyed, where it is not ours."""

    def ensure_up(self) -> str:
        """Start it where needed; return the libpq conninfo of its maintenance database.

        Raises:
            ServerUnavailable: it cannot be started or does not answer.
        """

    def find(self) -> str | None:
        """Return the same conninfo if it runs, None if not; never starts anything."""

    def ensure_down(self) -> bool:
        """Stop it; True if it was running.

        Raises:
            ServerUnavailable: it is not ours to stop.
        """

    def read_log(self, lines: int) -> str:
        """Return the last lines of its log."""


def choose_server(settings: Settings) -> Server:
    """Return the server that the settings name; nothing is started."""
    if settings.server == "embedded":
        from pgproof.pg.embedded import EmbeddedServer

        return EmbeddedServer(settings)
    if settings.server == "container":
        from pgproof.pg.container import ContainerServer

        return ContainerServer(settings)
    from pgproof.pg.remote import RemoteServer

    return RemoteServer(settings)


def choose_maintenance(database: str) -> str:
    """Return the database to be connected to while `database` is made or dropped."""
    return "template1" if database == "postgres" else "postgres"


@contextmanager
def throwaway_server(settings: Settings, **besides: str) -> Iterator[Throwaway]:
    """Give a fresh server that keeps nothing and is gone afterwards; `besides` is how else it is configured.

    A server given by URL is not ours to make or unmake: it is given as it is.
    """
    if settings.server == "embedded":
        from pgproof.pg.throwaway import throwaway_embedded

        with throwaway_embedded(settings, **besides) as server:
            yield server
    elif settings.server == "container":
        from pgproof.pg.container import throwaway_container

        with throwaway_container(settings, **besides) as conninfo:
            yield Throwaway(conninfo, "in a container, in memory")
    else:
        yield Throwaway(choose_server(settings).ensure_up(), "given by URL")
