"""The conninfo of a database in, all that is compared out: read in one transaction that cannot write.

What the role may not see, or what is locked just now, is not an error: it is said.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import errors

from pgproof.errors import MigrationError
from pgproof.migrations import fetch_ledger
from pgproof.parity.behaviour import RECORDS
from pgproof.pg.catalog import Catalog, fetch_catalog
from pgproof.pg.database import connect
from pgproof.pg.environment import Environment, Setting, fetch_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import Connection

    from pgproof.migrations.ledger import Ledger
    from pgproof.pg.rolenames import RoleNames

T = TypeVar("T")

# Local to the transaction, and after the settings were read: ours are no difference. A catalog waits for who alters.
_LIMITS = "SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = '5s'"
_OF_READER = {"default_transaction_read_only": Setting("off")}  # on, by `db.roles`, for whoever looks
_PASSED_OVER = (errors.InsufficientPrivilege, errors.LockNotAvailable, errors.QueryCanceled, MigrationError)


@dataclass(frozen=True)
class Unseen:
    """What was not read, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Side:
    """Home, or production.

    Attributes:
        ledger: None where it was not seen.
        catalog: None where it was not seen; less the order of columns, owners, and grants that were left out.
    """

    environment: Environment
    ledger: Ledger | None = None
    catalog: Catalog | None = None
    unseen: Sequence[Unseen] = ()


def fetch_side(conninfo: str, database: str, *, names: RoleNames | None = None) -> Side:
    """Read a database; nothing is written, and nothing is waited for for long.

    Args:
        conninfo: of its server.
        database: its name.
        names: of its roles: what `db.roles` gives them is left out, for it is not in each place, nor by the same names.

    Raises:
        ServerUnavailable: the server does not answer, or does not let us in.
    """
    unseen: list[Unseen] = []
    with reading(conninfo, database) as connection:
        environment = fetch_environment(connection, [each.name for each in RECORDS])
        unseen += _hidden_settings(environment)
        connection.execute(_LIMITS)
        ledger = _try(connection, "ledger", fetch_ledger, unseen)
        catalog = _try(connection, "schema", fetch_catalog, unseen)
    if names and environment.role == names.reader:
        environment = replace(environment, settings={**environment.settings} | _OF_READER)
    seen = catalog and catalog.without("order", "owner").without_grants(names.granted if names else ())
    return Side(environment, ledger, seen, tuple(unseen))


@contextmanager
def reading(conninfo: str, database: str) -> Iterator[Connection[Any]]:
    """Give a connection in a transaction that Postgres lets write nothing."""
    with connect(conninfo, dbname=database) as connection:
        connection.read_only = True
        with connection.transaction():
            yield connection


def _hidden_settings(environment: Environment) -> Iterator[Unseen]:
    for each in RECORDS:
        if each.name not in environment.settings and each.since <= environment.major:
            yield Unseen(f"setting {each.name}", f"role {environment.role} may not see it")


def _try(
    connection: Connection[Any], what: str, fetch: Callable[[Connection[Any]], T], unseen: list[Unseen]
) -> T | None:
    try:
        with connection.transaction():  # a savepoint: the next thing is read all the same
            return fetch(connection)
    except _PASSED_OVER as error:
        unseen.append(Unseen(what, str(error).partition("\n")[0]))
        return None
