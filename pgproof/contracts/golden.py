"""A golden's text in, what a query promised out, and back: the text is compared, so no value is read on the way.

A row is a line, so that a diff of two goldens reads as rows. There is one way to write a golden; a file that is
written in another way is not compared.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from pgproof.contracts.encoding import encode
from pgproof.errors import Location, Problem, SqlFileError
from pgproof.pg.folder import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Nullability = Literal["not null", "null", "unknown"]
Outcome: TypeAlias = "tuple[str, ...] | str"
"""What a case gave: rows, each a line of JSON; or a line of JSON that says what came instead of rows."""

_DECODER = json.JSONDecoder()
_LAYOUT_HINT = "only the tool writes goldens: `inv query.accept` writes it anew (has a merge left marks in it?)"


@dataclass(frozen=True)
class Column:
    """A column of a result; `type` as Postgres writes it: `timestamp with time zone`."""

    name: str
    type: str
    nullability: Nullability


@dataclass(frozen=True)
class Shape:
    """What a query takes and gives, whatever the rows.

    Attributes:
        returns: its `-- returns:` line.
        params: name and Postgres type of each, in the order of their first use.
        columns: none for a query that gives no rows.
        ordered: whether the order of its rows is promised: it has an ORDER BY at the top.
    """

    returns: str
    params: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    ordered: bool


@dataclass(frozen=True)
class Golden:
    """What a query promises: its shape, and what each case gives."""

    query: str
    shape: Shape
    cases: Mapping[str, Outcome] = field(repr=False)


def render(golden: Golden) -> str:
    """Return the text of a golden."""
    shape = golden.shape
    lines = ["{", f'  "query": {encode(golden.query)},', f'  "returns": {encode(shape.returns)},']
    lines += _list("params", [list(each) for each in shape.params])
    lines += _list("columns", [[each.name, each.type, each.nullability] for each in shape.columns])
    if not shape.ordered:
        lines.append('  "order": "none",')
    lines.append('  "cases": {')
    blocks = ["\n".join(_case_lines(name, outcome)) for name, outcome in golden.cases.items()]
    return "\n".join([*lines, ",\n".join(blocks), "  }", "}", ""])


def read_golden(path: Path) -> Golden | None:
    """Read a golden; None where there is none yet.

    Raises:
        SqlFileError: the file is not as the tool writes it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    with suppress(ValueError, KeyError, TypeError):
        golden = _parse(text := content.decode())
        if render(golden) == text:
            return golden
    raise SqlFileError([Problem(Location(path), "this is not as pgproof writes a golden", _LAYOUT_HINT)])


def write_golden(path: Path, golden: Golden) -> None:
    """Write it, whole or not at all."""
    write_whole(path, render(golden))


def _parse(text: str) -> Golden:
    head, _, rest = text.partition('  "cases": {\n')
    said = json.loads(head.rstrip().rstrip(",") + "}")
    params = tuple((name, kind) for name, kind in said["params"])
    columns = tuple(Column(*each) for each in said["columns"])
    shape = Shape(said["returns"], params, columns, "order" not in said)
    return Golden(said["query"], shape, dict(_parse_cases(rest)))


def _parse_cases(text: str) -> Iterator[tuple[str, Outcome]]:
    """Take the lines as `_case_lines` makes them; `render` is asked afterwards whether that was right."""
    name, rows = "", list[str]()
    for line in text.split("\n"):
        if line.startswith("      "):
            rows.append(line.strip().removesuffix(","))
        elif line.startswith("    ]"):
            yield name, tuple(rows)
        elif line.startswith("    "):
            name, end = _DECODER.raw_decode(line, 4)
            rows, value = [], line[end + 2 :].removesuffix(",")
            if value != "[":
                yield name, () if value == "[]" else value


def _case_lines(name: str, outcome: Outcome) -> list[str]:
    if isinstance(outcome, str):
        return [f"    {encode(name)}: {outcome}"]
    if not outcome:
        return [f"    {encode(name)}: []"]
    return [f"    {encode(name)}: [", ",\n".join(f"      {row}" for row in outcome), "    ]"]


def _list(name: str, entries: list[list[str]]) -> list[str]:
    if not entries:
        return [f'  "{name}": [],']
    return [f'  "{name}": [', ",\n".join(f"    {encode(each)}" for each in entries), "  ],"]
