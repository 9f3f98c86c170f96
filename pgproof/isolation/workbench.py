"""Where the tests are in, what one process of a test run has at hand out; each part is made when first asked for."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from pgproof.errors import PgproofError
from pgproof.isolation.once import Once
from pgproof.isolation.tally import Tally

if TYPE_CHECKING:
    from pathlib import Path

    from pgproof.isolation.loan import Lender, Loan
    from pgproof.isolation.run import Run
    from pgproof.queries import Queries
    from pgproof.settings import Settings


class Workbench:
    """The one server, the databases on it and the project's queries, for the tests of this process.

    Nothing is imported, read or started before: most processes of pytest never ask.
    """

    def __init__(self, root: Path, *, keep: bool, lender: str | None) -> None:
        """Make an empty one.

        Args:
            root: a folder of the project.
            keep: databases of failed tests are to stay.
            lender: where the controller lends the server, in a worker of xdist.
        """
        self.keep = keep
        self.tally = Tally()
        self.settings = Once(self._read_settings)
        self.queries = Once(self._read_queries)
        self.run = Once(self._start_run)
        self._root = root
        self._borrows_from = lender
        self._loan = Once(self._take_loan)
        self._lender: Lender | None = None
        self._stack = ExitStack()

    def lend(self) -> str:
        """Lend the server to workers; return where they borrow it."""
        if not self._lender:
            from pgproof.isolation.loan import Lender

            self._lender = Lender(self._loan.get)
        return self._lender.address

    def close(self) -> None:
        """End what was started; what goes wrong then is in the tally, for no test is there any more that could fail."""
        if self._lender:
            self._lender.close()
        if run := self.run.if_made:
            self.tally.add(run.tally)
            try:
                run.close()
            except PgproofError as error:
                self.tally.trouble = str(error)
        self._stack.close()

    def _read_settings(self) -> Settings:
        from pgproof.settings import find_root, read_settings

        return read_settings(find_root(self._root))

    def _read_queries(self) -> Queries:
        from pgproof.queries import read_queries

        return read_queries(self.settings.get().queries)

    def _take_loan(self) -> Loan:
        from pgproof.isolation.loan import borrow, open_server

        if self._borrows_from:
            return borrow(self._borrows_from)
        return self._stack.enter_context(open_server(self.settings.get(), keep=self.keep))

    def _start_run(self) -> Run:
        from pgproof.isolation.run import Run

        return Run(self._loan.get(), self.settings.get())
