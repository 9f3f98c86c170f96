"""A conninfo in, connections, databases and sessions of that server out."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from pgproof.errors import DestructionRefused, ServerUnavailable
from pgproof.pg.conninfo import read_conninfo, url

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from pgproof.pg.server import Server

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what psycopg logs, we raise

CONNECT_TIMEOUT = 10  # seconds; libpq's own is the kernel's, two minutes and more

_IAM = "is the role granted rds_iam, may these credentials rds-db:connect as it, and is the clock right?"
_ROOTS = "its roots are in another file: `ca_bundle` of the plan, sslrootcert of the URL"

# What libpq says, as a pattern, and what to do about it.
_HINTS = (
    ('database ".*" does not exist', "inv db.create or inv db.reset makes the database"),
    ("PAM authentication failed", _IAM),
    (r"rds\.amazonaws.*password authentication failed", f"has the password just been changed? By token: {_IAM}"),
    ("password", "is the password in the URL, in PGPASSWORD or in ~/.pgpass the right one?"),
    ("no encryption", "add ?sslmode=require to the URL"),
    ("does not match host name", "that is another server than was asked for: is the host name, or the tunnel, wrong?"),
    ("certificate has expired", "the server needs a new one, or somebody else stands between; nothing was sent to it"),
    ("certificate verify failed", f"somebody else stands between, or {_ROOTS}"),
    ("root certificate file", _ROOTS),
    ("does not support SSL", "RDS always does: is the host, or the tunnel, wrong?"),
    ("translate host name", "is the host name right, and the network there?"),
    ("timeout expired", "is the server open to this machine's address?"),
    ("too many clients", "inv db.sessions shows who is connected"),
    ("remaining connection slots", "inv db.sessions shows who is connected"),
    ("is the server running", "start it with inv db.up, or look at host and port"),
)

EXISTS = "SELECT true FROM pg_database WHERE datname = %s"
_SESSIONS = """
SELECT pid, usename AS role, application_name AS application, coalesce(host(client_addr), 'local') AS client,
       coalesce(state, '') AS state, backend_start AS since, query
FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'
ORDER BY backend_start, pid
"""
END_SESSIONS = """
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_CONNECTED = """
SELECT true FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'
LIMIT 1
"""
_EXTENT = """
SELECT count(*), coalesce(pg_size_pretty(sum(pg_total_relation_size(pg_class.oid))), '0 bytes')
FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p') AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')
"""


@dataclass(frozen=True)
class Session:
    """One client of a database; `query` is its current or last statement."""

    pid: int
    role: str
    application: str
    client: str
    state: str
    since: datetime
    query: str


def connect(conninfo: str, *, dbname: str | None = None, **options: Any) -> psycopg.Connection[TupleRow]:  # noqa: ANN401 - whatever psycopg.connect takes
    """Open a connection in autocommit that prepares nothing behind our back.

    Raises:
        ServerUnavailable: the server does not answer or does not let us in; the password is not in the message.
    """
    parts = read_conninfo(conninfo)
    chosen: dict[str, Any] = {"application_name": "pgproof", "autocommit": True, "prepare_threshold": None} | options
    if dbname:
        chosen["dbname"] = dbname
    if "connect_timeout" not in parts:
        chosen.setdefault("connect_timeout", CONNECT_TIMEOUT)
    try:
        return psycopg.connect(conninfo, **chosen)
    except psycopg.OperationalError as error:
        raise explain_refusal(error, _find_fault(error, conninfo)) from error


def connect_runner(
    conninfo: str, *, dbname: str | None = None, program: str, lock_timeout: str = "0"
) -> psycopg.Connection[TupleRow]:
    """Open a connection whose server process ends soon after its client is gone, and never because it is idle.

    Otherwise a statement goes on after its runner was killed, for hours perhaps, and holds its locks. As options of
    the connection, because a migration may RESET ALL. `program` is what others see in pg_stat_activity, and
    `lock_timeout` for what we read and write ourselves: each migration has its own.
    """
    given = read_conninfo(conninfo).get("options", "")
    options = f"{given} -c idle_session_timeout=0 -c lock_timeout={lock_timeout}".lstrip()
    try:
        watchful = f"{options} -c client_connection_check_interval=500ms"
        return connect(conninfo, dbname=dbname, application_name=program, options=watchful)
    except ServerUnavailable as error:
        if "client_connection_check_interval" not in str(error):
            raise
    return connect(conninfo, dbname=dbname, application_name=program, options=options)  # a server on Windows cannot


def explain_refusal(error: psycopg.Error, fault: str = "") -> ServerUnavailable:
    """Return the error for a server that lets nobody in: in libpq's words, on one line, and what to do about it."""
    said = " ".join(f"{str(error).removeprefix('connection failed: ')} {fault}".split())
    return ServerUnavailable(
        said, hint=next((hint for words, hint in _HINTS if re.search(words, said, re.IGNORECASE)), "")
    )


def _find_fault(error: psycopg.Error, conninfo: str) -> str:
    if "certificate verify failed" not in str(error):
        return ""
    from pgproof.pg.certificate import find_fault

    return (fault := find_fault(conninfo)) and f"({fault})"


def ensure_created(conninfo: str, name: str) -> bool:
    """Make an empty database; True if it was not there."""
    with connect(conninfo) as connection:
        if connection.execute(EXISTS, [name]).fetchone():
            return False
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return False  # another process was faster
        return True


def drop(conninfo: str, name: str) -> bool:
    """Drop a database with whoever is connected to it; True if it was there. Ask `check_destruction` before."""
    with connect(conninfo) as connection:
        found = connection.execute(EXISTS, [name]).fetchone()
        ensure_dropped(connection, name)
        return found is not None


def ensure_dropped(connection: Connection[Any], name: str) -> None:
    """Drop a database, if it is there, with whoever is connected to it."""
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def fetch_sessions(conninfo: str, name: str) -> list[Session]:
    """Return the clients of a database, ourselves left out, the longest connected first."""
    with connect(conninfo) as connection, connection.cursor(row_factory=class_row(Session)) as cursor:
        return cursor.execute(_SESSIONS, [name]).fetchall()


def end_sessions(conninfo: str, name: str) -> int:
    """Disconnect the clients of a database; return how many."""
    with connect(conninfo) as connection:
        row = connection.execute(END_SESSIONS, [name]).fetchone()
        return row[0] if row else 0


def await_quiet(connection: Connection[Any], name: str) -> None:
    """Wait until no client is connected to a database any more; one that has closed still leaves for a moment.

    CREATE DATABASE and ALTER DATABASE would wait for it as well, but look only every 100 ms. After five seconds the
    server is left to say so.
    """
    until = time.monotonic() + 5
    while connection.execute(_CONNECTED, [name]).fetchone() and time.monotonic() < until:
        time.sleep(0.0005)


def check_destruction(server: Server, *, what: str, allowed: str | None, harm: str = "destroy") -> None:
    """Let pass what is ours to destroy, or what the person at the keyboard has named.

    Args:
        server: where the database is.
        what: the verb, as it is typed: `db.reset`.
        allowed: value of `--yes-destroy`.
        harm: what it does to the database.

    Raises:
        DestructionRefused: says what would have been destroyed.
    """
    if server.ours or allowed == (name := server.name_in_full):
        return
    named = f"; --yes-destroy names {' '.join(allowed.split())}" if allowed else ""
    raise DestructionRefused(
        f"{what} would {harm} {_describe(server)}{named}",
        hint=f"if that is what you want: --yes-destroy={name}",
    )


def _describe(server: Server) -> str:
    if not (conninfo := server.find()):
        return f"database {server.database} on a server that does not answer"
    place = f"database {server.database} on {url(conninfo, dbname=server.database)}"
    try:
        with connect(conninfo, dbname=server.database) as connection:
            tables, size = connection.execute(_EXTENT).fetchone() or (0, "0 bytes")
    except ServerUnavailable:
        return place
    return f"{place}: {tables} tables, {size}"
