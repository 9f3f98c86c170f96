"""A list of schema changes in, each tool's own folder and the way to run it out.

Every tool gets the same SQL with the same way back, in its own format, set up as its documentation does.
"""

from __future__ import annotations

import compileall
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yoyo

from pgproof.migrations import migrate, read_folder
from pgproof.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

_LEDGER = "CREATE TABLE IF NOT EXISTS ledger (id text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"

_FLOOR = """
import os, invoke, psycopg
with psycopg.connect(os.environ["CONNECTION_URL"], autocommit=True) as connection:
    connection.execute("SELECT 1").fetchone()
"""

_YOYO_INI = """
[DEFAULT]
sources = migrations
database = %(driver_url)s
batch_mode = on
"""

_ALEMBIC_INI = """
[alembic]
script_location = %(here)s
"""

# What `alembic init` writes for a connected run, without logging; it runs all in one transaction.
_ALEMBIC_ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, pool

with create_engine(os.environ["DRIVER_URL"], poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""

_ALEMBIC_VERSION = '''
from alembic import op

revision = {id!r}
down_revision = {before!r}


def upgrade():
    op.execute("""{forwards}""")


def downgrade():
    op.execute("""{back}""")
'''


@dataclass(frozen=True)
class Change:
    """One migration."""

    number: int
    forwards: str
    back: str

    @property
    def id(self) -> str:
        """Its number and a name, as most tools want it."""
        return f"{self.number:04}_step"


@dataclass(frozen=True)
class Peer:
    """A tool, or a limit that no tool goes below.

    Attributes:
        write: makes its folder.
        call: what it does in this process, given folder, URL, and a connection that is open already.
        command: what it does as a process of its own, in its folder.
        slow: sits out some rounds of the largest sizes.
    """

    name: str
    write: Callable[[Path, Sequence[Change]], None]
    call: Callable[[Path, str, Connection[Any]], object] | None = None
    command: Sequence[str] = ()
    slow: bool = False


def make_changes(count: int) -> list[Change]:
    """Return `count` changes: a table, a column more, an index, and again."""
    return [_change(number) for number in range(1, count + 1)]


def _change(number: int) -> Change:
    table = f"item_{(number + 2) // 3}"
    match number % 3:
        case 1:
            columns = "id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL DEFAULT ''"
            columns += ", created_at timestamptz NOT NULL DEFAULT now()"
            return Change(number, f"CREATE TABLE {table} ({columns});", f"DROP TABLE {table};")
        case 2:
            return Change(
                number, f"ALTER TABLE {table} ADD COLUMN extra int;", f"ALTER TABLE {table} DROP COLUMN extra;"
            )
        case _:
            return Change(number, f"CREATE INDEX {table}_name ON {table} (name);", f"DROP INDEX {table}_name;")


def _write_sql_files(folder: Path, changes: Sequence[Change]) -> None:
    """Write yoyo's format, which is pgproof's."""
    inside = folder / "migrations"
    inside.mkdir(parents=True)
    for each in changes:
        (inside / f"{each.id}.sql").write_text(f"-- step {each.number}\n{each.forwards}\n")
        (inside / f"{each.id}.rollback.sql").write_text(f"{each.back}\n")


def _write_pgproof(folder: Path, changes: Sequence[Change]) -> None:
    _write_sql_files(folder, changes)
    (folder / "pyproject.toml").write_text("[tool.pgproof]\n")
    (folder / "tasks.py").write_text("from pgproof.tasks import ns\n")


def _write_yoyo(folder: Path, changes: Sequence[Change]) -> None:
    _write_sql_files(folder, changes)
    (folder / "yoyo.ini").write_text(_YOYO_INI)


def _write_dbmate(folder: Path, changes: Sequence[Change]) -> None:
    inside = folder / "db" / "migrations"
    inside.mkdir(parents=True)
    for each in changes:
        text = f"-- step {each.number}\n-- migrate:up\n{each.forwards}\n\n-- migrate:down\n{each.back}\n"
        (inside / f"{each.id}.sql").write_text(text)


def _write_alembic(folder: Path, changes: Sequence[Change]) -> None:
    inside = folder / "versions"
    inside.mkdir(parents=True)
    (folder / "alembic.ini").write_text(_ALEMBIC_INI)
    (folder / "env.py").write_text(_ALEMBIC_ENV)
    before = None
    for each in changes:
        text = _ALEMBIC_VERSION.format(id=each.id, before=before, forwards=each.forwards, back=each.back)
        (inside / f"{each.id}.py").write_text(text)
        before = each.id
    compileall.compile_dir(folder, quiet=1)  # a project's files are compiled when they are run the first time


def _run_limit(folder: Path, _: str, connection: Connection[Any]) -> None:
    """Do the least that a runner of SQL files with a ledger can do: one message for each, which is atomic."""
    connection.execute(_LEDGER)
    applied = {id for (id,) in connection.execute("SELECT id FROM ledger")}
    for path in sorted((folder / "migrations").glob("*_step.sql")):
        if path.stem not in applied:
            text = f"BEGIN; {path.read_text()}; INSERT INTO ledger VALUES ('{path.stem}'); COMMIT"  # noqa: S608  (ours)
            connection.execute(text.encode())


def _run_pgproof(folder: Path, _: str, connection: Connection[Any]) -> None:
    settings = read_settings(folder)
    migrate(connection, read_folder(settings.migrations), settings)


def _run_yoyo(folder: Path, url: str, _: Connection[Any]) -> None:
    backend = yoyo.get_backend(driver_url(url))
    migrations = yoyo.read_migrations(str(folder / "migrations"))
    with backend.lock():
        backend.apply_migrations(backend.to_apply(migrations))
    backend.connection.close()


def driver_url(url: str) -> str:
    """Return the URL as yoyo and SQLAlchemy want it, to use the same driver as pgproof."""
    return f"postgresql+psycopg://{url.partition('://')[2]}"


def _program(name: str) -> str:
    """Return the path of a program that is installed beside this Python."""
    return str(Path(sys.executable).with_name(name))


LIMIT = Peer("psycopg, the limit", _write_sql_files, call=_run_limit)
PGPROOF = Peer("pgproof", _write_pgproof, call=_run_pgproof)
YOYO = Peer("yoyo", _write_sql_files, call=_run_yoyo, slow=True)

FLOOR = Peer("Python, Invoke, psycopg, one query", _write_sql_files, command=(sys.executable, "-c", _FLOOR))
DBMATE = Peer("dbmate up", _write_dbmate, command=(_program("dbmate"), "--no-dump-schema", "up"))
INV = Peer("inv db.migrate", _write_pgproof, command=(_program("inv"), "db.migrate", "--server=url"))
YOYO_APPLY = Peer("yoyo apply", _write_yoyo, command=(_program("yoyo"), "apply"), slow=True)
ALEMBIC = Peer("alembic upgrade", _write_alembic, command=(_program("alembic"), "upgrade", "head"), slow=True)

IN_PROCESS = (LIMIT, PGPROOF, YOYO)
PROCESSES = (FLOOR, DBMATE, INV, YOYO_APPLY, ALEMBIC)
