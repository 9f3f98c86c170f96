"""metrics/*.toml in, mappings out: which items of which table are counted, by what, on which day.

```toml
dynamodb = "cruddur-messages"      # or postgres = "users": a table of this database, or "schema.users"
items = { pk = "MSG#*" }           # attributes as text, * for any; for a Postgres table `where`, a condition in SQL
time = "sk"                        # ISO 8601, or a number: unit = "s" (default) or "ms" since 1970; prefix = "MSG#"
zone = "UTC"                       # of a time that names none
days = "UTC"                       # where midnight is
expired = "counted"                # or "gone" (default): what becomes of items that DynamoDB takes away by TTL

[metric.messages]
measure = "count"                  # count (default) | sum | distinct

[metric.active_users]
measure = "distinct"
of = "user_uuid"                   # what is summed, or has to be distinct; `address.city` is inside a map
by = ["country"]                   # dimensions, three at most
```
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cache, cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from pgproof.errors import Location, Problem, SettingsError, SqlFileError
from pgproof.metrics.mappings.facts import dig
from pgproof.metrics.mappings.moment import Calendar
from pgproof.metrics.mappings.wording import find_problems
from pgproof.tomltext import Part, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pgproof.metrics.mirror.item import Image

Measure = Literal["count", "sum", "distinct"]

# To be counted up where the facts of an item are found in another way: then all are found anew.
_RULES = 1


@dataclass(frozen=True)
class Metric:
    """One number a day, or one for each value of its dimensions.

    Attributes:
        of: the attribute, or column, that is summed or has to be distinct.
        by: dimensions.
    """

    name: str
    measure: Measure
    of: str | None
    by: tuple[str, ...]
    at: Location = field(compare=False)


@dataclass(frozen=True)
class Mapping:
    """One file: items or rows of one table, and what is counted of them.

    Attributes:
        name: that of the file.
        table: in DynamoDB, or in Postgres.
        items: attribute -> pattern of its text; all have to fit.
        where: a condition on the rows of a Postgres table.
        time: the attribute or column with the time.
        counts_expired: whether an item still counts when its time to live is over.
    """

    name: str
    store: Literal["dynamodb", "postgres"]
    table: str
    items: tuple[tuple[str, str], ...]
    where: str
    time: str
    calendar: Calendar
    metrics: tuple[Metric, ...]
    counts_expired: bool
    part: Part = field(compare=False, repr=False)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The attributes that facts have to hold."""
        return tuple(sorted({name for each in self.metrics for name in (*each.by, *filter(None, [each.of]))}))

    @cached_property
    def summed(self) -> frozenset[str]:
        """Attributes that have to be numbers."""
        return frozenset(each.of for each in self.metrics if each.measure == "sum" and each.of)

    @cached_property
    def dimensions(self) -> frozenset[str]:
        """Attributes that are a part of a key in the table of metrics."""
        return frozenset(name for each in self.metrics for name in each.by)

    def takes(self, image: Image) -> bool:
        """Whether an item in normal form is one of those that are meant."""
        return all(_fits(dig(image, name), pattern) for name, pattern in self.items)


def read_mappings(folder: Path) -> list[Mapping]:
    """Read the mappings of a project, in the order of their names.

    Raises:
        SettingsError: there is none.
        SqlFileError: files cannot be read as mappings; all problems at once.
    """
    mappings, problems = [], []
    for path in sorted(each for each in folder.glob("*.toml") if each.is_file()):
        try:
            mappings.append(read_mapping(path))
        except SqlFileError as error:
            problems += error.problems
    problems += _twice(mappings)
    if problems:
        raise SqlFileError(problems)
    if not mappings:
        raise SettingsError(f"no mapping in {folder}", hint="README.md, Metrics: what a file of it says")
    return mappings


def read_mapping(path: Path) -> Mapping:
    """Read one mapping.

    Raises:
        SqlFileError: it cannot be read as one; all its problems at once.
    """
    text, words = read_toml(path)
    part = Part(path, 1, text.split("\n"), words)
    if problems := find_problems(part):
        raise SqlFileError(problems)
    store: Literal["dynamodb", "postgres"] = "dynamodb" if "dynamodb" in words else "postgres"
    return Mapping(
        name=path.stem,
        store=store,
        table=words[store],
        items=tuple(sorted(words.get("items", {}).items())),
        where=words.get("where", ""),
        time=words["time"],
        calendar=_calendar(words),
        metrics=tuple(_metric(part, name, said) for name, said in words["metric"].items()),
        counts_expired=words.get("expired") == "counted",
        part=part,
    )


def fingerprint(mappings: Iterable[Mapping]) -> str:
    """Return a hash of all that decides what the facts of an item are: the same on each machine."""
    said = sorted(map(_rules, mappings))
    return sha256(json.dumps([_RULES, said]).encode()).hexdigest()


def _rules(mapping: Mapping) -> list[Any]:
    calendar = mapping.calendar
    times = [mapping.time, str(calendar.zone), str(calendar.days), calendar.unit, calendar.prefix]
    fields = [mapping.fields, sorted(mapping.summed), sorted(mapping.dimensions)]
    return [mapping.name, mapping.items, times, fields, mapping.counts_expired]


def _calendar(words: dict[str, Any]) -> Calendar:
    zones = {name: ZoneInfo(words.get(name, "UTC")) for name in ("zone", "days")}
    return Calendar(**zones, unit=words.get("unit", "s"), prefix=words.get("prefix", ""))


def _metric(part: Part, name: str, said: dict[str, Any]) -> Metric:
    at = part.within("metric", name).at()
    return Metric(name, said.get("measure", "count"), said.get("of"), tuple(said.get("by", ())), at)


def _fits(value: dict[str, Any] | None, pattern: str) -> bool:
    text = next(iter(value.values())) if value else None
    return isinstance(text, str) and _compile(pattern).match(text) is not None


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    """Only a star has a meaning."""
    return re.compile(translate(re.sub(r"[?\[]", r"[\g<0>]", pattern)))


def _twice(mappings: list[Mapping]) -> Iterator[Problem]:
    seen: dict[str, Location] = {}
    for metric in (metric for mapping in mappings for metric in mapping.metrics):
        if (first := seen.setdefault(metric.name, metric.at)) is not metric.at:
            yield Problem(metric.at, f"a second metric is named {metric.name}", f"the first is at {first}")
