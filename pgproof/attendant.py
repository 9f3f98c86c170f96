"""What a reset leaves to be done in, done out: by a process of its own that nobody waits for, and that ends by itself.

It makes the template, where the reset has not, and the spare for the next one; and it drops what the last one has
replaced and what is kept for too long. Run as a program, this module is that process.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace

from psycopg import Error

from pgproof.errors import PgproofError
from pgproof.pg import spare
from pgproof.pg.database import connect
from pgproof.pg.template import remember
from pgproof.recipe import Recipe, say_nothing

_LIFE = 600  # seconds after which the process ends, whatever it waits for


@dataclass(frozen=True)
class Errand:
    """What there is to do for a database; `conninfo` is of the server's maintenance database."""

    conninfo: str = field(repr=False)
    database: str
    recipe: Recipe

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
            pickle.dump([self.conninfo, self.database, replace(self.recipe, notify=say_nothing)], process.stdin)
        process.returncode = 0  # nobody waits for it, and Popen would warn of that

    def do(self) -> None:
        """Leave one spare of this database, of the template of this recipe, and nothing that is stale."""
        from pgproof.pg.layers import ensure_template  # not for who only starts an errand

        template = ensure_template(self.conninfo, self.recipe)
        with connect(self.conninfo) as connection, spare.holding_spares(connection, self.database, wait=_LIFE):
            name, made = spare.ensure_spare(connection, self.database, template)
            if made:
                remember(connection, template)
            spare.drop_others(connection, self.database, name)
        self.tidy()

    def tidy(self) -> None:
        """Drop what is stale, and what the reset has replaced."""
        from pgproof.pg.kept import prune

        settings = self.recipe.settings
        with connect(self.conninfo) as connection:
            prune(connection, days=settings.template_days, megabytes=settings.template_megabytes)


def _main() -> None:
    signal.alarm(_LIFE)
    os.nice(10)  # whoever sits at the machine goes first
    try:
        Errand(*pickle.load(sys.stdin.buffer)).do()  # noqa: S301 - from our own parent
    except (PgproofError, Error):
        sys.exit(1)  # nobody reads why; the next reset does it itself


if __name__ == "__main__":
    _main()
