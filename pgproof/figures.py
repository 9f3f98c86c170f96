"""Numbers and Postgres's own names in, what a person reads out: `412 ms`, `11.7 MB`, `ACCESS EXCLUSIVE`."""

from __future__ import annotations

import re

_MINUTE, _HOUR = 60.0, 3600.0


def duration(seconds: float) -> str:
    """Return how long something took; fractions only where they say something."""
    if seconds < 0.001:  # noqa: PLR2004
        return "< 1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 2 * _MINUTE:
        return f"{seconds:.{1 if seconds < 10 else 0}f} s"  # noqa: PLR2004
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.0f} h"


def size(amount: int) -> str:
    """Return a number of bytes."""
    value, units = float(amount), ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:  # noqa: PLR2004
        value, units = value / 1000, units[1:]
    digits = 1 if value < 100 and units[0] != "B" else 0  # noqa: PLR2004
    return f"{value:.{digits}f} {units[0]}"


def many(number: int, noun: str, several: str = "") -> str:
    """Return `1 row`, `200,000 rows`; `several` where an s is not enough."""
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"


def server_version(number: int) -> str:
    """Return 18.6 for 180006, as libpq numbers it."""
    return f"{number // 10_000}.{number % 10_000}"


def lock_mode(name: str) -> str:
    """Return a lock mode as LOCK TABLE and the documentation write it, for pg_locks' name of it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Lock")).upper()


def one_line(text: str, width: int = 80) -> str:
    """Return a statement in one line, its end left out where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
