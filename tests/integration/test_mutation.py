"""A change that a contract would notice is told from one that nobody would be told of; nothing of it stays."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest
from psycopg.conninfo import make_conninfo

from pgproof.contracts.cases import Case, Contract
from pgproof.contracts.golden import Golden, Shape
from pgproof.contracts.impact.mutants import Kind, fetch_mutants
from pgproof.contracts.impact.mutation import Mutation, run_mutants
from pgproof.contracts.outcome import make_outcome
from pgproof.contracts.session import Session
from pgproof.contracts.shapes.shape import fetch_shapes
from pgproof.contracts.subjects import Subject
from pgproof.errors import Location
from pgproof.pg.catalog import fetch_catalog
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.queries import read_queries

SCHEMA = """
CREATE TABLE teams (id int PRIMARY KEY, title text);
CREATE TABLE people (
    id int PRIMARY KEY,
    name text NOT NULL CONSTRAINT people_name_key UNIQUE,
    mood text DEFAULT 'fine',
    age int CONSTRAINT people_age_check CHECK (age > 0),
    team int CONSTRAINT people_team_fkey REFERENCES teams
);
CREATE INDEX people_team_idx ON people (team);
CREATE TABLE bookings (days int4range, CONSTRAINT bookings_days_excl EXCLUDE USING gist (days WITH &&));
INSERT INTO teams VALUES (1, 'red'), (2, 'blue');
INSERT INTO people VALUES (1, 'ann', 'fine', 30, 1), (2, 'bob', 'sad', 40, 2);
INSERT INTO bookings VALUES ('[1,5)');
"""
ADD = "INSERT INTO people (id, name, age, team) VALUES (%(id)s, %(name)s, %(age)s, %(team)s) RETURNING {}"
BOOK = "INSERT INTO bookings (days) VALUES (%(days)s::int4range)"
CYD = {"id": 3, "name": "cyd", "age": 5, "team": 1}

Calls = Sequence[Mapping[str, Any]]
Contracts = Mapping[str, tuple[str, Calls]]

# By query: its text, and a call a case. The first see all that is there, the others as little as they can.
WATCHFUL: Contracts = {
    "add": (
        ADD.format("id, name, mood, age, team"),
        [CYD, *({**CYD, **each} for each in ({"name": None}, {"name": "bob"}, {"age": -1}, {"team": 9}))],
    ),
    "all": ("SELECT id, name, mood, age, team FROM people ORDER BY id", [{}]),
    "book": (BOOK, [{"days": "[9,10)"}, {"days": "[4,6)"}]),
    "bookings": ("SELECT days FROM bookings ORDER BY days", [{}]),
    "mates": ("-- plan: index_for=people\nSELECT id FROM people WHERE team = %(team)s ORDER BY id", [{"team": 1}]),
    "teams": ("SELECT id, title FROM teams ORDER BY id", [{}]),
}
BLIND: Contracts = {
    "add": (ADD.format("id"), [CYD]),
    "bob": ("SELECT id FROM people WHERE id = 2 AND age > 0 AND team > 0", [{}]),
    "book": (BOOK, [{"days": "[9,10)"}]),
}
KILLED: dict[Kind, str] = {
    "drop": "people.name dropped",
    "rename": "people.name renamed",
    "retype": "people.age retyped to bigint",
    "not null": "people.name: NOT NULL dropped",
    "default": "people.mood: default dropped",
    "unique": "people: unique people_name_key dropped",
    "exclusion": "bookings: exclusion bookings_days_excl dropped",
    "foreign key": "people: foreign key people_team_fkey dropped",
    "check": "people: check people_age_check dropped",
    "index": "people: index people_team_idx dropped",
    "value": "people.age changed in the row id = 1",
    "row": "people: the row id = 1 deleted",
}


SURVIVED: dict[Kind, str] = {
    "drop": "people.mood dropped: no query under contract reads or writes it",
    "rename": "people.mood renamed: no query under contract reads or writes it",
    "retype": "people.mood retyped to character varying: no query under contract reads or writes it",
    "not null": "people.name: NOT NULL dropped: written by add: add a case that gives NULL and expects error 23502",
    "default": "people.mood: default dropped: left out by add: "
    "return it, so that its golden shows it, masked if need be",
    "unique": "people: unique people_name_key dropped: written by add: "
    "add a case that repeats name: error 23505, or whatever ON CONFLICT makes of it",
    "exclusion": "bookings: exclusion bookings_days_excl dropped: written by book: "
    "add a case that overlaps in days and expects error 23P01",
    "foreign key": "people: foreign key people_team_fkey dropped: written by add: "
    "add a case whose team is nowhere in teams and expects error 23503, unless the query looks it up there",
    "check": "people: check people_age_check dropped: written by add: "
    "add a case that breaks it and expects error 23514",
    "index": "people: index people_team_idx dropped: read by bob: let it promise `-- plan: index_for=people`",
    "value": "people.age changed in the row id = 1: read by bob: add a case whose rows depend on this value",
    "row": "people: the row id = 1 deleted: read by add, bob: add a case whose rows depend on this one",
}


@pytest.fixture(scope="module")
def database(server: str) -> Iterator[str]:
    """Conninfo of one database for all: that nothing stays of a mutant is a promise."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    yield make_conninfo(server, dbname=name)
    drop(server, name)


@pytest.fixture(scope="module")
def session(database: str) -> Iterator[Session]:
    with closing(connect(database)) as connection:
        connection.execute(SCHEMA)
        yield Session(connection)


def make_subject(
    session: Session, folder: Path, name: str, text: str, calls: Calls, *, masks: frozenset[str] = frozenset()
) -> Subject:
    """Put a query under contract, with a golden of what it gives now."""
    returns = "affected" if "RETURNING" not in text and "SELECT" not in text else "many"
    (folder / f"{name}.sql").write_text(f"-- returns: {returns}\n{text}")
    query = read_queries(folder)[name]
    shape = fetch_shapes(session, [query])[name]
    assert isinstance(shape, Shape)
    at = Location(folder / f"{name}.toml", 1)
    cases = [Case(f"case_{number}", call, masks, None, None, at) for number, call in enumerate(calls)]
    answers = session.ask([session.call(query, case.params) for case in cases])
    outcomes = {case.name: make_outcome(case, answer, shape) for case, answer in zip(cases, answers, strict=True)}
    return Subject(query, Contract(name, at.path, tuple(cases)), Golden(name, shape, outcomes))


def make_subjects(session: Session, folder: Path, contracts: Contracts) -> list[Subject]:
    return [make_subject(session, folder, name, *each) for name, each in contracts.items()]


@pytest.fixture(scope="module")
def watched(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Mutation:
    subjects = make_subjects(session, tmp_path_factory.mktemp("watchful"), WATCHFUL)
    return run_mutants(session, subjects, fetch_mutants(session))


@pytest.fixture(scope="module")
def unwatched(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Mutation:
    return run_mutants(session, make_subjects(session, tmp_path_factory.mktemp("blind"), BLIND), fetch_mutants(session))


@pytest.mark.parametrize(("kind", "what"), KILLED.items())
def test_a_contract_that_looks_notices_each_kind_of_mutant(watched: Mutation, kind: Kind, what: str):
    killed = {str(each.mutant): each for each in watched.killed}

    assert killed[what].mutant.kind == kind


@pytest.mark.parametrize(("kind", "said"), SURVIVED.items())
def test_a_mutant_of_each_kind_survives_contracts_that_do_not_look_and_is_told_with_what_to_do(
    unwatched: Mutation, kind: Kind, said: str
):
    survivors = {str(each): each for each in unwatched.survivors}

    assert survivors[said].mutant.kind == kind


def test_every_kind_of_mutant_is_tried():
    assert set(get_args(Kind)) == KILLED.keys() == SURVIVED.keys()


def test_the_layer_that_noticed_is_known(watched: Mutation):
    layers = {str(each.mutant): each.layer for each in watched.killed}

    assert [layers[KILLED[kind]] for kind in ("drop", "unique", "index")] == ["shape", "rows", "plan"]


def test_the_score_is_of_those_mutants_that_can_happen(watched: Mutation):
    assert watched.invalid
    assert watched.score == len(watched.killed) / (len(watched.killed) + len(watched.survivors))
    assert Mutation((), (), (), {}, {}).score == 1


def test_nothing_stays_of_a_mutant(server: str, database: str, watched: Mutation, unwatched: Mutation):
    assert watched.killed
    assert unwatched.killed
    rows = "SELECT * FROM people ORDER BY id"
    with fresh(server, SCHEMA) as untouched, closing(connect(database)) as used:
        assert fetch_catalog(used) == fetch_catalog(untouched.connection)
        assert used.execute(rows).fetchall() == untouched.connection.execute(rows).fetchall()


def test_two_databases_of_one_schema_have_the_same_mutants_in_the_same_order(server: str, session: Session):
    with fresh(server, f"CREATE TABLE noise (); {SCHEMA} DROP TABLE noise") as other:
        assert fetch_mutants(other) == fetch_mutants(session)


def test_progress_is_told(session: Session):
    mutants, heard = fetch_mutants(session)[:3], list[tuple[int, int]]()

    run_mutants(session, [], mutants, notify=lambda done, total: heard.append((done, total)))

    assert heard == [(1, 3), (2, 3), (3, 3)]


@contextmanager
def fresh(server: str, schema: str) -> Iterator[Session]:
    """Give a session in a database of this schema."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    try:
        with closing(connect(make_conninfo(server, dbname=name))) as connection:
            connection.execute(schema.encode())
            yield Session(connection)
    finally:
        drop(server, name)


Run = Callable[..., Mutation]


@pytest.fixture
def run(server: str, tmp_path: Path) -> Run:
    """Run the mutants of a schema against queries, each called once without parameters."""

    def run_all(schema: str, **texts: str) -> Mutation:
        with fresh(server, schema) as session:
            subjects = make_subjects(session, tmp_path, {name: (text, [{}]) for name, text in texts.items()})
            return run_mutants(session, subjects, fetch_mutants(session))

    return run_all


def whys(mutation: Mutation) -> dict[str, str]:
    return {str(each.mutant): each.why for each in mutation.invalid}


def killers(mutation: Mutation) -> dict[str, str]:
    return {str(each.mutant): each.query for each in mutation.killed}


def test_what_postgres_refuses_does_not_count(run: Run):
    schema = "CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t"

    assert "used by a view" in whys(run(schema))["t.a retyped to bigint"]


def test_what_a_deferred_constraint_refuses_does_not_count_either(run: Run):
    schema = """
    CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1);
    CREATE TABLE u (a int REFERENCES t DEFERRABLE INITIALLY DEFERRED); INSERT INTO u VALUES (1);
    """
    mutation = run(schema, it="SELECT count(*) FROM t")

    assert "violates foreign key" in whys(mutation)["t: the row a = 1 deleted"]
    assert "t: the row a = 1 deleted" not in killers(mutation)


def test_a_column_that_only_views_read_may_be_renamed(run: Run):
    schema = "CREATE TABLE t (a int, b int); CREATE VIEW v AS SELECT a FROM t"
    mutation = run(schema, it="SELECT a FROM v")

    assert whys(mutation)["t.a renamed"] == "only views read it, and they go on as before"
    assert killers(mutation)["t.a dropped"] == "it"
    assert "t.b renamed: no query under contract reads or writes it" in map(str, mutation.survivors)


def test_a_column_that_a_trigger_uses_is_noticed_by_who_writes_its_table(run: Run):
    schema = """
    CREATE TABLE t (a int, stamp int);
    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.stamp := 1; RETURN NEW; END';
    CREATE TRIGGER stamps BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION stamp();
    """
    assert killers(run(schema, it="INSERT INTO t (a) VALUES (1)"))["t.stamp dropped"] == "it"


def test_a_sequence_that_goes_with_its_column_is_no_refusal_of_the_query(run: Run):
    schema = "CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY, a int)"
    mutation = run(schema, it="INSERT INTO t (id, a) VALUES (1, 1)", other="INSERT INTO t (a) VALUES (1) RETURNING id")

    assert killers(mutation)["t.id: default dropped"] == "other"
    assert "t.id: default dropped" not in killers(run(schema, it="INSERT INTO t (id, a) VALUES (1, 1)"))


def test_an_empty_table_has_no_row_to_change(run: Run):
    mutation = run("CREATE TABLE t (a int)")

    assert {each.mutant.kind for each in mutation.survivors} == {"drop", "rename", "retype"}


def test_the_ledger_and_the_cache_are_nothing_that_a_contract_should_notice(run: Run):
    mutation = run(
        "CREATE TABLE _yoyo_log (id text); CREATE SCHEMA pgproof_cache; CREATE TABLE pgproof_cache.t (a int)"
    )

    assert (mutation.survivors, killers(mutation)) == ((), {})


def test_generated_columns_and_partitions_are_left_to_what_they_come_from(run: Run):
    schema = """
    CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED) PARTITION BY RANGE (a);
    CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (1) TO (10); INSERT INTO t VALUES (1);
    """
    mutation = run(schema, it="SELECT a, b FROM t")

    assert [str(each.mutant) for each in mutation.survivors] == ["t.b: default dropped"]
    assert "t.a changed in the row that comes first" in killers(mutation)
    assert "t.b changed in the row that comes first" not in (*killers(mutation), *whys(mutation))
    assert not [each for each in (*killers(mutation), *whys(mutation)) if each.startswith("t_1")]


VALUES = {
    "smallint": "1",
    "bigint": "1",
    "numeric(5,2)": "1.5",
    "real": "1.5",
    "boolean": "true",
    "text": "'a'",
    "varchar(5)": "'a'",
    "char(5)": "'a'",
    "date": "'2026-01-01'",
    "timestamp": "'infinity'",
    "timestamptz": "'2026-01-01'",
    "time": "'10:00'",
    "interval": "'1 day'",
    "uuid": "gen_random_uuid()",
    "bytea": "'a'",
    "json": "'{}'",
    "jsonb": "'{}'",
    "int[]": "'{}'",
    "mood": "'fine'",
}


@pytest.mark.parametrize("has_value", [True, False])
def test_a_value_of_each_common_type_is_changed_to_another_one(run: Run, *, has_value: bool):
    columns = {f"c{number}": (kind, value) for number, (kind, value) in enumerate(VALUES.items())}
    definitions = ", ".join(f"{name} {kind}" for name, (kind, _) in columns.items())
    values = ", ".join(value if has_value else "NULL" for _, value in columns.values())
    table = f"CREATE TABLE t ({definitions}); INSERT INTO t VALUES ({values})"  # noqa: S608

    mutation = run(f"CREATE TYPE mood AS ENUM ('fine', 'sad'); {table}", it="SELECT * FROM t")

    changed = {f"t.{name} changed in the row that comes first" for name in columns}
    assert changed <= killers(mutation).keys()


def test_a_foreign_key_is_changed_to_another_row_that_is_there(run: Run):
    schema = """
    CREATE TABLE t (a uuid PRIMARY KEY); INSERT INTO t VALUES (gen_random_uuid()), (gen_random_uuid());
    CREATE TABLE u (id int PRIMARY KEY, a uuid REFERENCES t); INSERT INTO u SELECT 1, a FROM t LIMIT 1;
    """
    assert "u.a changed in the row id = 1" in killers(run(schema, it="SELECT a FROM u"))


def test_names_that_need_quotes_and_tables_of_other_schemas_are_changed_too(run: Run):
    schema = """
    CREATE SCHEMA app; CREATE TABLE app."My table" ("the key" int PRIMARY KEY, "100%" text NOT NULL DEFAULT 'a');
    INSERT INTO app."My table" VALUES (1);
    """
    mutation = run(schema, it='SELECT "the key", "100%%" FROM app."My table"')

    place = 'app."My table".100%'
    expected = {f"{place} dropped", f"{place} renamed", f'{place} changed in the row "the key" = 1'}
    assert expected <= killers(mutation).keys()


def test_a_contract_that_does_not_hold_notices_nothing_and_is_named(session: Session, tmp_path: Path):
    subject = make_subject(session, tmp_path, "all", *WATCHFUL["all"])
    wrong = Golden("all", Shape("many", (), (), ordered=True), {"case_0": ("[1]",)})
    mutants = fetch_mutants(session)

    broken = run_mutants(session, [replace(subject, golden=wrong)], mutants)
    missing = run_mutants(session, [replace(subject, golden=None)], mutants)

    assert broken.broken == {"all": "case case_0 does not give what its golden has"}
    assert missing.broken == {"all": "it has no golden"}
    assert not broken.killed
    assert not missing.killed


def test_a_query_that_the_server_tells_nothing_of_is_named(session: Session, tmp_path: Path):
    subject = make_subject(session, tmp_path, "explain", "EXPLAIN SELECT 1", [{}])

    assert list(run_mutants(session, [subject], []).unseen) == ["explain"]


def test_a_masked_value_may_differ_at_any_time(session: Session, tmp_path: Path):
    text = "SELECT id, name, clock_timestamp() AS now FROM people WHERE id = 1 AND age > 0"
    subject = make_subject(session, tmp_path, "masked", text, [{}], masks=frozenset({"now"}))

    mutation = run_mutants(session, [subject], fetch_mutants(session))

    assert not mutation.broken
    assert "people.age changed in the row id = 1" in {str(each.mutant) for each in mutation.survivors}
    assert "people.name changed in the row id = 1" in killers(mutation)


def test_a_missing_not_null_is_noticed_by_a_shape_that_promised_it(session: Session, tmp_path: Path):
    subject = make_subject(session, tmp_path, "names", "SELECT name FROM people", [{}])
    mutants = [each for each in fetch_mutants(session) if each.kind == "not null"]

    mutation = run_mutants(session, [subject], mutants)

    assert killers(mutation) == {"people.name: NOT NULL dropped": "names"}
