"""A Postgres type as `format_type` writes it in, the Python types of psycopg's values out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import adapters

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODIFIER = re.compile(r"\([^)]*\)")
_RANGE = re.compile(r"(int4|int8|num|date|ts|tstz)(range|multirange)")


@dataclass(frozen=True)
class PythonType:
    """A type as an annotation names it; what it holds is one of `of`: `list[…]`, `Range[…]`."""

    name: str
    module: str = "builtins"
    of: tuple[PythonType, ...] = ()


_ANY = PythonType("Any", "typing")
_STR, _INT, _FLOAT, _DECIMAL = (
    PythonType("str"),
    PythonType("int"),
    PythonType("float"),
    PythonType("Decimal", "decimal"),
)
_DATE, _TIME, _DATETIME = (
    PythonType("date", "datetime"),
    PythonType("time", "datetime"),
    PythonType("datetime", "datetime"),
)
_UUID, _BYTES = PythonType("UUID", "uuid"), PythonType("bytes")
_NETWORKS = tuple(PythonType(f"IPv{version}Network", "ipaddress") for version in (4, 6))
_ADDRESSES = tuple(
    PythonType(f"IPv{version}{kind}", "ipaddress") for kind in ("Address", "Interface") for version in (4, 6)
)
_JSONS = (PythonType("Json", "psycopg.types.json"), PythonType("Jsonb", "psycopg.types.json"))

Union = tuple[PythonType, ...]
"""One of several."""

_COLUMNS: Mapping[str, Union] = {
    **dict.fromkeys(("smallint", "integer", "bigint", "oid"), (_INT,)),
    **dict.fromkeys(("real", "double precision"), (_FLOAT,)),
    **dict.fromkeys(("time without time zone", "time with time zone"), (_TIME,)),
    **dict.fromkeys(("timestamp without time zone", "timestamp with time zone"), (_DATETIME,)),
    **dict.fromkeys(("json", "jsonb", "record"), (_ANY,)),
    "boolean": (PythonType("bool"),),
    "bytea": (_BYTES,),
    "cidr": _NETWORKS,
    "date": (_DATE,),
    "inet": _ADDRESSES,
    "interval": (PythonType("timedelta", "datetime"),),
    "numeric": (_DECIMAL,),
    "uuid": (_UUID,),
}
_PARAMETERS: Mapping[str, Union] = {
    **dict.fromkeys(("json", "jsonb"), (*_JSONS, _STR)),
    "cidr": (*_NETWORKS, _STR),
    "inet": (*_ADDRESSES, _STR),
    "numeric": (_DECIMAL, _INT),
    "uuid": (_UUID, _STR),
}
_BOUNDS = {"int4": _INT, "int8": _INT, "num": _DECIMAL, "date": _DATE, "ts": _DATETIME, "tstz": _DATETIME}


def column_type(written: str) -> Union:
    """Return what psycopg makes of a column; it leaves as text what it does not know: enums, composites, extensions."""
    name = _plain(written)
    if element := _element(name):
        return (PythonType("list", of=column_type(element)),)
    if found := _RANGE.fullmatch(name):
        return (PythonType(found[2].capitalize(), f"psycopg.types.{found[2]}", (_BOUNDS[found[1]],)),)
    return _COLUMNS.get(name, (_STR,))


def parameter_type(written: str) -> Union:
    """Return what psycopg sends as this type; of one that it does not know, a domain perhaps, anything may be right."""
    name = _plain(written)
    if name in _PARAMETERS:
        return _PARAMETERS[name]
    known = _element(name) or adapters.types.get(name)
    return column_type(name) if known else (_ANY,)


def _plain(written: str) -> str:
    """Return the type without its modifier: `numeric(8,2)`, `timestamp(3) with time zone`, `interval year to month`."""
    name = _MODIFIER.sub("", written)
    return "interval" if name.startswith("interval ") else name


def _element(name: str) -> str:
    """Return what an array is of; that of a type unknown to psycopg is not read as one."""
    element = name.removesuffix("[]")
    return element if element != name and adapters.types.get(element) else ""
