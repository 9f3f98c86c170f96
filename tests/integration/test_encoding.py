"""Values of every type of a real server go to a golden and come back; different ones stay different on the way."""

import json
import math
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from struct import pack
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof.contracts.answer import Answer, Call
from pgproof.contracts.encoding import encode_row
from pgproof.contracts.golden import Golden, Shape, read_golden, write_golden
from pgproof.contracts.session import Session
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.queries import Query

BOOL = 16

# Literals of each type, no two of them the same value.
SAMPLES: dict[str, list[str]] = {
    "aclitem": ["=r/postgres", "postgres=arw*/postgres"],
    "bit": ["0", "1"],
    "bit(3)": ["000", "101"],
    "bool": ["t", "f"],
    "box": ["(1,1),(0,0)", "(1.5,1),(0,-0.5)", "(Infinity,1),(0,NaN)"],
    "bpchar": ["", "a", "ä"],
    "char(5)": ["a", "ab"],
    "bytea": ["", r"\x00", r"\x0000", r"\xdeadbeef", r"\x5c78"],
    '"char"': ["", "a", '"', "\\"],
    "cid": ["0", "4294967295"],
    "cidr": ["10.0.0.0/8", "10.0.0.0/16", "::/0", "10.1.2.3/32"],
    "circle": ["<(0,0),1>", "<(0,-0),1>", "<(1e300,0),NaN>"],
    "date": ["2026-03-08", "4713-01-01 BC", "0001-01-01 BC", "5874897-12-31", "infinity", "-infinity"],
    "float4": [
        "0",
        "-0",
        "1.1",
        "1.1000001",
        "1e-45",
        "3.4028235e38",
        "16777216",
        "16777218",
        "NaN",
        "Infinity",
        "-Infinity",
    ],
    "float8": [
        *("0", "-0", "0.1", "0.10000000000000002", "9007199254740992", "9007199254740994", "123456789012345680"),
        *("1e15", "1e16", "1e-5", "1e100", "5e-324", "1.7976931348623157e308", "NaN", "Infinity", "-Infinity"),
    ],
    "inet": ["10.0.0.1", "10.0.0.1/8", "::1", "::ffff:10.0.0.1"],
    "int2": ["0", "-32768", "32767"],
    "int2vector": ["", "1", "1 2"],
    "int4": ["0", "-2147483648", "2147483647"],
    "int8": [
        *("0", "9007199254740991", "9007199254740992", "9007199254740993", "9223372036854775806"),
        *("9223372036854775807", "-9223372036854775807", "-9223372036854775808", "-9007199254740993"),
    ],
    "interval": [
        *("0", "1 month", "30 days", "1 year", "365 days", "1 day", "24:00:00", "00:00:00.000001", "-1 day 02:03:04"),
        *("1 month -1 day", "-1 month 1 day", "1 day -00:00:01", "-178000000 years", "178000000 years"),
    ],
    "json": [
        *(
            '{"a": 1, "b": 2}',
            '{"b": 2, "a": 1}',
            '{"a": 1, "a": 2}',
            '{"a": 2, "a": 1}',
            '{"a":1}',
            '{"a": 1}',
            '{"a":\n1}',
        ),
        *(
            '{"a":\r\n1}',
            " [1]",
            "[1] ",
            "[1]",
            "[]",
            "{}",
            "null",
            '"null"',
            '"a"',
            "1",
            "1.0",
            "1.00",
            "1e0",
            '"1"',
            "true",
        ),
        *(
            "[1e999999]",
            "[123456789012345678901234567890]",
            "[0.1234567890123456789012345]",
            '["\\u2028"]',
            '["\u2028"]',
        ),
        *(
            '["\\ud800"]',
            '["\\u0000"]',
            '["\\/"]',
            '["/"]',
            '["é"]',
            '["\\u00e9"]',
            '["\t"]'.replace("\t", "\\t"),
            "[\t1]",
        ),
    ],
    "jsonb": [
        *(
            '{"a": 1}',
            '{"a": 2}',
            '{"a": 1, "b": [1, null]}',
            "[]",
            "{}",
            "null",
            '"null"',
            '"a"',
            "1",
            "1.0",
            "1.00",
            '"1"',
        ),
        *(
            "true",
            '"true"',
            "[12345678901234567890123]",
            '["\u2028"]',
            '["\\\\u2028"]',
            '["\u202e"]',
            '["\\n"]',
            '["\\\\n"]',
        ),
    ],
    "jsonpath": ["$.a", "strict $.a", '$."a b"[*] ? (@ > 1)'],
    "line": ["{1,2,3}", "{1,2,-3}"],
    "lseg": ["[(0,0),(1,1)]", "[(0,0),(1,1.0000000000000002)]"],
    "macaddr": ["08:00:2b:01:02:03", "08:00:2b:01:02:04"],
    "macaddr8": ["08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:06"],
    "money": ["0", "0.01", "-1234567.89", "92233720368547758.07", "-92233720368547758.08"],
    "name": ["", "a", "ä" * 31, "A"],
    "numeric": [
        *(
            "0",
            "0.0",
            "0.00",
            "1.5",
            "1.50",
            "-1.5",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e400",
            "1e-400",
            "9007199254740993",
        ),
        *("9007199254740993.0", "1" * 1000, "0." + "1" * 1000),
    ],
    "numeric(6,2)": ["1.5", "9999.99"],
    "oid": ["0", "4294967295"],
    "oidvector": ["", "1", "1 2"],
    "path": ["[(0,0),(1,1)]", "((0,0),(1,1))"],
    "pg_lsn": ["0/0", "FFFFFFFF/FFFFFFFF", "16/B374D848"],
    "pg_snapshot": ["10:20:", "10:20:10,14"],
    "point": ["(0,0)", "(-0,0)", "(0.1,0.10000000000000002)", "(NaN,Infinity)"],
    "polygon": ["((0,0),(1,1))", "((0,0),(1,1),(1,0))"],
    "refcursor": ["", "a", '"a'],
    "regclass": ["pg_class", "pg_type"],
    "regcollation": ['"C"', '"POSIX"'],
    "regconfig": ["simple", "english"],
    "regdictionary": ["simple", "english_stem"],
    "regnamespace": ["pg_catalog", "public"],
    "regoper": ["0", "pg_catalog.||/"],
    "regoperator": ["+(int4,int4)", "+(int8,int8)"],
    "regproc": ["now", "0"],
    "regprocedure": ["abs(int4)", "abs(int8)"],
    "regrole": ["postgres", "pg_monitor"],
    "regtype": ["int4", "text[]", "timestamptz"],
    "text": [
        *(
            "",
            " ",
            "a",
            "A",
            "null",
            "NULL",
            "(masked)",
            '"',
            '""',
            "'",
            "\\",
            "\\n",
            "\n",
            "\r",
            "\r\n",
            "\t",
            "\x01",
            "\x1b",
        ),
        *(
            "\x7f",
            "\x85",
            "\u2028",
            "\u2029",
            "\\u2028",
            "\u202e",
            "\u2066",
            "\u200b",
            "\u200d",
            "\ufeff",
            "\xa0",
            "é",
            "e\u0301",
        ),
        *("😀", "👩\u200d👩", "\U0010ffff", "[1, 2],", "{}", "],", "%", "$1", ","),
    ],
    "tid": ["(0,1)", "(4294967295,65535)"],
    "time": ["00:00", "23:59:59.999999", "24:00"],
    "timestamp": [
        "2026-03-08 12:00",
        "2026-03-08 12:00:00.000001",
        "4713-01-01 BC",
        "294276-12-31",
        "infinity",
        "-infinity",
    ],
    "timestamptz": [
        *("2026-03-08 12:00+00", "2026-03-08 12:00:00.1+00", "0044-03-15 12:00+00 BC", "0044-03-15 12:00+00"),
        *("294276-12-31+00", "infinity", "-infinity"),
    ],
    "timetz": ["12:00+00", "12:00+01", "11:00+00", "24:00-15:59:59", "00:00:00.000001+05:45"],
    "tsquery": ["a & b", "a | b", "!a", "'a b' <2> c", "a:*B", ""],
    "tsvector": ["a b", "a:1 b:2", "a:1A", "'a b'", "''''", ""],
    "txid_snapshot": ["10:20:", "10:20:10,14"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "varbit": ["", "0", "00", "101"],
    "varchar": ["", "a", "a "],
    "xid": ["0", "4294967295"],
    "xid8": ["0", "18446744073709551615"],
    "xml": ["<a/>", "<a></a>", "<a>\n</a>", "a", "<a b='1'/>", '<a b="1"/>', ""],
    # ranges and multiranges
    "int4range": ["empty", "[1,2)", "[1,3)", "(,)", "[1,)"],
    "int8range": ["empty", "[9007199254740992,9007199254740994)", "[9007199254740993,9007199254740994)"],
    "numrange": ["[1.5,2]", "[1.50,2]", "(1.5,2]", "[1.5,2)", "[1.5,NaN]", "[1.5,)"],
    "tsrange": ["[2026-01-01,infinity]", "[2026-01-01,infinity)", "[2026-01-01,)"],
    "tstzrange": ["[2026-01-01 00:00+00,)", "[2026-01-01 00:00+01,)"],
    "daterange": ["[2026-01-01,2026-01-02)", "[-infinity,infinity)", "[-infinity,infinity]", "(,infinity)"],
    "int4multirange": ["{}", "{[1,2)}", "{[1,2),[3,4)}"],
    "int8multirange": ["{}", "{[1,2)}"],
    "nummultirange": ["{[1.5,2]}", "{[1.50,2]}"],
    "tsmultirange": ["{}", "{[2026-01-01,2026-01-02)}"],
    "tstzmultirange": ["{}", "{[2026-01-01 00:00+00,2026-01-02 00:00+00)}"],
    "datemultirange": ["{}", "{[2026-01-01,2026-01-02),[2026-02-01,)}"],
    # of a user's own
    "mood": ["fine", "so la la", 'qu"ote', "null", "sch\u00f6n"],
    "pair": ["(1,a)", "(1,)", '(1,"")', '(,"a,b")', '(1,"a""b")', "(,)"],
    "nested": ['("(1,a)","{1,NULL}")', '("(1,)",{})', "(,)"],
    "large": ["9007199254740993", "9007199254740992"],
    "document": ['{"a": 1}', '{"a":1}', "null", '"null"'],
    "flag": ["t", "f"],
    "textrange": ["[a,b)", "[a,b]", '["a,",b]', "empty"],
    "textmultirange": ["{[a,b)}", "{[a,b),[c,d)}", "{}"],
}
NEWER = {"interval": (17, ["infinity", "-infinity"])}
OF_A_USER = """
CREATE TYPE mood AS ENUM ('fine', 'so la la', 'qu"ote', 'null', 'schön');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE nested AS (a pair, b int[]);
CREATE DOMAIN large AS bigint CHECK (value > 0);
CREATE DOMAIN document AS json;
CREATE DOMAIN flag AS bool;
CREATE TYPE textrange AS RANGE (subtype = text, collation = "C", multirange_type_name = textmultirange);
CREATE TABLE facts (a int DEFAULT 1 + 1, b int, c int);
INSERT INTO facts SELECT n, n % 2, n % 2 FROM generate_series(1, 100) AS n;
CREATE STATISTICS facts_all (ndistinct, dependencies, mcv) ON b, c FROM facts;
ANALYZE facts;
"""

# Types without literals: where their values are found, or why there are none for a query to return.
SELECTED = {
    "pg_node_tree": "SELECT adbin FROM pg_attrdef WHERE adrelid = 'facts'::regclass",
    "pg_ndistinct": "SELECT stxdndistinct FROM pg_statistic_ext_data",
    "pg_dependencies": "SELECT stxddependencies FROM pg_statistic_ext_data",
    "pg_mcv_list": "SELECT stxdmcv FROM pg_statistic_ext_data",
    # not of base types, and yet columns of results
    "regclass of no table": "SELECT 4294967295::regclass",
    "void": "SELECT pg_sleep(0)",
    "cstring": "SELECT textout('a\n')",
    "anyarray": "SELECT most_common_vals FROM pg_stats WHERE tablename = 'facts'",
    "record": "SELECT ROW(1, NULL, 'a,b', ROW(NULL))",
    "record[]": "SELECT ARRAY[ROW(1, NULL), ROW(2, '')]",
    '"char" of any byte': 'SELECT n::"char" FROM generate_series(-128, 127) AS n',
    "another encoding": "SELECT convert_to('ä', 'LATIN1')",
}
NEVER = {
    "gtsvector": "only within GiST indexes",
    "pg_brin_bloom_summary": "only within BRIN indexes",
    "pg_brin_minmax_multi_summary": "only within BRIN indexes",
}
NO_BINARY = {"aclitem"}  # it cannot be sent in binary, so nothing says what its text leaves out

# Every type as it is, in arrays (NULLs, dimensions, bounds, none), and in a row.
_OF_A_TYPE = """
WITH v AS (SELECT v::{0} AS v, nr FROM unnest(%(samples)s::text[]) WITH ORDINALITY AS s (v, nr))
"""
_AS_IT_IS = "SELECT v FROM (SELECT v, nr FROM v UNION ALL SELECT NULL, 1e9) AS s ORDER BY nr"
_IN_ARRAYS = """
SELECT ARRAY[v] FROM v UNION ALL SELECT ARRAY[ARRAY[v, NULL], ARRAY[NULL, v]] FROM v
UNION ALL SELECT array_fill(v, ARRAY[2], ARRAY[-7]) FROM v
UNION ALL SELECT ARRAY[]::{0}[] UNION ALL SELECT ARRAY[NULL::{0}] UNION ALL SELECT ARRAY[NULL, NULL::{0}]
UNION ALL SELECT array_fill(NULL::{0}, ARRAY[2], ARRAY[3]) UNION ALL SELECT array_fill(NULL::{0}, ARRAY[1, 2])
"""
_IN_A_ROW = "SELECT ROW(v, NULL, ARRAY[v, NULL]) FROM v"
_IN_BINARY = "SELECT array_send(ARRAY[v]) FROM v ORDER BY nr"
WAYS = (_AS_IT_IS, _IN_ARRAYS, _IN_A_ROW, _IN_BINARY)


def query(text: str) -> Query:
    return Query("a.b", Path("queries/a/b.sql"), f"-- returns: many\n{text}", "many")


def calls_of(session: Session, type_: str) -> list[Call]:
    """Return the calls for each way in which a type can be part of a result."""
    since, newer = NEWER.get(type_, (0, []))
    samples = SAMPLES[type_] + (newer if session.connection.info.server_version >= since * 1_00_00 else [])
    return [session.call(query((_OF_A_TYPE + way).format(type_)), {"samples": samples}) for way in WAYS]


@pytest.fixture(scope="module")
def session(server: str) -> Iterator[Session]:
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with closing(connect(make_conninfo(server, dbname=name))) as connection:
        connection.execute(OF_A_USER)
        yield Session(connection)
    drop(server, name)


@pytest.fixture(scope="module")
def answers(session: Session) -> dict[str, list[Answer]]:
    """What the server answers for each type, all of it asked at once."""
    each = [
        *(call for type_ in SAMPLES for call in calls_of(session, type_)),
        *(Call(text.encode()) for text in SELECTED.values()),
    ]
    given = iter(session.ask(each))
    return {type_: [next(given) for _ in WAYS] for type_ in SAMPLES} | {name: [next(given)] for name in SELECTED}


def decode(oid: int, text: str) -> bytes | None:
    """Take a golden's text back to what the server wrote, by its type alone."""
    if text == "null":
        return None
    if text.startswith('"'):
        return str(json.loads(text)).encode(errors="surrogateescape")
    return {"true": b"t", "false": b"f"}[text] if oid == BOOL else text.encode()


def rows_of(answer: Answer) -> tuple[tuple[bytes | None, ...], ...]:
    assert answer.refusal is None
    assert answer.rows
    return answer.rows


def golden_rows(answer: Answer, folder: Path) -> list[str]:
    """Write rows to a golden; return them as they are read from it."""
    rows = tuple(f"[{', '.join(encode_row(answer.oids, row))}]" for row in rows_of(answer))
    path = folder / "a.golden.json"
    write_golden(path, Golden("a", Shape("many", (), (), ordered=True), {"a": rows}))
    golden = read_golden(path)
    assert golden
    assert golden.cases["a"] == rows
    assert len(json.loads(path.read_text(encoding="utf-8"))["cases"]["a"]) == len(rows)
    return list(rows)


def kept(answer: Answer, folder: Path) -> bool:
    """Whether each row comes back from a golden as the server wrote it."""
    (oid,) = answer.oids
    return [(decode(oid, row[1:-1]),) for row in golden_rows(answer, folder)] == list(rows_of(answer))


def skip_unbuilt(answer: Answer) -> None:
    if answer.refusal and answer.refusal.sqlstate == "0A000":
        pytest.skip(answer.refusal.message)  # the embedded server has no XML


def test_no_type_of_the_server_is_forgotten(session):
    found = session.ask(
        [
            Call(
                b"SELECT format_type(oid, NULL) FROM pg_type AS t WHERE typtype IN ('b', 'r', 'm')"
                b" AND typnamespace = 'pg_catalog'::regnamespace"
                b" AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = t.oid)"
            ),
            session.call(
                query("SELECT format_type(v::regtype, NULL) FROM unnest(%(names)s::text[]) AS v"),
                {"names": list(SAMPLES)},
            ),
        ]
    )
    theirs, ours = ({str(row[0], "utf-8") for row in answer.rows} for answer in found)

    assert theirs - ours - SELECTED.keys() - NEVER.keys() == set()


@pytest.mark.parametrize("type_", SAMPLES)
def test_values_of_a_type_come_back(answers, tmp_path, type_):
    as_it_is, in_arrays, in_a_row, _ = answers[type_]
    skip_unbuilt(as_it_is)

    assert kept(as_it_is, tmp_path)
    assert kept(in_arrays, tmp_path)
    assert kept(in_a_row, tmp_path)
    assert as_it_is.rows[-1] == (None,)


@pytest.mark.parametrize("name", SELECTED)
def test_what_only_a_server_can_make_comes_back(answers, tmp_path, name):
    (answer,) = answers[name]

    assert kept(answer, tmp_path)


@pytest.mark.parametrize("type_", [each for each in SAMPLES if each not in NO_BINARY])
def test_values_that_differ_never_have_one_text(answers, type_):
    """That they differ is told by their binary form, which holds all that the server knows of them."""
    as_it_is, in_arrays, in_a_row, in_binary = answers[type_]
    skip_unbuilt(as_it_is)

    assert len(set(in_binary.rows)) == len(in_binary.rows) >= len(SAMPLES[type_])
    for answer in (as_it_is, in_arrays, in_a_row):
        texts = [tuple(encode_row(answer.oids, row)) for row in rows_of(answer)]
        assert len(set(texts)) == len(texts), "two rows have one text"


def test_columns_of_one_name_are_all_there(session, tmp_path):
    (answer,) = session.ask([Call(b"SELECT 1 AS a, 2 AS a, 3 AS a")])

    assert answer.names == ("a", "a", "a")
    assert golden_rows(answer, tmp_path) == ["[1, 2, 3]"]


def test_null_and_json_s_null_are_two(session):
    (answer,) = session.ask(
        [Call(b"""SELECT NULL::json, 'null'::json, 'null'::jsonb, '"null"'::jsonb, '[null]'::jsonb""")]
    )

    assert encode_row(answer.oids, answer.rows[0]) == ["null", '"null"', '"null"', '"\\"null\\""', "[null]"]


# What Python knows is what comes back

patiently = settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
_GIVEN = "SELECT v::{0} FROM unnest(%(values)s::{0}[]) AS v"
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=50)


def through(session: Session, type_: str, values: list[Any]) -> list[Any]:
    """Send values to the server and take them from the text of a golden."""
    (answer,) = session.ask([session.call(query(_GIVEN.format(type_)), {"values": values})])
    return [json.loads(encode_row(answer.oids, row)[0], parse_float=str) for row in rows_of(answer)]


@patiently
@given(values=lists(st.floats()))
def test_a_float_keeps_all_its_bits(session, values):
    back = [float(each) for each in through(session, "float8", values)]

    assert [pack("d", each) for each in back] == [pack("d", math.nan if math.isnan(each) else each) for each in values]


@patiently
@given(values=lists(st.floats(width=32)))
def test_a_single_float_keeps_all_its_bits(session, values):
    back = [float(each) for each in through(session, "float4", values)]

    assert [pack("f", each) for each in back] == [pack("f", math.nan if math.isnan(each) else each) for each in values]


@patiently
@given(values=lists(st.integers(-(2**63), 2**63 - 1)))
def test_an_integer_keeps_all_its_digits(session, values):
    assert [int(each) for each in through(session, "int8", values)] == values


@patiently
@given(values=lists(st.decimals(allow_nan=False, places=3)))
def test_a_numeric_keeps_its_scale(session, values):
    assert [str(Decimal(each)) for each in through(session, "numeric", values)] == [
        str(each or each.copy_abs())
        for each in values  # there is no -0
    ]


@patiently
@given(values=lists(TEXTS))
def test_a_text_keeps_every_letter(session, values):
    assert through(session, "text", values) == values


@patiently
@given(values=lists(st.binary()))
def test_bytes_are_kept(session, values):
    assert [bytes.fromhex(each.removeprefix("\\x")) for each in through(session, "bytea", values)] == values


# Nothing that was set before decides

OTHERWISE = {
    "TimeZone": "Asia/Kathmandu",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "xmlbinary": "hex",
    "xmloption": "document",
    "quote_all_identifiers": "on",
    "lc_monetary": "POSIX",
    "lc_numeric": "POSIX",
    "lc_time": "POSIX",
    "jit": "on",
    "max_parallel_workers_per_gather": "2",
}
SENSITIVE = """
SELECT '2026-03-08 12:00+00'::timestamptz, '2026-03-08'::date, '03/08/2026'::date, '1 day 2 hours'::interval,
    0.1::float8 + 0.2, 0.1::float4, '\\xde00'::bytea, 12.5::money, 'pg_class'::regclass, chr(228),
    to_char(1234.5, 'L9G999D99'), to_char(date '2026-03-08', 'TMDay'), '["2026-03-08 12:00+00",)'::tstzrange,
    ARRAY['1 day'::interval], ROW('2026-03-08'::date, 0.1::float8),
    (SELECT array_agg(current_setting(s) ORDER BY s) FROM unnest(%(settings)s::text[]) AS s)
"""


def answer_of(conninfo: str) -> Answer:
    with closing(psycopg.connect(conninfo, autocommit=True)) as connection:
        session = Session(connection)
        (answer,) = session.ask([session.call(query(SENSITIVE), {"settings": list(OTHERWISE)})])
    assert answer.refusal is None
    return answer


def set_by_options(database: str) -> str:
    options = " ".join(f"-c {name}={value.replace(' ', '')}" for name, value in OTHERWISE.items())
    return make_conninfo(database, options=options, client_encoding="LATIN1")


def set_for_the_database(database: str) -> str:
    with closing(connect(database)) as connection:
        name = sql.Identifier(connection.info.dbname)
        for setting, value in OTHERWISE.items():
            statement = sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.Identifier(setting), value)
            connection.execute(statement)
    return database


@pytest.mark.parametrize("otherwise", [set_by_options, set_for_the_database])
def test_what_was_set_before_decides_nothing(database, otherwise):
    expected = answer_of(database)
    conninfo = otherwise(database)

    with closing(psycopg.connect(conninfo)) as before:
        assert [before.execute("SELECT current_setting(%s)", [name]).fetchone() for name in OTHERWISE] == [
            (value,) for value in OTHERWISE.values()
        ]
    assert answer_of(conninfo) == expected
