"""A server and settings in, databases for the tests of this process out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from pgproof.errors import ServerUnavailable
from pgproof.isolation import names
from pgproof.isolation.lease import Lease, LeaseInTransaction
from pgproof.isolation.once import Once
from pgproof.isolation.pool import Pool, open_source
from pgproof.isolation.tally import Tally
from pgproof.pg.conninfo import url
from pgproof.pg.database import connect_runner
from pgproof.recipe import read_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from pgproof.isolation.loan import Loan
    from pgproof.isolation.wish import Wish
    from pgproof.settings import Settings


class Run:
    """The tests of one process: one pool of clones for each recipe that they wish for."""

    def __init__(self, loan: Loan, settings: Settings) -> None:
        self._loan = loan
        self._settings = settings
        # Never ended for being idle, because its lock says that we live, and gone soon after we are.
        self._maintenance = connect_runner(loan.conninfo, program="pgproof's tests")
        self._id = names.claim_run(self._maintenance)
        names.drop_orphans(self._maintenance)
        self._background = ThreadPoolExecutor(1, thread_name_prefix="pgproof")
        self._pools: dict[tuple[str | bool, str | None], Once[Pool]] = {}
        version = self._maintenance.info.parameter_status("server_version") or ""
        self.tally = Tally(f"PostgreSQL {version.partition(' ')[0]}, {loan.place}")

    def start(self, wish: Wish) -> Lease:
        """Give a test the database that it wishes for.

        Raises:
            PgproofError: it cannot be made.
        """
        clone = self._pool(wish).get().acquire()
        return Lease(clone) if wish.isolation == "clone" else LeaseInTransaction(clone)

    def expect(self, wish: Wish) -> None:
        """Prepare for the next test, in the background; what no test has asked for yet, its first one waits for."""
        if pool := self._pool(wish).if_made:
            pool.prepare(2 if wish.isolation == "clone" else 1)  # one more while the next one's successor is made

    def end(self, wish: Wish, lease: Lease) -> None:
        """Take back what a test was given.

        Raises:
            PgproofError: the test left its isolation; its clone is dropped, and no other test sees what it did.
        """
        clean = False
        try:
            clean = lease.end()
        finally:
            self._pool(wish).get().release(lease.clone, clean=clean)

    @contextmanager
    def lend(self, wish: Wish) -> Iterator[Connection[TupleRow]]:
        """Give a connection to a database by that wish, for whatever is longer than a test.

        Raises:
            PgproofError: it cannot be made, or was not given back as the wish says.
        """
        lease = self.start(wish)
        try:
            yield lease.connect()
        finally:
            self.end(wish, lease)

    def choose_kept(self, lease: Lease, test: str) -> tuple[str, str]:
        """Return the name by which a failed test's database will stay, and what to say about it."""
        name = names.make_kept_name(test)
        without = "\nwithout what the test did in a transaction that cannot be committed" if lease.is_lost else ""
        return name, f"its database is kept: {url(self._loan.conninfo, dbname=name)}{without}"

    def keep(self, lease: Lease, name: str) -> None:
        """Let a failed test's database stay; its sessions end.

        Raises:
            ServerUnavailable: it cannot be kept.
        """
        try:
            lease.commit()
            lease.clone.close()
            names.rename(self._maintenance, lease.clone.name, name)
        except psycopg.Error as error:
            raise ServerUnavailable(f"the test's database could not be kept: {error}") from error
        self.tally.kept += 1

    def close(self) -> None:
        """Leave nothing behind on a server that stays.

        Raises:
            ServerUnavailable: something could not be dropped; the next run tries again.
        """
        self._background.shutdown(cancel_futures=True)
        for each in self._pools.values():
            if pool := each.if_made:
                pool.close()
        with self._maintenance as connection:
            if self._loan.stays:
                try:
                    names.drop_run(connection, self._id)
                    names.drop_orphans(connection)  # of a worker that crashed meanwhile
                except psycopg.Error as error:
                    raise ServerUnavailable(f"a test's database could not be dropped: {error}") from error

    def _pool(self, wish: Wish) -> Once[Pool]:
        key = wish.seeds, wish.at
        if key not in self._pools:
            self._pools[key] = Once(lambda: self._open_pool(wish))
        return self._pools[key]

    def _open_pool(self, wish: Wish) -> Pool:
        recipe = read_recipe(self._settings, seeds=wish.seeds_of(self._settings), at=wish.at)
        source = open_source(self._maintenance, self._loan.conninfo, recipe)
        return Pool(source, self._background, partial(names.make_name, self._id), self.tally)
