"""What was kept is what the database gives: the same values of the same Python types, the same errors."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from operator import methodcaller
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.json import set_json_loads

from pgproof import Database, NotOneRow, ParameterMismatch, PgproofError, QueryError, QueryFailed
from pgproof.cache import Cache, Memory
from pgproof.cache.watching import watch
from tests.adapters import put
from tests.caches import watch_tables

CACHED = "-- returns: {}\n-- cache: ttl=60s reads=note\n{}"

VALUES = [
    *("1::int2", "-1::int4", "9223372036854775807", "true", "false", "NULL::int", "NULL", "'unknown'"),
    *("1.50", "0.00", "'NaN'::numeric", "'-Infinity'::numeric", "1e-30::numeric", "repeat('9', 200)::numeric"),
    *("1.1::float4", "1/3::float8", "'NaN'::float8", "'Infinity'::float8", "-0.0::float8", "5e-324::float8"),
    *(
        "''",
        "'x'::char(3)",
        "E'a\\tb\\n\\\\\"'''",
        "'grüße 🎉'",
        "repeat('long', 100000)",
        "'x'::name",
        "'x'::varchar(9)",
    ),
    *("'\\x00ff'::bytea", "''::bytea", "'{}'::json", "'null'::json", '\'[1, 1.10, null, {"a": "\\u00e9"}]\'::jsonb'),
    *('\'{"a": 1, "a": 2}\'::json', "'null'::jsonb", "NULL::jsonb", "'1e400'::jsonb", "'\"text\"'::jsonb"),
    *(
        "'2026-01-02'::date",
        "'0001-01-01'::date",
        "'9999-12-31'::date",
        "'12:30'::time",
        "'23:59:59.999999+02'::timetz",
    ),
    *("'2026-01-02 03:04:05.6'::timestamp", "'2026-01-02 03:04+05'::timestamptz", "'0001-01-01'::timestamp"),
    *("'1 year 2 mons -3 days 04:05:06.7'::interval", "'-00:00:01'::interval", "'0'::interval"),
    *(
        "'{1,2,NULL}'::int[]",
        "'{{1,2},{3,4}}'::int[]",
        "'{}'::text[]",
        "ARRAY['a,b', '', NULL, '\"']",
        "'[0:1]={1,2}'::int[]",
    ),
    *("ARRAY['2026-01-02 03:04+05'::timestamptz]", "ARRAY['{\"a\": null}'::jsonb]", "ARRAY['\\x00'::bytea]"),
    *(
        "'[1,5)'::int4range",
        "'empty'::int4range",
        "'(,)'::numrange",
        "'[2026-01-01,)'::daterange",
        "'{[1,2),[5,9)}'::int4multirange",
    ),
    *(
        "'[2026-01-01 00:00+05,)'::tstzrange",
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
        "'B'::mood",
        "ARRAY['A'::mood]",
    ),
    *("ROW(1, 'x', NULL)", "ROW(1, 'a b')::pair", "ARRAY[ROW(1, 'x')::pair]", "n", "5::positive", "pg_sleep(0)"),
    *("'10.0.0.1'::inet", "'10.0.0.0/8'::inet", "'::1'::inet", "'10.0.0.0/8'::cidr", "'08:00:2b:01:02:03'::macaddr"),
    *(
        "'12.34'::money",
        "'(1,2)'::point",
        "B'101'",
        "'a:1 b'::tsvector",
        "'16/B374D848'::pg_lsn",
        "1::oid",
    ),
    *(
        "'note'::regclass",
        "'{\"$.a\"}'::text[]",
        "'$.a'::jsonpath",
        "'1 2'::int2vector",
        "'x'::\"char\"",
        "''::\"char\"",
    ),
]
TOO_LARGE = [
    "'infinity'::timestamptz",
    "'-infinity'::date",
    "'infinity'::timestamp",
    "'10000-01-01'::date",
    "'24:00'::time",
]
TOO_LARGE += [
    "'4713-01-01 BC'::date",
    "ARRAY['infinity'::date]",
    "'[infinity,)'::daterange",
    "'200000 years'::interval",
]

SHAPES = {
    "many": "SELECT * FROM unnest(%(ids)s::int[]) AS id",
    "one": "SELECT * FROM unnest(%(ids)s::int[]) AS id",
    "maybe": "SELECT * FROM unnest(%(ids)s::int[]) AS id",
    "value": "SELECT * FROM unnest(%(ids)s::int[]) AS id",
}


@dataclass
class Row:
    id: int


@dataclass
class Other:
    name: str


class Picky:
    def __init__(self, id: int) -> None:
        raise ValueError(id)


Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET TimeZone TO 'UTC'")
        connection.execute("CREATE TABLE note (id int, text text); INSERT INTO note VALUES (1, 'x')")
        connection.execute("CREATE TYPE mood AS ENUM ('A', 'B'); CREATE TYPE pair AS (a int, b text)")
        connection.execute("CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
        watch_tables(connection, ["note"])
        yield connection


@pytest.fixture(params=["pool", "connection"])
def open_db(
    request: pytest.FixtureRequest, database: str, connection: Connection, tmp_path: Path
) -> Iterator[Callable[..., Database]]:
    """Open a database with cached queries, on a pool or on one connection."""
    opened: list[Database] = []

    def open_db(files: dict[str, str]) -> Database:
        url = database if request.param == "pool" else connection
        opened.append(Database(url, put(tmp_path / "queries", files), cache=Cache()))
        return opened[-1]

    yield open_db
    for db in opened:
        db.close()


def outcome(ask: Callable[[], Any]) -> Any:
    """Return what comes back, told apart to the last type; or the error."""
    try:
        return exactly(ask())
    except (PgproofError, ValueError) as error:
        return type(error), str(error), getattr(error, "sqlstate", None), getattr(error, "rows", None)


def exactly(value: Any) -> Any:
    if isinstance(value, dict):
        return dict, [(key, exactly(each)) for key, each in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [exactly(each) for each in value]
    return type(value), repr(value)


def events(db: Database) -> dict[str, int]:
    """Return how often each event happened, whatever the query."""
    counted = Counter[str]()
    for (_, event), many in db._cache.counters.events.items():  # type: ignore[union-attr]  # noqa: SLF001
        counted[event] += many
    return dict(counted)


def thrice(db: Database, ask: Callable[[Any], Any]) -> tuple[Any, Any, Any]:
    """Return what the database gives, what is given when it is kept, and when it was kept."""
    return outcome(lambda: ask(db.fresh())), outcome(lambda: ask(db)), outcome(lambda: ask(db))


def test_every_type_comes_back_as_the_database_gives_it(open_db: Callable[..., Database]):
    asked = [*VALUES, *TOO_LARGE]
    texts = [f"SELECT {each} AS a FROM note AS n" for each in asked]  # noqa: S608
    db = open_db({f"t{number}": CACHED.format("many", text) for number, text in enumerate(texts)})
    different = {}
    for number, each in enumerate(asked):
        fresh, missed, hit = thrice(db, methodcaller("run", f"t{number}"))
        if not (fresh == missed == hit):
            different[each] = (fresh, missed, hit)

    assert different == {}
    assert (events(db)["miss"], events(db)["hit"]) == (len(asked), len(asked))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(data=st.data())
def test_values_come_back_as_they_were_sent(open_db: Callable[..., Database], data: st.DataObject):
    text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    given = {
        "texts": data.draw(st.lists(text | st.none(), max_size=4)),
        "bytes": data.draw(st.binary()),
        "number": data.draw(st.decimals(allow_infinity=False, allow_nan=False) | st.none()),
        "float": data.draw(st.floats()),
        "time": data.draw(st.datetimes(timezones=st.just(UTC))),
        "span": data.draw(st.timedeltas(timedelta(-99999), timedelta(99999))),
    }
    columns = ", ".join(f"%({name})s AS {name}" for name in given)
    db = open_db({"asked": CACHED.format("one", f"SELECT {columns}")})
    fresh, missed, hit = thrice(db, lambda db: db.asked(**given))

    assert fresh == missed == hit
    assert events(db)["hit"] == 1


@pytest.mark.parametrize("ids", [[], [1], [2, 1], [None]])
@pytest.mark.parametrize("returns", SHAPES)
@pytest.mark.parametrize("row", [None, Row, Other, Picky])
def test_every_shape_comes_back_as_the_database_gives_it(
    open_db: Callable[..., Database], returns: str, row: type[Any] | None, ids: list[int | None]
):
    db = open_db({"asked": CACHED.format(returns, SHAPES[returns])})

    for _ in range(2):
        fresh, missed, hit = thrice(db, lambda db: db.run("asked", ids=ids, row=row))
        assert fresh == missed == hit
        fresh, missed, hit = thrice(db, lambda db: db.json("asked", ids=ids))
        assert fresh == missed == hit


def test_rows_dataclasses_and_json_are_made_of_what_was_kept_for_any_of_them(open_db: Callable[..., Database]):
    db = open_db({"asked": CACHED.format("many", SHAPES["many"])})

    assert db.asked(ids=[1]) == [{"id": 1}]
    assert db.asked(ids=[1], row=Row) == [Row(1)]
    assert [db.json("asked", ids=[1]), db.json("asked", ids=[1])] == ['[{"id":1}]', '[{"id":1}]']
    assert (events(db)["miss"], events(db)["hit"]) == (2, 2)


def test_what_a_caller_does_to_an_answer_changes_nobody_elses(open_db: Callable[..., Database]):
    text = """SELECT ARRAY[1] AS "list", '{"a": [1]}'::jsonb AS tree, ROW(1) AS pair"""
    db = open_db({"asked": CACHED.format("many", text)})
    answers = [db.asked(), db.asked(), db.asked()]
    expected = exactly(db.asked())
    for answer in answers:
        answer[0]["list"].append(2)
        answer[0]["tree"]["a"].clear()
        answer[0]["new"] = answer.append({})

    assert exactly(db.asked()) == expected == exactly(db.fresh().asked())


FAILING = {
    "too many": ("one", "SELECT id FROM note, generate_series(1, 2)", NotOneRow),
    "none": ("one", "SELECT id FROM note WHERE false", NotOneRow),
    "no value": ("value", "SELECT id FROM note WHERE false", NotOneRow),
    "two for maybe": ("maybe", "SELECT id FROM note, generate_series(1, 2)", NotOneRow),
    "one name": ("many", "SELECT id, text AS id FROM note", QueryError),
    "two values": ("value", "SELECT id, text FROM note", QueryError),
    "refused": ("many", "SELECT 1 / (id - 1) FROM note", QueryFailed),
    "cast": ("many", "SELECT text::int FROM note", QueryFailed),
    "not there": ("many", "SELECT nothing FROM note", QueryFailed),
}


@pytest.mark.parametrize(("returns", "text", "kind"), FAILING.values(), ids=FAILING.keys())
@pytest.mark.parametrize("method", ["run", "json"])
def test_an_error_is_the_databases_own_and_is_not_kept(
    open_db: Callable[..., Database], returns: str, text: str, kind: type[Exception], method: str
):
    db = open_db({"asked": CACHED.format(returns, text)})
    fresh, missed, hit = thrice(db, lambda db: getattr(db, method)("asked"))

    assert fresh == missed == hit
    assert fresh[0] is kind
    if kind is not QueryError or method == "run":  # JSON says too late that two columns have one name
        assert events(db) == {"fresh": 1, "miss": 2}


@pytest.mark.parametrize("given", [{}, {"ids": 1, "other": 2}, {"ids": object()}, {"ids": "\ud800"}, {"ids": "a\0"}])
def test_parameters_that_do_not_fit_are_refused_as_without_a_cache(open_db: Callable[..., Database], given: Any):
    db = open_db({"asked": CACHED.format("many", SHAPES["many"])})
    fresh, missed, hit = thrice(db, lambda db: db.asked(**given))

    assert fresh == missed == hit
    assert fresh[0] in (ParameterMismatch, QueryFailed)
    assert "kept" not in events(db)


def test_adapters_of_a_given_connection_are_honoured(connection: Connection, tmp_path: Path):
    class Shouting(psycopg.adapt.Loader):
        def load(self, data: Any) -> str:
            return bytes(data).decode().upper()

    connection.adapters.register_loader("text", Shouting)
    set_json_loads(lambda data: ("read", data), connection)
    info = CompositeInfo.fetch(connection, "pair")
    assert info
    register_composite(info, connection)
    text = "SELECT text, '{}'::json AS tree, ROW(1, 'x')::pair AS pair FROM note"
    db = Database(connection, put(tmp_path / "queries", {"asked": CACHED.format("one", text)}), cache=Cache())
    fresh, missed, hit = thrice(db, lambda db: db.asked())

    assert fresh == missed == hit
    assert db.asked()["text"] == "X"
    assert db.asked()["pair"] == (1, "X")
    assert events(db)["hit"] == 3


def test_a_file_that_promises_another_number_of_rows_is_held_to_it(connection: Connection, tmp_path: Path):
    class Shared(Memory):
        is_shared = True

    backend = Shared()
    text = "SELECT id FROM note, generate_series(1, 2)"
    before, after = (
        Database(
            connection, put(tmp_path / version / "q", {"asked": CACHED.format(returns, text)}), cache=Cache(backend)
        )
        for version, returns in (("before", "many"), ("after", "one"))
    )

    assert len(before.asked()) == 2
    with pytest.raises(NotOneRow):
        after.asked()


SESSIONS = {
    "SET TimeZone TO 'Asia/Tokyo'": "SELECT at, at::text AS said FROM moment",
    "SET search_path TO other, public": "SELECT id FROM note",
    "SET ROLE {role}": "SELECT current_user AS who, id FROM note",
    "SET DateStyle TO 'SQL, DMY'": "SELECT at::text AS said FROM moment",
    "SET lc_monetary TO 'C'; SET extra_float_digits TO -10": "SELECT 1/3::float8 AS third FROM note",
    "SET bytea_output TO 'escape'": "SELECT ('\\x00'::bytea)::text AS bytes FROM note",
    "CREATE TEMPORARY TABLE note AS SELECT 7 AS id": "SELECT id FROM note",
    "SET client_encoding TO 'LATIN1'": "SELECT 'grün' AS colour FROM note",
}


@pytest.mark.parametrize(("change", "text"), SESSIONS.items())
def test_a_connection_whose_session_changes_gets_the_answers_of_now(
    connection: Connection, tmp_path: Path, change: str, text: str
):
    connection.execute("CREATE TABLE moment AS SELECT '2026-01-02 03:04+00'::timestamptz AS at")
    connection.execute("CREATE SCHEMA other; CREATE TABLE other.note AS SELECT 8 AS id")
    role = f"other_{uuid4().hex[:12]}"
    connection.execute(f"CREATE ROLE {role}; GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}".encode())
    connection.execute(watch(["public.moment", "other.note"]).encode())
    cached = f"-- returns: many\n-- cache: ttl=60s\n{text}"
    db = Database(connection, put(tmp_path / "queries", {"asked": cached}), cache=Cache())
    try:
        before = exactly(db.asked())
        connection.execute(change.replace("{role}", role).encode())
        fresh, missed, hit = thrice(db, lambda db: db.asked())
        connection.execute("UPDATE note SET id = id + 1")
        assert exactly(db.asked()) == exactly(db.fresh().asked())
    finally:
        connection.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}".encode())

    assert fresh == missed == hit
    assert before != fresh or "colour" in text
