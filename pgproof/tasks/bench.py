"""A place in, a bench for the contracts of its project out: clones on the developer's own server, gone afterwards."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from pgproof.contracts.bench import Bench
from pgproof.contracts.planning.memory import read_memory
from pgproof.isolation.loan import open_server
from pgproof.isolation.run import Run
from pgproof.isolation.wish import SEEDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.settings import Settings


@contextmanager
def open_bench(settings: Settings) -> Iterator[Bench]:
    """Give a bench; nothing is cloned before a check asks for it.

    Raises:
        SettingsError: the target is production.
        ServerUnavailable: the server does not start or does not answer.
    """
    with (
        open_server(settings, keep=True) as loan,
        closing(Run(loan, settings)) as run,
        Bench(lambda: run.lend(SEEDED), read_memory(settings)) as bench,
    ):
        yield bench
