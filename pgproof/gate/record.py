"""A report that held in, the record of it out, migrations/PROOF: for exactly which files, and what was new in them."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pgproof.errors import Location, MigrationError
from pgproof.migrations.audit import name_person
from pgproof.pg.folder import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pgproof.gate.change import Change
    from pgproof.gate.proof import Report
    from pgproof.migrations import Folder, Migration
    from pgproof.migrations.ledger import Ledger
    from pgproof.settings import Settings

NAME = "PROOF"
HINT = "`inv gate --sign` proves it; --without-proof=REASON goes on without, and is kept in the audit"
_FORMAT = 1
_NAMED = 6  # files; of more there is a number
_UNTOLD = "withdrawn"  # the ledger does not say which content a rollback has taken away


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was proved.

    Attributes:
        fingerprint: of all files.
        base: what the change was compared with, for a person.
        commit: of base.
        newest: the newest migration that base had; empty where it had none.
        new: ids of the migrations that were judged as new.
        repeated: ids of the repeatables that were judged as new or changed.
        warnings: how many there were.
        server: what it was judged on.
        pgproof: its version.
        at: when, in UTC.
        by: whose run it was.
        files: everything in migrations/ and queries/, by its path in the project: SHA-256.
        signature: HMAC-SHA256 over all the rest by the setting proof_key; empty without one.
    """

    fingerprint: str
    base: str
    commit: str
    newest: str
    new: list[str]
    repeated: list[str]
    warnings: int
    server: str
    pgproof: str
    at: str
    by: str
    files: dict[str, str]
    signature: str = ""

    def sign(self, key: str) -> str:
        """Return the signature that it has to have."""
        rest = {"format": _FORMAT, **asdict(replace(self, signature=""))}
        text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
        return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def hash_files(settings: Settings, folder: Folder | None = None) -> dict[str, str]:
    """Return the SHA-256 of every file of migrations/ and queries/ by its path in the project, in order.

    Args:
        settings: the project's.
        folder: what was read already counts as it was read, and not as it lies there now: it is what will run.
    """
    scripts = (*folder.migrations, *folder.repeatables) if folder else ()
    read = {each.path: each.sha256 for each in (*scripts, *(each.rollback for each in scripts if each.rollback))}
    lying = {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for place in (settings.migrations, settings.queries)
        for path in _list(place)
        if path not in read and path != settings.migrations / NAME
    }
    return dict(sorted((path.relative_to(settings.root).as_posix(), sha) for path, sha in (read | lying).items()))


def make_fingerprint(files: Mapping[str, str]) -> str:
    """Return one hash, hex, over names and contents."""
    listed = "".join(f"{sha} {name}\n" for name, sha in sorted(files.items()))
    return hashlib.sha256(listed.encode(errors="surrogatepass")).hexdigest()


def write_record(settings: Settings, change: Change, report: Report, files: dict[str, str]) -> Path | None:
    """Write the record of a report that held, and return its path; of files that do not hold, none is left.

    Args:
        settings: with the key, where it is to be signed.
        change: what was judged.
        report: what came of it.
        files: as they were when it began.

    Raises:
        MigrationError: they are not the same any more.
    """
    path = settings.migrations / NAME
    if report.is_broken:
        if _is_about(settings, files):
            path.unlink()
        return None
    if hash_files(settings) != files:
        raise MigrationError("not signed: files were changed while they were judged", hint="once more")
    record = _make(change, report, files)
    if settings.proof_key:
        record = replace(record, signature=record.sign(settings.proof_key))
    write_whole(path, json.dumps({"format": _FORMAT, **asdict(record)}, indent=2) + "\n")
    return path


def read_record(settings: Settings) -> Record:
    """Return the record that the project has.

    Raises:
        MigrationError: there is none, or it cannot be read.
    """
    path = settings.migrations / NAME
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MigrationError(f"there is no proof of these files: no {path}", hint=HINT) from None
    except OSError as error:
        raise MigrationError(f"it cannot be read: {error.strerror}", at=Location(path), hint=HINT) from error
    except UnicodeDecodeError as error:
        raise MigrationError("it is not UTF-8", at=Location(path), hint=HINT) from error
    except json.JSONDecodeError as error:
        raise MigrationError(f"it is not JSON: {error.msg}", at=Location(path, error.lineno), hint=HINT) from error
    if not isinstance(said, dict) or said.pop("format", None) != _FORMAT or not _fits(said):
        raise MigrationError("it is no record of this version of pgproof's gate", at=Location(path), hint=HINT)
    return Record(**said)


def check_record(record: Record, settings: Settings, files: Mapping[str, str]) -> None:
    """Let pass a record that is whole, signed where there is a key, and about exactly these files.

    Raises:
        MigrationError: it is not; with what is different.
    """
    at = Location(settings.migrations / NAME)
    said, right = record.signature.encode(errors="replace"), record.sign(settings.proof_key).encode()
    if settings.proof_key and not hmac.compare_digest(said, right):
        what = "its signature is not by this PGPROOF_PROOF_KEY" if record.signature else "it is not signed"
        raise MigrationError(what, at=at, hint=HINT)
    if record.fingerprint != make_fingerprint(record.files):
        raise MigrationError("it does not agree with itself: it was edited, or merged", at=at, hint=HINT)
    if differences := list(_differ(record.files, files)):
        more = [f"{len(differences) - _NAMED} more"] if len(differences) > _NAMED else []
        what = f"it is about other files: {', '.join([*differences[:_NAMED], *more])}"
        raise MigrationError(what, at=at, hint=HINT)


def check_pending(
    record: Record, settings: Settings, todo: Sequence[Migration], again: Sequence[Migration], ledger: Ledger
) -> None:
    """Let pass what was judged as new; the rest was behind the base, and nobody has proved it on what is there now.

    A repeatable runs again after each migration, and is new only where its content is.

    Raises:
        MigrationError: names what production is behind with.
    """
    behind = [each.id for each in todo if each.id not in record.new]
    behind += [
        each.id
        for each in again
        if each.id not in record.repeated and ledger.contents.get(each.id) not in (_UNTOLD, each.sha256)
    ]
    if behind:
        newest = record.newest or "no migration"
        what = f"pending here, and not judged as new: {', '.join(behind)}; its base, {record.base}, had {newest}"
        base = "REF`, of what production has now" if ledger.rows else "nothing`, for production has nothing yet"
        hint = f"`inv gate --sign --base={base}; or {HINT.partition('; ')[2]}"
        raise MigrationError(what, at=Location(settings.migrations / NAME), hint=hint)


def _is_about(settings: Settings, files: Mapping[str, str]) -> bool:
    try:
        return read_record(settings).files == files
    except MigrationError:
        return False  # none, or one that allows nothing


def _make(change: Change, report: Report, files: dict[str, str]) -> Record:
    before = change.base.folder.migrations
    return Record(
        fingerprint=make_fingerprint(files),
        base=change.base.name,
        commit=change.base.commit,
        newest=before[-1].id if before else "",
        new=[each.id for each in change.new],
        repeated=[each.id for each in change.repeated],
        warnings=sum(each.severity == "warning" for each in report.findings),
        server=report.server,
        pgproof=version("pgproof"),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        by=name_person(),
        files=files,
    )


def _list(folder: Path) -> Iterator[Path]:
    """List what git would have: no drafts of editors and no caches of Python."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(each.startswith(".") or each == "__pycache__" for each in parts):
            yield path


def _fits(said: dict[str, Any]) -> bool:
    kinds = {"new": list, "repeated": list, "files": dict, "warnings": int}
    if said.keys() != {each.name for each in fields(Record)}:
        return False
    if not all(type(value) is kinds.get(name, str) for name, value in said.items()):
        return False
    return all(isinstance(each, str) for each in (*said["new"], *said["repeated"], *said["files"].values()))


def _differ(proved: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*proved, *now}):
        if name not in now:
            yield f"{name} is gone"
        elif name not in proved:
            yield f"{name} is new"
        elif proved[name] != now[name]:
            yield f"{name} has changed"
