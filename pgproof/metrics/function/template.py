"""A DynamoDB table in, the CloudFormation template of its Lambda function out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pgproof.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.metrics.mappings.mapping import Mapping

_TEMPLATE = Path(__file__).parent / "lambda.yaml"
_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")


def compile_template(table: str) -> str:
    """Return the template for a table, with the steps to deploy it as comments.

    Raises:
        SettingsError: no table of DynamoDB's can have such a name.
    """
    if not _NAME.fullmatch(table):
        raise SettingsError(f"{table!r} is no name of a table of DynamoDB's", hint="letters, digits, _, . and -")
    stack = f"metrics-{re.sub('[^a-zA-Z0-9]+', '-', table).strip('-')}"[:128]
    text = _TEMPLATE.read_text(encoding="utf-8")
    return re.sub(r"\b(TABLE|STACK)\b", lambda word: {"TABLE": table, "STACK": stack}[word[0]], text)


def choose_table(mappings: Sequence[Mapping], name: str = "") -> str:
    """Return the DynamoDB table that is meant.

    Raises:
        SettingsError: no mapping is about it; or it was not named, and there are several.
    """
    tables = sorted({each.table for each in mappings if each.store == "dynamodb"})
    if not tables:
        raise SettingsError("no mapping is about a table of DynamoDB's", hint='dynamodb = "cruddur-messages"')
    if name and name not in tables:
        raise SettingsError(f"no mapping is about DynamoDB's table {name}", hint=f"there are {', '.join(tables)}")
    if not name and len(tables) > 1:
        raise SettingsError("which table? A stack is for one", hint=f"--table={tables[0]}, or {', '.join(tables[1:])}")
    return name or tables[0]
