"""Base plus the change beside head from nothing in, where they differ out: catalogs, `schema.sql`, seeds, leftovers."""

from __future__ import annotations

from difflib import unified_diff
from itertools import islice
from typing import TYPE_CHECKING

from pgproof.errors import Location, MigrationFailed, PgproofError, SeedError, SqlFileError
from pgproof.figures import many
from pgproof.gate.finding import Kind
from pgproof.gate.mentions import find_cause, find_only, read_suspects, read_words
from pgproof.gate.proof import Outcome, SchemaChange
from pgproof.migrations import migrate
from pgproof.pg.binaries import find_binaries
from pgproof.pg.catalog import Catalog, diff, fetch_catalog
from pgproof.pg.dump import dump_schema
from pgproof.schema import is_current

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgproof.gate.change import Change
    from pgproof.gate.finding import Finding
    from pgproof.gate.trial import Trial
    from pgproof.pg.catalog import Difference
    from pgproof.pg.sweep import SweepFinding

REFUSED = Kind(
    "PG101",
    "migration-refused",
    "error",
    "the server refuses a new migration",
    "The deploy stops here, with the migrations before this one in the database and the new code not out.",
    "Mend the statement; where the rows are in its way, put them right in a migration before it.",
)
DIFFERS = Kind(
    "PG102",
    "schema-differs",
    "error",
    "base with the new migrations is another schema than all migrations from nothing",
    "Production gets a schema that no test, no developer and no proof here has ever seen.",
    "Let migrations say what they do without looking at what is there: no IF NOT EXISTS on something that may be "
    "otherwise, no DO block that asks for rows; a view that changes its columns is dropped before it is made.",
)
STALE = Kind(
    "PG103",
    "stale-schema-sql",
    "error",
    "schema.sql is not what the migrations give",
    "Whoever reads it to know the schema, in this review or later, reads something that is not so.",
    "`inv db.dump`, and commit it with the migration.",
)
SEEDS_REFUSED = Kind(
    "PG104",
    "seeds-refused",
    "error",
    "the seeds do not load on the new schema",
    "Nobody can build a database from here on: no developer, no test.",
    "Change the seeds with the migration: they hold the rows as the new schema has them.",
)
LEFT_BEHIND = Kind(
    "PG105",
    "left-behind",
    "error",
    "the change leaves something in the schema that hurts later",
    "Nothing fails today; it costs writes, scans or a night when the table has grown.",
    "Do what the finding says in the same migration.",
)
KINDS: tuple[Kind, ...] = (REFUSED, DIFFERS, STALE, SEEDS_REFUSED, LEFT_BEHIND)

_SHOWN = 40  # lines of a difference
_SEEDS = "base's seeded database"
_NOTHING = "an empty database"


def prove(trial: Trial) -> Outcome:
    """Prove that whoever has base's database gets head's, rows or none, and that what stands beside it agrees."""
    change, databases = trial.change, trial.databases
    base = _fetch(trial, databases.built(change.base, seeded=False))
    try:
        head = _fetch(trial, databases.built(change.head, seeded=False))
    except MigrationFailed as error:
        return Outcome((_refuse(change, error, _NOTHING),))
    evidence = SchemaChange(base, head)
    try:
        findings = [] if change.is_empty else list(_compare(trial, evidence))
    except MigrationFailed as error:
        return Outcome((_refuse(change, error, _SEEDS, also=_say_of_rows(trial)),), evidence=evidence)
    note = _note(change, evidence)
    try:
        findings += _compare_file(trial)
    except PgproofError as error:  # a server given by URL may be of a version whose pg_dump is not here
        note += f"; schema.sql was not compared: {error.what}"
    findings += _load_seeds(trial)
    return Outcome(tuple(findings), note=note, evidence=evidence)


def _compare(trial: Trial, schemas: SchemaChange) -> Iterator[Finding]:
    """Migrate base with its seeds and without any; the order of columns counts, as the migrations are the same."""
    change = trial.change
    seeded, failures = _migrate(trial, seeded=True)
    bare, _ = _migrate(trial, seeded=False)
    if differences := diff(schemas.after, bare):
        yield _differ(change, "base and the new migrations", differences)
    elif differences := _leave_out_seeds(trial, schemas.before, diff(schemas.after, seeded)):
        yield _differ(change, "base with its rows and the new migrations", differences)
    yield from (_leave(change, each) for each in failures)


def _leave_out_seeds(trial: Trial, before: Catalog, differences: Sequence[Difference]) -> list[Difference]:
    """Return the differences that base's seeds have not made already."""
    if not differences:
        return []
    seeded = _fetch(trial, trial.databases.built(trial.change.base, seeded=True))
    of_seeds = {each.key for each in diff(before, seeded)}
    return [each for each in differences if each.key not in of_seeds]


def _fetch(trial: Trial, name: str) -> Catalog:
    """Read a schema. CREATE DATABASE would find no copy to make while somebody is connected, so we do not stay."""
    with trial.databases.connect(name) as connection:
        return fetch_catalog(connection).without("owner")


def _migrate(trial: Trial, *, seeded: bool) -> tuple[Catalog, Sequence[SweepFinding]]:
    """Return the schema of base with the new migrations, and what they left behind: asked once, where rows are.

    Raises:
        MigrationFailed: the server refuses one.
    """
    databases, head = trial.databases, trial.change.head
    with databases.clone(databases.built(trial.change.base, seeded=seeded)) as name:
        with databases.connect_runner(name) as connection:
            outcome = migrate(connection, head.folder, head.settings, sweeps=seeded)
        return _fetch(trial, name), outcome.failures


def _say_of_rows(trial: Trial) -> str:
    """Return whether a refusal has to do with the rows."""
    try:
        _migrate(trial, seeded=False)
    except MigrationFailed:
        return ""
    return "without rows it goes through: what is in the tables is in its way, and production holds more of it"


def _refuse(change: Change, error: MigrationFailed, where: str, also: str = "") -> Finding:
    said, *more = error.what.splitlines()
    details = (*(each.strip() for each in more), *filter(None, (error.hint, also)))
    at = error.at or Location(change.head.settings.migrations)
    return REFUSED.find(at, f"refused on {where}: {said}", details=details)


def _differ(change: Change, what: str, differences: Sequence[Difference]) -> Finding:
    """Tell of differences; what is `added` is there and not in head."""
    words = [read_words(each.key) for each in differences]
    suspects = read_suspects((*change.new, *change.repeated))
    cause = find_cause(suspects, *words[:1], frozenset().union(*words)) or find_only(suspects)
    at = cause.at if cause else Location(change.head.settings.migrations)
    said = f"{what} differ from head from nothing in {many(len(differences), 'fact')}"
    return DIFFERS.find(at, said, details=tuple(map(str, differences)))


def _leave(change: Change, left: SweepFinding) -> Finding:
    suspects = read_suspects((*change.new, *change.repeated))
    cause = find_cause(suspects, read_words(left.object)) or find_only(suspects)
    at = cause.at if cause else Location(change.new[0].path if change.new else change.head.settings.migrations)
    return LEFT_BEHIND.find(at, f"{left.rule}: {left.object}", instead=left.help)


def _compare_file(trial: Trial) -> Iterator[Finding]:
    """Hold `schema.sql`, where the project has one."""
    settings = trial.change.head.settings
    path = settings.root / "schema.sql"
    if not path.is_file():
        return
    conninfo = trial.databases.conninfo(trial.databases.built(trial.change.head, seeded=False))
    text = dump_schema(conninfo, pg_dump=find_binaries(settings).program("pg_dump"))
    if not is_current(path, text):
        old, new = path.read_text(encoding="utf-8").splitlines(), text.splitlines()
        lines = list(unified_diff(old, new, "schema.sql", "what the migrations give", n=1, lineterm=""))
        first = next((number for number, pair in enumerate(zip(old, new, strict=False), 1) if pair[0] != pair[1]), None)
        yield STALE.find(Location(path, first or min(len(old), len(new)) + 1), "it is stale", details=_shorten(lines))


def _load_seeds(trial: Trial) -> Iterator[Finding]:
    try:
        trial.databases.built(trial.change.head, seeded=True)
    except SqlFileError as error:
        yield from (SEEDS_REFUSED.find(each.at, each.what, details=_some(each.hint)) for each in error.problems)
    except SeedError as error:
        at = error.at or Location(trial.change.head.settings.seeds)
        yield SEEDS_REFUSED.find(at, error.what, details=_some(error.hint))


def _some(*texts: str) -> tuple[str, ...]:
    return tuple(filter(None, texts))


def _shorten(lines: Sequence[str]) -> tuple[str, ...]:
    more = len(lines) - _SHOWN
    return (*islice(lines, _SHOWN), *([f"… {more} more lines"] if more > 0 else []))


def _note(change: Change, schemas: SchemaChange) -> str:
    count = len(change.head.folder.migrations)
    facts = len(diff(schemas.before, schemas.after))
    repeated = f", {len(change.repeated)} repeated" if change.repeated else ""
    return f"{many(count, 'migration')}, {len(change.new)} new{repeated}; {many(facts, 'fact')} changed"
