"""What a statement writes is read off its text, wherever it stands in it; and what of that it also reads."""

import pytest

from pgproof.contracts.impact.writes import Write, read_writes
from pgproof.sqltext import parse


def writes(text: str) -> list[Write]:
    return read_writes(parse(text)[0])


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("INSERT INTO t (a, b) VALUES (1, 2)", {"a", "b"}),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2", {"a", "b"}),
        ("UPDATE t SET a = 1, (b, c) = (2, 3), d[1] = 4", {"a", "b", "c", "d"}),
        ("DELETE FROM t WHERE a = 1", set()),
        ("MERGE INTO t USING s ON a = 1 WHEN MATCHED THEN UPDATE SET b = 1", {"b"}),
        ("MERGE INTO t USING s ON a = 1 WHEN NOT MATCHED THEN INSERT (c) VALUES (2)", {"c"}),
    ],
)
def test_columns_that_get_a_value_are_written(text: str, columns: set[str]):
    (write,) = writes(text)

    assert write.table == ("t",)
    assert set(write.columns) == columns


@pytest.mark.parametrize(
    ("text", "inserts", "every"),
    [
        ("INSERT INTO t (a) VALUES (1)", True, False),
        ("INSERT INTO t VALUES (1)", True, True),
        ("INSERT INTO t DEFAULT VALUES", True, True),
        ("UPDATE t SET a = 1", False, False),
        ("DELETE FROM t", False, False),
        ("MERGE INTO t USING s ON s.a = t.a WHEN MATCHED THEN DELETE", False, False),
        ("MERGE INTO t USING s ON s.a = t.a WHEN NOT MATCHED THEN INSERT (a) VALUES (1)", True, False),
        ("MERGE INTO t USING s ON s.a = t.a WHEN NOT MATCHED THEN INSERT VALUES (1)", True, True),
    ],
)
def test_who_adds_rows_is_known_and_whether_columns_are_named(text: str, *, inserts: bool, every: bool):
    (write,) = writes(text)

    assert (inserts, every) == (write.inserts, write.every)


def test_a_select_writes_nothing():
    assert writes("SELECT a FROM t") == []


def test_each_write_of_a_with_is_found_and_the_schema_of_its_table():
    found = writes("WITH gone AS (DELETE FROM app.t RETURNING a) INSERT INTO u (b) SELECT a FROM gone")

    assert {("app", "t"), ("u",)} == {each.table for each in found}


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE t SET a = a + 1",
        "UPDATE t SET a = t.a + 1",
        "UPDATE t AS x SET a = x.a + 1",
        "UPDATE t SET a = 1 WHERE a = 2",
        "UPDATE t SET a = 1 FROM t AS other WHERE other.a = 2",
        "INSERT INTO t (a) VALUES (1) RETURNING a",
        "INSERT INTO t (a) VALUES (1) RETURNING *",
        "INSERT INTO t (a) VALUES (1) RETURNING t.*",
        "INSERT INTO t AS x (a) VALUES (1) RETURNING x",
        "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO NOTHING",
        "UPDATE t SET a = 1 RETURNING old.a",
        "INSERT INTO t (a) SELECT 1 FROM t JOIN u USING (a)",
        "INSERT INTO t (a) SELECT 1 FROM t NATURAL JOIN u",
    ],
)
def test_a_column_that_is_named_otherwise_than_to_be_written_is_read_too(text: str):
    (write,) = writes(text)

    assert write.may_read("a")


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t (a) VALUES (1)",
        "UPDATE t SET a = 1 WHERE b = 2",
        "INSERT INTO t (a) SELECT s.a FROM s",
        "INSERT INTO t (a) VALUES (1) ON CONFLICT (b) DO UPDATE SET a = excluded.a",
        "INSERT INTO t (a) SELECT 1 FROM s JOIN u USING (b)",
    ],
)
def test_a_column_that_only_gets_a_value_is_not_read(text: str):
    (write,) = writes(text)

    assert not write.may_read("a")
