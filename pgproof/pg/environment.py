"""A connection in, what its SQL is answered by out: version, settings in effect, how texts are sorted, extensions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg.rows import class_row

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from psycopg import Connection

# Settings that a role may not see have no row.
_SETTINGS = """
SELECT name, current_setting(name) AS value, setting IS NOT DISTINCT FROM boot_val AS is_default
FROM pg_settings WHERE name = ANY (%s)
"""

# Columns that only newer servers have are read through to_jsonb(), which gives NULL where an older one lacks them.
_SORTING = """
SELECT
    pg_encoding_to_char(encoding) AS encoding,
    CASE coalesce(d ->> 'datlocprovider', 'c') WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' ELSE 'builtin' END AS provider,
    coalesce(d ->> 'datlocale', d ->> 'daticulocale', datcollate) AS collate,
    coalesce(d ->> 'datlocale', d ->> 'daticulocale', datctype) AS ctype,
    coalesce(d ->> 'daticurules', '') AS rules,
    coalesce(d ->> 'datcollversion', '') AS recorded,
    coalesce({actual}, '') AS actual
FROM (SELECT *, to_jsonb(pg_database) AS d FROM pg_database WHERE datname = current_database()) AS here
"""

_ACTUAL = "pg_database_collation_actual_version(oid)"
_ACTUAL_OF_14 = """(
    SELECT min(pg_collation_actual_version(c.oid)) FROM pg_collation AS c
    WHERE c.collprovider = 'c' AND c.collcollate = datcollate
)"""
_FIRST_WITH_ACTUAL = 150_000

_EXTENSIONS = """
SELECT coalesce(e.extname, a.name), coalesce(e.extversion, ''), coalesce(a.default_version, '')
FROM pg_extension AS e FULL JOIN pg_available_extensions() AS a ON a.name = e.extname
"""


@dataclass(frozen=True)
class Setting:
    """A setting as it is in effect for a session.

    Attributes:
        value: as SHOW prints it.
        is_default: nobody has set it to anything else than what Postgres comes with.
    """

    value: str
    is_default: bool = True


@dataclass(frozen=True)
class Sorting:
    """What a database makes of texts.

    Attributes:
        provider: libc, icu or builtin.
        collate: locale of the order, as the provider names it.
        ctype: locale of letters: what is upper case, what a word character is.
        rules: of an ICU order, besides.
        recorded: the provider's version when the database was made; empty where there is none.
        actual: its version now.
    """

    encoding: str
    provider: str
    collate: str
    ctype: str
    rules: str = ""
    recorded: str = ""
    actual: str = ""


@dataclass(frozen=True)
class Extension:
    """An extension of a server's.

    Attributes:
        installed: version in this database; empty where it is not.
        offered: version that CREATE EXTENSION would bring; empty where the server has no such extension.
    """

    installed: str = ""
    offered: str = ""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What SQL of a session is answered by.

    Attributes:
        version: as libpq numbers it: 180006.
        role: who is connected.
        superuser: may do all, whatever is granted.
        settings: those that were asked for, as far as the role may see them and the server has them.
        extensions: installed or offered, by name.
    """

    version: int
    role: str
    superuser: bool
    sorting: Sorting
    settings: Mapping[str, Setting] = field(default_factory=dict)
    extensions: Mapping[str, Extension] = field(default_factory=dict)

    @property
    def major(self) -> int:
        """Major version."""
        return self.version // 10_000


def fetch_environment(connection: Connection[Any], settings: Collection[str]) -> Environment:
    """Read it; nothing is changed.

    Args:
        connection: of any role.
        settings: names of those that matter.
    """
    found = connection.execute(_SETTINGS, [list(settings)]).fetchall()
    ((role, superuser),) = connection.execute("SELECT current_user, current_setting('is_superuser')").fetchall()
    version = connection.info.server_version
    return Environment(
        version=version,
        role=role,
        superuser=superuser == "on",
        sorting=_fetch_sorting(connection, _ACTUAL if version >= _FIRST_WITH_ACTUAL else _ACTUAL_OF_14),
        settings={name: Setting(*values) for name, *values in found},
        extensions={name: Extension(*versions) for name, *versions in connection.execute(_EXTENSIONS).fetchall()},
    )


def _fetch_sorting(connection: Connection[Any], actual: LiteralString) -> Sorting:
    with connection.cursor(row_factory=class_row(Sorting)) as cursor:
        (sorting,) = cursor.execute(_SORTING.replace("{actual}", actual)).fetchall()
    return sorting
