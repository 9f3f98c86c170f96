from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgproof.errors import LedgerDrift, MigrationError
from pgproof.migrations.files import Migration, Script, read_migrations
from pgproof.migrations.ledger import Ledger, Row
from pgproof.migrations.plan import Entry, compare, find, pending, refuse_drift, to_roll_back

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def files(tmp_path) -> list[Migration]:
    """Three migrations, each with a rollback."""
    for id in ("0001_make_users", "0002_make_posts", "0003_make_likes"):
        (tmp_path / f"{id}.sql").write_text(f"CREATE TABLE t{id} ();\n", encoding="utf-8")
        (tmp_path / f"{id}.rollback.sql").write_text(f"DROP TABLE t{id};\n", encoding="utf-8")
    return read_migrations(tmp_path)


def row(migration: Migration, **differently) -> Row:
    """What the ledger says of an applied migration."""
    rollback = migration.rollback.sha256 if migration.rollback else None
    facts = {
        "applied_at": NOW,
        "state": "applied",
        "sha256": migration.sha256,
        "meaning": migration.meaning,
        "rollback_sha256": rollback,
    }
    return Row(**{"id": migration.id, **facts, **differently})


def ledger(*rows: Row) -> Ledger:
    return Ledger("public", complete=True, rows={each.id: each for each in rows})


def conditions(files, *rows: Row) -> list[str]:
    return [each.condition for each in compare(files, ledger(*rows))]


def test_without_ledger_everything_is_pending(files):
    entries = compare(files, Ledger())

    assert [each.condition for each in entries] == ["pending"] * 3
    assert pending(entries) == files


def test_what_the_ledger_has_is_applied_and_the_rest_pending(files):
    entries = compare(files, ledger(row(files[0])))

    assert [each.condition for each in entries] == ["applied", "pending", "pending"]
    assert pending(entries) == files[1:]


def test_an_intent_that_nothing_completed_is_interrupted_and_pending(files):
    entries = compare(files, ledger(row(files[0]), row(files[1], applied_at=None, state="running")))

    assert [each.condition for each in entries] == ["applied", "interrupted", "pending"]
    assert pending(entries) == files[1:]


def test_our_row_alone_is_not_applied_because_yoyo_rolled_it_back(files):
    assert conditions(files, row(files[0], applied_at=None)) == ["pending", "pending", "pending"]


def test_what_yoyo_applied_is_unchecked_and_not_pending(files):
    yoyos = Row(id=files[0].id, applied_at=NOW)
    entries = compare(files, ledger(yoyos))

    assert entries[0].condition == "unchecked"
    assert "db.repair" in entries[0].note
    assert pending(entries) == files[1:]


def test_other_bytes_of_the_same_meaning_are_reworded_and_no_drift(files):
    entries = compare(files, ledger(row(files[0], sha256="other")))

    assert entries[0].condition == "reworded"
    assert "db.repair" in entries[0].note
    refuse_drift(entries)


def test_another_meaning_is_edited(files):
    entries = compare(files, ledger(row(files[0], sha256="other", meaning="other")))

    assert entries[0].condition == "edited"


def test_an_applied_migration_without_file_is_missing_and_comes_last(files):
    entries = compare(files, ledger(Row(id="0000_gone", applied_at=NOW, sha256="x")))

    assert [(each.id, each.condition) for each in entries][-1] == ("0000_gone", "missing")
    assert entries[-1].path == files[0].path.with_name("0000_gone.sql")


def test_a_missing_one_whose_content_is_pending_by_another_name_was_renamed(files):
    entries = compare(files, ledger(Row(id="0001_old", applied_at=NOW, sha256=files[0].sha256)))

    assert entries[-1].note == "renamed to 0001_make_users"


def test_a_pending_one_before_an_applied_one_is_out_of_order(files):
    assert conditions(files, row(files[0]), row(files[2])) == ["applied", "out of order", "applied"]


def test_an_edited_rollback_is_noted(files):
    (entry, *_) = compare(files, ledger(row(files[0], rollback_sha256="other")))

    assert (entry.condition, entry.note) == ("applied", "its rollback was edited since")


def test_an_interrupted_rollback_is_noted(files):
    (entry, *_) = compare(files, ledger(row(files[0], state="running")))

    assert (entry.condition, entry.note) == (
        "applied",
        "its rollback was interrupted: `inv db.rollback` finishes it, `inv db.migrate` takes it back",
    )


def test_drift_is_refused_with_every_file_and_what_to_do(files):
    rows = [
        row(files[0], sha256="other", meaning="other"),
        row(files[2]),
        Row(id="0000_gone", applied_at=NOW, sha256="x"),
    ]

    with pytest.raises(LedgerDrift) as caught:
        pending(compare(files, ledger(*rows)))

    text = str(caught.value)
    assert f"{files[0].path}: it was edited after it was applied" in text
    assert f"{files[1].path}: it is not applied, but a later one is" in text
    assert f"{files[0].path.with_name('0000_gone.sql')}: it is applied, but the file is gone" in text
    for hint in ("write a new migration", "inv db.unmark", "give it a number after the newest"):
        assert hint in text


def test_drift_stops_a_rollback_too(files):
    with pytest.raises(LedgerDrift):
        to_roll_back(compare(files, ledger(row(files[2]))), steps=1)


def test_pending_ends_with_the_one_that_is_asked_for(files):
    assert pending(compare(files, Ledger()), to="0002") == files[:2]


def test_a_rollback_takes_the_newest_first(files):
    entries = compare(files, ledger(*map(row, files)))

    assert to_roll_back(entries, steps=2) == [files[2], files[1]]
    assert to_roll_back(entries, to="0001_make_users") == [files[2], files[1]]
    assert to_roll_back(entries) == files[::-1]
    assert to_roll_back(entries, steps=0) == []


def test_a_rollback_leaves_out_what_is_not_applied(files):
    assert to_roll_back(compare(files, ledger(row(files[0]))), steps=1) == [files[0]]


def test_an_unknown_migration_is_an_error_for_apply_and_rollback(files):
    entries = compare(files, ledger(*map(row, files)))

    for act in (pending, to_roll_back):
        with pytest.raises(MigrationError, match="there is no migration 0009"):
            act(entries, to="0009")


def test_a_migration_is_found_by_name_number_or_beginning(files):
    entries = compare(files, Ledger())

    for name in ("0002_make_posts", "0002_make_posts.sql", "0002", "0002_make"):
        assert find(entries, name).id == "0002_make_posts"


def test_a_whole_name_is_found_though_others_begin_with_it():
    entries = [Entry(id, Path(f"{id}.sql"), "pending") for id in ("0001_a", "0001_ab")]

    assert find(entries, "0001_a").id == "0001_a"


def test_a_beginning_that_several_have_is_an_error_that_names_them(files):
    with pytest.raises(MigrationError, match="000 could be 0001_make_users, 0002_make_posts, 0003_make_likes"):
        find(compare(files, Ledger()), "000")


def test_a_name_that_is_nearly_right_is_offered(files):
    with pytest.raises(MigrationError) as caught:
        find(compare(files, Ledger()), "0002_make_post5")

    assert caught.value.hint == "did you mean 0002_make_posts?"


def test_a_name_that_is_far_off_leads_to_status(files):
    with pytest.raises(MigrationError) as caught:
        find(compare(files, Ledger()), "x")

    assert "db.status" in caught.value.hint


@pytest.mark.parametrize(
    ("up", "rollback", "refusal"),
    [
        ("SELECT 1;", None, "there is no rollback"),
        ("-- irreversible: rows are gone\nSELECT 1;", None, "it is declared irreversible: rows are gone"),
        ("-- irreversible: rows are gone\nSELECT 1;", "SELECT 1;", "it is declared irreversible: rows are gone"),
    ],
)
def test_one_without_way_back_keeps_all_of_them(tmp_path: Path, files, up, rollback, refusal):
    (tmp_path / "0002_make_posts.sql").write_text(up, encoding="utf-8")
    if rollback is None:
        (tmp_path / "0002_make_posts.rollback.sql").unlink()
    files = read_migrations(tmp_path)

    with pytest.raises(MigrationError) as caught:
        to_roll_back(compare(files, ledger(*map(row, files))))

    assert (caught.value.what, caught.value.at and caught.value.at.path) == (refusal, files[1].path)


def test_a_migration_whose_rollback_has_no_file_is_only_asked_when_it_is_chosen(files, tmp_path):
    first = Migration(files[0].path, files[0].id, files[0].number, rollback=None)
    rows = [row(first), row(files[1])]

    assert to_roll_back(compare([first, *files[1:]], ledger(*rows)), steps=1) == [files[1]]
    assert Script(tmp_path / "0002_make_posts.rollback.sql") == files[1].rollback
