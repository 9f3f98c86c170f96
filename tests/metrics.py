"""A database with the tables of metrics, and mappings as a project writes them."""

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from pgproof.metrics.mappings.mapping import Mapping, read_mappings

SCHEMA = Path(__file__).parent.parent / "pgproof/metrics/schema.sql"

MESSAGES = """
dynamodb = "{table}"
items = {{ pk = "MSG#*" }}
time = "sk"

[metric.messages]

[metric.active_users]
measure = "distinct"
of = "user_uuid"
"""


def install(connection: psycopg.Connection[Any]) -> None:
    """Make the tables of metrics."""
    connection.execute(SCHEMA.read_text(encoding="utf-8").encode())


def write_mapping(root: Path, name: str, text: str) -> Path:
    path = root / "metrics" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read_messages(root: Path, table: str) -> list[Mapping]:
    """Return the mapping of messages of a table."""
    write_mapping(root, "messages", MESSAGES.format(table=table))
    return read_mappings(root / "metrics")


def fetch_daily(connection: psycopg.Connection[Any]) -> dict[tuple[str, str, str], int]:
    """Return the metrics: (metric, day, dimensions) -> value."""
    return _fetch(connection, "daily")


def fetch_from_scratch(connection: psycopg.Connection[Any]) -> dict[tuple[str, str, str], int]:
    """Return what the metrics have to be, computed from the mirror."""
    return _fetch(connection, "from_scratch")


def _fetch(connection: psycopg.Connection[Any], relation: str) -> dict[tuple[str, str, str], int]:
    query = sql.SQL("SELECT metric, day::text, dimensions::text, value FROM {}")
    rows = connection.execute(query.format(sql.Identifier("pgproof_metrics", relation)))
    return {(metric, day, by): value for metric, day, by, value in rows}
