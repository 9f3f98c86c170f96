"""metrics/*.toml in, mappings out: which items of which table are counted, by what, on which day.

```toml
dynamodb = "cruddur-messages"      # or postgres = "users": a table of this database, which is only counted
items = { pk = "MSG#*" }           # attributes as text, * for any; for a Postgres table `where`, a condition in SQL
time = "sk"                        # ISO 8601, or a number: unit = "s" (default) or "ms" since 1970; prefix = "MSG#"
zone = "UTC"                       # of a time that names none
days = "UTC"                       # where midnight is
expired = "counted"                # or "gone" (default): what becomes of items that DynamoDB takes away by TTL

[metric.messages]
measure = "count"                  # count | sum | distinct

[metric.active_users]
measure = "distinct"
of = "user_uuid"                   # what is summed, or has to be distinct; `address.city` is inside a map
by = ["country"]                   # dimensions
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import translate
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pgproof.errors import Location, Problem, SettingsError, SqlFileError
from pgproof.metrics.facts import dig
from pgproof.metrics.moment import Calendar, Unit
from pgproof.tomltext import Part, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pgproof.metrics.item import Image

Measure = Literal["count", "sum", "distinct"]
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_Words = dict[str, type[Any]]
_SHARED: _Words = {"time": str, "days": str, "metric": dict}
_DYNAMODB: _Words = {"dynamodb": str, "items": dict, "zone": str, "unit": str, "prefix": str, "expired": str, **_SHARED}
_POSTGRES: _Words = {"postgres": str, "where": str, "zone": str, **_SHARED}
_METRIC: _Words = {"measure": str, "of": str, "by": list}
_KINDS: dict[type[Any], str] = {str: "a text", dict: "a table", list: "a list of names"}


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

    @property
    def fields(self) -> tuple[str, ...]:
        """The attributes that facts have to hold."""
        return tuple(sorted({name for each in self.metrics for name in (*each.by, *filter(None, [each.of]))}))

    @property
    def summed(self) -> frozenset[str]:
        """Attributes that have to be numbers."""
        return frozenset(each.of for each in self.metrics if each.measure == "sum" and each.of)

    @property
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
    for path in sorted(folder.glob("*.toml")):
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
    if problems := list(_problems(part)):
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
    """Return a hash of all that decides what is counted of an item, and how."""
    return sha256(repr(sorted(mappings, key=lambda each: each.name)).encode()).hexdigest()


def _calendar(words: dict[str, Any]) -> Calendar:
    zones = {name: ZoneInfo(words.get(name, "UTC")) for name in ("zone", "days")}
    return Calendar(**zones, unit=words.get("unit", "s"), prefix=words.get("prefix", ""))


def _metric(part: Part, name: str, said: dict[str, Any]) -> Metric:
    return Metric(name, said.get("measure", "count"), said.get("of"), tuple(said.get("by", ())), part.at(name))


def _fits(value: dict[str, Any] | None, pattern: str) -> bool:
    text = next(iter(value.values())) if value else None
    return isinstance(text, str) and re.match(translate(_only_stars(pattern)), text) is not None


def _only_stars(pattern: str) -> str:
    return re.sub(r"[?\[]", r"[\g<0>]", pattern)


def _problems(part: Part) -> Iterator[Problem]:
    words = part.words
    if ("dynamodb" in words) == ("postgres" in words):
        yield Problem(part.at(), "either dynamodb or postgres names the table", 'dynamodb = "cruddur-messages"')
        return
    if not _NAME.fullmatch(part.path.stem):
        yield Problem(part.at(), f"{part.path.stem!r} makes no name", "small letters, digits and _")
    faults = list(_word_problems(part, words, _DYNAMODB if "dynamodb" in words else _POSTGRES))
    yield from faults
    if not faults:
        yield from _value_problems(part)
        for name, said in words["metric"].items():
            yield from _metric_problems(part, name, said)


def _word_problems(part: Part, words: Any, kinds: _Words) -> Iterator[Problem]:  # noqa: ANN401
    for word, value in words.items():
        if word not in kinds:
            yield Problem(part.at(word), f"unknown word {word}", f"it takes {', '.join(kinds)}")
        elif not isinstance(value, kinds[word]) or (kinds[word] is list and not _is_names(value)):
            yield Problem(part.at(word), f"{word} is not {_KINDS[kinds[word]]}")
    if "time" in kinds:
        for word in ("time", "metric"):
            if word not in words:
                what = {"time": "no time: which attribute has it?", "metric": "no metric"}[word]
                yield Problem(part.at(), what, {"time": 'time = "created_at"', "metric": "[metric.messages]"}[word])


def _value_problems(part: Part) -> Iterator[Problem]:
    words = part.words
    for word in ("zone", "days"):
        if word in words and not _is_zone(words[word]):
            yield Problem(part.at(word), f"unknown zone {words[word]!r}", "UTC, America/Toronto")
    if words.get("unit", "s") not in get_args(Unit):
        yield Problem(part.at("unit"), f"unknown unit {words['unit']!r}", "s or ms")
    if words.get("expired", "gone") not in ("gone", "counted"):
        yield Problem(part.at("expired"), f"unknown expired {words['expired']!r}", "gone or counted")
    if not all(isinstance(pattern, str) for pattern in words.get("items", {}).values()):
        yield Problem(part.at("items"), "a pattern is a text", 'items = { pk = "MSG#*" }')


def _metric_problems(part: Part, name: str, said: Any) -> Iterator[Problem]:  # noqa: ANN401
    if not _NAME.fullmatch(name):
        yield Problem(part.at(name), f"{name!r} makes no name", "small letters, digits and _")
    if not isinstance(said, dict):
        yield Problem(part.at(name), f"metric.{name} is not a table", f"[metric.{name}]")
        return
    faults = list(_word_problems(part, said, _METRIC))
    yield from faults
    measure = said.get("measure", "count")
    if not faults and measure not in get_args(Measure):
        yield Problem(part.at(name), f"unknown measure {measure!r}", ", ".join(get_args(Measure)))
    elif not faults and (measure == "count") == ("of" in said):
        what = "count has no `of`: items are counted" if measure == "count" else f"{measure} of what?"
        yield Problem(part.at(name), f"{name}: {what}", 'of = "user_uuid"' if measure != "count" else "leave it out")


def _is_names(value: list[Any]) -> bool:
    return all(isinstance(each, str) for each in value) and len({*value}) == len(value)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError):
        return False
    return True


def _twice(mappings: list[Mapping]) -> Iterator[Problem]:
    seen: dict[str, Location] = {}
    for metric in (metric for mapping in mappings for metric in mapping.metrics):
        if (first := seen.setdefault(metric.name, metric.at)) is not metric.at:
            yield Problem(metric.at, f"a second metric is named {metric.name}", f"the first is at {first}")
