"""What the file of a mapping says in, all that is wrong with it out, each with its line; nothing is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

from pgproof.errors import Problem
from pgproof.sqltext import ParseError, parse, split_pieces
from pgproof.sqltree import walk
from pgproof.tomltext import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgproof.tomltext import Part

_TEXT, _TABLE, _NAMES = "a text", "a table", "a list of names"
_Words = dict[str, str]
_SHARED: _Words = {"time": _TEXT, "zone": _TEXT, "days": _TEXT, "metric": _TABLE}
_STORES: dict[str, _Words] = {
    "dynamodb": {"dynamodb": _TEXT, "items": _TABLE, "unit": _TEXT, "prefix": _TEXT, "expired": _TEXT, **_SHARED},
    "postgres": {"postgres": _TEXT, "where": _TEXT, **_SHARED},
}
_METRIC: _Words = {"measure": _TEXT, "of": _TEXT, "by": _NAMES}
_CHOICES = {"unit": ("s", "ms"), "expired": ("gone", "counted"), "measure": ("count", "sum", "distinct")}
_NEEDED = {"time": ("no time: which attribute, or column, has it?", 'time = "created_at"')} | {
    "metric": ("no metric", "[metric.messages]")
}

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NAME_HINT = "small letters, digits and _, a letter first"
_DYNAMODB_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_POSTGRES_NAME = re.compile(r"[^.]+(\.[^.]+)?")
_MOST = 3  # dimensions: with the length that one may have, this is what the key of an index takes

# Names of zones that mean another one elsewhere, or that Postgres reads otherwise than Python.
_NO_ZONES = re.compile(r"(posix|right)/.*|localtime|posixrules|Factory")
_PLAIN_SELECT = {"targetList", "whereClause", "groupDistinct", "limitOption", "op"}


def find_problems(part: Part) -> list[Problem]:
    """Return all that is wrong with a file, in the order of its lines."""
    return sorted(_problems(part), key=lambda each: each.at.line or 0)


def _problems(part: Part) -> Iterator[Problem]:
    stores = [each for each in _STORES if each in part.words]
    if len(stores) != 1:
        hint = 'dynamodb = "cruddur-messages", or postgres = "users"'
        yield Problem(part.at(*stores[1:]), "either dynamodb or postgres names the table", hint)
    if not _NAME.fullmatch(part.path.stem):
        yield Problem(part.at(), f"the file's name, {part.path.stem!r}, makes no name for a mapping", _NAME_HINT)
    kinds = _STORES[stores[0]] if len(stores) == 1 else _STORES["dynamodb"] | _STORES["postgres"]
    yield from _word_problems(part, kinds)
    yield from (Problem(part.at(), *_NEEDED[word]) for word in _NEEDED if not part.words.get(word, False))
    yield from _value_problems(part)
    for name in _said(part.words, "metric", _TABLE, {}):
        yield from _metric_problems(part, name)


def _word_problems(part: Part, kinds: _Words) -> Iterator[Problem]:
    for word, value in part.words.items():
        if word not in kinds:
            yield Problem(part.at(word), f"unknown word {word}", _instead(word, kinds))
        elif not _is(value, kinds[word]):
            yield Problem(part.at(word), f"{word} is not {kinds[word]}")
        elif value == "" or "\0" in str(value):
            yield Problem(part.at(word), f"{word} says nothing" if value == "" else f"U+0000 in {word}")


def _value_problems(part: Part) -> Iterator[Problem]:
    words = part.words
    yield from _choice_problems(part)
    for word in ("zone", "days"):
        if not _is_zone(zone := _said(words, word, _TEXT, "UTC")):
            hint = did_you_mean(zone, available_timezones(), "such as UTC, or America/Toronto")
            yield Problem(part.at(word), f"unknown zone {zone!r}", hint)
    if not all(isinstance(pattern, str) for pattern in _said(words, "items", _TABLE, {}).values()):
        hint = 'items = { pk = "MSG#*" }; of an attribute in a map: { "address.city" = "T*" }'
        yield Problem(part.at("items"), "a pattern is a text", hint)
    if not _DYNAMODB_NAME.fullmatch(_said(words, "dynamodb", _TEXT, "abc")):
        what, hint = f"{words['dynamodb']!r} is no name of a DynamoDB table", "3 to 255 letters, digits, _, . and -"
        yield Problem(part.at("dynamodb"), what, hint)
    if not _POSTGRES_NAME.fullmatch(_said(words, "postgres", _TEXT, "users")):
        yield Problem(part.at("postgres"), f"{words['postgres']!r} is no table", "users, or schema.users")
    if "where" in words and (fault := _condition_fault(_said(words, "where", _TEXT, "true"))):
        yield Problem(part.at("where"), f"where is not one condition: {fault}", "where = \"kind = 'post'\"")


def _metric_problems(whole: Part, name: str) -> Iterator[Problem]:
    part = whole.within("metric", name)
    if not _NAME.fullmatch(name):
        yield Problem(part.at(), f"{name!r} makes no name for a metric", _NAME_HINT)
    if not isinstance(part.words, dict):
        yield Problem(part.at(), f"metric.{name} is not a table", f"[metric.{name}]")
        return
    yield from _word_problems(part, _METRIC)
    yield from _choice_problems(part)
    measure, by = part.words.get("measure", "count"), _said(part.words, "by", _NAMES, [])
    if measure == "count" and "of" in part.words:
        yield Problem(part.at("of"), f"{name} counts, and has an `of`", "leave it out, or say measure")
    if measure in ("sum", "distinct") and "of" not in part.words:
        yield Problem(part.at("measure"), f"{name}: {measure} of what?", 'of = "user_uuid"')
    if len(set(by)) < len(by):
        yield Problem(part.at("by"), f"{name} has a dimension twice")
    if len(by) > _MOST:
        yield Problem(part.at("by"), f"{name} has {len(by)} dimensions, and {_MOST} is the most")


def _choice_problems(part: Part) -> Iterator[Problem]:
    for word, choices in _CHOICES.items():
        if (said := _said(part.words, word, _TEXT, "")) and said not in choices:
            hint = did_you_mean(said, choices, f"it is one of {', '.join(choices)}")
            yield Problem(part.at(word), f"unknown {word} {said!r}", hint)


def _condition_fault(text: str) -> str | None:
    """Return what is wrong with a condition in SQL; None: it is one expression, and stays one in brackets."""
    try:
        pieces, statements = split_pieces(text), parse(f"SELECT WHERE {text}")
    except ParseError as error:
        return str(error)
    if any(each.kind == "comment" for each in pieces):
        return "it has a comment"
    (first, *more) = statements
    if more or text.rstrip().endswith(";"):
        return "it has a semicolon"
    if first.kind != "SelectStmt" or first.tree.keys() - _PLAIN_SELECT:
        return "more comes after it"
    return "it has a parameter" if any(kind == "ParamRef" for kind, _ in walk(first)) else None


def _instead(word: str, kinds: _Words) -> str:
    stores = [store for store, words in _STORES.items() if word in words]
    if stores and kinds is not _METRIC:
        return f"it is for {' and '.join(stores)} only"
    return did_you_mean(word, kinds, f"it takes {', '.join(kinds)}")


def _said(words: Mapping[str, Any], word: str, kind: str, otherwise: Any) -> Any:  # noqa: ANN401 - as TOML has it
    """Return what a word says where it says something of its kind; what it does not is a problem of its own."""
    value = words.get(word, otherwise)
    return value if value != "" and _is(value, kind) else otherwise


def _is(value: object, kind: str) -> bool:
    if kind == _NAMES:
        return isinstance(value, list) and all(isinstance(each, str) and each for each in value)
    return isinstance(value, dict if kind == _TABLE else str)


def _is_zone(name: str) -> bool:
    try:
        return not _NO_ZONES.fullmatch(name) and bool(ZoneInfo(name))
    except (OSError, ValueError, KeyError):
        return False
