"""The audit of production: a row before the deed, its end whatever becomes of the connection, no other hand in it."""

from __future__ import annotations

import os
import pwd
import socket
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from pgproof.errors import CloudError, MigrationError, ServerUnavailable
from pgproof.migrations.audit import Deed, Row, fetch_last, recorded
from pgproof.pg.catalog import fetch_catalog
from pgproof.pg.database import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

_DEED = Deed(what="db.migrate", files={"0002_b": "ab" * 32}, proof="f" * 64)


@pytest.fixture
def connection(database: str) -> Iterator[Connection[Any]]:
    with connect(database) as connection:
        yield connection


def unreachable() -> Connection[Any]:
    raise ServerUnavailable("the server is gone")


def expired() -> Connection[Any]:
    raise CloudError("the credentials have expired")


def lose(connection: Connection[Any]) -> None:
    connection.close()
    raise MigrationError("the reason")


def not_told(said: str) -> None:
    pytest.fail(said)


def only_row(database: str) -> Row:
    with connect(database) as connection:
        (row,) = fetch_last(connection, 9)
        return row


def test_the_row_stands_for_all_to_see_before_the_deed_begins(connection: Connection[Any], database: str):
    with recorded(connection, _DEED, unreachable, not_told):
        begun = only_row(database)
    done = only_row(database)

    assert (begun.outcome, begun.seconds) == ("begun", None)
    assert (done.outcome, done.error) == ("applied", None)
    assert done.seconds is not None
    assert replace(done, outcome="begun", seconds=None) == begun


def test_the_row_says_who_from_where_with_what_and_why(connection: Connection[Any], database: str):
    deed = replace(_DEED, proof="", reason="the gate's server is down", snapshot="db-before-0002-b")
    with recorded(connection, deed, unreachable, not_told):
        pass
    row = only_row(database)

    assert (row.what, row.files) == ("db.migrate", {"0002_b": "ab" * 32})
    assert (row.proof, row.reason, row.snapshot) == (None, "the gate's server is down", "db-before-0002-b")
    assert (row.role, row.person) == (connection.info.user, pwd.getpwuid(os.getuid()).pw_name)
    assert row.host == socket.gethostname()
    assert row.program.endswith(f", pid {os.getpid()}")
    assert row.client == connection.execute("SELECT host(inet_client_addr())").fetchone()[0]  # type: ignore[index]


def test_who_it_was_is_not_what_the_shell_says(
    connection: Connection[Any], database: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LOGNAME", "somebody_else")
    with recorded(connection, _DEED, unreachable, not_told):
        pass

    assert only_row(database).person == pwd.getpwuid(os.getuid()).pw_name


def test_a_user_id_without_a_name_is_one_all_the_same(
    connection: Connection[Any], database: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with recorded(connection, _DEED, unreachable, not_told):
        pass

    assert only_row(database).person == "uid 54321"


def test_a_failure_is_kept_by_its_first_line_and_raised(connection: Connection[Any], database: str):
    with (
        pytest.raises(MigrationError, match="relation"),
        recorded(connection, _DEED, unreachable, not_told),
    ):
        raise MigrationError('relation "x" does not exist\n  detail: (email)=(andrew@example.com)', hint="no")

    assert (only_row(database).outcome, only_row(database).error) == ("failed", 'relation "x" does not exist')


def test_an_interruption_is_a_failure(connection: Connection[Any], database: str):
    with pytest.raises(KeyboardInterrupt), recorded(connection, _DEED, unreachable, not_told):
        raise KeyboardInterrupt

    assert (only_row(database).outcome, only_row(database).error) == ("failed", "KeyboardInterrupt")


@pytest.mark.parametrize(
    "harm",
    [
        lambda connection: connection.close(),
        lambda connection: connection.execute("SELECT pg_terminate_backend(pg_backend_pid())"),
        lambda connection: connection.execute("BEGIN"),
        lambda connection: connection.execute("BEGIN; SELECT nonsense"),
        lambda connection: connection.execute("SET default_transaction_read_only = on"),
    ],
    ids=["closed", "terminated", "in a transaction", "in a failed transaction", "without the right"],
)
def test_what_a_deed_does_to_its_connection_does_not_keep_its_row_from_ending(database: str, harm: Any):
    connection = connect(database)
    with recorded(connection, _DEED, lambda: connect(database), not_told), suppress(psycopg.Error):
        harm(connection)
    connection.close()

    assert only_row(database).outcome == "applied"


@pytest.mark.parametrize("reconnect", [unreachable, expired])
def test_an_end_that_cannot_be_written_is_told_and_hides_no_error(database: str, reconnect: Any):
    told: list[str] = []
    connection = connect(database)
    with pytest.raises(MigrationError, match="the reason"), recorded(connection, _DEED, reconnect, told.append):
        lose(connection)

    assert told == ["row 1 of _pgproof_audit stays `begun`: its end could not be written"]
    assert only_row(database).outcome == "begun"


def test_nothing_is_done_where_the_row_cannot_be_written(connection: Connection[Any]):
    connection.execute("SET default_transaction_read_only = on")

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), recorded(connection, _DEED, unreachable, not_told):
        pytest.fail("it was done")


def test_a_connection_without_a_schema_is_told_so(database: str):
    with connect(database, options="-c search_path=nowhere") as lost:
        assert fetch_last(lost, 1) == []
        with pytest.raises(MigrationError, match="no schema"), recorded(lost, _DEED, unreachable, not_told):
            pytest.fail("it was done")


def test_the_table_is_made_once_and_is_no_part_of_the_schema(connection: Connection[Any]):
    before = fetch_catalog(connection)
    for _ in range(2):
        with recorded(connection, _DEED, unreachable, not_told):
            pass

    assert [each.id for each in fetch_last(connection, 9)] == [2, 1]
    assert fetch_catalog(connection) == before


def test_looking_makes_no_table(connection: Connection[Any]):
    assert fetch_last(connection, 9) == []
    assert connection.execute("SELECT to_regclass('_pgproof_audit')").fetchone() == (None,)


@pytest.fixture
def application(connection: Connection[Any]) -> Iterator[str]:
    """A role that default privileges open every new table to, as `db.roles` makes one."""
    name = f"app_of_{connection.info.dbname}"
    connection.execute(f"CREATE ROLE {name}; GRANT USAGE ON SCHEMA public TO {name}")
    for kind in ("TABLES", "SEQUENCES"):
        connection.execute(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON {kind} TO {name}, PUBLIC".encode())
    yield name
    connection.execute(f"RESET ROLE; DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO _pgproof_audit (what, person, program, host, files) VALUES ('', '', '', '', '{}')",
        "UPDATE _pgproof_audit SET outcome = 'applied'",
        "DELETE FROM _pgproof_audit",
        "TRUNCATE _pgproof_audit",
        "SELECT * FROM _pgproof_audit",
        "SELECT nextval('_pgproof_audit_id_seq')",
    ],
)
def test_the_application_cannot_touch_it_whatever_default_privileges_say(
    connection: Connection[Any], application: str, statement: str
):
    with recorded(connection, _DEED, unreachable, not_told):
        pass
    connection.execute(f"SET ROLE {application}".encode())

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_values_are_values_whatever_they_hold(connection: Connection[Any], database: str):
    odd = "'); DROP TABLE x; -- \"$$ ${HOME} \\ ö 🐘"
    with recorded(connection, replace(_DEED, reason=odd, files={odd: odd}), unreachable, not_told):
        pass

    assert (only_row(database).reason, only_row(database).files) == (odd, {odd: odd})
