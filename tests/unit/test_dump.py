from pathlib import Path

import pytest

from pgproof.errors import PgproofError
from pgproof.pg.dump import HEADER, dump_schema, normalise

DUMP = """\
--
-- PostgreSQL database dump
--

\\restrict 5gBzT3

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);

--
-- Name: f(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.f() RETURNS text
    LANGUAGE sql
    AS $$

-- Name: not a title


SELECT 'SET x = 1;'
$$;


SET default_table_access_method = heap;

--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    id integer
);


--
-- Name: EXTENSION citext; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION citext IS 'data type for case-insensitive character strings';


--
-- Name: USER MAPPING app SERVER far; Type: USER MAPPING; Schema: -; Owner: -
--

CREATE USER MAPPING FOR app SERVER far OPTIONS (
    password 'geheim'
);


--
-- Name: TABLE users; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.users TO app;


--
-- PostgreSQL database dump complete
--

\\unrestrict 5gBzT3

"""

NORMAL = f"""\
{HEADER}
-- Name: f(); Type: FUNCTION; Schema: public
CREATE FUNCTION public.f() RETURNS text
    LANGUAGE sql
    AS $$

-- Name: not a title


SELECT 'SET x = 1;'
$$;

-- Name: users; Type: TABLE; Schema: public
CREATE TABLE public.users (
    id integer
);

-- Name: TABLE users; Type: ACL; Schema: public
GRANT SELECT ON TABLE public.users TO app;
"""

EMPTY = "--\n-- PostgreSQL database dump\n--\n\nSET x = 0;\n\n--\n-- PostgreSQL database dump complete\n--\n\n"


def test_only_the_objects_are_left_and_their_text_is_untouched():
    assert normalise(DUMP) == NORMAL


def test_an_empty_database_is_the_header_alone():
    assert normalise(EMPTY) == HEADER


def test_a_table_access_method_of_its_own_is_kept_with_the_way_back_to_the_default():
    second = DUMP.replace(
        "--\n-- Name: TABLE users;",
        "SET default_table_access_method = columnar;\n\n--\n-- Name: TABLE users;",
    )

    assert "SET default_table_access_method = heap;\n\n-- Name: users;" in normalise(second)
    assert "SET default_table_access_method = columnar;\n\n-- Name: TABLE users;" in normalise(second)


def stub(folder: Path, script: str) -> Path:
    """Write a stand-in for pg_dump: what it is given is what these tests are about."""
    program = folder / "pg_dump"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    "conninfo", ["postgresql://ann:geheim@db.example/shop", "host=db.example dbname=shop user=ann password=geheim"]
)
def test_the_password_is_in_the_environment_and_never_an_argument(tmp_path: Path, conninfo: str):
    pg_dump = stub(tmp_path, 'echo "$PGPASSWORD" > "$0.env"; echo "$@" >&2; exit 1')

    with pytest.raises(PgproofError) as caught:
        dump_schema(conninfo, pg_dump=pg_dump)

    assert "user=ann dbname=shop host=db.example" in caught.value.what
    assert "geheim" not in str(caught.value)
    assert (tmp_path / "pg_dump.env").read_text(encoding="utf-8") == "geheim\n"


def test_a_pg_dump_older_than_the_server_says_what_to_take_instead(tmp_path: Path):
    pg_dump = stub(tmp_path, 'echo "pg_dump: error: aborting because of server version mismatch" >&2; exit 1')

    with pytest.raises(PgproofError, match="version mismatch\n  hint: take the pg_dump of the server's major"):
        dump_schema("dbname=shop", pg_dump=pg_dump)


def test_a_missing_pg_dump_is_one_clear_line(tmp_path: Path):
    with pytest.raises(PgproofError, match=r"cannot run .*pg_dump: No such file or directory\n  hint: `binaries`"):
        dump_schema("dbname=shop", pg_dump=tmp_path / "pg_dump")
