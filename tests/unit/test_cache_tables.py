"""What a text names: relations that it reads and writes, and how, and functions that it calls."""

import pytest

from pgproof.cache.tables import Names, read_names
from pgproof.sqltext import parse


def names(text: str) -> Names:
    return read_names(parse(text)[0])


def quoted(*each: str) -> frozenset[str]:
    return frozenset(f'"{name}"' for name in each)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("SELECT * FROM a, b AS c JOIN LATERAL (SELECT * FROM d) AS e ON true", quoted("a", "b", "d")),
        ('SELECT * FROM Loud, "Loud"', quoted("loud", "Loud")),
        ('SELECT * FROM other.a, "odd.na""me"', frozenset(('"other"."a"', '"odd.na""me"'))),
        ("SELECT 1 WHERE EXISTS (TABLE a) ORDER BY (SELECT 1 FROM b) LIMIT (SELECT 1 FROM c)", quoted("a", "b", "c")),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", quoted("a")),
        ("WITH p AS (SELECT * FROM a), q AS (SELECT * FROM p) SELECT * FROM q", quoted("a", "p", "q")),
        ("INSERT INTO a SELECT * FROM b RETURNING (SELECT max(id) FROM c)", quoted("a", "b", "c")),
        ("SELECT * FROM generate_series(1, 2), jsonb_to_record($1) AS r (a int)", frozenset[str]()),
        ("SELECT * FROM a TABLESAMPLE SYSTEM (10)", quoted("a")),
        ("VALUES ((SELECT 1 FROM a))", quoted("a")),
        ("SELECT xmlelement(name x, (SELECT 1 FROM a)), ARRAY(SELECT id FROM b)", quoted("a", "b")),
    ],
)
def test_every_relation_that_is_named_is_read(text: str, reads: frozenset[str]):
    assert names(text).reads == reads
    assert names(text).plain == text.startswith(("SELECT", "WITH", "VALUES"))


@pytest.mark.parametrize(
    ("text", "writes"),
    [
        ("INSERT INTO a VALUES (1)", [("a", "insert")]),
        ("INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING", [("a", "insert")]),
        ("INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET b = 1", [("a", "update")]),
        ("UPDATE a SET b = c.b FROM c", [("a", "update")]),
        ("DELETE FROM a USING b", [("a", "delete")]),
        ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE", [("a", "any")]),
        ("TRUNCATE a, b", [("a", "insert"), ("b", "insert")]),
        ("TRUNCATE a CASCADE", [("a", "truncate")]),
        ("COPY a FROM '/tmp/a'", [("a", "insert")]),
        ("COPY a TO '/tmp/a'", []),
        ("SELECT * INTO a FROM b", [("a", "insert")]),
        ("WITH w AS (DELETE FROM a RETURNING 1), v AS (UPDATE b SET c = 1 RETURNING 1) TABLE w", "ad bu"),
        ("EXPLAIN ANALYZE DELETE FROM a", [("a", "delete")]),
    ],
)
def test_what_is_written_is_known_with_how(text: str, writes: list[tuple[str, str]] | str):
    expected = [("a", "delete"), ("b", "update")] if isinstance(writes, str) else writes

    assert names(text).writes == {(f'"{name}"', effect) for name, effect in expected}
    assert names(text).plain == (text.startswith(("SELECT", "WITH", "EXPLAIN")) and not expected)


def test_parts_of_a_with_need_not_be_relations():
    assert names('WITH p AS (SELECT 1), "P" AS (TABLE p) TABLE "P"').parts == quoted("p", "P")


def test_functions_are_known_by_their_last_name():
    text = "SELECT count(*), other.f(1), current_date FROM g(2) AS h WHERE lower(a) = 'x' ORDER BY sum(b) OVER ()"

    assert names(text).functions == {"count", "f", "g", "lower", "sum"}


@pytest.mark.parametrize(
    "text", ["CALL p()", "DO 'BEGIN END'", "CREATE TABLE a (b int)", "LOCK a", "REFRESH MATERIALIZED VIEW a"]
)
def test_what_is_no_query_is_not_plain(text: str):
    assert not names(text).plain
