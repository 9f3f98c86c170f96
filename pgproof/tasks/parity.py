"""db.parity: home and production, side by side."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING, Any

from invoke import Exit

from pgproof.figures import many, server_version
from pgproof.markup import visible
from pgproof.tasks.task import place_task

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pgproof.parity import Mismatch, Side
    from pgproof.tasks.task import Place

_COLUMNS = ("", "what", "home", "production", "why")
_SHOWN = 20  # facts of the schema; --json has all
_WIDE = 60  # characters of a cell


@place_task(help={"json": "for a script"})
def parity(place: Place, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Put home and production side by side; fail where something differs that breaks SQL. Production is only read.

    --json: {"breaking", "notes", "home", "production", "mismatches": [{"severity": "breaking" or "note",
    "subject", "name", "home", "production", "why"}, …], "unseen": [{"side", "what", "why"}, …]}
    """
    from pgproof.parity import compare

    there, here = place.at("prod"), place.at("local")  # production first: whether there is one costs nothing to know
    sides = {"home": _fetch(here), "production": _fetch(there)}
    found = compare(sides["home"], sides["production"])
    breaking = sum(each.severity == "breaking" for each in found)
    if json:
        place.screen.say(dumps(_as_dict(sides, found, breaking), indent=2, ensure_ascii=False))
    else:
        _show(place, {"home": here, "production": there}, sides, found)
    verdict = _conclude(sides, breaking, len(found) - breaking)
    if breaking:
        raise Exit(f"error: {verdict}", code=1)
    if not json:
        place.screen.say(verdict, "applied")


def _fetch(place: Place) -> Side:
    from pgproof.parity import fetch_side
    from pgproof.pg.rolenames import name_roles

    place.screen.busy("production" if place.settings.target == "prod" else "home")
    name = place.server.database
    return fetch_side(place.server.ensure_up(), name, names=name_roles(name, place.settings))


def _show(place: Place, places: Mapping[str, Place], sides: Mapping[str, Side], found: Sequence[Mismatch]) -> None:
    for name, each in places.items():
        environment = sides[name].environment
        what = f"{each.server.database}, PostgreSQL {server_version(environment.version)}, as {environment.role}"
        place.screen.say(f"{name + ':':11} {what}", "query")
    facts = [each for each in found if each.subject == "schema"]
    hidden = set(map(id, facts[_SHOWN:]))
    if rows := [_row(each) for each in found if id(each) not in hidden]:
        place.screen.table(_COLUMNS, rows)
    if hidden:
        place.screen.say(f"{len(hidden)} more facts of the schema differ: --json has them", "edited")
    if any(each.subject == "setting" and each.severity == "breaking" for each in found):
        place.screen.say("settings: ALTER DATABASE ... SET in a migration has them alike everywhere", "help")
    for name, what, why in _unseen(sides):
        place.screen.say(f"not seen at {name}: {what}: {why}", "waiting")


def _row(mismatch: Mismatch) -> list[str]:
    named = f"{mismatch.subject} {mismatch.name}"
    return [mismatch.severity, named, _cell(mismatch.home), _cell(mismatch.production), mismatch.why]


def _cell(value: str) -> str:
    first, _, more = visible(value).strip().partition("\n")
    return f"{first[:_WIDE]} ..." if more or len(first) > _WIDE else first


def _unseen(sides: Mapping[str, Side]) -> Iterator[tuple[str, str, str]]:
    for name, side in sides.items():
        yield from ((name, each.what, each.why) for each in side.unseen)


def _as_dict(sides: Mapping[str, Side], found: Sequence[Mismatch], breaking: int) -> dict[str, Any]:
    unseen = [dict(zip(("side", "what", "why"), each, strict=True)) for each in _unseen(sides)]
    return {
        "breaking": breaking,
        "notes": len(found) - breaking,
        **{name: asdict(side.environment) for name, side in sides.items()},
        "mismatches": [asdict(each) for each in found],
        "unseen": unseen,
    }


def _conclude(sides: Mapping[str, Side], breaking: int, notes: int) -> str:
    partly = " as far as it was seen" if any(side.unseen for side in sides.values()) else ""
    if breaking:
        return f"production is not like home: {many(breaking, 'thing')} may break, {notes} noted"
    return f"production is like home{partly}: nothing that breaks SQL differs, {notes} noted"
