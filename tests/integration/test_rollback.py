"""The way back: what it undoes, in which order, and what it refuses before anything is undone."""

import pytest

from pgproof.errors import LedgerDrift, LockTimeout, MigrationError, MigrationFailed, SqlFileError
from pgproof.pg.catalog import fetch_catalog
from tests.project import make_table


@pytest.fixture
def three(project):
    """A project with three tables applied."""
    for id in ("0001_a", "0002_b", "0003_c"):
        project.add(id, *make_table(id[5:]))
    project.migrate()
    project.events.clear()
    return project


def test_the_newest_goes_first(three):
    outcome = three.roll_back(steps=2)

    assert outcome.changed == ("0003_c", "0002_b")
    assert three.tables() == ["a"]
    assert three.conditions() == {"0001_a": "applied", "0002_b": "pending", "0003_c": "pending"}
    assert three.rows("SELECT migration_id FROM _yoyo_migration") == ["0001_a"]
    assert three.rows("SELECT migration_id FROM _pgproof_migration") == ["0001_a"]
    assert [(each.kind, each.id) for each in three.events][-2:] == [("begun", "0002_b"), ("rolled back", "0002_b")]


def test_the_one_that_is_named_stays_and_what_came_after_goes(three):
    assert three.roll_back(to="0001").changed == ("0003_c", "0002_b")


def test_everything_goes_where_nothing_is_named(three):
    three.roll_back()

    assert three.tables() == []
    assert three.roll_back().changed == ()


def test_each_rollback_is_written_to_yoyos_log(three):
    three.roll_back(steps=1)

    assert three.rows("SELECT migration_id, operation FROM _yoyo_log ORDER BY created_at_utc, operation") == [
        ("0001_a", "apply"),
        ("0002_b", "apply"),
        ("0003_c", "apply"),
        ("0003_c", "rollback"),
    ]


def test_there_and_back_again_is_the_same_schema(three):
    before = fetch_catalog(three.connection)
    three.roll_back()
    three.migrate()

    assert fetch_catalog(three.connection) == before


def test_an_unknown_target_is_an_error(three):
    with pytest.raises(MigrationError, match="there is no migration 0009"):
        three.roll_back(to="0009")

    assert three.tables() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("header", "refusal"),
    [("", "there is no rollback"), ("-- irreversible: rows are gone\n", "it is declared irreversible: rows are gone")],
)
def test_one_without_way_back_is_refused_before_anything_is_undone(three, header, refusal):
    """The newest could be undone; it is not, because the one below it cannot."""
    path = three.put("0002_b.sql", f"{header}{make_table('b')[0]}")
    path.with_name("0002_b.rollback.sql").unlink()

    with pytest.raises(MigrationError, match=refusal) as caught:
        three.roll_back(steps=2)

    assert caught.value.at
    assert caught.value.at.path == path
    assert three.tables() == ["a", "b", "c"]
    assert three.roll_back(steps=1).changed == ("0003_c",)


def test_a_rollback_that_would_end_the_transaction_is_refused_before_anything_is_undone(three):
    three.put("0002_b.rollback.sql", "DROP TABLE b;\nCOMMIT;\n")

    with pytest.raises(SqlFileError, match=r"0002_b\.rollback\.sql:2: COMMIT would end the transaction"):
        three.roll_back(steps=2)

    assert three.tables() == ["a", "b", "c"]


def test_drift_stops_a_rollback(three):
    three.put("0001_a.sql", "CREATE TABLE a (id bigint PRIMARY KEY);\n")

    with pytest.raises(LedgerDrift, match=r"0001_a\.sql: it was edited after it was applied"):
        three.roll_back(steps=1)


def test_a_refused_rollback_shows_its_line_and_leaves_its_migration_applied(three):
    three.put("0002_b.rollback.sql", "DROP TABLE b;\nSELECT 1 / 0;\n")

    with pytest.raises(MigrationFailed, match=r"0002_b\.rollback\.sql:2: division by zero \(22012\)"):
        three.roll_back()

    assert three.tables() == ["a", "b"]
    assert three.conditions() == {"0001_a": "applied", "0002_b": "applied", "0003_c": "pending"}


def test_a_lock_in_the_way_of_a_rollback_is_tried_again_too(three):
    three.choose(lock_timeout="20ms", lock_attempts=2)
    holder = three.session(autocommit=False)
    holder.execute("LOCK TABLE c IN ACCESS SHARE MODE")

    with pytest.raises(LockTimeout):
        three.roll_back(steps=1)

    assert three.conditions()["0003_c"] == "applied"


def test_what_a_rollback_makes_and_should_not_stay_is_a_failure(three):
    three.put("0003_c.rollback.sql", "DROP TABLE c;\nCREATE TABLE left_over (id int);\n")

    outcome = three.roll_back(steps=1)

    assert [each.object for each in outcome.failures] == ["table public.left_over"]
