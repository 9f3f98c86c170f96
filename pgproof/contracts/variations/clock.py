"""SQL text in, the same text by a clock that is years ahead out. Pure.

Each reading of the clock becomes a call of a function of the same name and type, so nothing else in the text changes
its meaning, not even the name of a column. Where the readings are is known from the parse tree: a string or a comment
is none.

What it does not see: the clock in the body of a function, in a trigger, a constraint or a domain.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pgproof.sqltext import parse
from pgproof.sqltree import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LEAP = "10000 days 07:13:17"  # past the life of any test, short of the 2099 that stands for "never"; another weekday
_LATER = "'2053-08-16 07:13:17'"

_FUNCTIONS = dict.fromkeys(("now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"), "timestamptz")
_KEYWORDS = {
    "current_date": "date",
    "current_time": "timetz",
    "current_timestamp": "timestamptz",
    "localtime": "time",
    "localtimestamp": "timestamp",
}
_MOMENTS = ("now", "today", "tomorrow", "yesterday")  # what a date's or a time's input takes for a moment
_WORDS = re.compile(rf"\b({'|'.join([*_FUNCTIONS, *_KEYWORDS, *_MOMENTS, 'age'])})\b", re.IGNORECASE)
_MOMENT_TYPES = ("date", "time", "timetz", "timestamp", "timestamptz")

_NAME = re.compile(rb'(?:"?pg_catalog"?\s*\.\s*)?"?(\w+)"?', re.IGNORECASE)
_KEYWORD = re.compile(rb"\w+(?:\s*\(\s*(\d+)\s*\))?")
_LITERAL = re.compile(rb"'\s*\w+\s*'")

_DEFINE = 'CREATE FUNCTION pg_temp."{name}"({takes}) RETURNS {gives} LANGUAGE sql VOLATILE RETURN {value}'


def functions(*texts: str) -> tuple[str, ...]:
    """Return the statements that make what shifted texts call, in a schema that only the session itself sees."""
    return tuple(statement for name, statement in _AHEAD if any(f'pg_temp."{name}"' in text for text in texts))


def _define() -> Iterator[tuple[str, str]]:
    for name, kind in (_FUNCTIONS | _KEYWORDS).items():
        value = f"({name if name in _KEYWORDS else f'pg_catalog.{name}()'} + interval '{_LEAP}')::{kind}"
        yield name, _DEFINE.format(name=name, takes="", gives=kind, value=value)
    for kind in ("timestamp", "timestamptz"):  # of one argument, it counts to the beginning of today
        value = f"pg_catalog.age((current_date + interval '{_LEAP}')::date::{kind}, $1)"
        yield "age", _DEFINE.format(name="age", takes=kind, gives="interval", value=value)


_AHEAD = tuple(_define())


def shift(sql: str) -> str:
    """Return a statement as it would be read in some years; one that reads no clock comes back as it is."""
    if not _WORDS.search(sql):
        return sql
    try:
        (statement,) = parse(sql)
    except ValueError:
        return sql  # a server newer than our parser wrote it
    raw = sql.encode()
    nodes = walk(statement)
    edits = {edit for kind, node in nodes if kind in _EDITS for edit in _EDITS[kind](raw, node)}
    for start, end, text in sorted(edits, reverse=True):
        raw = raw[:start] + text.encode() + raw[end:]
    return raw.decode()


Edit = tuple[int, int, str]


def _edit_function(raw: bytes, node: Mapping[str, Any]) -> Iterator[Edit]:
    """`now()` becomes `pg_temp."now"()`."""
    name = node["funcname"][-1]["String"]["sval"]
    wanted = {**dict.fromkeys(_FUNCTIONS, 0), "age": 1}.get(name)
    found = _NAME.match(raw, node["location"])
    if wanted == len(node.get("args", [])) and found and found[1].decode().lower() == name:  # else of another schema
        yield found.start(), found.end(), f'pg_temp."{name}"'


def _edit_keyword(raw: bytes, node: Mapping[str, Any]) -> Iterator[Edit]:
    """`CURRENT_TIME(0)` becomes `pg_temp."current_time"()::timetz(0)`."""
    name = node["op"].removeprefix("SVFOP_").removesuffix("_N").lower()
    found = _KEYWORD.match(raw, node["location"])
    if name in _KEYWORDS and found:
        precision = f"::{_KEYWORDS[name]}({found[1].decode()})" if found[1] else ""
        yield found.start(), found.end(), f'pg_temp."{name}"(){precision}'


def _edit_literal(raw: bytes, node: Mapping[str, Any]) -> Iterator[Edit]:
    """`date 'today'` becomes `date '2053-08-16 07:13:17'`."""
    constant = node["arg"].get("A_Const", {})
    said = constant.get("sval", {}).get("sval", "").strip().lower()
    meant = said in _MOMENTS and node["typeName"]["names"][-1]["String"]["sval"] in _MOMENT_TYPES
    if meant and (found := _LITERAL.match(raw, constant["location"])):
        yield found.start(), found.end(), _LATER


_EDITS = {"FuncCall": _edit_function, "SQLValueFunction": _edit_keyword, "TypeCast": _edit_literal}
