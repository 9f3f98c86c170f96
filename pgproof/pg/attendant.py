"""What a reset leaves to be done in, done out: by a process of its own that nobody waits for, and that ends by itself.

It makes the spare for the next reset, and drops what the last one has left and what is kept for too long. Run as a
program, this module is that process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import Error

from pgproof.errors import PgproofError
from pgproof.pg import spare
from pgproof.pg.database import connect
from pgproof.pg.template import fetch_templates, remember

if TYPE_CHECKING:
    from psycopg import Connection

_LIFE = 600  # seconds after which the process ends, whatever it waits for


@dataclass(frozen=True)
class Errand:
    """What there is to do; `template` is the name of the one that the next reset will want a copy of."""

    conninfo: str = field(repr=False)
    database: str
    template: str
    days: int
    megabytes: int

    def start(self) -> None:
        """Have it done by a process that outlives us."""
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,  # a connection string may hold a password: not for a list of processes
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        assert process.stdin is not None  # noqa: S101
        with process.stdin:
            process.stdin.write(json.dumps(asdict(self)).encode())
        process.returncode = 0  # nobody waits for it, and Popen would warn of that

    def do(self) -> None:
        """Leave one spare of this database, of this template, and nothing that is stale."""
        from pgproof.pg.kept import discard, fetch_kept  # not for who only starts an errand

        with connect(self.conninfo) as connection, spare.holding_spares(connection, self.database, wait=_LIFE):
            name = self._ensure_spare(connection)
            for each in fetch_kept(connection):
                if each.name.startswith(spare.prefix(self.database)) and each.name != name:
                    discard(connection, each)
        self.tidy()

    def tidy(self) -> None:
        """Drop what is stale, and what the reset has replaced."""
        from pgproof.pg.kept import prune

        with connect(self.conninfo) as connection:
            prune(connection, days=self.days, megabytes=self.megabytes)

    def _ensure_spare(self, connection: Connection[Any]) -> str | None:
        for template in fetch_templates(connection, self.template):
            name, made = spare.ensure_spare(connection, self.database, template)
            if made:
                remember(connection, template)
            return name
        return None


def _main() -> None:
    signal.alarm(_LIFE)
    os.nice(10)  # whoever sits at the machine goes first
    try:
        Errand(**json.load(sys.stdin)).do()
    except (PgproofError, Error):
        sys.exit(1)  # nobody reads why; the next reset makes its own copy


if __name__ == "__main__":
    _main()
