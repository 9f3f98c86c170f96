"""db.audit, and what a change of production has to pass."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from json import dumps
from typing import TYPE_CHECKING

from pgproof import migrations
from pgproof.errors import MigrationError, SettingsError
from pgproof.migrations import fetch_ledger, find_pending
from pgproof.tasks.report import conclude, follow
from pgproof.tasks.task import count, place_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from psycopg import Connection

    from pgproof.migrations import Event, Folder, Migration
    from pgproof.migrations.audit import Deed, Row
    from pgproof.migrations.header import Phase
    from pgproof.migrations.ledger import Ledger
    from pgproof.seeds import Loaded
    from pgproof.tasks.task import Place


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person asks of a migration of production besides.

    Attributes:
        without_proof: why it is to go on without one; None to look for one.
        snapshot: whether the instance is to be kept as it was.
    """

    without_proof: str | None = None
    snapshot: bool = False

    def check(self, place: Place) -> None:
        """Let pass what can be meant.

        Raises:
            SettingsError: it says nothing at home, or nothing at all.
        """
        if place.settings.target != "prod":
            if self.without_proof is not None or self.snapshot:
                option = "--snapshot" if self.snapshot else "--without-proof"
                raise SettingsError(f"{option} is for --target=prod", hint="leave it out")
        elif self.without_proof is not None and not self.without_proof.strip():
            raise SettingsError("--without-proof has no reason", hint="say in a few words why; the audit keeps it")
        elif self.snapshot:
            _find_instance(place)


@place_task(help={"last": "how many (default: 20)", "json": "for a script"})
def audit(place: Place, last: str = "20", json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Show who has changed production, when, from where and with what: the last first."""
    from pgproof.migrations.audit import fetch_last

    with place.connect_if_up() as connection:
        rows = fetch_last(connection, count("--last", last))
    if json:
        place.screen.say(dumps([{**asdict(each), "begun_at": each.begun_at.isoformat()} for each in rows], indent=2))
    elif rows:
        columns = ["begun", "took", "outcome", "what", "who", "from", "files", "note"]
        place.screen.table(columns, list(map(_as_row, rows)))
    else:
        place.screen.say("nothing is recorded: pgproof has not changed this database as production")


def migrate(place: Place, folder: Folder, *, to: str | None, phase: Phase | None, wish: Wish) -> None:
    """Migrate production: show the plan, ask for the proof of it, keep a snapshot where asked, record it, run it."""
    with place.connect() as connection:
        ledger = fetch_ledger(connection)
    todo, again = find_pending(folder, ledger, to=to, phase=phase)
    if not todo and not again:
        place.screen.say("nothing to do")
        return
    _show_plan(place, todo, again)
    proof, reason = _justify(place, folder, ledger, (todo, again), wish.without_proof)
    name = _take_snapshot(place, [*todo, *again][-1].id) if wish.snapshot else ""
    files = hash_scripts([*todo, *again])
    only, why = _only(files, follow(place.screen)), {"proof": proof, "reason": reason, "snapshot": name}
    with (
        place.connect() as connection,  # anew: a snapshot takes longer than some networks keep one that is silent
        audited(place, connection, "db.migrate", files, **why),
    ):
        outcome = migrations.migrate(connection, folder, place.settings, to=to, phase=phase, notify=only)
    conclude(place.screen, outcome, "applied")


@contextmanager
def audited(
    place: Place, connection: Connection[Any], what: str, files: Mapping[str, str], **why: str
) -> Iterator[None]:
    """Record what is done to production with these files; where nothing is, and at home, nothing is recorded."""
    if place.settings.target != "prod" or not files:
        yield
        return
    from pgproof.migrations.audit import Deed, recorded

    deed: Deed = Deed(what=what, files=files, **why)
    with recorded(connection, deed, place.connect, lambda said: place.screen.say(f"audit: {said}", "notice")):
        yield


def hash_scripts(scripts: Sequence[Migration]) -> dict[str, str]:
    """Return the SHA-256 of each by its id."""
    return {each.id: each.sha256 for each in scripts}


def _show_plan(place: Place, todo: Sequence[Migration], again: Sequence[Migration]) -> None:
    rows = [[each.id, each.header.phase, _count_statements(each)] for each in todo]
    rows += [[each.id, "repeatable", _count_statements(each)] for each in again]
    place.screen.table(["to run on production", "phase", "statements"], rows)


def _count_statements(migration: Migration) -> str:
    from pgproof.sqltext import ParseError, parse

    if migration.language == "python":
        return "in Python"
    try:
        return str(len(parse(migration.text)))
    except (ParseError, UnicodeDecodeError):
        return "?"  # the run says what is wrong, before it touches anything


def _justify(
    place: Place,
    folder: Folder,
    ledger: Ledger,
    pending: tuple[Sequence[Migration], Sequence[Migration]],
    without_proof: str | None,
) -> tuple[str, str]:
    """Return the fingerprint of the gate's record that allows it, or the reason to go on without."""
    if without_proof is not None:
        reason = " ".join(without_proof.split()).encode(errors="replace").decode()  # a shell may give any bytes
        place.screen.say(f"WITHOUT PROOF: {reason}", "broken")
        return "", reason
    from pgproof.gate.record import check_pending, check_record, hash_files, read_record

    record = read_record(place.settings)
    check_record(record, place.settings, hash_files(place.settings, folder))
    check_pending(record, place.settings, *pending, ledger)
    signed = "" if place.settings.proof_key else ", its signature not looked at: no PGPROOF_PROOF_KEY"
    place.screen.say(f"proved {record.at} by {record.by} on {record.server}, from {record.base}{signed}", "held")
    return record.fingerprint, ""


def _only(shown: Mapping[str, str], tell: Callable[[Event | Loaded], None]) -> Callable[[Event], None]:
    """Return a listener that ends the run before anything that was not in the plan: somebody unmarked it meanwhile."""

    def hear(event: Event) -> None:
        if event.kind == "begun" and event.id not in shown:
            raise MigrationError(f"{event.id} was not in the plan that was shown", hint="the ledger moved; once more")
        tell(event)

    return hear


def _find_instance(place: Place) -> tuple[Any, str]:
    """Return the cloud that the planned instance is in, and its identifier."""
    from pgproof.rds.server import RdsServer

    if not isinstance(place.server, RdsServer):
        what = "--snapshot is of the planned RDS instance, and PROD_CONNECTION_URL may name another server"
        raise SettingsError(what, hint="unset PROD_CONNECTION_URL, or take the snapshot where that server is")
    return place.server.access.cloud, place.server.plan.identifier


def _take_snapshot(place: Place, newest: str) -> str:
    """Return the name of a snapshot that is called after what comes next: RDS takes letters, digits, single hyphens."""
    from pgproof.rds.snapshot import name_snapshot, take_snapshot

    cloud, identifier = _find_instance(place)
    after = "-".join(re.findall(r"[A-Za-z0-9]+", newest))[:120].rstrip("-")
    name = take_snapshot(cloud, identifier, name_snapshot(identifier, f"before-{after}"), notify=place.screen.busy)
    place.screen.say(f"snapshot {name} is available", "held")
    return name


def _as_row(row: Row) -> list[str]:
    took = f"{row.seconds:.1f} s" if row.seconds is not None else ""
    who, place = f"{row.person} as {row.role}", row.host if row.client is None else f"{row.host} ({row.client})"
    told = (
        row.error,
        f"WITHOUT PROOF: {row.reason}" if row.reason else f"proof {row.proof[:12]}" if row.proof else "",
        f"snapshot {row.snapshot}" if row.snapshot else "",
    )
    files = ", ".join(row.files)
    begun = f"{row.begun_at:%Y-%m-%d %H:%M:%S}"
    return [begun, took, row.outcome, row.what, who, place, files, "; ".join(filter(None, told))]
