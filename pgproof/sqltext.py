"""SQL text in, statements with their lines out: what the real Postgres parser makes of a file. Pure.

The parser is libpg_query, which the postgast wheel ships. It is called directly: importing postgast builds
its protobuf classes first, and that costs forty times what loading the library does, at every start.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
from ctypes import POINTER, Structure, c_char_p, c_int, c_size_t, c_void_p
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Statement:
    """One statement of a text.

    Attributes:
        text: the statement without its semicolon and the comments before it.
        line: where it starts in the text, from 1.
        start: the same in bytes, from 0, as the locations in its tree are.
        kind: the name of its node, for example `CreateStmt`.
        tree: the node's fields, as libpg_query's JSON has them.
    """

    text: str
    line: int
    start: int
    kind: str
    tree: dict[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Directive:
    """A header line such as `-- depends: 0001_create_users`: a word for the tool, not a comment."""

    name: str
    value: str
    line: int


@dataclass(frozen=True)
class Piece:
    """A stretch of a text: code, or one string or quoted name, or one comment."""

    kind: Literal["code", "quoted", "comment"]
    text: str


class ParseError(ValueError):
    """The text is not SQL to Postgres's parser; `line` and `column` say where it stumbled, from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def parse(sql: str) -> list[Statement]:
    """Split `sql` into statements as the server would.

    Raises:
        ParseError: the parser does not accept the text.
    """
    raw = sql.encode()
    parsed = json.loads(_call("pg_query_parse", raw))
    return [_statement(raw, each) for each in parsed.get("stmts", [])]


def split_pieces(sql: str) -> list[Piece]:
    """Tell code from what stands in quotes or comments; the pieces one after the other are the text again.

    The text need not parse: the scanner knows words, not grammar.

    Raises:
        ParseError: a quote or a comment has no end, or a number is none.
    """
    raw, pieces, end = sql.encode(), [], 0
    for start, stop in [*_scan(raw), (len(raw), len(raw))]:
        token = raw[start:stop].decode()
        if kind := _kind(token):
            pieces += [Piece("code", raw[end:start].decode()), Piece(kind, token)]
            end = stop
    pieces.append(Piece("code", raw[end:].decode()))
    return [piece for piece in pieces if piece.text]


def canonical(sql: str) -> str:
    """Return the text that Postgres would write for the same parse tree: comments and layout are gone.

    Two texts with one canonical form mean the same; `DEFAULT 5` and `DEFAULT 6` differ, unlike in
    pg_query's own fingerprint. A tree that cannot be written back stands for itself, comments included.

    Raises:
        ParseError: the parser does not accept the text.
    """
    return _deparse(sql.encode()) or sql


def hide_passwords(text: str) -> str:
    """Return a statement, or what a server says of it, with `***` for each password; it need not parse."""
    return _PASSWORD.sub(r"\1'***'", text)


def read_header(sql: str) -> list[Directive]:
    """Return the directives of the leading `--` comment lines, in order."""
    found = []
    for number, line in enumerate(sql.split("\n"), start=1):
        if match := DIRECTIVE.match(line):
            found.append(Directive(match["name"], match["value"], number))
        elif not _COMMENT_OR_BLANK.match(line):
            break
    return found


# As ALTER ROLE, the options of a user mapping and connection strings write one; it is bare only after `=`.
_PASSWORD = re.compile(
    r"""(password\s*(=)?\s*)
    (?:''[^']+'' | E?'(?:[^'\\]|''|\\.)*' | \$(\w*)\$.*?\$\3\$ | (?(2)[^\s'"]+|(?!)))""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
DIRECTIVE = re.compile(r"^\s*--\s*(?P<name>[A-Za-z_]+)\s*:\s*(?P<value>.*?)\r?$")
_COMMENT_OR_BLANK = re.compile(r"^\s*(--.*)?$")


def _statement(raw: bytes, entry: dict[str, Any]) -> Statement:
    start = entry.get("stmt_location", 0)  # in bytes, of the first word: since version 18, comments are skipped
    length = entry.get("stmt_len") or len(raw) - start
    kind, tree = next(iter(entry["stmt"].items()))
    text = raw[start : start + length].decode().rstrip()
    return Statement(text, raw.count(b"\n", 0, start) + 1, start, kind, tree)


def _kind(word: str) -> Literal["quoted", "comment"] | None:
    """By its ends: the scanner's own numbers for tokens change with each version."""
    if word.startswith(("--", "/*")):
        return "comment"
    if word.endswith(("'", '"')) or (word.startswith("$") and word.endswith("$") and word != "$"):
        return "quoted"
    return None


class _Error(Structure):
    _fields_ = (
        ("message", c_char_p),
        ("funcname", c_char_p),
        ("filename", c_char_p),
        ("lineno", c_int),
        ("cursorpos", c_int),
        ("context", c_char_p),
    )


class _Buffer(Structure):
    _fields_ = (("len", c_size_t), ("data", c_void_p))


class _Json(Structure):
    _fields_ = (("text", c_char_p), ("stderr", c_void_p), ("error", POINTER(_Error)))


class _Tree(Structure):
    _fields_ = (("tree", _Buffer), ("stderr", c_void_p), ("error", POINTER(_Error)))


class _Sql(Structure):
    _fields_ = (("text", c_char_p), ("error", POINTER(_Error)))


@cache
def _library() -> ctypes.CDLL:
    spec = find_spec("postgast")
    if spec is None or spec.origin is None:
        raise ImportError("postgast is not installed")
    name = {"darwin": "libpg_query.dylib", "win32": "pg_query.dll"}.get(sys.platform, "libpg_query.so")
    library = ctypes.CDLL(str(Path(spec.origin).with_name(name)))
    for name, argument, result in (
        ("pg_query_parse", c_char_p, _Json),
        ("pg_query_parse_protobuf", c_char_p, _Tree),
        ("pg_query_scan", c_char_p, _Tree),
        ("pg_query_deparse_protobuf", _Buffer, _Sql),
    ):
        function = getattr(library, name)
        function.argtypes, function.restype = [argument], result
    for name, owned in (("parse", _Json), ("protobuf_parse", _Tree), ("scan", _Tree), ("deparse", _Sql)):
        getattr(library, f"pg_query_free_{name}_result").argtypes = [owned]
    return library


def _call(name: str, raw: bytes) -> bytes:
    library = _library()
    result = getattr(library, name)(raw)
    try:
        _check(result.error, raw)
        text: bytes = result.text
        return text
    finally:
        library.pg_query_free_parse_result(result)


def _scan(raw: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each token starts and ends, in bytes."""
    library = _library()
    result = library.pg_query_scan(raw)
    try:
        _check(result.error, raw)
        message = ctypes.string_at(result.tree.data, result.tree.len)
    finally:
        library.pg_query_free_scan_result(result)
    for number, token in _fields(message):
        if number == _TOKENS:
            places = dict(_fields(token))
            yield places.get(_START, 0), places[_END]


_TOKENS, _START, _END = 2, 1, 2  # numbers of fields in pg_query.proto: ScanResult's, and ScanToken's
_BYTES = 2  # the kind of a field that has a length; the other one here is a number


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a protobuf message, of the two kinds that tokens are made of: numbers and messages."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        value, at = _varint(message, at)
        if key & 7 == _BYTES:
            yield key >> 3, message[at : at + value]
            at += value
        else:
            yield key >> 3, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place after it: seven bits a byte, the lowest first."""
    value = shift = 0
    while message[at] & 0x80:
        value |= (message[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return value | message[at] << shift, at + 1


def _deparse(raw: bytes) -> str:
    """Return the canonical text, or nothing for a tree that libpg_query cannot write back."""
    library = _library()
    parsed = library.pg_query_parse_protobuf(raw)
    try:
        _check(parsed.error, raw)
        written = library.pg_query_deparse_protobuf(parsed.tree)
        text = b"" if written.error else written.text
        library.pg_query_free_deparse_result(written)
        return str(text, "utf-8")
    finally:
        library.pg_query_free_protobuf_parse_result(parsed)


def _check(error: Any, raw: bytes) -> None:  # noqa: ANN401  (a ctypes pointer has no better type)
    if error:
        # cursorpos counts characters, from 1; 0 is unknown
        at, text = max(error.contents.cursorpos - 1, 0), raw.decode()
        column = at - text.rfind("\n", 0, at)
        raise ParseError(error.contents.message.decode(), text.count("\n", 0, at) + 1, column)
