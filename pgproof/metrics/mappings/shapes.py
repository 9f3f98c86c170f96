"""Mappings and DynamoDB in, what does not fit its tables and their items out, each with its line.

Items are those of the mirror where it is live, else the first of a scan. A mapping that fits none of them is wrong; one
that fits some is a warning, with how many it does not.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import tuple_row

from pgproof.errors import CloudError
from pgproof.figures import many
from pgproof.metrics.mappings.checking import Finding, named
from pgproof.metrics.mappings.facts import dig
from pgproof.metrics.mirror.item import Malformed, normalize
from pgproof.metrics.table import Table, fetch_table
from pgproof.tomltext import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from psycopg import Connection

    from pgproof.errors import Location
    from pgproof.metrics.aws import Aws
    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.metrics.mirror.item import Image

_MOST = 1000  # items that are looked at
_REGION = "is it the right region, and the right account?"
_UNTIL = "mirrored, but not counted until they are mended: column problem of pgproof_metrics.item says why"
_PAGES = 20  # of a scan: items may be large, and each page costs what reading 1 MB does
_IS_SET_UP = "SELECT to_regclass('pgproof_metrics.item') IS NOT NULL"

# A key is a hash, so the first ones are any.
_MIRRORED = """
SELECT i.image FROM pgproof_metrics.source AS s JOIN pgproof_metrics.item AS i ON i.source = s.id
WHERE s.name = %s AND s.phase = 'live' AND NOT i.deleted AND i.image IS NOT NULL ORDER BY i.key LIMIT %s
"""


@dataclass(frozen=True)
class Sample:
    """Items of a table.

    Attributes:
        whole: these are all it has.
    """

    items: Sequence[Image]
    whole: bool

    @property
    def attributes(self) -> list[str]:
        """What they have."""
        return sorted({name for each in self.items for name in each})


def check_items(aws: Aws, connection: Connection[Any] | None, mappings: Iterable[Mapping]) -> list[Finding]:
    """Look at the mappings of DynamoDB's tables.

    Args:
        aws: what is asked.
        connection: in autocommit, of a database that may have a mirror; None: there is none.
        mappings: of the project.

    Raises:
        CloudError: DynamoDB cannot be asked, or refuses.
    """
    tables: dict[str, list[Mapping]] = {}
    for each in mappings:
        if each.store == "dynamodb":
            tables.setdefault(each.table, []).append(each)
    return [found for name, those in tables.items() for found in _check(aws, connection, name, those)]


def _check(aws: Aws, connection: Connection[Any] | None, name: str, mappings: Sequence[Mapping]) -> Iterator[Finding]:
    try:
        table = fetch_table(aws, name)
    except CloudError as error:
        if error.code != "ResourceNotFoundException":
            raise
        yield from _no_table(aws, name, mappings)
        return
    sample = fetch_sample(aws, connection, table)
    for each in mappings:
        yield from _check_stream(table, each)
        yield from check_shapes(each, sample)


def fetch_sample(aws: Aws, connection: Connection[Any] | None, table: Table) -> Sample:
    """Return items of a table: of its mirror, or where that is not live of the table itself."""
    if connection is not None and (row := connection.execute(_IS_SET_UP).fetchone()) and row[0]:
        with connection.cursor(row_factory=tuple_row) as cursor:
            mirrored = [image for (image,) in cursor.execute(_MIRRORED, [table.name, _MOST])]
        if mirrored:
            return Sample(mirrored, len(mirrored) < _MOST)
    found: list[Image] = []
    start: dict[str, Any] = {}
    for _ in range(_PAGES):
        page = aws.ask(aws.tables.scan, TableName=table.name, Limit=_MOST, **start)
        found += _normal(page["Items"])
        if "LastEvaluatedKey" not in page:
            return Sample(found[:_MOST], len(found) <= _MOST)
        if len(found) >= _MOST:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    return Sample(found[:_MOST], whole=False)


def _normal(items: Iterable[dict[str, Any]]) -> Iterator[Image]:
    for each in items:
        with suppress(Malformed):  # set aside where it is read
            yield normalize(each)


def check_shapes(mapping: Mapping, sample: Sample) -> Iterator[Finding]:
    """Look at how a mapping fits items."""
    taken = [each for each in sample.items if mapping.takes(each)]
    if not taken:
        yield _none_fits(mapping, sample)
        return
    yield from _faults(mapping, "time", mapping.time, taken, mapping.part.at("time"))
    for metric in mapping.metrics:
        part = mapping.part.within("metric", metric.name)
        for word, name in named(metric):
            yield from _faults(mapping, word, name, taken, part.at(word))


def _no_table(aws: Aws, name: str, mappings: Iterable[Mapping]) -> Iterator[Finding]:
    try:
        there = aws.ask(aws.tables.list_tables)["TableNames"]
    except CloudError:  # who may not list them gets no help with the name
        there = []
    for each in mappings:
        yield Finding(each.part.at("dynamodb"), f"DynamoDB has no table {name}", did_you_mean(name, there, _REGION))


def _check_stream(table: Table, mapping: Mapping) -> Iterator[Finding]:
    try:
        table.need_stream()
    except CloudError as error:
        yield Finding(mapping.part.at("dynamodb"), error.what, error.hint)
        return
    if mapping.counts_expired and table.view != "NEW_AND_OLD_IMAGES":
        what = f"the stream of {table.name} has {table.view}: what was in an item that has expired is not known"
        yield Finding(mapping.part.at("expired"), what, 'NEW_AND_OLD_IMAGES, or expired = "gone"')


def _none_fits(mapping: Mapping, sample: Sample) -> Finding:
    of = many(len(sample.items), "item")
    if not sample.items:
        what = f"DynamoDB's table {mapping.table} is empty: what its items have is not known"
        return Finding(mapping.part.at("dynamodb"), what, warns=True)
    for name, _ in mapping.items:
        if not any(dig(each, name) for each in sample.items):
            hint = did_you_mean(name, sample.attributes)
            return Finding(mapping.part.at("items"), f"of {of} none has {name}", hint, warns=not sample.whole)
    hint = "* is any text; all patterns have to fit"
    return Finding(mapping.part.at("items"), f"none of {of} fits", hint, warns=not sample.whole)


def _faults(mapping: Mapping, word: str, name: str, taken: Sequence[Image], at: Location) -> Iterator[Finding]:
    values = [dig(each, name) for each in taken]
    there = [each for each in values if each is not None and "NULL" not in each]
    of, missing = f"{many(len(taken), 'item')} that {'fits' if len(taken) == 1 else 'fit'}", len(values) - len(there)
    needed = word == "time" or name in mapping.summed
    if not there:
        known = sorted({name for each in taken for name in each})
        yield Finding(at, f"of {of} none has {name}", did_you_mean(name, known, f"they have {', '.join(known)}"))
    elif missing and word != "by":  # an item without a dimension is counted, with none
        hint = _UNTIL if needed else "they are not counted"
        yield Finding(at, f"of {of} {missing:,} {_have(missing)} no {name}", hint, warns=True)
    if unfit := [why for each in there if (why := _why_unfit(mapping, word, name, each))]:
        what = f"of {of} {len(unfit):,} {_have(len(unfit))} a {name} that does not fit: {unfit[0]}"
        yield Finding(at, what, _UNTIL, warns=len(unfit) < len(there))


def _why_unfit(mapping: Mapping, word: str, name: str, value: dict[str, Any]) -> str | None:
    if word == "time":
        try:
            mapping.calendar.day(value)
        except Malformed as error:
            return str(error)
    elif word == "of" and name in mapping.summed and "N" not in value:
        return f"it is summed, and is {next(iter(value))}"
    return None


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
