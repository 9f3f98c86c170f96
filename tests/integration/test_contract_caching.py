"""What a `-- cache:` line says is held: against what the server says that a query reads, and what it does to tables."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from pgproof.contracts.bench import Bench
from pgproof.contracts.check import PROVABLE
from pgproof.contracts.finding import Finding
from pgproof.contracts.subjects import read_subjects
from pgproof.errors import SqlFileError
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.queries import read_queries
from tests.adapters import put
from tests.caches import watch_tables

SCHEMA = """
CREATE TABLE note (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL UNIQUE, at timestamptz);
CREATE TABLE word (id int PRIMARY KEY, note int REFERENCES note ON DELETE CASCADE, word text);
CREATE TABLE kept (id int PRIMARY KEY, note int REFERENCES note DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE history (what text);
CREATE TABLE unwatched (id int);
CREATE TABLE secret (id int);
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
INSERT INTO note (body) VALUES ('a'), ('b');
INSERT INTO word VALUES (1, 1, 'x');
CREATE VIEW noted AS SELECT id, body FROM note;
CREATE VIEW today AS SELECT CURRENT_DATE AS day, id FROM note;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS notes FROM note;
CREATE FUNCTION words() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM word; END;
CREATE FUNCTION said() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM word';
CREATE FUNCTION twice(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 * 2; END';
CREATE FUNCTION frozen() RETURNS bigint LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT count(*) FROM word; END;
CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN INSERT INTO history VALUES (NEW.word); RETURN NEW; END';
CREATE TRIGGER remember AFTER INSERT ON word FOR EACH ROW EXECUTE FUNCTION remember();
"""
WATCHED = ("note", "word", "kept", "history", "secret")
REFUSED = "hint: until then it is asked of the database each time: mend that, or leave the line out"
ASKED = "hint: give it as a parameter, such as %(now)s, or leave the line out"
CASE = '[[case]]\nname = "one"\n'


@contextmanager
def lend(server: str) -> Iterator[Connection[Any]]:
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with connect(make_conninfo(server, dbname=name)) as connection:
        connection.execute(SCHEMA)
        watch_tables(connection, WATCHED)
        yield connection
    drop(server, name)


@pytest.fixture(scope="module")
def bench(server: str) -> Iterator[Bench]:
    with Bench(lambda: lend(server)) as bench:
        yield bench


Find = Callable[..., list[Finding]]


@pytest.fixture
def find(bench: Bench, tmp_path: Path) -> Find:
    """Hold the line of one query."""

    def find_all(line: str, text: str, cases: str = CASE, *, returns: str = "many") -> list[Finding]:
        put(tmp_path / "queries", {"asked": f"-- Why.\n-- returns: {returns}\n-- cache: {line}\n{text}\n"})
        (tmp_path / "contracts").mkdir(exist_ok=True)
        (tmp_path / "contracts/asked.toml").write_text(cases, encoding="utf-8")
        subjects = read_subjects(read_queries(tmp_path / "queries"), tmp_path / "contracts")
        return list(PROVABLE["cache"](bench, subjects))

    return find_all


def told(found: list[Finding]) -> list[str]:
    """What is said of each, without the place that all share: the line itself."""
    assert {(each.layer, each.query, each.at.path.name, each.at.line) for each in found} <= {
        ("cache", "asked", "asked.sql", 3)
    }
    return [f"{each.what} hint: {each.hint}" for each in found]


# What is read


@pytest.mark.parametrize(
    ("reads", "text"),
    [
        (" reads=note", "SELECT id, body FROM note ORDER BY id"),
        (" reads=public.note", "SELECT id, body FROM note ORDER BY id"),
        ("", "SELECT id, body FROM note ORDER BY id"),
        (" reads=note,word", "SELECT n.body, w.word FROM noted AS n JOIN word AS w ON w.note = n.id"),
        (" reads=word", "SELECT words()"),
        (" reads=note,word", "SELECT id, said() FROM note"),
        (" reads=note", "SELECT twice(id), CURRENT_USER, to_char(at, 'YYYY'), pg_typeof(id) FROM note"),
        (" reads=note", "SELECT count(*), max(at) FROM note GROUP BY id %% 2 HAVING count(*) > %(least)s"),
    ],
)
def test_a_line_that_holds_has_nothing_to_say(find: Find, reads: str, text: str):
    assert told(find(f"ttl=60s{reads}", text)) == []


@pytest.mark.parametrize(
    ("reads", "text", "what"),
    [
        ("note", "SELECT 1 FROM noted, word", "it reads word, which the line does not say hint: write reads=note,word"),
        ("note,word", "SELECT 1 FROM noted", "it never reads word, which the line says hint: write reads=note"),
        ("note", "SELECT words() FROM note", "it reads word, which the line does not say hint: write reads=note,word"),
        ("word", "SELECT said() FROM note", "it reads note, which the line does not say hint: write reads=note,word"),
    ],
)
def test_reads_is_what_the_server_says(find: Find, reads: str, text: str, what: str):
    assert told(find(f"ttl=60s reads={reads}", text)) == [what]


def test_a_table_that_does_not_exist_is_told(find: Find):
    first, second = told(find("ttl=60s reads=note,gone", "SELECT id FROM note"))

    assert first.startswith("it is not cached: there is no table ")
    assert second == "it never reads gone, which the line says hint: write reads=note"


def test_what_its_text_does_not_show_has_to_be_said(find: Find):
    assert told(find("ttl=60s", "SELECT id, frozen() FROM note")) == [
        "its text does not show that it reads word hint: say reads=note,word"
    ]
    (of_text,) = told(find("ttl=60s", "SELECT id, said() FROM note"))
    assert of_text == f"it is not cached: what said() reads does not show; say reads=… {REFUSED}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT id FROM unwatched", "unwatched is not watched; `inv cache.init` writes the migration for it"),
        ("SELECT notes FROM counted", "counted is a materialized view, whose changes nobody notes"),
        ("SELECT id FROM secret", "secret has row security: what is read of it may depend on who reads"),
        ("INSERT INTO word (id) VALUES (9) RETURNING id", "it writes"),
        ("WITH gone AS (DELETE FROM word RETURNING id) SELECT id FROM gone", "it writes"),
        ("SELECT 1", "it reads no table, so nothing would ever change it"),
    ],
)
def test_what_no_application_would_keep_is_told(find: Find, text: str, why: str):
    assert told(find("ttl=60s", text)) == [f"it is not cached: {why} {REFUSED}"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SELECT id, now() FROM note", "now()"),
        ("SELECT id FROM note WHERE at > CURRENT_TIMESTAMP", "the clock"),
        ("SELECT id, CURRENT_DATE, LOCALTIME FROM note", "the clock"),
        ("SELECT id FROM note WHERE at > clock_timestamp()", "clock_timestamp()"),
        ("SELECT id FROM note WHERE age(at) > '1 day'", "age(timestamp with time zone)"),
        ("SELECT id, random() FROM note", "random()"),
        ("SELECT id FROM note ORDER BY gen_random_uuid()", "gen_random_uuid()"),
        ("SELECT nextval('note_id_seq') FROM note", "nextval(regclass)"),
        ("SELECT id, txid_current() FROM note", "txid_current()"),
        ("SELECT id FROM note WHERE body = current_setting('app.tenant')", "current_setting(text)"),
        ("SELECT id, SESSION_USER FROM note", "SESSION_USER"),
        ("SELECT id, pg_backend_pid() FROM note", "pg_backend_pid()"),
        ("SELECT id, has_table_privilege('note', 'SELECT') FROM note", "has_table_privilege(text,text)"),
        ("SELECT day, id FROM today", "the clock"),
        ("SELECT id FROM note TABLESAMPLE bernoulli (50)", "TABLESAMPLE"),
    ],
)
def test_what_changes_without_a_write_is_told_also_behind_a_view(find: Find, text: str, name: str):
    assert f"it asks {name}, whose answer changes without a write {ASKED}" in told(find("ttl=60s", text))


def test_an_answer_that_locks_rows_is_not_kept(find: Find):
    assert told(find("ttl=60s reads=note", "SELECT id FROM note WHERE id = 1 FOR UPDATE")) == [
        f"it is not cached: it locks rows, which a kept answer does not {REFUSED}"
    ]


def test_what_the_server_refuses_is_told(find: Find):
    assert told(find("ttl=60s", "SELECT id FROM gone")) == [
        'the server does not say what it reads: relation "gone" does not exist hint: leave the line out'
    ]


def test_a_line_that_cannot_be_read_is_told_with_its_place(find: Find):
    with pytest.raises(SqlFileError, match=r"asked\.sql:3: ttl=soon is not a duration"):
        find("ttl=soon", "SELECT id FROM note")


# What is written

DELETE = "DELETE FROM note WHERE id = %(id)s"
ADD = "INSERT INTO word (id, note, word) VALUES (%(id)s, 1, 'y')"
ONE = '[[case]]\nname = "one"\nparams = { id = 1 }\n'


@pytest.mark.parametrize(
    ("bumps", "text", "what"),
    [
        ("note,word", DELETE, []),
        ("note", DELETE, ["it writes word, which the line does not say hint: write bumps=note,word"]),
        ("note,word,kept", DELETE, ["it never writes kept, which the line says hint: write bumps=note,word"]),
        (
            "note,unwatched,word",
            DELETE,
            ["unwatched is not watched, so no answer follows from it hint: leave it out of bumps="],
        ),
        ("word", "UPDATE word SET word = 'z' WHERE id = %(id)s", []),
    ],
)
def test_bumps_is_what_its_text_says_with_what_cascades(find: Find, bumps: str, text: str, what: list[str]):
    assert told(find(f"bumps={bumps}", text, ONE, returns="affected")) == what


def test_bumps_is_also_what_a_case_is_seen_to_write(find: Find):
    """A trigger writes to history: the text says nothing of it."""
    two = ONE.replace("id = 1", "id = 2")

    assert told(find("bumps=word", ADD, two, returns="affected")) == [
        "it writes history, which the line does not say hint: write bumps=history,word"
    ]
    assert told(find("bumps=history,word", ADD, two, returns="affected")) == []


def test_a_case_that_does_not_fit_is_told_elsewhere(find: Find):
    assert told(find("bumps=note,word", DELETE, ONE.replace("id =", "other ="), returns="affected")) == []


def test_a_case_that_is_refused_has_written_nothing(find: Find):
    taken = ONE + 'error = "23505"\n'

    assert told(find("bumps=word", ADD, taken, returns="affected")) == []


def test_nothing_of_a_case_stays(find: Find, bench: Bench):
    def look() -> Any:
        left = "SELECT ARRAY(SELECT step FROM pgproof_cache.writes), last_value, ARRAY(SELECT id FROM note)"
        return bench.session.connection.execute(f"{left} FROM note_id_seq".encode()).fetchone()

    before = look()
    assert told(find("bumps=note", "INSERT INTO note (body) VALUES ('c')", returns="affected")) == []

    assert look() == before
