"""A migrating session and its clients in, who held and who waited for which lock out, as far as it was seen."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pgproof.gate.measuring.meetings import Held, Wait

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

    from pgproof.errors import Location
    from pgproof.gate.measuring.clients import Client

# Of locks that are held, those that somebody may have to wait for. Who waits for a row waits for the transaction that
# has it, and whether that is the migration's is asked only then: it takes the lock manager's own locks.
_LOCKS = """
SELECT l.pid, l.granted, coalesce(n.nspname || '.' || c.relname, ''), l.mode
FROM pg_locks AS l LEFT JOIN pg_class AS c ON c.oid = l.relation LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE CASE WHEN l.granted THEN l.pid = %(migrating)s AND l.locktype = 'relation' AND n.nspname NOT LIKE 'pg\\_%%'
    AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
  ELSE l.pid = ANY(%(clients)s)
    AND (l.locktype = 'relation' OR %(migrating)s = ANY(pg_blocking_pids(l.pid))) END
"""


@dataclass
class Watch:
    """What one looks at again and again while migrations run; seconds are counted from `began`.

    Attributes:
        migrating: the server process that migrates.
        clients: by their server processes.
        running: the statement that runs, as the one who runs it has noted.
    """

    migrating: int
    clients: Mapping[int, Client]
    began: float = field(default_factory=time.perf_counter)
    running: Location | None = None
    _held: dict[tuple[str, str], list[Held]] = field(default_factory=dict)
    _waits: dict[tuple[int, str, str, str, Location | None], list[Wait]] = field(default_factory=dict)
    _last: float = 0.0

    def now(self) -> float:
        """Return the seconds since it began."""
        return time.perf_counter() - self.began

    def look(self, observer: Connection[Any]) -> None:
        """Look once."""
        running = self.running
        names = {"migrating": self.migrating, "clients": list(self.clients)}
        rows = observer.execute(_LOCKS, names).fetchall()
        now, last = self.now(), self._last
        for pid, granted, relation, mode in rows:
            if granted:
                _extend(self._held.setdefault((relation, mode), []), Held(relation, mode, now, now), last)
            else:
                wait = Wait(self.clients[pid].asking, relation, mode, last, now, running)
                _extend(self._waits.setdefault((pid, wait.client, relation, mode, running), []), wait, last)
        self._last = now

    @property
    def held(self) -> Sequence[Held]:
        """The locks that were held, in order."""
        held = [each for row in self._held.values() for each in row]
        return sorted(held, key=lambda each: (each.began, each.relation, each.mode))

    @property
    def waits(self) -> Sequence[Wait]:
        """The waits, in order."""
        waits = [each for row in self._waits.values() for each in row]
        return sorted(waits, key=lambda each: (each.began, each.client, each.relation))


def _extend(row: list[Any], seen: Held | Wait, last: float) -> None:
    """Note what was seen: as the same as before if it was there at the last look, too."""
    if row and row[-1].until >= last:
        row[-1] = replace(row[-1], until=seen.until)
    else:
        row.append(seen)
