"""The proof that a live server goes on: what it finds, how it tells it, and that what it suggests hurts nobody."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.gate.finding import Finding
from pgproof.gate.measuring.stats import fetch_sizes, read_stats, render_stats
from pgproof.gate.proof import Live, Outcome
from pgproof.gate.proofs import live
from pgproof.migrations import migrate, read_folder
from pgproof.pg.database import connect
from tests.gates import Repo

USERS = "CREATE TABLE users (id int PRIMARY KEY, name text, email varchar(100));\n"
MANY = "INSERT INTO users SELECT v, 'name', 'mail' FROM generate_series(1, 300) AS v;\n"
TABLE = """
CREATE TABLE {0} (n int, word text);
INSERT INTO {0} SELECT v, 'word ' || v FROM generate_series(1, 300) AS v;
"""
# One statement for each way that a safer one is suggested, each on a table of its own.
HURTING = (
    ("PG401", "ALTER TABLE a ALTER n TYPE bigint"),
    ("PG401", "ALTER TABLE b ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid()"),
    ("PG402", "ALTER TABLE c ALTER n SET NOT NULL"),
    ("PG402", "ALTER TABLE d ADD CHECK (n > 0)"),
    ("PG403", "CREATE INDEX ON e (lower(word)) WHERE n > 1"),
    ("PG403", "ALTER TABLE f ADD UNIQUE (n, word)"),
    ("PG403", "ALTER TABLE g ADD CONSTRAINT g_key PRIMARY KEY (n)"),
    ("PG404", "ALTER TABLE h ADD FOREIGN KEY (n) REFERENCES parents (id)"),
    ("PG404", "ALTER TABLE i ADD COLUMN parent int DEFAULT 1 REFERENCES parents"),
    ("PG405", "UPDATE j SET word = upper(word) WHERE n > 1"),
)
REINDEX = "REINDEX TABLE k"
_RESULT = """
SELECT (SELECT count(*) FROM a WHERE n_new IS NULL), (SELECT count(*) FROM b WHERE token IS NULL),
  (SELECT count(*) FROM j WHERE word <> upper(word)), (SELECT count(*) FROM pg_constraint WHERE NOT convalidated)
"""


def _lay_tables(repo: Repo) -> None:
    tables = "".join(TABLE.format(name) for name in "abcdefghijk")
    parents = "CREATE TABLE parents (id int PRIMARY KEY);\nINSERT INTO parents SELECT generate_series(1, 300);\n"
    repo.add("0001_base", f"{tables}CREATE INDEX k_n ON k (n);\n{parents}")
    repo.commit()


def _outcome(repo: Repo, **options: Any) -> Outcome:
    return repo.prove(live.prove, rows=300, **options)


def _told(outcome: Outcome) -> list[str]:
    return [f"{each.kind.id} {each.at.path.stem}" for each in outcome.findings]


@pytest.fixture
def hurting(repo: Repo) -> list[Finding]:
    """What is found when everything is done the plain way."""
    _lay_tables(repo)
    for number, (_, text) in enumerate(HURTING, start=2):
        repo.add(f"{number:04}_plain", f"{text};\n")
    repo.add("0012_plain", f"-- transactional: false\n{REINDEX};\n", "VACUUM;\n")
    found = list(_outcome(repo).findings)
    for each in (repo.root / "migrations").glob("*_plain*"):
        each.unlink()
    return found


def test_what_is_suggested_runs_and_hurts_nobody(repo: Repo, hurting: list[Finding]):
    suggestions = {each.at.path.stem: each.instead for each in hurting if each.instead != each.kind.instead}
    assert len(suggestions) == len(HURTING) + 1, hurting
    jobs, last = [], "0001_base"
    for number, part in enumerate("\n\n".join(suggestions.values()).split("\n\n"), start=2):
        if part.startswith("-- Beside"):
            jobs.append((last, part))
        else:
            last = f"{number:04}_safer"
            repo.add(last, f"{part}\n", "VACUUM;\n" if "transactional: false" in part else "SELECT 1;\n")
    _run(repo, jobs)

    assert _told(_outcome(repo)) == []


def _run(repo: Repo, jobs: list[tuple[str, str]]) -> None:
    """Migrate as a team would: each job, again and again, when the migrations before it are applied."""
    change = repo.change()
    with (
        repo.databases() as databases,
        databases.clone(databases.built(change.base, seeded=True)) as name,
        databases.connect_runner(name) as connection,
    ):
        folder = read_folder(repo.settings.migrations)
        for before, job in jobs:
            migrate(connection, folder, repo.settings, to=before)
            while connection.execute(job.encode()).rowcount:
                pass
        migrate(connection, folder, repo.settings)
        row = connection.execute(_RESULT).fetchone()
    assert row == (0, 0, 1, 0)  # one row of j was not to be changed


def test_the_plain_way_is_found_in_every_case(hurting: list[Finding]):
    expected = [f"{id} {number:04}_plain" for number, (id, _) in enumerate(HURTING, start=2)]

    assert sorted({f"{each.kind.id} {each.at.path.stem}" for each in hurting}) == sorted(
        [*expected, "PG402 0008_plain", "PG403 0012_plain"]  # a primary key reads the table for NOT NULL, too
    )


def test_generated_rows_are_made_to_fit_so_that_a_migration_can_be_measured(repo: Repo):
    repo.add(
        "0001_base",
        f"{USERS}CREATE TABLE stays (id int, user_id int, room int, during tsrange);\n"
        "INSERT INTO users VALUES (1, 'one', 'one@example.com');\n"
        "CREATE TABLE nights (during tsrange);\nINSERT INTO nights VALUES ('[2025-01-01, 2025-01-02)');\n",
    )
    repo.commit()
    repo.add("0002_unique", "ALTER TABLE users ADD UNIQUE (email);\n")
    repo.add("0003_not_null", "ALTER TABLE stays ALTER room SET NOT NULL;\n")
    repo.add("0004_key", "ALTER TABLE stays ADD FOREIGN KEY (user_id) REFERENCES users;\n")
    repo.add("0005_check", "ALTER TABLE stays ADD CHECK (room BETWEEN 100 AND 200);\n")
    repo.add("0006_exclude", "ALTER TABLE nights ADD EXCLUDE USING gist (during WITH &&);\n")
    repo.add(
        "0007_words",
        "-- transactional: false\nCREATE UNIQUE INDEX CONCURRENTLY users_name ON users (lower(name));\n",
        "DROP INDEX CONCURRENTLY IF EXISTS users_name;\n",
    )

    assert _told(_outcome(repo)) == [
        "PG403 0002_unique",
        "PG402 0003_not_null",
        "PG404 0004_key",
        "PG402 0005_check",
        "PG403 0006_exclude",
    ]


def test_a_column_that_no_row_can_have_is_refused_where_seeds_have_no_row(repo: Repo):
    repo.add("0001_base", USERS)
    repo.commit()
    repo.add("0002_change", "SELECT 1;\nALTER TABLE users ADD COLUMN age int NOT NULL;\n")
    outcome = _outcome(repo)

    assert _told(outcome) == ["PG410 0002_change"]
    assert outcome.findings[0].at.line == 2
    assert "contains null values" in outcome.findings[0].details[0]


def test_what_cannot_be_measured_is_a_warning_that_says_why(repo: Repo):
    repo.add("0001_base", USERS)
    repo.commit()
    repo.add("0002_change", "ALTER TABLE users ALTER name TYPE int USING name::int;\n")
    outcome = _outcome(repo)

    assert [each.severity for each in outcome.findings] == ["warning"]
    assert _told(outcome) == ["PG411 0002_change"]


def test_what_no_schema_could_take_is_left_to_the_proofs_that_tell_it(repo: Repo):
    repo.add("0001_base", USERS)
    repo.commit()
    repo.add("0002_change", "-- phase: post\nALTER TABLE users ADD COLUMN age int;\n")
    repo.put("migrations/repeatable/ages.sql", "CREATE OR REPLACE VIEW ages AS SELECT age FROM users;\n")
    outcome = _outcome(repo)

    assert outcome.findings == ()
    assert outcome.not_applicable == "a migration is refused, which another proof tells"


def test_a_finding_has_what_was_measured_and_what_clients_met(repo: Repo):
    repo.add("0001_base", USERS + MANY)
    repo.add_query("users.one", "-- returns: maybe\nSELECT name FROM users WHERE id = 5\n")
    repo.accept()
    repo.commit()
    repo.add("0002_change", "ALTER TABLE users ALTER id TYPE bigint;\n")
    repo.put("sizes.json", '{"format": 1, "tables": {"public.users": {"rows": 30000000, "pages": 1}}}')
    outcome = _outcome(repo, production=read_stats(repo.root / "sizes.json"))
    (finding,) = outcome.findings
    told = "\n".join(finding.details)

    assert "ACCESS EXCLUSIVE on public.users, for which reads and writes wait" in told
    assert 'the server says: rewriting table "users"' in told
    assert "read 300 rows of public.users" not in told  # an index is built as well, so they are read twice
    assert "users.one[all] waited" in told
    assert "in production about" in told
    assert isinstance(outcome.evidence, Live)
    assert list(outcome.evidence.seconds) == [str(finding.at)]
    assert outcome.evidence.traffic.waits


def test_a_table_that_could_not_be_filled_is_told_with_the_reason(repo: Repo):
    repo.add("0001_base", USERS + MANY + "CREATE TABLE flags (is_on boolean PRIMARY KEY);\n")
    repo.commit()
    repo.add("0002_change", "ALTER TABLE users ADD COLUMN born date;\n")

    note = _outcome(repo).note

    assert "; public.flags has fewer: only 2 rows were found that its keys and checks take" in note


def test_a_table_that_is_small_in_production_may_be_locked(repo: Repo):
    repo.add("0001_base", USERS + MANY)
    repo.commit()
    repo.add("0002_change", "ALTER TABLE users ALTER id TYPE bigint;\n")
    repo.put("sizes.json", '{"format": 1, "tables": {"public.users": {"rows": 300, "pages": 1}}}')

    assert _told(_outcome(repo, production=read_stats(repo.root / "sizes.json"))) == []


def test_the_same_change_judged_twice_gives_the_same_findings_in_the_same_order(repo: Repo):
    repo.add("0001_base", USERS)
    repo.commit()
    statements = "ALTER TABLE users ADD COLUMN age int;\nUPDATE users SET age = 5;\nCREATE INDEX ON users (age);\n"
    repo.add("0002_change", f"-- lock_timeout: 0\n{statements}")
    first, second = (
        [(each.kind.id, each.at, each.what, each.instead) for each in _outcome(repo).findings] for _ in range(2)
    )

    assert first == second
    assert [id for id, *_ in first] == ["PG407", "PG406", "PG405", "PG403"]


def test_without_a_change_there_is_nothing_to_prove(repo: Repo):
    repo.add("0001_base", USERS)
    repo.commit()

    assert _outcome(repo).not_applicable


def test_sizes_of_tables_are_read_without_a_look_at_any_row(database: str, tmp_path: Path):
    with connect(database) as connection:
        connection.execute(f"{USERS}CREATE SCHEMA shop; CREATE TABLE shop.orders (id int); ANALYZE users".encode())
        connection.execute("CREATE TABLE old_users AS SELECT 1 AS id; ANALYZE old_users")
        connection.execute("SET default_transaction_read_only = on")
        sizes = fetch_sizes(connection)
    path = tmp_path / "sizes.json"
    path.write_text(render_stats(sizes))

    assert [(each.table, each.rows) for each in sizes] == [
        ("public.old_users", 1),
        ("public.users", 0),
        ("shop.orders", None),
    ]
    assert read_stats(path) == {"public.old_users": 1, "public.users": 0}


def test_sizes_are_read_in_a_transaction_that_may_not_write(database: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pgproof.gate.measuring.stats._SIZES", "CREATE TABLE written AS SELECT %s AS internal")
    with connect(database) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        fetch_sizes(connection)
