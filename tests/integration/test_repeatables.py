"""Views, functions and grants that are run again when they change: by content, in the discipline of a migration."""

import pytest

from pgproof.errors import MigrationFailed, SqlFileError
from tests.project import Project, make_table

VIEW = "CREATE OR REPLACE VIEW total AS SELECT count(*) AS n FROM a;\n"
VIEW_BACK = "DROP VIEW IF EXISTS total;\n"


@pytest.fixture
def view(project: Project) -> Project:
    """A table, and a view of it with a way back, applied."""
    project.add("0001_a", *make_table("a"))
    project.put("repeatable/total.sql", VIEW)
    project.put("repeatable/total.rollback.sql", VIEW_BACK)
    project.migrate()
    project.events.clear()
    return project


def views(project: Project) -> list[str]:
    return project.rows("SELECT viewname FROM pg_views WHERE schemaname = 'public' ORDER BY 1")


def test_they_run_after_the_migrations_in_name_order(project):
    project.add("0001_a", *make_table("a"))
    project.put("repeatable/b.sql", "CREATE OR REPLACE VIEW b AS SELECT * FROM c;\n")
    project.put("repeatable/a_c.sql", "CREATE OR REPLACE VIEW c AS SELECT * FROM a;\n")

    assert project.migrate().changed == ("0001_a", "a_c", "b")
    assert [each.id for each in project.events if each.kind == "repeated"] == ["a_c", "b"]


def test_one_that_did_not_change_does_not_run_again(view):
    assert view.migrate().changed == ()


def test_one_that_changed_runs_again(view):
    view.put("repeatable/total.sql", "CREATE OR REPLACE VIEW total AS SELECT count(*) + 1 AS n FROM a;\n")

    assert view.migrate().changed == ("total",)
    assert view.rows("SELECT n FROM total") == [1]
    assert view.migrate().changed == ()


def test_one_runs_again_after_a_migration_which_may_have_taken_it_along(view):
    view.add("0002_b", "DROP TABLE a CASCADE;\nCREATE TABLE a (id int PRIMARY KEY, b int);\n")

    assert view.migrate().changed == ("0002_b", "total")
    assert views(view) == ["total"]


def test_they_wait_while_a_run_ends_before_the_newest_migration(view):
    view.add("0002_b", *make_table("b"))
    view.add("0003_c", *make_table("c"))
    view.put("repeatable/total.sql", "CREATE OR REPLACE VIEW total AS SELECT count(*) AS n FROM c;\n")

    assert view.migrate(to="0002").changed == ("0002_b",)


def test_one_that_fails_leaves_the_view_as_it_was_and_runs_next_time(view):
    view.put("repeatable/total.sql", f"{VIEW_BACK}SELECT 1 / 0;\n")

    for _ in range(2):
        with pytest.raises(MigrationFailed, match=r"total\.sql:2: division by zero"):
            view.migrate()

    assert views(view) == ["total"]
    assert view.rows("SELECT * FROM yoyo_lock") == []


def test_one_that_cannot_be_read_stops_the_run_before_anything_is_touched(view):
    view.add("0002_b", *make_table("b"))
    view.put("repeatable/total.sql", "COMMIT;\n")

    with pytest.raises(SqlFileError, match=r"total\.sql:1: COMMIT would end the transaction"):
        view.migrate()

    assert view.tables() == ["a"]


def test_it_is_no_migration_to_yoyo(view):
    assert view.rows("SELECT migration_id FROM _yoyo_migration") == ["0001_a"]
    assert view.conditions() == {"0001_a": "applied"}


def test_a_rollback_takes_it_away_and_puts_it_back(view):
    """The column could not be dropped while the view stands on it."""
    view.add("0002_b", "ALTER TABLE a ADD COLUMN b int;\n", "ALTER TABLE a DROP COLUMN b;\n")
    view.put("repeatable/total.sql", "DROP VIEW IF EXISTS total;\nCREATE VIEW total AS SELECT count(*) AS n FROM a;\n")
    view.migrate()
    view.connection.execute("CREATE OR REPLACE VIEW total AS SELECT count(b) AS n FROM a")
    view.events.clear()

    assert view.roll_back(steps=1).changed == ("0002_b",)

    assert [(each.kind, each.id) for each in view.events if each.kind in ("rolled back", "repeated")] == [
        ("rolled back", "total"),
        ("rolled back", "0002_b"),
        ("repeated", "total"),
    ]
    assert views(view) == ["total"]
    assert view.migrate().changed == ("0002_b", "total")


def test_one_that_does_not_fit_the_older_schema_waits_for_the_next_migrate(view):
    view.add("0002_b", "ALTER TABLE a ADD COLUMN b int;\n", "ALTER TABLE a DROP COLUMN b;\n")
    view.put("repeatable/total.sql", "CREATE OR REPLACE VIEW total AS SELECT count(b) AS n FROM a;\n")
    view.migrate()

    view.roll_back(steps=1)

    assert views(view) == []
    (notice,) = view.told("notice")
    assert notice.startswith('total does not fit this schema and waits: column "b" does not exist')
    assert view.migrate().changed == ("0002_b", "total")


def test_with_the_last_migration_it_goes_too(view):
    view.roll_back()

    assert (view.tables(), views(view)) == ([], [])


def test_a_rollback_that_fails_puts_it_back(view):
    view.add("0002_b", *make_table("b"))
    view.migrate()
    view.put("0002_b.rollback.sql", "SELECT 1 / 0;\n")

    with pytest.raises(MigrationFailed, match="division by zero"):
        view.roll_back(steps=1)

    assert views(view) == ["total"]
    assert view.migrate().changed == ()


def test_one_without_a_way_back_stays_and_runs_again_later(view):
    view.put("repeatable/grants.sql", "GRANT SELECT ON a TO PUBLIC;\n")
    view.add("0002_b", *make_table("b"))
    view.migrate()

    view.roll_back(steps=1)

    assert view.migrate().changed == ("0002_b", "grants", "total")


def test_a_way_back_that_would_end_the_transaction_is_refused_before_anything_is_undone(view):
    view.put("repeatable/total.rollback.sql", f"{VIEW_BACK}COMMIT;\n")

    with pytest.raises(SqlFileError, match=r"total\.rollback\.sql:2: COMMIT would end the transaction"):
        view.roll_back(steps=1)

    assert (view.tables(), views(view)) == (["a"], ["total"])
