"""A number of migrations in, the files of a project with ten tables out, and how each tool makes a database of them.

The schema that all migrations give together does not grow with their number: after ten tables, they add columns and
drop them, change defaults and replace views. So what is measured is the number of migrations, not the size of the
database, which is what a copy of it costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate_peers import ALEMBIC, DBMATE, INV, YOYO_APPLY, Change, Peer
from places import DATABASE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_TABLES = 10
_SEED_ROWS = 1000  # of each table

_COLUMNS = "id, name, owner, likes, created_at"
_CREATE = """
CREATE TABLE item_{table} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    owner bigint REFERENCES item_{owner},
    likes int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX item_{table}_owner ON item_{table} (owner);
"""
_VIEW = "CREATE OR REPLACE VIEW item_{table}_view AS SELECT id, name, {number} AS version FROM item_{table};"

# In psql, one session and one transaction; there is no ledger, and nothing is checked.
_PSQL_ALL = f"""
DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE);
CREATE DATABASE {DATABASE};
\\connect {DATABASE}
BEGIN;
{{migrations}}
{{seeds}}
COMMIT;
"""
_RECREATE = f"""
psql -X -q -d "$PSQL_MAINTENANCE" -c 'DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)' -c 'CREATE DATABASE {DATABASE}'
"""
_SEED = 'psql -X -q -v ON_ERROR_STOP=1 -1 -d "$PSQL_DATABASE" -f seeds.psql'


def make_changes(count: int) -> list[Change]:
    """Return `count` migrations; no two counts have one in common, so that none profits from another's template."""
    changes = [_change(number) for number in range(count)]
    return [Change(each.number, f"-- of {count}\n{each.forwards}", each.back) for each in changes]


def make_one_more(count: int, attempt: int) -> Change:
    """Return a migration to be added after `count`, another one for each attempt."""
    column = f"attempt_{attempt}"
    return Change(
        count + 1, f"ALTER TABLE item_0 ADD COLUMN {column} int;", f"ALTER TABLE item_0 DROP COLUMN {column};"
    )


def _change(index: int) -> Change:
    number, table, lap = index + 1, index % _TABLES, index // _TABLES
    if lap == 0:
        text = _CREATE.format(table=table, owner=max(table - 1, 0)).strip()
        return Change(number, text, f"DROP TABLE item_{table};")
    add = f"ALTER TABLE item_{table} ADD COLUMN extra int;"
    default = f"ALTER TABLE item_{table} ALTER COLUMN extra SET DEFAULT {{}};"
    view = _VIEW.format(table=table, number=number)
    match lap % 4:
        case 1:
            return Change(number, add, f"ALTER TABLE item_{table} DROP COLUMN extra;")
        case 2:
            return Change(number, default.format(number), f"ALTER TABLE item_{table} ALTER COLUMN extra DROP DEFAULT;")
        case 3:
            before = _VIEW.format(table=table, number=number - 4 * _TABLES)
            return Change(number, view, before if lap > 4 else f"DROP VIEW item_{table}_view;")  # noqa: PLR2004
        case _:
            return Change(number, f"ALTER TABLE item_{table} DROP COLUMN extra;", add)


def write_seeds(folder: Path) -> None:
    """Write a CSV file for each table."""
    folder.mkdir(parents=True)
    for table in range(_TABLES):
        rows = (
            f'{row},"Item {row}, said in a few words",{row // 2 or 1},{row % 17},2026-01-{row % 28 + 1:02}T00:00:00Z'
            for row in range(1, _SEED_ROWS + 1)
        )
        text = "\n".join((_COLUMNS.replace(" ", ""), *rows))
        (folder / f"{table + 1:02}0_item_{table}.csv").write_text(f"{text}\n")


def _copies(folder: Path) -> str:
    return "\n".join(
        f"\\copy {path.stem.partition('_')[2]} ({_COLUMNS}) FROM '{path}' (FORMAT csv, HEADER true)"
        for path in sorted((folder / "seeds").iterdir())
    )


def _with_seeds(write: Callable[[Path, Sequence[Change]], None]) -> Callable[[Path, Sequence[Change]], None]:
    """Return what writes the seeds besides, and a script that loads them."""

    def write_both(folder: Path, changes: Sequence[Change]) -> None:
        write(folder, changes)
        write_seeds(folder / "seeds")
        (folder / "seeds.psql").write_text(f"{_copies(folder)}\n")

    return write_both


def _write_psql(folder: Path, changes: Sequence[Change]) -> None:
    YOYO_APPLY.write(folder, changes)
    write_seeds(folder / "seeds")
    names = (f"\\i migrations/{each.id}.sql" for each in changes)
    (folder / "reset.psql").write_text(_PSQL_ALL.format(migrations="\n".join(names), seeds=_copies(folder)))


def _shell(*commands: str) -> Sequence[str]:
    return ("sh", "-ec", "\n".join(commands))


PSQL = Peer("psql", _write_psql, command=_shell('psql -X -q -v ON_ERROR_STOP=1 -d "$PSQL_MAINTENANCE" -f reset.psql'))
DBMATE_RESET = Peer(
    "dbmate, psql",
    _with_seeds(DBMATE.write),
    command=_shell("dbmate drop", "dbmate create", "dbmate --no-dump-schema up", _SEED),
)
YOYO_RESET = Peer(
    "yoyo, psql", _with_seeds(YOYO_APPLY.write), command=_shell(_RECREATE, "yoyo apply", _SEED), slow=True
)
ALEMBIC_RESET = Peer(
    "alembic, psql", _with_seeds(ALEMBIC.write), command=_shell(_RECREATE, "alembic upgrade head", _SEED), slow=True
)
PEERS = (DBMATE_RESET, PSQL, YOYO_RESET, ALEMBIC_RESET)


def write_project(folder: Path, changes: Sequence[Change]) -> None:
    """Write migrations and seeds as pgproof has them."""
    INV.write(folder, changes)
    write_seeds(folder / "seeds")
