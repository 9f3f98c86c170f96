"""What loading seeds does to a database, and what is left of a load that fails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from pgproof.errors import SeedError
from pgproof.seeds import Loaded, load, read_seeds

SCHEMA = """
CREATE TABLE people (
    id int PRIMARY KEY,
    name text NOT NULL,
    nick text UNIQUE,
    age int CONSTRAINT people_age_check CHECK (age >= 0),
    since timestamptz DEFAULT '2026-01-01T00:00:00Z',
    boss int CONSTRAINT people_boss_fkey REFERENCES people
);
"""


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield connection


def load_files(connection: psycopg.Connection[Any], folder: Path, files: dict[str, str]) -> list[Loaded]:
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return load(connection, read_seeds(folder))


def refusal_of(connection: psycopg.Connection[Any], folder: Path, files: dict[str, str]) -> SeedError:
    with pytest.raises(SeedError) as caught:
        load_files(connection, folder, files)
    return caught.value


def place_of(error: SeedError) -> str:
    assert error.at is not None
    return f"{error.at.path.name}:{error.at.line}"


def rows_of(connection: psycopg.Connection[Any], query: str) -> list[Any]:
    return connection.execute(query).fetchall()


def test_rows_arrive_and_are_counted(connection, tmp_path):
    loaded = load_files(connection, tmp_path, {"010_people.csv": "id,name\n1,Ann\n2,Bo\n"})

    assert [Loaded("010_people.csv", rows=2, changed=2)] == loaded
    assert rows_of(connection, "SELECT id, name FROM people ORDER BY id") == [(1, "Ann"), (2, "Bo")]


def test_loading_twice_changes_nothing(connection, tmp_path):
    files = {"010_people.csv": "id,name,nick,boss\n1,Ann,,2\n2,Bo,bo,\n"}
    load_files(connection, tmp_path, files)
    versions = rows_of(connection, "SELECT id, xmin, ctid FROM people ORDER BY id")

    loaded = load_files(connection, tmp_path, files)

    assert [Loaded("010_people.csv", rows=2, changed=0)] == loaded
    assert versions == rows_of(connection, "SELECT id, xmin, ctid FROM people ORDER BY id")


def test_an_edited_row_becomes_what_the_seed_says(connection, tmp_path):
    load_files(connection, tmp_path, {"010_people.csv": "id,name,nick\n1,Ann,annie\n2,Bo,bo\n"})

    loaded = load_files(connection, tmp_path, {"010_people.csv": "id,name,nick\n1,Ann,\n2,Bo,bo\n"})

    assert [Loaded("010_people.csv", rows=2, changed=1)] == loaded
    assert rows_of(connection, "SELECT id, nick FROM people ORDER BY id") == [(1, None), (2, "bo")]


def test_rows_and_columns_that_no_seed_holds_are_left_alone(connection, tmp_path):
    connection.execute("INSERT INTO people (id, name, age) VALUES (1, 'Ann', 40), (9, 'Zed', 50)")

    load_files(connection, tmp_path, {"010_people.csv": "id,name\n1,Anna\n"})

    assert rows_of(connection, "SELECT id, name, age FROM people ORDER BY id") == [(1, "Anna", 40), (9, "Zed", 50)]


def test_a_column_left_out_takes_its_default(connection, tmp_path):
    load_files(connection, tmp_path, {"010_people.csv": "id,name\n1,Ann\n"})

    assert rows_of(connection, "SELECT since = '2026-01-01T00:00:00Z' FROM people") == [(True,)]


def test_an_empty_field_is_null_and_a_quoted_one_is_empty(connection, tmp_path):
    load_files(connection, tmp_path, {"010_people.csv": 'id,name,nick\n1,Ann,\n2,Bo,""\n3,NULL,\\N\n'})

    assert rows_of(connection, "SELECT nick FROM people ORDER BY id") == [(None,), ("",), ("\\N",)]


def test_text_arrives_as_it_is(connection, tmp_path):
    text = "a, \"b\"\r\n\t\u05d0\u05d1 日本 e\u0301 👩\u200d💻 100% C:\\temp\\new 'x'"
    field = text.replace('"', '""')

    with (tmp_path / "010_people.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(f'id,name\n1,"{field}"\n')
    load(connection, read_seeds(tmp_path))

    assert [(text,)] == rows_of(connection, "SELECT name FROM people")


def test_a_time_without_a_zone_is_utc_wherever_it_is_loaded(connection, tmp_path):
    connection.execute("SET TimeZone = 'Asia/Tokyo'")

    load_files(connection, tmp_path, {"010_people.csv": "id,name,since\n1,Ann,2026-02-03 04:05:06\n"})

    assert rows_of(connection, "SELECT since = '2026-02-03T04:05:06Z' FROM people") == [(True,)]


def test_a_row_may_refer_to_a_later_one_of_its_file(connection, tmp_path):
    load_files(connection, tmp_path, {"010_people.csv": "id,name,boss\n1,Ann,2\n2,Bo,3\n3,Cy,\n"})

    assert rows_of(connection, "SELECT count(*) FROM people") == [(3,)]


def test_a_table_of_keys_alone_can_be_loaded(connection, tmp_path):
    connection.execute("CREATE TABLE pairs (a int, b int, PRIMARY KEY (a, b))")
    files = {"010_pairs.csv": "b,a\n1,2\n1,3\n"}

    first, second = (load_files(connection, tmp_path, files) for _ in range(2))

    assert (first[0].changed, second[0].changed) == (2, 0)
    assert rows_of(connection, "SELECT a, b FROM pairs ORDER BY a") == [(2, 1), (3, 1)]


def test_names_are_taken_literally(connection, tmp_path):
    connection.execute('CREATE SCHEMA "App"; CREATE TABLE "App"."Order" ("select" int PRIMARY KEY, "a%s ""b" text)')

    load_files(connection, tmp_path, {"010_App.Order.csv": 'select,"a%s ""b"\n1,x\n'})

    assert rows_of(connection, 'SELECT * FROM "App"."Order"') == [(1, "x")]


def test_types_without_an_equality_are_compared_too(connection, tmp_path):
    connection.execute("CREATE TABLE docs (id int PRIMARY KEY, body json)")
    files = {"010_docs.csv": 'id,body\n1,"{""a"":1}"\n2,\n'}

    first, second = (load_files(connection, tmp_path, files) for _ in range(2))

    assert (first[0].changed, second[0].changed) == (2, 0)


def test_an_identity_column_goes_on_after_the_seeds(connection, tmp_path):
    connection.execute("CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)")

    load_files(connection, tmp_path, {"010_notes.csv": "id,body\n1,a\n7,b\n"})
    connection.execute("INSERT INTO notes (body) VALUES ('c')")

    assert rows_of(connection, "SELECT * FROM notes WHERE body = 'c'") == [(8, "c")]


def test_a_sequence_that_is_ahead_of_the_seeds_is_left_there(connection, tmp_path):
    connection.execute("CREATE TABLE notes (id serial PRIMARY KEY); SELECT setval('notes_id_seq', 50)")

    load_files(connection, tmp_path, {"010_notes.csv": "id\n1\n7\n"})

    assert rows_of(connection, "SELECT nextval('notes_id_seq')") == [(51,)]


def test_sql_seeds_run_in_their_place(connection, tmp_path):
    loaded = load_files(
        connection,
        tmp_path,
        {
            "010_people.csv": "id,name\n1,Ann\n",
            "020_nicknames.sql": "UPDATE people SET nick = '100%s' || name;\nSELECT 1;\n",
            "030_people.csv": "id,name\n2,Bo\n",
        },
    )

    assert [each.changed for each in loaded] == [1, 1, 1]
    assert rows_of(connection, "SELECT nick FROM people ORDER BY id") == [("100%sAnn",), (None,)]


def test_a_connection_with_other_habits_can_be_used(database, tmp_path):
    with psycopg.connect(database, row_factory=dict_row) as connection:
        connection.execute(SCHEMA)
        connection.commit()
        load_files(connection, tmp_path, {"010_people.csv": "id,name\n1,Ann\n"})

    with psycopg.connect(database) as other:
        assert rows_of(other, "SELECT count(*) FROM people") == [(1,)]


def test_nothing_of_a_failed_load_is_kept(connection, tmp_path):
    files = {
        "010_people.csv": "id,name\n1,Ann\n",
        "020_more.sql": "INSERT INTO people (id, name) VALUES (2, 'Bo')",
        "030_people.csv": "id,name\n3,Cy\nfour,Di\n",
    }

    error = refusal_of(connection, tmp_path, files)

    assert place_of(error) == "030_people.csv:3"
    assert rows_of(connection, "SELECT count(*) FROM people") == [(0,)]


PARAGRAPH = '"one\ntwo\nthree"'


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (f"id,name\n1,{PARAGRAPH}\nx,Bo\n", 5, 'column id: invalid input syntax for type integer: "x"'),
        (f"id,name\n1,Ann\nx,{PARAGRAPH}\n", 3, 'column id: invalid input syntax for type integer: "x"'),
        ("id,name\n1,Ann\n2\n", 3, 'missing data for column "name"'),
        ("id,name\n1,Ann\n2,Bo,3\n", 3, "extra data after last expected column"),
        ("id,name\n1,Ann\n\n", 3, 'missing data for column "name"'),
        (f"id,name\n1,{PARAGRAPH}\n2,\n", 5, 'null value in column "name"'),
        ("id,name,age\n1,Ann,40\n2,Bo,-1\n3,Cy,-2\n", 3, 'violates check constraint "people_age_check"'),
        ("id,name,nick\n1,Ann,a\n2,Bo,b\n3,Cy,a\n", 4, "Key (nick)=(a) already exists"),
        ("id,name,nick\n1,Ann,a\n2,Bo,taken\n", 3, "Key (nick)=(taken) already exists"),
        ("id,name,boss\n1,Ann,2\n2,Bo,3\n3,Cy,8\n", 4, "Key (boss)=(8) is not present in table"),
        (f"id,name\n1,{PARAGRAPH}\n2,Bo\n1,Cy\n", 6, "a row before it has the same key (id)"),
        ("id,name,wage,rank\n1,Ann,2,3\n", 1, "people has no column wage, rank"),
        ("name\nAnn\n", 1, "the header lacks the primary key of people"),
    ],
)
def test_a_refused_row_is_named_by_the_line_it_starts_at(connection, tmp_path, content, line, what):
    connection.execute("INSERT INTO people (id, name, nick) VALUES (9, 'Zed', 'taken')")

    error = refusal_of(connection, tmp_path, {"010_people.csv": content})

    assert f"010_people.csv:{line}" == place_of(error)
    assert what in error.what
    assert error.hint
    assert rows_of(connection, "SELECT id FROM people") == [(9,)]


def test_the_same_key_twice_is_refused_where_a_row_is_all_key(connection, tmp_path):
    connection.execute("CREATE TABLE pairs (a int, b int, PRIMARY KEY (a, b))")

    error = refusal_of(connection, tmp_path, {"010_pairs.csv": "a,b\n1,1\n2,1\n1,1\n"})

    assert place_of(error) == "010_pairs.csv:4"


def test_a_seed_without_its_table_is_refused(connection, tmp_path):
    error = refusal_of(connection, tmp_path, {"010_persons.csv": "id\n1\n"})

    assert "there is no table persons" in str(error)


def test_a_table_without_a_key_is_refused(connection, tmp_path):
    connection.execute("CREATE TABLE logs (line text)")

    error = refusal_of(connection, tmp_path, {"010_logs.csv": "line\nx\n"})

    assert "logs has none" in error.hint


def test_seeds_in_the_wrong_order_are_told_so(connection, tmp_path):
    connection.execute("CREATE TABLE pets (id int PRIMARY KEY, owner int REFERENCES people)")

    error = refusal_of(connection, tmp_path, {"010_pets.csv": "id,owner\n1,1\n", "020_people.csv": "id,name\n1,Ann\n"})

    assert place_of(error) == "010_pets.csv:2"
    assert "in one that comes before it" in error.hint


def test_a_refused_sql_seed_is_named_by_the_line_of_the_error(connection, tmp_path):
    text = "-- more\nSELECT 1;\n\nUPDATE people\nSET\n    nme = 'x';\n"

    error = refusal_of(connection, tmp_path, {"010_more.sql": text})

    assert place_of(error) == "010_more.sql:6"
    assert 'column "nme" of relation "people" does not exist' in error.what


def test_a_refused_sql_row_is_named_by_the_line_of_its_statement(connection, tmp_path):
    text = "SELECT 1;\nINSERT INTO people (id, name) VALUES\n    (1, NULL);\n"

    error = refusal_of(connection, tmp_path, {"010_more.sql": text})

    assert place_of(error) == "010_more.sql:2"


def test_what_a_deferred_constraint_refuses_is_a_seed_error(connection, tmp_path):
    connection.execute("CREATE TABLE pets (id int PRIMARY KEY, owner int REFERENCES people INITIALLY DEFERRED)")

    error = refusal_of(connection, tmp_path, {"010_pets.csv": "id,owner\n1,1\n"})

    assert "Key (owner)=(1) is not present" in error.what
    assert rows_of(connection, "SELECT count(*) FROM pets") == [(0,)]


def test_what_a_trigger_refuses_is_named_by_its_line(connection, tmp_path):
    connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.age = 13 THEN RAISE EXCEPTION 'unlucky'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION refuse()"
    )

    error = refusal_of(connection, tmp_path, {"010_people.csv": "id,name,age\n1,Ann,12\n2,Bo,13\n"})

    assert (place_of(error), error.what) == ("010_people.csv:3", "unlucky")


# An empty table is filled by COPY itself, any other is merged into; nothing but the time may tell which it was.
PLAIN = "t (id int PRIMARY KEY, v text)"
TABLES = {
    "plain": PLAIN,
    "default": "t (v text DEFAULT 'none', id serial PRIMARY KEY, w int NOT NULL DEFAULT 7)",
    "identity": "t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v varchar(5), w int DEFAULT 7)",
    "generated": "t (id int PRIMARY KEY, w int, v text GENERATED ALWAYS AS (w::text) STORED)",
    "checks": "t (id numeric PRIMARY KEY, v text CHECK (v <> 'bad'), UNIQUE (v))",
    "deferrable": "t (id int PRIMARY KEY DEFERRABLE, v text)",
    "partitions": f"{PLAIN} PARTITION BY LIST (id); CREATE TABLE t1 PARTITION OF t DEFAULT",
    "row trigger": f"""{PLAIN};
        CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.v = upper(NEW.v) || TG_OP; RETURN NEW; END $$;
        CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION shout()""",
    "statement trigger": f"""{PLAIN};
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO t VALUES (77, 'noted') ON CONFLICT DO NOTHING; RETURN NULL; END $$;
        CREATE TRIGGER note AFTER UPDATE ON t FOR EACH STATEMENT EXECUTE FUNCTION note()""",  # noqa: S608  (ours)
    "rule": f"{PLAIN}; CREATE RULE skip AS ON INSERT TO t WHERE NEW.id > 0 DO INSTEAD NOTHING",
}
CONTENTS = {
    "rows": "id,v\n1,a\n2,b\n",
    "twins": "id,v\n1,a\n1,b\n",
    "bad row": "id,v\n3,\n2,bad\n",
    "long text": "id,v\n1,longer than five\n",
    "short row": 'id,v\n1,""\n2\n',
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_an_empty_table_gets_what_a_filled_one_gets(connection, tmp_path, table, content):
    outcomes = []
    for schema, stranger in (("empty", False), ("filled", True)):
        connection.execute(f"CREATE SCHEMA {schema}; SET search_path = {schema}; CREATE TABLE {table}")
        if stranger:
            connection.execute("INSERT INTO t (id) OVERRIDING SYSTEM VALUE VALUES (-99)")
        try:
            outcome: object = load_files(connection, tmp_path, {"010_t.csv": content})
        except SeedError as error:
            outcome = str(error)
        outcomes.append((outcome, rows_of(connection, "SELECT * FROM t WHERE id > 0 ORDER BY id, v")))

    assert outcomes[0] == outcomes[1]


def test_a_role_that_policies_restrict_can_fill_a_table(connection, tmp_path):
    connection.execute(
        "CREATE TABLE own (id int PRIMARY KEY, v text); ALTER TABLE own ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON own USING (v = 'mine'); CREATE ROLE seeder; GRANT ALL ON own TO seeder; SET ROLE seeder"
    )
    try:
        loaded = load_files(connection, tmp_path, {"010_own.csv": "id,v\n1,mine\n"})
        error = refusal_of(connection, tmp_path, {"010_own.csv": "id,v\n1,mine\n2,yours\n"})
    finally:
        connection.execute("RESET ROLE; DROP OWNED BY seeder; DROP ROLE seeder")

    assert [Loaded("010_own.csv", rows=1, changed=1)] == loaded
    assert "row-level security" in error.what


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (f"id,name\n1,{PARAGRAPH}\nx,Bo\n", 5, 'column id: invalid input syntax for type integer: "x"'),
        (f"id,name\n1,{PARAGRAPH}\n2,\n", 5, 'null value in column "name"'),
        (f"id,name\n1,{PARAGRAPH}\n2,Bo\n1,Cy\n", 6, "a row before it has the same key (id)"),
        ("id,name,boss\n1,Ann,2\n2,Bo,3\n3,Cy,8\n", 4, "Key (boss)=(8) is not present in table"),
    ],
)
def test_a_row_refused_by_an_empty_table_is_named_as_well(connection, tmp_path, content, line, what):
    error = refusal_of(connection, tmp_path, {"010_people.csv": content})

    assert f"010_people.csv:{line}" == place_of(error)
    assert what in error.what
    assert rows_of(connection, "SELECT id FROM people") == []


def test_a_lost_connection_is_said_in_the_servers_words(database, tmp_path):
    with psycopg.connect(database, autocommit=True) as connection, psycopg.connect(database, autocommit=True) as other:
        connection.execute(SCHEMA)
        end = f"SELECT pg_terminate_backend({connection.info.backend_pid})"
        other.execute(f"CREATE FUNCTION die() RETURNS int LANGUAGE sql AS '{end}::int'")
        other.execute("ALTER TABLE people ALTER age SET DEFAULT die()")

        error = refusal_of(connection, tmp_path, {"010_people.csv": "id,name\n1,Ann\n"})

    assert "terminating connection" in error.what
