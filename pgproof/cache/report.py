"""What a process counts in, one row of it in the database out, where `inv cache.status` adds up those of all processes.

A report is worth little beside an answer: no request waits for it, none fails for it, and where it cannot be written
it is not soon tried again.
"""

from __future__ import annotations

import os
import socket
from functools import cached_property
from json import dumps
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pgproof.queries.steps import Select, Spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pgproof.queries.steps import Steps

# Adds up what was written too: else that would wait for a reader of the same table, or for a worker.
_REPORT = "SELECT pgproof_cache.report($1, $2), pgproof_cache.compact()"
_EVERY = 10.0
_REST = 300.0


class Reports:
    """The reports of one process, each of which replaces the one before; it says nothing twice."""

    def __init__(
        self, describe: Callable[[], Mapping[str, Any]], clock: Callable[[], float], *, first_after: float = _EVERY
    ) -> None:
        """Begin.

        Args:
            describe: what to report now, as JSON has it.
            clock: seconds that never go back.
            first_after: seconds until the first report; then there is one every 10 seconds.
        """
        self._describe = describe
        self._clock = clock
        self._told = describe()
        self._due_at = clock() + first_after
        self._rests_until = clock()

    def spawn(self) -> Steps[None]:
        """Report where that is due, without anybody waiting for it."""
        if self._clock() >= self._due_at:
            self._due_at = self._clock() + _EVERY  # before it is done: the next caller finds nothing to do
            yield Spawn(self.send())

    def send(self) -> Steps[None]:
        """Report now, unless that failed a moment ago."""
        told = self._describe()
        if told == self._told or self._clock() < self._rests_until:
            return
        who = {"host": socket.gethostname(), "pid": os.getpid()}
        try:
            yield Select(_REPORT, [self._process, dumps({**who, **told})])
        except Exception:  # noqa: BLE001  (whatever it is, the application has not asked for this)
            self._rests_until = self._clock() + _REST
        else:
            self._told = told

    @cached_property
    def _process(self) -> str:
        """Its name, made late: an application that forks before its first call has one for each child."""
        return str(uuid4())
