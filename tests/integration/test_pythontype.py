"""What psycopg gives for each type of a column, and takes for each type of a parameter: as the stubs annotate it."""

import datetime as dt
import decimal
import importlib
import ipaddress
import uuid
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Json, Jsonb
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from pgproof.contracts.golden import Shape
from pgproof.contracts.session import Session
from pgproof.contracts.shapes.shape import fetch_shapes
from pgproof.contracts.types.pythontype import PythonType, column_type, parameter_type
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.queries import Query

VALUES = {
    "smallint": "1",
    "integer": "1",
    "bigint": "1",
    "oid": "1",
    "real": "1",
    "double precision": "'NaN'",
    "numeric(8,2)": "1",
    "boolean": "true",
    "text": "'a'",
    "character varying(3)": "'a'",
    "character(3)": "'a'",
    "bpchar": "'a'",
    "name": "'a'",
    '"char"': "'a'",
    "bytea": "'a'",
    "uuid": "gen_random_uuid()",
    "date": "now()",
    "time(3) without time zone": "'12:00'",
    "time with time zone": "'12:00+00'",
    "timestamp without time zone": "now()",
    "timestamp(3) with time zone": "now()",
    "interval": "'1 day'",
    "interval day to second(3)": "'1 day'",
    "json": "'[1]'",
    "jsonb": "'{}'",
    "inet": "'::1/64'",
    "cidr": "'10.0.0.0/8'",
    "macaddr": "'08:00:2b:01:02:03'",
    "money": "1",
    "bit(3)": "'101'",
    "bit varying": "'101'",
    "point": "'(1,2)'",
    "tsvector": "'a'",
    "tsquery": "'a'",
    "xid8": "'1'",
    "regclass": "'pg_class'",
    "pg_lsn": "'0/1'",
    "int4range": "'[1,2]'",
    "int8range": "'[1,2]'",
    "numrange": "'[1,2]'",
    "daterange": "'[2026-01-01,2026-01-02]'",
    "tsrange": "'[2026-01-01,2026-01-02]'",
    "tstzrange": "'[2026-01-01,]'",
    "nummultirange": "'{[1,2]}'",
    "datemultirange": "'{[2026-01-01,]}'",
    "integer[]": "'{1,2}'",
    "uuid[]": "'{}'",
    "numeric(8,2)[]": "'{1}'",
    "timestamp with time zone[]": "'{2026-01-01}'",
    "point[]": "'{\"(1,2)\"}'",
    "inet[]": "'{::1}'",
    "money[]": "'{1}'",
    "mood": "'ok'",
    "mood[]": "'{ok}'",
    "pair": "'(1,a)'",
    "pair[]": "'{}'",
    "word": "'a'",
}

# What a caller may give for a parameter, one of each type that its annotation has.
GIVEN: dict[str, list[object]] = {
    "smallint": [1],
    "bigint": [2**40],
    "double precision": [1.5],
    "numeric": [decimal.Decimal("1.5"), 1],
    "boolean": [True],
    "text": ["a"],
    "bytea": [b"a"],
    "uuid": [uuid.uuid4(), str(uuid.uuid4())],
    "date": [dt.date(2026, 1, 1)],
    "time without time zone": [dt.time(12)],
    "timestamp with time zone": [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)],
    "interval": [dt.timedelta(days=1)],
    "json": [Json([1]), Jsonb([1]), "[1]"],
    "jsonb": [Json([1]), Jsonb([1]), "[1]"],
    "inet": [ipaddress.ip_address("::1"), ipaddress.ip_interface("10.0.0.1/8"), "::1"],
    "cidr": [ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"],
    "point": ["(1,2)"],
    "tsquery": ["a"],
    "int4range": [Range(1, 2)],
    "tstzrange": [Range(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), None)],
    "nummultirange": [Multirange([Range(decimal.Decimal(1), decimal.Decimal(2))])],
    "integer[]": [[1]],
    "uuid[]": [[uuid.uuid4()]],
    "text[]": [["a"]],
    "mood": ["ok"],
    "word": ["a"],
    "small": [5],
}


@pytest.fixture(scope="module")
def session(server: str) -> Iterator[Session]:
    """A session where an enum, a composite and a domain are, that psycopg does not know."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with connect(make_conninfo(server, dbname=name)) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('ok'); CREATE TYPE pair AS (a int, b text)")
        connection.execute("CREATE DOMAIN word AS text; CREATE DOMAIN small AS int")
        yield Session(connection)
    drop(server, name)


def make(text: str) -> Query:
    return Query("q", Path("/p/queries/q.sql"), f"-- returns: many\n{text}", "many")


@pytest.mark.parametrize(("written", "value"), VALUES.items())
def test_a_column_is_of_the_type_that_psycopg_gives(session: Session, written: str, value: str):
    statement = f"SELECT CAST({value} AS {written}) AS x"
    shape = fetch_shapes(session, [make(statement)])["q"]
    assert isinstance(shape, Shape)
    with session.connection.transaction(), session.connection.cursor() as cursor:
        cursor.execute("SET LOCAL IntervalStyle = postgres")  # as an application has it
        ((given,),) = cursor.execute(statement.encode()).fetchall()

    assert fits(given, column_type(shape.columns[0].type)), (type(given), column_type(shape.columns[0].type))


@pytest.mark.parametrize("written", GIVEN)
def test_a_parameter_takes_all_that_its_annotation_allows(session: Session, written: str):
    query = make(f"SELECT %(x)s::{written} AS x")

    for value in [*GIVEN[written], None]:
        (answer,) = session.ask([session.call(query, {"x": value})])
        assert answer.refusal is None, value
        assert value is None or fits(value, parameter_type(written))


def test_the_annotation_of_a_parameter_is_no_wider_than_what_was_tried():
    for written, values in GIVEN.items():
        for each in parameter_type(written):
            assert any(fits(value, (each,)) for value in values) or each.name in (
                "IPv4Address",
                "IPv6Interface",
                "IPv6Network",
            )


def fits(value: object, union: tuple[PythonType, ...]) -> bool:
    """Whether a value is one of these types, with all that it holds."""
    return any(_fits(value, each) for each in union)


def _fits(value: object, each: PythonType) -> bool:
    if each.name == "Any":
        return True
    kind = getattr(importlib.import_module(each.module), each.name)
    if type(value) is not kind:
        return False
    if isinstance(value, list):
        return all(fits(one, each.of) for one in value)
    if isinstance(value, Multirange):
        return all(fits(one, (PythonType("Range", "psycopg.types.range", each.of),)) for one in value)
    if isinstance(value, Range):
        return all(bound is None or fits(bound, each.of) for bound in (value.lower, value.upper))
    return True
