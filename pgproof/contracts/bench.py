"""A way to get a seeded database in, the databases that contracts are checked on out, each made when first needed."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from pgproof.contracts.planning.analysis import ensure_analysed
from pgproof.contracts.planning.memory import Memory
from pgproof.contracts.planning.scaling import scale
from pgproof.contracts.session import Session
from pgproof.contracts.variations.scramble import scramble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from psycopg import Connection


class Bench:
    """Clones of the seeded database, for as long as a check lasts; one whose session is lost is replaced."""

    def __init__(
        self, lend: Callable[[], AbstractContextManager[Connection[Any]]], memory: Memory | None = None
    ) -> None:
        """Make an empty one.

        Args:
            lend: gives a connection to a clone that nobody else uses.
            memory: of the plans on benches before.
        """
        self.memory = memory or Memory()
        self._lend = lend
        self._stack = ExitStack()
        self._sessions: dict[str, Session] = {}
        self._unturned: list[str] = []
        self._unscaled: dict[int, Mapping[str, str]] = {}

    def __enter__(self) -> Self:
        """Begin; nothing is made yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the clones back."""
        self.close()

    def close(self) -> None:
        """Give the clones back."""
        self._stack.close()

    @property
    def session(self) -> Session:
        """A session in the database as the seeds left it."""
        return self._session("seeded", lambda _: None)

    @property
    def scrambled(self) -> Session:
        """A session in the same rows, which lie in another order."""
        return self._session("scrambled", self._scramble)

    @property
    def unturned(self) -> list[str]:
        """Tables whose rows lie in the same order there, because they are not our role's to turn round."""
        self.scrambled  # noqa: B018  (making it tells)
        return self._unturned

    def scaled(self, rows: int | None) -> Session:
        """Return a session in a database that is analysed now, and whose largest table has about so many rows.

        Raises:
            PgproofError: our role may not multiply rows.
        """
        session = self._session(f"{rows} rows", lambda connection: self._scale(connection, rows))
        ensure_analysed(session.connection)  # each time: the dead rows of a query before count as blocks
        return session

    def unscaled(self, rows: int | None) -> Mapping[str, str]:
        """Tables that have no more rows there than the seeds give them, and why."""
        return self._unscaled.get(rows or 0, {})

    def _session(self, name: str, prepare: Callable[[Connection[Any]], object]) -> Session:
        made = self._sessions.get(name)
        if made is None or made.connection.closed:
            connection = self._stack.enter_context(self._lend())
            prepare(connection)
            made = self._sessions[name] = Session(connection)
        return made

    def _scale(self, connection: Connection[Any], rows: int | None) -> None:
        if rows:
            self._unscaled[rows] = scale(connection, rows).left

    def _scramble(self, connection: Connection[Any]) -> None:
        self._unturned = scramble(connection)
