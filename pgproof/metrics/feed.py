"""Mappings in, the DynamoDB tables that they are about out, each with all that it takes to bring it to Postgres."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgproof.errors import SettingsError
from pgproof.metrics.mappings.adopt import adopt
from pgproof.metrics.mirror.keys import keep_keys
from pgproof.metrics.table import Table, fetch_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

    from pgproof.metrics.aws import Aws
    from pgproof.metrics.mappings.mapping import Mapping

SCHEMA = Path(__file__).with_name("schema.sql")
"""The metrics' tables, as a migration makes them."""

_IS_SET_UP = "SELECT to_regclass('pgproof_metrics.daily') IS NOT NULL"


@dataclass(frozen=True)
class Feed:
    """One DynamoDB table on its way to Postgres.

    Attributes:
        connect: gives a connection in autocommit, each time it is asked.
        mappings: of this table.
    """

    aws: Aws
    connect: Callable[[], Connection[Any]]
    table: Table
    mappings: Sequence[Mapping]


def open_feeds(aws: Aws, connect: Callable[[], Connection[Any]], mappings: Sequence[Mapping]) -> list[Feed]:
    """Return a feed for each DynamoDB table, in the order of names, the database made to follow these mappings.

    Raises:
        SettingsError: the database has no place for metrics.
        CloudError: a table cannot be described.
    """
    ours = [each for each in mappings if each.store == "dynamodb"]
    with closing(connect()) as connection:
        need_metrics(connection)
        adopt(connection, mappings)
        tables = [fetch_table(aws, name) for name in sorted({each.table for each in ours})]
        for table in tables:
            keep_keys(connection, table)
    return [Feed(aws, connect, table, [each for each in ours if each.table == table.name]) for table in tables]


def need_metrics(connection: Connection[Any]) -> None:
    """Refuse a database that has no place for metrics.

    Raises:
        SettingsError: it has none.
    """
    row = connection.execute(_IS_SET_UP).fetchone()
    if not row or not row[0]:
        raise SettingsError(
            f"metrics are not set up in {connection.info.dbname}",
            hint="`inv metrics.init` writes the migration for them, and `inv db.migrate` applies that",
        )
