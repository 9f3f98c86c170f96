"""The words of a plan in, all that cannot be meant out, each with its line; whether it is wise is not judged here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import category

from pgproof.errors import Problem
from pgproof.tomltext import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.tomltext import Part

_TEXT, _NUMBER, _SWITCH, _NAMES, _TAGS = (
    "a text",
    "a whole number",
    "true or false",
    "a list of ids",
    "a table of texts",
)
_KINDS = {
    **dict.fromkeys(("identifier", "region", "instance_class", "engine_version", "database", "username"), _TEXT),
    **dict.fromkeys(("master_password", "connect_as", "storage_type", "kms_key", "availability_zone"), _TEXT),
    **dict.fromkeys(("subnet_group", "parameter_group", "backup_window", "maintenance_window"), _TEXT),
    **dict.fromkeys(("ca_certificate", "ca_bundle"), _TEXT),
    **dict.fromkeys(("port", "storage", "storage_max", "backup_retention", "performance_insights"), _NUMBER),
    **dict.fromkeys(("iam", "encrypted", "multi_az", "publicly_accessible", "deletion_protection"), _SWITCH),
    **dict.fromkeys(("minor_upgrades", "extended_support"), _SWITCH),
    "security_groups": _NAMES,
    "tags": _TAGS,
}
_PASSWORDS = ("managed", "environment", "iam")

_TIME = r"([01]\d|2[0-3]):[0-5]\d"
_DAY = "(?i:mon|tue|wed|thu|fri|sat|sun)"
_KEY = r"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})"
_ALIAS = "alias/[A-Za-z0-9/_-]+"
_NAME_HINT = "letters, digits and _, a letter first, at most 63"
_PATTERNS = {
    "identifier": (
        r"(?=.{1,63}\Z)[a-z](-?[a-z0-9])*",
        "small letters, digits and single hyphens, a letter first, at most 63",
    ),
    "region": (r"[a-z]{2}(-[a-z]+)+-\d", "such as ca-central-1"),
    "availability_zone": (r"[a-z]{2}(-[a-z]+)+-\d[a-z]", "such as ca-central-1a"),
    "instance_class": (r"db\.[a-z0-9-]+\.[a-z0-9-]+(\.[a-z0-9.-]+)?", "such as db.t4g.micro"),
    "engine_version": (r"\d+(\.\d+)?(-rds\.\d+)?", "such as 18, or 18.6"),
    "database": (r"[A-Za-z][A-Za-z0-9_]{0,62}", _NAME_HINT),
    "username": (r"[A-Za-z][A-Za-z0-9_]{0,62}", _NAME_HINT),
    "connect_as": (r"[A-Za-z_][A-Za-z0-9_$]{0,62}", _NAME_HINT),
    "storage_type": (r"[a-z0-9]+", "such as gp3"),
    "kms_key": (
        rf"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{{12}}:(key/{_KEY}|{_ALIAS})|{_KEY}|{_ALIAS}",
        "an ARN, an id, or alias/name",
    ),
    "subnet_group": (r"[A-Za-z0-9_. -]{1,255}", "letters, digits, -, _, . and blanks"),
    "parameter_group": (r"[A-Za-z](-?[A-Za-z0-9.])*", "letters, digits, . and single hyphens"),
    "backup_window": (rf"{_TIME}-{_TIME}", "in UTC, such as 07:00-07:30"),
    "maintenance_window": (rf"{_DAY}:{_TIME}-{_DAY}:{_TIME}", "in UTC, such as sun:08:00-sun:08:30"),
    "ca_certificate": (r"[a-z0-9-]+", "such as rds-ca-rsa2048-g1"),
}
_GROUP = re.compile(r"sg-[0-9a-f]{8,17}")
GROUP_HINT = "such as sg-0123456789abcdef0"
_PORTS = range(1150, 65536)
_MOST_TAGS = 50
_LONGEST_TAG = (128, 256)
_IN_TAGS = "_.:/=+-@"  # besides letters, digits and blanks of every script


def find_problems(part: Part) -> list[Problem]:
    """Return all that cannot be meant, in the order of its lines; values only where every word has its kind."""
    problems = list(_kind_problems(part)) or [*_text_problems(part), *_value_problems(part)]
    return sorted(problems, key=lambda each: each.at.line or 0)


def is_group(text: str) -> bool:
    """Whether a text is the id of a security group."""
    return bool(_GROUP.fullmatch(text))


def _kind_problems(part: Part) -> Iterator[Problem]:
    if "identifier" not in part.words:
        yield Problem(part.at(), "no identifier: the instance has no name", 'identifier = "cruddur-db-instance"')
    for word, value in part.words.items():
        if word not in _KINDS:
            yield Problem(
                part.at(word), f"unknown word {word}", did_you_mean(word, _KINDS, f"known: {', '.join(_KINDS)}")
            )
        elif not _is(value, _KINDS[word]):
            yield Problem(part.at(word), f"{word} is not {_KINDS[word]}")


def _text_problems(part: Part) -> Iterator[Problem]:
    for word, (pattern, hint) in _PATTERNS.items():
        if word in part.words and not re.fullmatch(pattern, part.words[word]):
            yield Problem(part.at(word), f"{word} {part.words[word]!r} is none", hint)


def _value_problems(part: Part) -> Iterator[Problem]:
    words = part.words
    if (said := words.get("master_password", "managed")) not in _PASSWORDS:
        hint = f"one of {', '.join(_PASSWORDS)}; a password itself never stands in a file"
        yield Problem(part.at("master_password"), "unknown master_password", hint)
    if said == "iam" and words.get("iam") is False:
        yield Problem(part.at("iam"), "the master user logs in by IAM, which is off", "iam = true")
    if words.get("port", _PORTS[0]) not in _PORTS:
        yield Problem(part.at("port"), f"port {words['port']} is none of RDS'", f"{_PORTS[0]} to {_PORTS[-1]}")
    zone, region = words.get("availability_zone", ""), words.get("region", "")
    if zone and region and zone[:-1] != region:
        yield Problem(part.at("availability_zone"), f"zone {zone!r} is not in {region!r}", "leave the region out")
    yield from _size_problems(part)
    yield from _list_problems(part)


def _size_problems(part: Part) -> Iterator[Problem]:
    words = part.words
    for word in ("storage", "storage_max", "backup_retention", "performance_insights"):
        if words.get(word, 0) < 0:
            yield Problem(part.at(word), f"{word} is less than 0")


def _list_problems(part: Part) -> Iterator[Problem]:
    words = part.words
    for group in words.get("security_groups", ()):
        if not is_group(group):
            yield Problem(part.at("security_groups"), f"{group!r} is no id of a security group", GROUP_HINT)
    if len(tags := words.get("tags", {})) > _MOST_TAGS:
        yield Problem(part.at("tags"), f"{len(tags)} tags", f"AWS takes {_MOST_TAGS}")
    for key, value in tags.items():
        if not _is_tag(key, value):
            hint = f"1 to 128 letters, up to 256 of value: letters, digits, blanks, {_IN_TAGS}; not aws:… or rds:…"
            yield Problem(part.at("tags"), f"{key!r} makes no tag", hint)


def _is_tag(key: str, value: str) -> bool:
    fits = 0 < len(key) <= _LONGEST_TAG[0] and len(value) <= _LONGEST_TAG[1]
    taken = any(each.startswith(("aws:", "rds:")) for each in (key, value))
    return fits and not taken and all(each in _IN_TAGS or category(each)[0] in "LNZ" for each in key + value)


def _is(value: object, kind: str) -> bool:
    if kind == _NAMES:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if kind == _TAGS:
        return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
    return type(value) is {_TEXT: str, _NUMBER: int, _SWITCH: bool}[kind]
