"""db.* tasks about what is in the database: migrations and seeds."""

from __future__ import annotations

from hashlib import sha256
from json import dumps
from typing import TYPE_CHECKING, Any, cast

from invoke import Exit

from pgproof import migrations
from pgproof.errors import MigrationError, SettingsError
from pgproof.figures import server_version
from pgproof.migrations import DRIFT, PENDING, compare, fetch_ledger, find
from pgproof.pg.database import check_destruction
from pgproof.tasks import production
from pgproof.tasks.production import audited, hash_scripts
from pgproof.tasks.report import as_dict, as_row, conclude, follow, show_sql
from pgproof.tasks.server import YES_DESTROY
from pgproof.tasks.task import count, place_task

if TYPE_CHECKING:
    from psycopg import Connection

    from pgproof.migrations import Folder
    from pgproof.migrations.header import Phase
    from pgproof.tasks.task import Place

_TO = "a migration: its name, or as much of its beginning as only it has"
_PHASE = "pre: only what runs before the new code is out; post: the rest, once it is out (default: all)"
_DRY = "show the SQL, change nothing"


@place_task(
    help={
        "to": f"the last one to apply: {_TO}",
        "phase": _PHASE,
        "dry_run": _DRY,
        "without_proof": "on production: why it goes on without the gate's proof; the audit keeps it",
        "snapshot": "on production: keep a snapshot of the planned RDS instance first",
    }
)
def migrate(
    place: Place,
    to: str | None = None,
    phase: str | None = None,
    dry_run: bool = False,  # noqa: FBT001, FBT002
    without_proof: str | None = None,
    snapshot: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Apply what is pending; on production, what `gate --sign` has proved."""
    folder, chosen = place.folder, _read_phase(phase)
    wish = production.Wish(without_proof=without_proof, snapshot=snapshot)
    wish.check(place)
    if place.settings.target == "prod" and not dry_run:
        production.migrate(place, folder, to=to, phase=chosen, wish=wish)
        return
    with place.connect() as connection:
        if dry_run:
            todo, again = migrations.find_pending(folder, fetch_ledger(connection), to=to, phase=chosen)
            show_sql(place.screen, [*todo, *again])
        else:
            _migrate(place, connection, folder, to=to, phase=chosen)


@place_task(
    help={"steps": "how many, without --to", "to": f"the last one to keep: {_TO}", "dry_run": _DRY, **YES_DESTROY},
)
def rollback(
    place: Place,
    steps: str = "1",
    to: str | None = None,
    dry_run: bool = False,  # noqa: FBT001, FBT002
    yes_destroy: str | None = None,
) -> None:
    """Undo migrations, newest first."""
    folder = place.folder
    chosen: dict[str, Any] = {"to": to} if to else {"steps": count("--steps", steps)}
    if not dry_run:
        check_destruction(place.server, what="db.rollback", allowed=yes_destroy)
    with place.connect() as connection:
        ledger = fetch_ledger(connection)
        undo = migrations.to_roll_back(compare(folder.migrations, ledger), **chosen)
        if dry_run:
            show_sql(place.screen, undo, back=True)
            return
        files = hash_scripts([*undo, *(each for each in folder.repeatables if each.id in ledger.withdrawn)])
        with audited(place, connection, "db.rollback", files):
            outcome = migrations.roll_back(connection, folder, place.settings, notify=follow(place.screen), **chosen)
        conclude(place.screen, outcome, "rolled back")


@place_task(help=YES_DESTROY)
def redo(place: Place, yes_destroy: str | None = None) -> None:
    """Undo the newest migration and apply it again."""
    folder = place.folder
    check_destruction(place.server, what="db.redo", allowed=yes_destroy)
    with place.connect() as connection:
        files = hash_scripts(migrations.to_roll_back(compare(folder.migrations, fetch_ledger(connection)), steps=1))
        with audited(place, connection, "db.redo", files):
            undone = migrations.roll_back(connection, folder, place.settings, steps=1, notify=follow(place.screen))
            if undone.changed:
                _migrate(place, connection, folder, to=undone.changed[0])
            else:
                conclude(place.screen, undone, "rolled back")


@place_task(help={"json": "for a script"})
def status(place: Place, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Show server, database and the ledger beside the files; changes and starts nothing."""
    folder = place.folder
    with place.connect_if_up() as connection:
        ledger = fetch_ledger(connection)
        version = connection.info.server_version
    entries = compare(folder.migrations, ledger)
    again = [each.id for each in migrations.to_repeat(folder.repeatables, ledger)]
    head = {
        "server": place.server.kind,
        "version": server_version(version),
        "database": place.server.database,
        "url": place.url(),
    }
    counts = {
        "applied": sum(each.condition not in PENDING for each in entries),
        "pending": sum(each.condition in PENDING for each in entries),
        "drift": sum(each.condition in DRIFT for each in entries),
    }
    if json:
        listed = {"migrations": list(map(as_dict, entries)), "to_repeat": again}
        place.screen.say(dumps({**head, **counts, **listed}, indent=2))
        return
    place.screen.say("{database} on {server} PostgreSQL {version}  {url}".format(**head))
    place.screen.table(["migration", "condition", "applied", "took", "note"], list(map(as_row, entries)))
    place.screen.say(", ".join(f"{number} {word}" for word, number in {**counts, "to repeat": len(again)}.items()))


@place_task(help=YES_DESTROY)
def seed(place: Place, yes_destroy: str | None = None) -> None:
    """Load the seeds; twice changes nothing."""
    from pgproof.seeds import load, read_seeds  # a migrate need not pay for it

    files, tell = read_seeds(place.settings.seeds), follow(place.screen)
    check_destruction(place.server, what="db.seed", allowed=yes_destroy)
    hashes = {each.path.name: sha256(each.content).hexdigest() for each in files}
    with place.connect() as connection, audited(place, connection, "db.seed", hashes):
        place.screen.busy("seeds")
        for each in load(connection, files):
            tell(each)


@place_task(help={"name": "what it does, such as add_bio_to_users"})
def new(place: Place, name: str) -> None:
    """Write the next migration and its rollback, to be filled in."""
    from pgproof.migrations.new import write_new

    for path in write_new(place.settings.migrations, name):
        place.screen.say(str(path.relative_to(place.settings.root)))


@place_task(help={"name": _TO})
def mark(place: Place, name: str) -> None:
    """Say that a migration is applied, without running it."""
    from pgproof.migrations import marks

    with place.connect() as connection:
        entry = find(compare(place.folder.migrations, fetch_ledger(connection)), name)
        if entry.migration is None:
            raise MigrationError(f"already applied, and its file is gone: {entry.id}")
        with audited(place, connection, "db.mark", hash_scripts([entry.migration])):
            marks.mark(connection, [entry.migration], place.settings)
        place.screen.say(f"marked {entry.id}")


@place_task(help={"name": _TO})
def unmark(place: Place, name: str) -> None:
    """Forget that a migration is applied, without undoing it."""
    from pgproof.migrations import marks

    with place.connect() as connection:
        entry = find(compare(place.folder.migrations, fetch_ledger(connection)), name)
        with audited(place, connection, "db.unmark", {entry.id: (entry.row and entry.row.sha256) or ""}):
            marks.unmark(connection, [entry.id], place.settings)
        place.screen.say(f"unmarked {entry.id}")


@place_task(help={"at": f"the last one that the database has already: {_TO}"})
def baseline(place: Place, at: str) -> None:
    """Adopt a database that exists already: mark everything up to and with a migration."""
    from pgproof.migrations import marks

    with place.connect() as connection:
        entries = compare(place.folder.migrations, fetch_ledger(connection))
        entry = find(entries, at)
        chosen = [each.migration for each in entries[: entries.index(entry) + 1] if each.migration]
        with audited(place, connection, "db.baseline", hash_scripts(chosen)):
            marks.mark(connection, chosen, place.settings)
        place.screen.say(f"marked {len(chosen)} migrations, up to {entry.id}")


@place_task()
def repair(place: Place) -> None:
    """Accept edits of comments and layout, and record checksums of what yoyo applied."""
    from pgproof.migrations import marks

    folder = place.folder
    with place.connect() as connection:
        odd = marks.find_odd(folder.migrations, fetch_ledger(connection))
        with audited(place, connection, "db.repair", hash_scripts(odd)):
            mended = marks.repair(connection, folder.migrations, place.settings)
        place.screen.say(f"recorded checksums of {', '.join(mended)}" if mended else "nothing to repair")


@place_task()
def verify(place: Place) -> None:
    """Look for drift: ledger against files, and the live schema against what the migrations give."""
    from pgproof.schema import find_drift

    folder = place.folder
    with place.connect_if_up() as connection:
        entries = compare(folder.migrations, fetch_ledger(connection))
    found = [f"{each.id}: {each.condition} {each.note}".rstrip() for each in entries if each.condition != "applied"]
    live = place.conninfo()
    found += [str(each) for each in find_drift(live, folder, place.settings, place.server)]
    for line in found:
        place.screen.say(line, "edited")
    if found:
        raise Exit("error: ledger, files and schema do not agree", code=1)
    place.screen.say("ledger, files and schema agree", "applied")


@place_task(help={"check": "change nothing; fail if schema.sql is stale"})
def dump(place: Place, check: bool = False) -> None:  # noqa: FBT001, FBT002
    """Write schema.sql: the schema that the migrations give, to be committed and reviewed."""
    from pgproof.schema import dump, is_current, write_dump

    path = place.settings.root / "schema.sql"
    arguments = (place.folder, place.settings, place.server, place.program("pg_dump"))
    if not check:
        changed = write_dump(path, *arguments)
        place.screen.say(f"schema.sql {'written' if changed else 'is current'}")
    elif not is_current(path, dump(*arguments)):
        raise Exit("error: schema.sql is not what the migrations give\n  hint: `inv db.dump`", code=1)


def _read_phase(phase: str | None) -> Phase | None:
    if phase not in (None, "pre", "post"):
        raise SettingsError(f"unknown phase {phase!r}", hint="pre or post")
    return cast("Phase | None", phase)


def _migrate(
    place: Place, connection: Connection[Any], folder: Folder, *, to: str | None = None, phase: Phase | None = None
) -> None:
    outcome = migrations.migrate(connection, folder, place.settings, to=to, phase=phase, notify=follow(place.screen))
    conclude(place.screen, outcome, "applied")
