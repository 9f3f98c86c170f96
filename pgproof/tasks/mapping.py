"""metrics.init, metrics.check, metrics.seed: what a project's metrics need."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING, Any

from invoke import Exit

from pgproof.errors import ServerUnavailable
from pgproof.tasks.task import place_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from pgproof.metrics.mappings.checking import Finding
    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.tasks.task import Place

_WHY = """The metrics' tables: what DynamoDB's tables hold, and what is counted of it.
Who writes metrics needs USAGE on schema pgproof_metrics, and SELECT, INSERT, UPDATE and DELETE on all of its tables."""
_IS_SET_UP = "SELECT to_regclass('pgproof_metrics.daily') IS NOT NULL"


@place_task()
def init(place: Place) -> None:
    """Write the migration that makes the metrics' tables; nothing is run."""
    from pgproof.metrics.feed import SCHEMA
    from pgproof.migrations.new import Draft, write_new
    from pgproof.pg.database import connect
    from pgproof.schema import built

    place.screen.busy("looking for the metrics' tables")
    with built(place.folder, place.settings, place.server) as scratch, connect(scratch) as connection:
        row = connection.execute(_IS_SET_UP).fetchone()
    if row and row[0]:
        place.screen.say("the migrations make the metrics' tables already", "applied")
        return
    draft = Draft(_WHY, SCHEMA.read_text(encoding="utf-8"), "DROP SCHEMA pgproof_metrics CASCADE;\n")
    for path in write_new(place.settings.migrations, "mirror DynamoDB for metrics", draft):
        place.screen.say(str(path.relative_to(place.settings.root)))


@place_task(
    help={"offline": "look at this project's files and its schema only, not at DynamoDB", "json": "for a script"}
)
def check(place: Place, offline: bool = False, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Look whether metrics/*.toml fit the schema that the migrations make, and DynamoDB's tables and items.

    --json: {"mappings", "findings": [{"path", "line", "what", "hint", "warns"}, …]}
    """
    from pgproof.metrics.mappings.mapping import read_mappings

    mappings = read_mappings(place.settings.metrics)
    findings = _find(place, mappings, offline=offline)
    faults = [each for each in findings if not each.warns]
    if json:
        place.screen.say(dumps({"mappings": len(mappings), "findings": list(map(_plain, findings))}, indent=2))
    else:
        _show(place, mappings, findings)
    if faults:
        count = "1 thing does" if len(faults) == 1 else f"{len(faults)} things do"
        raise Exit(f"error: {count} not fit", code=1)


@place_task()
def seed(place: Place) -> None:
    """Put the demo items of metrics/demo into a DynamoDB on this machine, so that there is something to look at."""
    from pgproof.figures import many
    from pgproof.metrics.aws import open_aws
    from pgproof.metrics.seeding import read_demos, seed

    demos = read_demos(place.settings.metrics / "demo")
    aws = open_aws(place.settings, notify=place.screen.busy)
    for demo in demos:
        made = seed(aws, demo)
        how = "made, with its stream" if made else "there already"
        place.screen.say(f"{demo.table}: {how}; {many(len(demo.items), 'item')}", "applied")


def _find(place: Place, mappings: Sequence[Mapping], *, offline: bool) -> list[Finding]:
    from pgproof.metrics.mappings.checking import check_tables
    from pgproof.pg.database import connect
    from pgproof.schema import built

    found = []
    if any(each.store == "postgres" for each in mappings):
        place.screen.busy("looking at this project's tables")
        with built(place.folder, place.settings, place.server) as scratch, connect(scratch) as connection:
            found += check_tables(connection, mappings)
    if not offline and any(each.store == "dynamodb" for each in mappings):
        found += _find_in_dynamodb(place, mappings)
    return sorted(found, key=lambda each: (str(each.at.path), each.at.line or 0))


def _find_in_dynamodb(place: Place, mappings: Sequence[Mapping]) -> list[Finding]:
    from pgproof.metrics.aws import open_aws
    from pgproof.metrics.mappings.shapes import check_items

    aws = open_aws(place.settings, notify=place.screen.busy)
    place.screen.busy("looking at DynamoDB's tables")
    mirror = _connect(place)
    if mirror is None:
        return check_items(aws, None, mappings)
    with closing(mirror):
        return check_items(aws, mirror, mappings)


def _connect(place: Place) -> Connection[Any] | None:
    """Return a connection to the database that may have a mirror; what is not there is not needed."""
    try:
        return place.connect_if_up()
    except ServerUnavailable:
        return None


def _show(place: Place, mappings: Sequence[Mapping], findings: Sequence[Finding]) -> None:
    from pgproof.figures import many

    for each in findings:
        place.screen.say(str(each), "warning" if each.warns else "error")
    if not findings:
        metrics = many(sum(len(each.metrics) for each in mappings), "metric")
        place.screen.say(f"{many(len(mappings), 'mapping')}, {metrics}: all of it fits", "applied")


def _plain(finding: Finding) -> dict[str, Any]:
    said = asdict(finding)
    at = said.pop("at")
    return {"path": str(at["path"]), "line": at["line"], **said}
