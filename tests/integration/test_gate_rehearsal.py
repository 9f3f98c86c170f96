"""What each statement of a change does, measured on a real server: one change with all of it, rehearsed once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pgproof.errors import MigrationFailed
from pgproof.gate.measuring.measured import Measured, Rehearsal
from pgproof.gate.measuring.rehearsal import rehearse
from pgproof.pg.catalog import Catalog, fetch_catalog
from pgproof.settings import read_settings
from tests.gates import Repo

BASE = """
CREATE TABLE users (id int PRIMARY KEY, name text, email varchar(100), bio text);
CREATE TABLE posts (id int PRIMARY KEY, user_id int, body text);
CREATE INDEX posts_user ON posts (user_id);
CREATE TABLE drafts (id int PRIMARY KEY);
INSERT INTO users SELECT n, 'name ' || n, n || '@example.com' FROM generate_series(1, 3000) AS n;
INSERT INTO posts SELECT n, n, 'body' FROM generate_series(1, 3000) AS n;
INSERT INTO drafts SELECT generate_series(1, 3000);
"""
CHANGE = {
    "0002_alter": """-- lock_timeout: 90s
ALTER TABLE users ADD COLUMN age int DEFAULT 5;
ALTER TABLE users DROP COLUMN bio;
SET LOCAL client_min_messages = error;
ALTER TABLE users ALTER name SET NOT NULL;
ALTER TABLE users ALTER id TYPE bigint;
SET LOCAL lock_timeout = 0;
UPDATE users SET name = upper(name) WHERE id <= 1000;
TRUNCATE drafts;
""",
    "0003_new": """CREATE TABLE tags (id int PRIMARY KEY, name text);
ALTER TABLE tags ADD COLUMN color text;
SET LOCAL work_mem = '64kB';
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
ALTER TABLE posts ADD CONSTRAINT posts_author FOREIGN KEY (user_id) REFERENCES users (id);
SELECT count(*) FROM (SELECT body, id FROM posts ORDER BY body, id DESC OFFSET 1) AS sorted;
DO $$ BEGIN ALTER TABLE posts ALTER body SET NOT NULL; END $$;
""",
    "0004_index": "-- transactional: false\nCREATE INDEX CONCURRENTLY users_email ON users (email);\n",
    "0005_reindex": "-- transactional: false\nREINDEX TABLE posts;\n",
    "0007_late": "-- phase: post\nALTER TABLE drafts RENAME TO sketches;\n",
}
PYTHON = """from yoyo import step
step("ALTER TABLE posts ADD CONSTRAINT posts_positive CHECK (id > 0)", "SELECT 1")
"""


def _make_repo(root: Path, cache: Path, conninfo: str) -> Repo:
    settings = replace(read_settings(root), cache=cache, root=root / "repo")
    repo = Repo(settings, conninfo)
    repo.add("0001_base", BASE)
    repo.put("migrations/repeatable/old.sql", "CREATE OR REPLACE VIEW old AS SELECT 1 AS one;")
    repo.commit()
    for id, text in CHANGE.items():
        repo.add(id, text, "VACUUM;" if "transactional" in text else "SELECT 1;")
    repo.put("migrations/0006_check.py", PYTHON)
    repo.put("migrations/repeatable/names.sql", "CREATE OR REPLACE VIEW names AS SELECT name FROM users;")
    return repo


@pytest.fixture(scope="module")
def seen(
    server: str, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Rehearsal, Catalog, Catalog]]:
    """The rehearsal, what it has made of the database, and what the runner makes of one."""
    repo = _make_repo(tmp_path_factory.mktemp("gate"), cache, server)
    with repo.databases() as databases:
        change = repo.change()
        name = databases.copy(databases.built(change.base, seeded=True))
        rehearsal = rehearse(databases, name, change)
        with databases.connect(name) as ours, databases.connect(databases.built(change.head, seeded=False)) as theirs:
            yield rehearsal, fetch_catalog(ours), fetch_catalog(theirs)


@pytest.fixture
def rehearsal(seen: tuple[Rehearsal, Catalog, Catalog]) -> Rehearsal:
    return seen[0]


def _find(rehearsal: Rehearsal, text: str) -> Measured:
    (found,) = (each for each in rehearsal.statements if text in each.text)
    return found


def _modes(statement: Measured, relation: str) -> set[str]:
    return {each.mode for each in statement.locks if each.relation == relation}


def test_the_rehearsed_database_is_what_the_runner_makes(seen: tuple[Rehearsal, Catalog, Catalog]):
    _, ours, theirs = seen

    assert theirs == ours


def test_a_deploy_runs_pre_then_repeatables_then_post_and_only_what_is_new_is_measured(rehearsal: Rehearsal):
    order = list(dict.fromkeys((each.migration, each.phase) for each in rehearsal.statements))

    assert order == [
        ("0002_alter", "pre"),
        ("0003_new", "pre"),
        ("0004_index", "pre"),
        ("0005_reindex", "pre"),
        ("0006_check", "pre"),
        ("names", "repeatable"),
        ("0007_late", "post"),
    ]


def test_a_statement_knows_where_it_stands(rehearsal: Rehearsal):
    statement = _find(rehearsal, "ALTER name SET NOT NULL")

    assert (statement.at.path.name, statement.at.line, statement.kind) == ("0002_alter.sql", 5, "AlterTableStmt")


def test_a_lock_is_told_of_the_statement_that_took_it_and_held_to_the_end_of_its_transaction(rehearsal: Rehearsal):
    (lock,) = _find(rehearsal, "ADD COLUMN age").locks
    last = _find(rehearsal, "TRUNCATE")

    assert (lock.relation, lock.mode, lock.kind) == ("public.users", "AccessExclusiveLock", "table")
    assert lock.was_there
    assert lock.until == pytest.approx(last.began + last.took)
    assert not _find(rehearsal, "DROP COLUMN bio").locks


def test_what_the_migration_makes_itself_was_not_there(rehearsal: Rehearsal):
    statement = _find(rehearsal, "CREATE TABLE tags")

    assert statement.locks
    assert not any(lock.was_there for lock in statement.locks if lock.relation.startswith("public.tags"))


def test_a_rewritten_table_is_named_and_an_emptied_one_is_not(rehearsal: Rehearsal):
    assert "public.users" in _find(rehearsal, "TYPE bigint").rewritten
    assert _find(rehearsal, "ADD COLUMN age").rewritten == ()
    assert _find(rehearsal, "TRUNCATE").rewritten == ()


def test_the_servers_own_words_are_heard_whatever_a_script_sets(rehearsal: Rehearsal):
    assert _find(rehearsal, "ALTER name SET NOT NULL").said == ('verifying table "users"',)
    assert 'rewriting table "users"' in _find(rehearsal, "TYPE bigint").said
    assert _find(rehearsal, "posts_author").said == ('validating foreign key constraint "posts_author"',)
    assert _find(rehearsal, "CREATE INDEX").said == ('building index "users_email" on table "users" serially',)


def test_rows_that_validation_reads_are_counted_also_where_an_index_gives_them(rehearsal: Rehearsal):
    assert _find(rehearsal, "ALTER name SET NOT NULL").scanned == {"public.users": 3000}
    assert _find(rehearsal, "posts_author").scanned["public.posts"] == 3000
    assert _find(rehearsal, "DROP COLUMN bio").scanned == {}


def test_written_rows_and_their_wal_are_counted(rehearsal: Rehearsal):
    statement = _find(rehearsal, "SET name = upper")

    assert statement.written == {"public.users": 1000}
    assert _find(rehearsal, "CREATE INDEX").wal > 10_000


def test_temporary_files_are_counted(rehearsal: Rehearsal):
    assert _find(rehearsal, "OFFSET 1").temporary > 10_000
    assert _find(rehearsal, "ADD COLUMN age").temporary == 0


def test_lock_timeout_is_the_one_that_is_in_force(rehearsal: Rehearsal):
    assert _find(rehearsal, "ADD COLUMN age").lock_timeout == 90_000
    assert _find(rehearsal, "SET LOCAL lock_timeout").lock_timeout == 90_000
    assert _find(rehearsal, "SET name = upper").lock_timeout == 0
    assert _find(rehearsal, "CREATE TABLE tags").lock_timeout == 5000
    assert _find(rehearsal, "CREATE INDEX").lock_timeout == 5000


def test_a_block_is_seen_by_what_it_does(rehearsal: Rehearsal):
    statement = _find(rehearsal, "DO $$")

    assert "AccessExclusiveLock" in _modes(statement, "public.posts")
    assert statement.said == ('verifying table "posts"',)


def test_a_statement_without_a_transaction_is_watched_from_outside(rehearsal: Rehearsal):
    statement = _find(rehearsal, "CREATE INDEX")

    assert not statement.transactional
    assert "AccessExclusiveLock" not in _modes(statement, "public.users")
    assert statement.scanned["public.users"] >= 3000
    assert statement.rewritten == ()


def test_an_index_that_is_built_anew_has_another_file(rehearsal: Rehearsal):
    assert _find(rehearsal, "REINDEX").rewritten == ("public.posts_pkey", "public.posts_user")


def test_a_python_migration_is_measured_as_a_whole(rehearsal: Rehearsal):
    statement = _find(rehearsal, "posts_positive")

    assert (statement.kind, statement.at.path.name, statement.lock_timeout) == ("python", "0006_check.py", 5000)
    assert _modes(statement, "public.posts") == {"AccessExclusiveLock"}
    assert statement.said == ('verifying table "posts"',)
    assert statement.scanned == {"public.posts": 3000}


def test_rows_are_counted_before_and_known_by_each_name_that_a_table_has_had(rehearsal: Rehearsal):
    assert rehearsal.rows == {
        "public.drafts": 3000,
        "public.posts": 3000,
        "public.sketches": 3000,
        "public.users": 3000,
    }


def test_a_repeatable_that_did_not_change_runs_again_for_it_may_have_been_dropped(repo: Repo):
    repo.add("0001_base", "CREATE TABLE users (id int PRIMARY KEY, name text)")
    repo.put("migrations/repeatable/names.sql", "CREATE OR REPLACE VIEW names AS SELECT name FROM users;")
    repo.commit()
    repo.add("0002_change", "DROP VIEW names;\nALTER TABLE users ALTER name TYPE varchar(50);")
    with repo.databases() as databases:
        change = repo.change()
        rehearsal = rehearse(databases, databases.copy(databases.built(change.base, seeded=False)), change)
        with databases.connect(rehearsal.database) as connection:
            assert connection.execute("SELECT to_regclass('names') IS NOT NULL").fetchone() == (True,)

    assert [each.migration for each in rehearsal.statements] == ["0002_change", "0002_change"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("SELECT 1;\n\nSELECT\n  nothing;\n", 4, "nothing"),
        ("CREATE TABLE a (id int);\n\nALTER TABLE users\n  ADD COLUMN id int;\n", 3, "already exists"),
        (
            """ALTER TABLE users ADD CONSTRAINT one UNIQUE (name) DEFERRABLE INITIALLY DEFERRED;
            INSERT INTO users VALUES (1, 'a'), (2, 'a');""",
            None,
            "duplicate key",
        ),
        ("-- transactional: false\nCREATE INDEX CONCURRENTLY i ON users (gone);\n", 2, "gone"),
    ],
)
def test_a_refused_statement_is_told_by_file_and_line(repo: Repo, text: str, line: int | None, says: str):
    repo.add("0001_base", "CREATE TABLE users (id int PRIMARY KEY, name text)")
    repo.commit()
    repo.add("0002_change", text, "VACUUM;" if "transactional" in text else "SELECT 1;")
    with repo.databases() as databases:
        change = repo.change()
        with pytest.raises(MigrationFailed, match=says) as caught:
            rehearse(databases, databases.copy(databases.built(change.base, seeded=False)), change)

    assert caught.value.at is not None
    assert (caught.value.at.path.name, caught.value.at.line) == ("0002_change.sql", line)
