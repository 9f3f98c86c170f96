"""Texts that mean harm wherever they are not taken for text; and a watch over what this process starts."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "canary"
"""File that a shell would make."""

HOSTILE = (
    # for a shell
    "$(touch canary)",
    "`touch canary`",
    "; touch canary",
    "x; touch canary #",
    "| touch canary",
    "&& touch canary",
    "& touch canary &",
    "x\ntouch canary\n",
    "> canary",
    "'; touch canary; '",
    '"; touch canary; "',
    "${IFS}touch${IFS}canary",
    "$HOME",
    "${HOME}",
    "~root",
    "{a,b}",
    "*",
    "!!",
    "\\",
    # for SQL
    "'; DROP TABLE canary; --",
    '"; DROP TABLE canary; --',
    "x'); DROP TABLE canary; --",
    "$$; DROP TABLE canary; $$",
    "' OR '1'='1",
    "E'\\047",
    'a"b',
    "o'hara",
    "/* */",
    "%s",
    "%(name)s",
    "100%",
    # for a template, a path, an option, a URL
    "{0}",
    "{{7*7}}",
    "{x!r}",
    "../../../etc/passwd",
    "file:///etc/passwd",
    "-rf",
    "--yes-destroy",
    "a@b:5432/c?sslmode=disable#d",
    "host=elsewhere sslmode=disable",
    "http://169.254.169.254/latest/meta-data/",
    # for a terminal or a log
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\x08\x08\x08ok",
    "error: nothing\rall is well",
    "\u202egnp.exe",
    "\u200f\u2066",
    "\x7f",
    "a\x00b",
    # for what takes text apart
    "",
    " ",
    "\t",
    "\n",
    "a b",
    "a,b;c=d",
    "<script>alert(1)</script>",
    "]]>",
    "Zoë",
    "名前",
    "\U0001f40e",
    "٨.٨.٤.٤",
    "\udcff",
    "x" * 5000,
)


def toml(text: str) -> str:
    """Write a text as TOML does; one that is no Unicode cannot stand there."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f").encode("utf-8", "replace").decode()


class Started(Exception):
    """A program was to be started."""


_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")
_watched = False


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched and event in _STARTS:
        raise Started(event, arguments)


sys.addaudithook(_hear)  # for good: Python takes none back


@contextmanager
def nothing_started() -> Iterator[None]:
    """Fail where a program is started, by a shell or without."""
    global _watched  # noqa: PLW0603 - the hook is the process'
    _watched = True
    try:
        yield
    finally:
        _watched = False
