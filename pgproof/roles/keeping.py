"""A connection that may make roles in, the four roles of its database as they shall be out, and what was done for it.

What is missing is told by the database itself, as statements: the same that are shown are run, and where there are none
all is well. They are run in one transaction, and then there must be none.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from psycopg import errors, sql
from psycopg.rows import tuple_row

from pgproof.errors import LockTimeout, MigrationError, SettingsError
from pgproof.migrations.ledger import ensure_tables
from pgproof.pg.catalog import LEDGER_REGEX
from pgproof.pg.lock import runner_lock
from pgproof.roles.logins import describe_logins, knows_iam

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from pgproof.pg.rolenames import RoleNames
    from pgproof.roles.held import Held

Change = Literal["made", "changed", "as it was"]

_FOLDER = Path(__file__).parent
_STEPS = ("roles", "owners", "defaults", "grants", "sessions")  # in this order, for each stands on what is before it
_HAS_LEDGER = """
SELECT count(DISTINCT relname) = 3 FROM pg_class
WHERE relname IN ('_yoyo_migration', '_pgproof_migration', '_pgproof_repeatable')
"""
_TABLE = "SELECT pg_catalog.to_regclass(%s::pg_catalog.text)::pg_catalog.oid"
_SCHEMA = "SELECT pg_catalog.to_regnamespace(%s::pg_catalog.text)::pg_catalog.oid"
_MAKES_ROLES = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How the roles of a database shall be.

    Attributes:
        held: what migrations have taken away from them.
        iam: they log in with tokens of IAM.
        passwords: a new password for each role that is to have one, by its name.
    """

    names: RoleNames
    held: Sequence[Held] = ()
    iam: bool = False
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Role:
    """A role as it is now.

    Attributes:
        login: how one logs in as it.
        may: what it may do.
    """

    name: str
    change: Change
    login: str
    may: str


@dataclass(frozen=True)
class Kept:
    """What was found and done.

    Attributes:
        statements: that were run, or would be; a password is not among them.
        notes: what could not be done, or is lost by it.
    """

    roles: tuple[Role, ...]
    statements: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Statement:
    role: str
    text: str


def find_missing(connection: Connection[Any], wish: Wish) -> Kept:
    """Find what is to be done, and do nothing.

    Raises:
        SettingsError: as `ensure_roles`.
    """
    _need_right(connection, wish)
    values = _fill(connection, wish)
    with _trusting_postgres(connection):
        missing = [each for step in _STEPS for each in _find(connection, step, values)]
        notes = [*_find_left(connection, values), *_find_strangers(connection, values)]
    return _conclude(connection, wish, missing, notes)


def ensure_roles(
    connection: Connection[Any], wish: Wish, *, wait: float, on_wait: Callable[[object], None] = lambda _: None
) -> Kept:
    """Make the roles and all that they own and may, or what of it is missing; all of it or nothing.

    Args:
        connection: in autocommit, of a role that may make roles and owns the database, or is a superuser.
        wish: how they shall be.
        wait: seconds for which another runner is waited for.
        on_wait: is told who that is.

    Raises:
        SettingsError: this role may not make roles, or would be made one of them.
        LockTimeout: another runner is at work, or a session uses what changes hands.
        MigrationError: something is not as it shall be, whatever was done.
    """
    _need_right(connection, wish)
    with runner_lock(connection, wait=wait, on_wait=on_wait):
        _ensure_ledger(connection)
        try:
            done, notes = _make(connection, wish)
        except errors.LockNotAvailable as error:
            what = f"nothing was changed, for a session uses what changes hands: {error.diag.message_primary}"
            raise LockTimeout(
                what, hint="`inv db.sessions` shows who is connected; once more when it is done"
            ) from error
        return _conclude(connection, wish, done, notes)


def _need_right(connection: Connection[Any], wish: Wish) -> None:
    if connection.execute(_MAKES_ROLES).fetchone() != (True,):
        raise SettingsError(
            f"{connection.info.user} may not make roles",
            hint="connect as the master user, or as another that has CREATEROLE and owns the database",
        )
    if connection.info.user in wish.names.all:  # it would take its own rights away, and nobody could give them back
        raise SettingsError(
            f"{connection.info.user} is who makes the roles, and cannot be one of them",
            hint="give the application a role of its own: another application_role, or none",
        )


def _ensure_ledger(connection: Connection[Any]) -> None:
    """Make the ledger's tables before what the owner makes is opened to the application, for they are not."""
    if connection.execute(_HAS_LEDGER).fetchone() != (True,):
        ensure_tables(connection)


def _fill(connection: Connection[Any], wish: Wish) -> dict[str, Any]:
    """Return what the .sql files of this folder ask for; what is held is looked for as its migration did."""
    names = wish.names
    return {
        "owner": names.owner,
        "migrator": names.migrator,
        "app": names.app,
        "reader": names.reader,
        "names": list(names.all),
        "iam": wish.iam,
        "ledger": LEDGER_REGEX,
        "held_oids": [_locate(connection, each) for each in wish.held],
        "held_roles": [each.role for each in wish.held],
        "held_verbs": [each.verb for each in wish.held],
        "held_schemas": [each.is_schema for each in wish.held],
    }


def _locate(connection: Connection[Any], held: Held) -> int | None:
    row = connection.execute(_SCHEMA if held.is_schema else _TABLE, [held.name]).fetchone()
    return row[0] if row else None


@contextmanager
def _trusting_postgres(connection: Connection[Any]) -> Iterator[None]:
    """Give a transaction in which no function or operator that somebody left there runs as who makes the roles."""
    with connection.transaction():
        connection.execute("SET LOCAL search_path = pg_catalog")
        yield


def _make(connection: Connection[Any], wish: Wish) -> tuple[list[_Statement], list[str]]:
    values = _fill(connection, wish)
    with _trusting_postgres(connection):
        strangers = _find_strangers(connection, values)
        done = [each for step in _STEPS for each in _do(connection, step, values)]
        done += _set_passwords(connection, wish)
        if still := [each.text for step in _STEPS for each in _find(connection, step, values)]:
            what = f"without effect: {'; '.join(still)}"
            raise MigrationError(what, hint="who granted it, another role perhaps, has to take it back")
        return done, [*_find_left(connection, values), *strangers]


def _do(connection: Connection[Any], step: str, values: dict[str, Any]) -> list[_Statement]:
    missing = _find(connection, step, values)
    for each in missing:
        connection.execute(each.text.encode())
    return missing


def _find(connection: Connection[Any], step: str, values: dict[str, Any]) -> list[_Statement]:
    rows = _ask(connection, step, values)
    if step == "owners":
        return [_Statement(values["owner"], text) for text, is_ours, _ in rows if is_ours]
    return [_Statement(role, text) for role, text in rows]


def _find_left(connection: Connection[Any], values: dict[str, Any]) -> list[str]:
    """Say what stays as it is, for it is not ours to give."""
    return [what for _, is_ours, what in _ask(connection, "owners", values) if not is_ours]


def _find_strangers(connection: Connection[Any], values: dict[str, Any]) -> list[str]:
    found = [role for (role,) in _ask(connection, "strangers", values)]
    return [f"{role} is connected, and cannot connect again: GRANT CONNECT, if it shall" for role in found]


def _ask(connection: Connection[Any], step: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute((_FOLDER / f"{step}.sql").read_bytes(), values).fetchall()


def _set_passwords(connection: Connection[Any], wish: Wish) -> list[_Statement]:
    """Set passwords as what they are checked by: none of them reaches a server's log, or who looks at sessions."""
    for role, password in wish.passwords.items():
        verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))
    return [
        _Statement(role, f"ALTER ROLE {sql.Identifier(role).as_string()} PASSWORD '***'") for role in wish.passwords
    ]


def _conclude(connection: Connection[Any], wish: Wish, done: Sequence[_Statement], notes: Sequence[str]) -> Kept:
    names = wish.names
    made = {each.role for each in done if each.text.startswith("CREATE ROLE ")}
    changed = {each.role for each in done}
    logins = describe_logins(connection, names, fresh=made - wish.passwords.keys())
    may = {
        names.owner: "owns the database and all in it",
        names.migrator: f"what {names.owner} may: DDL",
        names.app: "SELECT, INSERT, UPDATE, DELETE",
        names.reader: "SELECT, in read-only transactions",
    }
    changes: dict[str, Change] = {role: "made" if role in made else "changed" for role in changed}
    roles = tuple(Role(name, changes.get(name, "as it was"), logins[name], may[name]) for name in may)
    if wish.iam and not knows_iam(connection):
        notes = [*notes, "this server has no role rds_iam, which only RDS makes: nobody logs in by IAM"]
    return Kept(roles, tuple(each.text for each in done), tuple(notes))
