"""A DynamoDB table of moto's, a database with its mirror, and a client whose scans a test may watch or break."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from pgproof.metrics.aws import Aws
from pgproof.metrics.feed import Feed, open_feeds
from pgproof.metrics.mirror.item import normalize, to_text
from pgproof.metrics.mirror.source import Source, fetch_source
from pgproof.pg.database import connect
from tests.metrics import fetch_daily, fetch_from_scratch, install, read_messages

Page = dict[str, Any]


@dataclass
class Scans:
    """A client of DynamoDB's whose `scan` gives small pages, and lets a test do something with each.

    Attributes:
        asked: the arguments of each scan.
        after: is given the arguments and the page before the caller is; returns the page.
    """

    client: Any
    limit: int | None = None
    after: Callable[[Page, Page], Page] = lambda _, page: page
    asked: list[Page] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def scan(self, **words: Any) -> Page:
        self.asked.append(words)
        chosen = {"Limit": self.limit, **words} if self.limit else words
        if chosen["TotalSegments"] == 1:  # moto makes no segments by binary keys
            chosen = {name: value for name, value in chosen.items() if "Segment" not in name}
        return self.after(words, self.client.scan(**chosen))


@dataclass
class Desk:
    """A table, and what this project keeps of it."""

    aws: Aws
    name: str
    database: str
    root: Path
    connection: psycopg.Connection[Any]

    def feed(self, scans: Scans | None = None, *, attempts: int | None = 1) -> Feed:
        """Open the feed anew, as each task does."""
        aws = replace(self.aws, tables=scans or self.aws.tables, attempts=attempts)  # type: ignore[arg-type]
        mappings = read_messages(self.root, self.name)
        (feed,) = open_feeds(aws, lambda: connect(self.database), mappings)
        return feed

    def scans(self, limit: int | None = None, after: Callable[[Page, Page], Page] = lambda _, page: page) -> Scans:
        return Scans(self.aws.tables, limit, after)

    @property
    def source(self) -> Source:
        return fetch_source(self.connection, self.name)

    def rows(self, query: str) -> list[Any]:
        """Return the rows of a query; of one column, its values."""
        found = self.connection.execute(query.encode()).fetchall()
        return [row[0] if len(row) == 1 else row for row in found]

    def mirror(self) -> list[str]:
        """Return the items of the mirror."""
        return sorted(self.rows("SELECT image::text FROM pgproof_metrics.item WHERE NOT deleted"))

    def table(self) -> list[str]:
        """Return the items of DynamoDB's table."""
        pages = self.aws.tables.get_paginator("scan").paginate(TableName=self.name)
        return sorted(to_text(normalize(item)) for page in pages for item in page["Items"])

    def check(self) -> None:
        """Mirror and metrics are those of the table."""
        assert self.mirror() == self.table()
        assert fetch_daily(self.connection) == fetch_from_scratch(self.connection)


@contextmanager
def open_desk(aws: Aws, name: str, database: str, root: Path) -> Iterator[Desk]:
    with connect(database) as connection:
        install(connection)
        yield Desk(aws, name, database, root, connection)
