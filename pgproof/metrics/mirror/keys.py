"""A DynamoDB table in, the attributes of its key out, from Postgres: for whoever has no DynamoDB to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgproof.errors import CloudError

if TYPE_CHECKING:
    from psycopg import Connection

    from pgproof.metrics.mirror.source import Source
    from pgproof.metrics.table import Table

_KEEP = "UPDATE pgproof_metrics.source SET keys = %(keys)s WHERE name = %(name)s AND keys IS DISTINCT FROM %(keys)s"
_FETCH = "SELECT keys FROM pgproof_metrics.source WHERE id = %s"


def keep_keys(connection: Connection[Any], table: Table) -> None:
    """Write down the key of a table."""
    connection.execute(_KEEP, {"keys": list(table.keys), "name": table.name})


def fetch_keys(connection: Connection[Any], source: Source) -> tuple[str, ...]:
    """Return the attributes of a table's key.

    Raises:
        CloudError: nobody has written them down yet.
    """
    row = connection.execute(_FETCH, [source.id]).fetchone()
    if not row or not row[0]:
        raise CloudError(f"the key of DynamoDB's table {source.name} is not known", hint="`inv metrics.backfill`")
    return tuple(row[0])
