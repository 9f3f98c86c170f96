"""Two windows of a plan in, whether RDS could keep to them out. Pure."""

from __future__ import annotations

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_LEAST = 30  # minutes


def is_short(window: str) -> bool:
    """Whether a window is there and shorter than RDS takes."""
    return bool(window) and len(_minutes(window)) < _LEAST


def overlap(backup: str, maintenance: str) -> bool:
    """Whether there are both, and they meet on some day."""
    return bool(backup and maintenance) and not set(_minutes(backup)).isdisjoint(
        minute % _DAY for minute in _minutes(maintenance)
    )


def _minutes(window: str) -> list[int]:
    """Return the minutes of the day, or of the week, that a window has."""
    whole = _WEEK if window[0].isalpha() else _DAY
    first, last = map(_minute, window.split("-"))
    return [minute % whole for minute in range(first, first + (last - first) % whole)]


def _minute(text: str) -> int:
    """Return the minute of the day of 07:30, or that of the week of sun:07:30."""
    *day, hour, minute = text.lower().split(":")
    return sum(_DAYS.index(each) * _DAY for each in day) + int(hour) * 60 + int(minute)
