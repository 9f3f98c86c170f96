"""Whose a rule is and until when in, its description out, and back: what is not written so is not ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pgproof.errors import SettingsError

_NAME = r"[A-Za-z0-9_./@+=,:-]{1,128}"  # of what AWS allows in a description, with no blank
_LABEL = re.compile(rf"pgproof (?P<who>{_NAME}) until (?P<until>\d{{4}}-\d\d-\d\dT\d\d:\d\dZ)", re.ASCII)
_MOMENT = "%Y-%m-%dT%H:%MZ"
_STAYS = "pgproof application"


@dataclass(frozen=True)
class Label:
    """What the description of a rule of ours says.

    Attributes:
        who: a person; or `application`.
        until: when it is to go; None: it stays.
    """

    who: str
    until: datetime | None = None

    def __str__(self) -> str:
        return f"pgproof {self.who} until {self.until:{_MOMENT}}" if self.until else _STAYS


APPLICATION = Label("application")
"""That of a rule for a security group, which stays."""


def read_label(description: str) -> Label | None:
    """Return what a rule's description says; None: it is not ours."""
    if description == _STAYS:
        return APPLICATION
    if not (found := _LABEL.fullmatch(description)):
        return None
    try:
        return Label(found["who"], datetime.strptime(found["until"], _MOMENT).replace(tzinfo=UTC))
    except ValueError:  # the 31st of February
        return None


def check_name(name: str) -> str:
    """Return a person's name that can stand in a description.

    Raises:
        SettingsError: it cannot.
    """
    if not re.fullmatch(_NAME, name):
        raise SettingsError(f"a rule cannot bear the name {name!r}", hint="letters, digits and _./@+=,:- at most 128")
    return name


def find_end(term: timedelta, now: datetime) -> datetime:
    """Return when a rule of that age is to go: a whole minute, as a description has it."""
    return (now + term + timedelta(seconds=59)).replace(second=0, microsecond=0)
