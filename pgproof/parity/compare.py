"""Two sides in, what differs between them out, what breaks first. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgproof.figures import server_version
from pgproof.parity.behaviour import RECORDS
from pgproof.parity.ledgers import compare_ledgers
from pgproof.parity.mismatch import Mismatch
from pgproof.parity.sorting import canonical, compare_sorting
from pgproof.pg.catalog import diff
from pgproof.pg.environment import Extension, Setting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.parity.behaviour import Record
    from pgproof.parity.mismatch import Severity
    from pgproof.parity.side import Side
    from pgproof.pg.catalog import Catalog, Difference
    from pgproof.pg.environment import Environment

_UTC = {"utc", "uct", "zulu", "universal"}  # one zone, also below Etc/
_NO_SETTING = "not in this version"
_NOT_THERE = "not there"
_NO_EXTENSION = Extension()


def compare(home: Side, production: Side) -> list[Mismatch]:
    """Return what differs; what one side has not seen is not compared."""
    ours, theirs = home.environment, production.environment
    found = [
        *_compare_servers(ours, theirs),
        *(each for record in RECORDS for each in _compare_setting(record, ours, theirs)),
        *compare_sorting(ours.sorting, theirs.sorting),
        *_compare_extensions(ours, theirs),
    ]
    if home.ledger and production.ledger:
        found += compare_ledgers(home.ledger, production.ledger)
    if home.catalog and production.catalog:
        found += _compare_schemas(home.catalog, production.catalog)
    return sorted(found, key=lambda each: each.severity != "breaking")


def _compare_servers(home: Environment, production: Environment) -> Iterator[Mismatch]:
    here, there = server_version(home.version), server_version(production.version)
    if home.major != production.major:
        why = f"another major version has other SQL and other plans: major = {production.major} in [tool.pgproof]"
        yield Mismatch("breaking", "server", "version", here, there, why)
    elif home.version != production.version:
        yield Mismatch("note", "server", "version", here, there, "the same SQL; other bugs are mended")
    if home.superuser != production.superuser:
        here, there = (f"{each.role}, {'' if each.superuser else 'no '}superuser" for each in (home, production))
        yield Mismatch("note", "server", "role", here, there, "a superuser passes every GRANT and every policy")


def _compare_setting(record: Record, home: Environment, production: Environment) -> Iterator[Mismatch]:
    here, there = (_get_setting(record, each) for each in (home, production))
    if here is None or there is None:
        return  # hidden from one of the roles
    if here.is_default and there.is_default and _NO_SETTING in (here.value, there.value):
        return  # as if the older one had it
    if _meant(record.name, here.value) != _meant(record.name, there.value):
        yield Mismatch(record.severity, "setting", record.name, here.value, there.value, record.why)


def _get_setting(record: Record, environment: Environment) -> Setting | None:
    missing = Setting(_NO_SETTING) if record.since > environment.major else None
    return environment.settings.get(record.name, missing)


def _meant(name: str, value: str) -> str:
    """Return what a value means, of which some can be written in several ways."""
    if name == "TimeZone":
        zone = value.lower().removeprefix("etc/")
        return "utc" if zone in _UTC else value
    if name == "search_path":
        return re.sub(r",\s*", ",", value)
    return canonical(value) if name.startswith("lc_") else value


def _compare_extensions(home: Environment, production: Environment) -> Iterator[Mismatch]:
    for name in sorted({*home.extensions, *production.extensions}):
        here, there = (each.extensions.get(name, _NO_EXTENSION) for each in (home, production))
        weighed = _weigh(here, there)
        if weighed:
            said = (here.installed or _NOT_THERE, there.installed or _NOT_THERE)
            yield Mismatch(weighed[0], "extension", name, *said, weighed[1])


def _weigh(here: Extension, there: Extension) -> tuple[Severity, str] | None:
    if here.installed and not there.installed:
        offer = (
            f"production offers {there.offered}: a migration makes it" if there.offered else "production has no such"
        )
        return "breaking", offer
    if there.installed and not here.installed:
        return "note", f"home offers {here.offered}" if here.offered else "home has no such: what needs it is not tried"
    if here.installed == there.installed:
        return None
    update = f"; ALTER EXTENSION ... UPDATE brings {there.offered}" if there.offered != there.installed else ""
    if _numbers(here.installed) > _numbers(there.installed):
        return "breaking", f"production has an older one{update}"
    return "note", f"production has a newer one{update}"


def _numbers(version: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", version)]


def _compare_schemas(home: Catalog, production: Catalog) -> Iterator[Mismatch]:
    for each in diff(home, production):
        if not each.key.startswith("extension "):  # told with their versions
            severity, why = _weigh_fact(each)
            here, there = (_NOT_THERE if value is None else value for value in (each.before, each.after))
            yield Mismatch(severity, "schema", each.key, here, there, why)


def _weigh_fact(difference: Difference) -> tuple[Severity, str]:
    """What production grants besides hurts no SQL: its roles are more than those of a desk."""
    if difference.kind == "added" and re.search(r": (granted to|revoked from) [^:]+$", difference.key):
        return "note", "in production only: its roles are its own"
    return "breaking", ""
