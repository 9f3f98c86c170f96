"""The record of a proof: which files it is about, who signed it, and everything that makes it say no."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from pgproof.errors import Location, MigrationError
from pgproof.gate.change import Change, Side
from pgproof.gate.history.kinds import STALE_HEAD
from pgproof.gate.proof import Proof, Report
from pgproof.gate.record import (
    NAME,
    Record,
    check_pending,
    check_record,
    hash_files,
    make_fingerprint,
    read_record,
    write_record,
)
from pgproof.migrations import read_folder
from pgproof.migrations.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pgproof.settings import Settings

_KEY = "s3cret-key"
_FILES = {
    "migrations/0001_a.sql": "CREATE TABLE a ();\n",
    "migrations/0001_a.rollback.sql": "DROP TABLE a;\n",
    "migrations/0002_b.sql": "CREATE TABLE b ();\n",
    "migrations/0002_b.rollback.sql": "DROP TABLE b;\n",
    "migrations/HEAD": "0002_b\n",
    "migrations/repeatable/views.sql": "CREATE OR REPLACE VIEW v AS SELECT 1;\n",
    "queries/users/all.sql": "SELECT 1;\n",
}


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def proved(settings: Settings) -> Settings:
    """A project whose second migration and view were judged as new, and the record of it, signed."""
    settings = replace(settings, proof_key=_KEY)
    put(settings.root, _FILES)
    record(settings)
    return settings


def record(settings: Settings) -> None:
    write_record(settings, make_change(settings), Report("main (1a2b3c4)", "head", (), ()), hash_files(settings))


def make_change(settings: Settings) -> Change:
    before = settings.root / "base"
    put(before, {name: text for name, text in _FILES.items() if "0001" in name})
    base = Side("main (1a2b3c4)", replace(settings, root=before), "1a2b3c4" * 5)
    return Change(base, Side("the working tree", settings))


def check(settings: Settings, found: Record | None = None) -> None:
    check_record(found or read_record(settings), settings, hash_files(settings, read_folder(settings.migrations)))


def test_a_record_of_these_files_by_this_key_lets_pass(proved: Settings):
    found = read_record(proved)

    check(proved)
    assert (found.new, found.repeated, found.newest) == (["0002_b"], ["views"], "0001_a")
    assert found.fingerprint == make_fingerprint(hash_files(proved))


def test_a_record_is_one_key_a_line_and_the_same_for_the_same(proved: Settings):
    path = proved.migrations / NAME
    text = path.read_text(encoding="utf-8")
    said = json.loads(text)

    assert list(said) == ["format", *asdict(read_record(proved))]
    assert text == json.dumps(said, indent=2) + "\n"
    assert list(said["files"]) == sorted(_FILES)


def test_a_record_is_no_file_of_what_it_proves_and_no_migration(proved: Settings):
    assert f"migrations/{NAME}" not in hash_files(proved)
    assert [each.id for each in read_folder(proved.migrations).migrations] == ["0001_a", "0002_b"]


@pytest.mark.parametrize("name", _FILES)
def test_any_file_that_has_changed_is_named(proved: Settings, name: str):
    put(proved.root, {name: _FILES[name] + "-- more\n"})

    with pytest.raises(MigrationError, match=f"{NAME}: it is about other files: {name} has changed\n  hint: `inv gate"):
        check(proved)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: (root / "queries/users/all.sql").unlink(), "queries/users/all.sql is gone"),
        (lambda root: put(root, {"queries/new.sql": ""}), "queries/new.sql is new"),
        (
            lambda root: (root / "queries/users/all.sql").rename(root / "queries/all.sql"),
            "queries/all.sql is new, queries/users/all.sql is gone",
        ),
        (lambda root: put(root, {f"queries/{n}.sql": "" for n in range(9)}), "queries/5.sql is new, 3 more"),
    ],
    ids=["gone", "new", "renamed", "many"],
)
def test_files_that_came_or_went_are_named(proved: Settings, change: Callable[[Path], object], said: str):
    change(proved.root)

    with pytest.raises(MigrationError) as caught:
        check(proved)

    assert caught.value.what.endswith(said)


def test_two_files_that_changed_places_are_others(proved: Settings):
    one, two = (proved.migrations / f"000{name}.rollback.sql" for name in ("1_a", "2_b"))
    one.write_text(_FILES["migrations/0002_b.rollback.sql"], encoding="utf-8")
    two.write_text(_FILES["migrations/0001_a.rollback.sql"], encoding="utf-8")

    with pytest.raises(MigrationError, match=r"0001_a\.rollback\.sql has changed, .*0002_b"):
        check(proved)


def test_caches_and_drafts_are_no_files_of_the_project(proved: Settings):
    put(proved.root, {"migrations/__pycache__/x.pyc": "", "queries/.all.sql.swp": "", "queries/.x/y.sql": ""})

    check(proved)


def test_what_was_read_counts_as_it_was_read(proved: Settings):
    """What is checked is what runs: a file written between the two is not what was looked at, nor what runs."""
    folder = read_folder(proved.migrations)
    before = hash_files(proved, folder)
    put(proved.root, {"migrations/0002_b.sql": "DROP TABLE a;\n"})

    assert hash_files(proved, folder) == before
    assert hash_files(proved) != before


@pytest.mark.parametrize(
    "change",
    [
        {"new": ["0001_a", "0002_b"]},
        {"repeated": []},
        {"at": "2030-01-01T00:00:00+00:00"},
        {"by": "somebody else"},
        {"base": "main (0000000)"},
        {"warnings": 7},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "ß"},
        {"signature": "\ud800"},
    ],
    ids=str,
)
def test_a_record_that_was_edited_is_refused_by_its_signature(proved: Settings, change: dict[str, Any]):
    edited = replace(read_record(proved), **change)

    with pytest.raises(MigrationError, match=r"its signature is not by this PGPROOF_PROOF_KEY|it is not signed"):
        check(proved, edited)


def test_a_record_by_another_key_is_refused_and_no_key_is_told(proved: Settings):
    with pytest.raises(MigrationError, match="its signature is not by this") as caught:
        check(replace(proved, proof_key="another-key"))

    assert not [key for key in (_KEY, "another-key") if key in str(caught.value)]
    assert _KEY not in (proved.migrations / NAME).read_text(encoding="utf-8")


def test_without_a_key_files_count_and_signatures_do_not(settings: Settings):
    put(settings.root, _FILES)
    record(settings)

    check(settings)
    check(settings, replace(read_record(settings), signature="by whom?"))
    with pytest.raises(MigrationError, match="it is not signed"):
        check(replace(settings, proof_key=_KEY))


def test_a_record_that_two_branches_were_merged_in_does_not_agree_with_itself(settings: Settings):
    """An unsigned one that git has merged: its files are right, its fingerprint another branch's."""
    put(settings.root, _FILES)
    record(settings)

    with pytest.raises(MigrationError, match="it does not agree with itself"):
        check(settings, replace(read_record(settings), fingerprint="0" * 64))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "PROOF:1: it is not JSON"),
        (b'{\n<<<<<<< HEAD\n"format": 1}', "PROOF:2: it is not JSON"),
        (b"\xff", "PROOF: it is not UTF-8"),
        (b"[]", "PROOF: it is no record"),
        (b'{"format": 2}', "PROOF: it is no record"),
        (b'{"format": 1}', "PROOF: it is no record"),
    ],
    ids=["empty", "conflict", "bytes", "list", "newer", "little"],
)
def test_what_is_no_record_is_refused_with_its_place(proved: Settings, text: bytes, said: str):
    (proved.migrations / NAME).write_bytes(text)

    with pytest.raises(MigrationError, match=said) as caught:
        read_record(proved)

    assert "--without-proof=REASON" in caught.value.hint


@pytest.mark.parametrize("name", [each for each in Record.__annotations__ if each != "warnings"])
def test_a_word_of_a_record_that_is_of_another_kind_is_refused(proved: Settings, name: str):
    path = proved.migrations / NAME
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {name: 7}), encoding="utf-8")

    with pytest.raises(MigrationError, match="it is no record"):
        read_record(proved)


def test_a_name_that_no_file_can_have_is_a_difference_like_another(settings: Settings):
    put(settings.root, _FILES)
    record(settings)
    found = read_record(settings)
    files = {**found.files, "queries/\ud800": "0"}

    with pytest.raises(MigrationError, match="it is about other files"):
        check(settings, replace(found, files=files, fingerprint=make_fingerprint(files)))


def test_a_folder_in_the_place_of_a_record_is_said(proved: Settings):
    (proved.migrations / NAME).unlink()
    (proved.migrations / NAME).mkdir()

    with pytest.raises(MigrationError, match="PROOF: it cannot be read: Is a directory"):
        read_record(proved)


def test_no_record_is_said_with_how_to_get_one(proved: Settings):
    (proved.migrations / NAME).unlink()

    with pytest.raises(MigrationError, match=r"there is no proof of these files: no .*/migrations/PROOF\n  hint: `inv"):
        read_record(proved)


def pending(settings: Settings, *ids: str, ran: dict[str, str] | None = None) -> None:
    folder = read_folder(settings.migrations)
    todo = [each for each in folder.migrations if each.id in ids]
    again = [each for each in folder.repeatables if each.id in ids]
    check_pending(read_record(settings), settings, todo, again, Ledger(contents=ran or {}))


def test_what_is_pending_has_to_have_been_judged_as_new(proved: Settings):
    pending(proved, "0002_b", "views")

    with pytest.raises(MigrationError, match=r"not judged as new: 0001_a; its base, main \(1a2b3c4\), had 0001_a"):
        pending(proved, "0001_a", "0002_b")


def test_a_repeatable_that_base_had_may_run_again_and_not_for_the_first_time(proved: Settings):
    put(proved.root / "base", {"migrations/repeatable/views.sql": _FILES["migrations/repeatable/views.sql"]})
    record(proved)
    (view,) = read_folder(proved.migrations).repeatables

    for known in (view.sha256, "withdrawn"):
        pending(proved, "views", ran={"views": known})
    for behind in ({}, {"views": "an older one"}):
        with pytest.raises(MigrationError, match="not judged as new: views"):
            pending(proved, "views", ran=behind)


def test_files_that_change_while_they_are_judged_are_not_signed(proved: Settings):
    before = hash_files(proved)
    text = (proved.migrations / NAME).read_text(encoding="utf-8")
    put(proved.root, {"queries/users/all.sql": "SELECT 2;\n"})

    with pytest.raises(MigrationError, match="files were changed while they were judged"):
        write_record(proved, make_change(proved), Report("", "", (), ()), before)

    assert (proved.migrations / NAME).read_text(encoding="utf-8") == text


def test_of_files_that_do_not_hold_no_record_is_left_and_others_keep_theirs(proved: Settings):
    finding = STALE_HEAD.find(Location(proved.migrations / "HEAD"), "it names another")
    proof = Proof("history", "", (finding,), "", "", None, 0.0)
    broken = Report("", "", (), (proof,))

    assert broken.is_broken
    assert write_record(proved, make_change(proved), broken, {**hash_files(proved), "queries/new.sql": "0"}) is None
    assert (proved.migrations / NAME).exists()
    for _ in range(2):
        assert write_record(proved, make_change(proved), broken, hash_files(proved)) is None
        assert not (proved.migrations / NAME).exists()
