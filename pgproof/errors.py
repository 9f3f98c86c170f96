"""What can go wrong, as types: every error a user is expected to meet is a `PgproofError`.

PgproofError(what, at=Location | None, hint="")    prints  path:line: what, then  hint: ...
├── SettingsError          a setting is missing, unknown or contradicts another
├── SqlFileError           a file cannot be read as ours; carries every problem found
├── ServerUnavailable      Postgres cannot be started or does not answer
├── DestructionRefused     a destructive task on a database that is not ours to destroy
├── MigrationError         the migrations cannot go on
│   ├── LedgerDrift        files and ledger disagree: edited, renamed, missing, out of order
│   ├── MigrationFailed    Postgres refused a statement; `__cause__` is psycopg's error
│   └── LockTimeout        another runner holds the runner lock
├── SeedError              a seed file cannot be loaded
├── CloudError             AWS cannot be asked, or refuses; `code` is its word for why
└── QueryError             a named query cannot be run, or did not give what its file promises
    ├── UnknownQuery       there is no query of that name
    ├── ParameterMismatch  parameters are missing, unknown or of no use; Postgres was not asked
    ├── QueryFailed        Postgres refused; `sqlstate` is its code, `__cause__` psycopg's error
    └── NotOneRow          no row or several, where the query promises one
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Location:
    """A place in a file, as it is printed: `path:line`, lines counted from 1."""

    path: Path
    line: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file: where it is, what it is, what to do about it."""

    at: Location
    what: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.at}: {self.what}{hint}"


class PgproofError(Exception):
    """Base of every error that is expected: shown as text without a traceback, exit code 1."""

    def __init__(self, what: str, *, at: Location | None = None, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.at = at
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.at}: " if self.at else ""
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{where}{self.what}{hint}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive Exception's own pickling, and xdist pickles.
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(kind: type[PgproofError], args: tuple[object, ...], state: dict[str, object]) -> PgproofError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class SettingsError(PgproofError):
    """A setting is missing, unknown or contradicts another."""


class SqlFileError(PgproofError):
    """Files that cannot be read as ours; every problem is named at once, one a line.

    Attributes:
        problems: all of them, in file order.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class ServerUnavailable(PgproofError):
    """Postgres cannot be started or does not answer."""


class DestructionRefused(PgproofError):
    """A destructive task on a database that is not ours to destroy, without the word that allows it."""


class MigrationError(PgproofError):
    """The migrations cannot go on."""


class LedgerDrift(MigrationError):
    """Files and ledger disagree: an applied migration was edited, renamed, removed or overtaken."""


class MigrationFailed(MigrationError):
    """Postgres refused a statement; `__cause__` is psycopg's error."""


class LockTimeout(MigrationError):
    """Another runner holds the runner lock; the message says which and since when."""


class SeedError(PgproofError):
    """A seed file cannot be loaded; nothing of the load is kept."""


class CloudError(PgproofError):
    """AWS cannot be asked, or refuses.

    Attributes:
        code: AWS' own word, such as ResourceNotFoundException; empty where AWS was not reached.
    """

    def __init__(self, what: str, *, at: Location | None = None, hint: str = "", code: str = "") -> None:
        super().__init__(what, at=at, hint=hint)
        self.code = code


class QueryError(PgproofError):
    """A named query cannot be run, or did not give what its file promises."""


class UnknownQuery(QueryError, AttributeError):
    """There is no query of that name; an AttributeError too, so that `hasattr` hears what it expects."""


class ParameterMismatch(QueryError):
    """Parameters of a query are missing, unknown or of no use; Postgres was not asked."""


class QueryFailed(QueryError):
    """Postgres refused a query; `__cause__` is psycopg's error, with all that the server said.

    Attributes:
        sqlstate: the server's code, such as 23505 for a key that exists; None where psycopg refused by itself.
    """

    def __init__(self, what: str, *, at: Location | None = None, hint: str = "", sqlstate: str | None = None) -> None:
        super().__init__(what, at=at, hint=hint)
        self.sqlstate = sqlstate


class NotOneRow(QueryError):
    """A query that promises one row gave none or several; what it wrote is not undone by that.

    Attributes:
        rows: how many it gave.
    """

    def __init__(self, what: str, *, at: Location | None = None, hint: str = "", rows: int) -> None:
        super().__init__(what, at=at, hint=hint)
        self.rows = rows
