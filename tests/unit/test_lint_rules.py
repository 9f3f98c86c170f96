"""Our own rules: what each finds, what it leaves alone, and what its examples promise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pgproof.lint import RULES
from pgproof.lint.files import find_file_hits
from pgproof.lint.own import check
from pgproof.lint.source import read_sources

if TYPE_CHECKING:
    from pathlib import Path

    from pgproof.lint import Rule
    from pgproof.lint.finding import Hit
    from pgproof.lint.source import Source
    from pgproof.settings import Settings

MANY = "-- returns: many\n"
VALUE = "-- returns: many\nSELECT (v) AS v FROM a"
ROWS = "-- returns: many\nSELECT a.b FROM a WHERE (c)"
PLACES = {
    "query": "queries/example.sql",
    "all": "queries/example.sql",
    "migration": "migrations/0001_example.sql",
    "seed": "seeds/010_example.sql",
}


@pytest.fixture
def project(settings: Settings) -> Settings:
    """A project with one migration and its way back, so that nothing is missing."""
    write(settings, "migrations/0001_example.sql", "SELECT 1;\n")
    write(settings, "migrations/0001_example.rollback.sql", "SELECT 1;\n")
    return replace(settings, cache=settings.root / "cache")


def write(settings: Settings, name: str, text: str) -> Path:
    path = settings.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def judge(settings: Settings) -> list[Hit]:
    """All that we ourselves have against a project, without any tool."""
    sources: list[Source] = read_sources(settings)
    hits: list[Hit] = []
    check(sources, lambda _, verdict: hits.extend(verdict.hits))
    hits += [hit for _, hit in find_file_hits(settings, {each.path: each for each in sources})]
    return hits


def judge_query(settings: Settings, text: str) -> list[str]:
    """What is found in a query, as `rule line:column`."""
    write(settings, "queries/a.sql", text)
    return [f"{each.rule} {each.line}:{each.column}" for each in judge(settings)]


def rules_of(settings: Settings, text: str) -> list[str]:
    return [each.split()[0] for each in judge_query(settings, text)]


# The records


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_bad_example_of_a_rule_breaks_that_rule_and_no_other(project: Settings, rule: Rule):
    write(project, PLACES[rule.on], rule.bad)

    assert {each.rule for each in judge(project)} == {rule.id}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_good_example_of_a_rule_breaks_none(project: Settings, rule: Rule):
    write(project, PLACES[rule.on], rule.good)

    assert judge(project) == []


def test_rules_have_names_of_their_own():
    assert len({rule.id for rule in RULES}) == len(RULES)


# Places


def test_a_finding_points_at_its_word_in_the_file(project: Settings):
    first = "SELECT 'ü' AS u, %(long_parameter)s AS p, %(b)s AS b, now() AS c"

    assert judge_query(project, f"{MANY}{first}\nFROM t\nWHERE\n  'é' = a AND now() > b\n") == [
        f"clock-in-query 2:{first.index('now') + 1}",
        "clock-in-query 5:15",
    ]


def test_a_doubled_percent_sign_moves_nothing(project: Settings):
    text = "SELECT 5 %% 3 AS a, b <%% c AS d, b %%> c AS e, '%%' AS f, now() AS g FROM t"

    assert judge_query(project, MANY + text) == [f"clock-in-query 2:{text.index('now') + 1}"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("SELECT 1 AS a\nFORM b", "3:1"),
        ("SELECT %(a)s AS a, 'é' AS c FORM b WHERE", "2:29"),
        ("SELECT 'a", "2:8"),
        ("SELECT 1 AS a WHERE\r\n  b IN (1,\r\n )", "4:2"),
    ],
)
def test_a_syntax_error_has_its_line_and_column(project: Settings, text: str, place: str):
    assert judge_query(project, MANY + text) == [f"parse-error {place}"]


def test_a_syntax_error_is_found_though_another_file_has_no_name(project: Settings):
    write(project, "queries/no name.sql", MANY + "SELECT 1")

    assert judge_query(project, MANY + "SELEC 1") == ["query-file None:None", "parse-error 2:1"]


def test_a_cache_line_that_cannot_be_read_has_its_line(project: Settings):
    assert judge_query(project, "-- returns: many\n-- cache: ttl=soon\n\nSELECT 1 AS one\n") == ["query-file 2:1"]
    assert judge_query(project, "-- returns: many\n-- cache: ttl=60s\n\nSELECT 1 AS one\n") == []


def test_what_the_readers_say_is_told_once_and_in_their_words(project: Settings):
    write(project, "queries/a.sql", "SELECT %, '%(a)s'")
    write(project, "migrations/0002_b.sql", "-- Depends: 0001_example\nSELECT 1;\n")
    write(project, "seeds/010_a.csv", "")

    said = {each.what for each in judge(project)}
    assert said == {
        "it does not say what it returns",
        "yoyo takes `Depends:` for a comment",
        "there is no rollback",
        "the file is empty",
    }


def test_bytes_that_are_no_text_are_one_problem(project: Settings):
    (project.root / "migrations" / "0001_example.sql").write_bytes(b"SELECT '\xff';")

    assert [(each.rule, each.what) for each in judge(project)] == [("migration-file", "it is not UTF-8")]


# What each rule finds, and what it leaves alone


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM a",
        "SELECT a.* FROM a",
        "SELECT (f()).* FROM a",
        "SELECT b.c FROM (SELECT * FROM a) AS b",
        "SELECT 1 AS b UNION SELECT * FROM a",
        "DELETE FROM a WHERE b RETURNING *",
        "WITH c AS (DELETE FROM a WHERE b RETURNING a.*) SELECT c.d FROM c",
    ],
)
def test_a_star_is_found_wherever_columns_come_from_it(project: Settings, text: str):
    assert rules_of(project, MANY + text) == ["select-star"]


@pytest.mark.parametrize("text", ["SELECT count(*) AS n FROM a", "SELECT 1 AS b FROM a WHERE EXISTS (SELECT * FROM c)"])
def test_a_star_that_gives_no_column_is_none(project: Settings, text: str):
    assert rules_of(project, MANY + text) == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a.b FROM a LIMIT 1",
        "SELECT a.b FROM a OFFSET 1",
        "SELECT a.b FROM a FETCH FIRST ROW ONLY",
        "SELECT c.b FROM (SELECT a.b FROM a LIMIT %(n)s) AS c ORDER BY c.b",
        "SELECT a.b FROM a UNION SELECT 1 AS b LIMIT 1",
    ],
)
def test_a_limit_needs_its_own_order(project: Settings, text: str):
    assert rules_of(project, MANY + text) == ["limit-without-order"]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a.b FROM a ORDER BY a.b LIMIT 1",
        "SELECT a.b FROM a LIMIT ALL",
        "SELECT a.b FROM a WHERE EXISTS (SELECT 1 FROM c LIMIT 1)",
        "SELECT a.b FROM a UNION SELECT 1 AS b ORDER BY 1 LIMIT 1",
    ],
)
def test_a_limit_that_chooses_nothing_by_chance_is_left_alone(project: Settings, text: str):
    assert rules_of(project, MANY + text) == []


@pytest.mark.parametrize(
    "value",
    [
        *("array_agg(a.b)", "array_agg(DISTINCT a.b)", "pg_catalog.json_agg(a.b)", "jsonb_agg(a.b) FILTER (WHERE a.c)"),
        *("xmlagg(a.b)", "json_object_agg(a.b, a.c)", "json_arrayagg(a.b)", "ARRAY(SELECT c.d FROM c)"),
    ],
)
def test_a_value_of_several_rows_needs_an_order_inside(project: Settings, value: str):
    assert rules_of(project, VALUE.replace("(v)", value)) == ["aggregate-without-order"]


@pytest.mark.parametrize(
    "value",
    [
        *("array_agg(a.b ORDER BY a.b)", "json_arrayagg(a.b ORDER BY a.b)", "array_agg(a.b) OVER (ORDER BY a.b)"),
        *("sum(a.b)", "jsonb_object_agg(a.b, a.c)", "ARRAY(SELECT c.d FROM c ORDER BY c.d)", "ARRAY[a.b]"),
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY a.b)",
    ],
)
def test_a_value_that_no_order_changes_is_left_alone(project: Settings, value: str):
    assert rules_of(project, VALUE.replace("(v)", value)) == []


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("SELECT 1 AS a, 2 AS b", ["value-of-several-columns"]),
        ("VALUES (1, 2)", ["value-of-several-columns"]),
        ("SELECT 1 AS a, 2 AS b UNION SELECT 3 AS a, 4 AS b", ["value-of-several-columns"]),
        ("DELETE FROM a WHERE a.b RETURNING a.c, a.d", ["value-of-several-columns"]),
        ("SELECT 1 AS a", []),
        ("DELETE FROM a WHERE a.b RETURNING a.c", []),
    ],
)
def test_a_value_is_one_column(project: Settings, text: str, rules: list[str]):
    assert rules_of(project, f"-- returns: value\n{text}") == rules
    assert rules_of(project, MANY + text) == []


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("SELECT a.b FROM a WHERE a.c > now()", 1),
        ("SELECT a.b FROM a WHERE a.c > CURRENT_TIMESTAMP(3) OR a.d = CURRENT_DATE", 2),
        ("SELECT clock_timestamp() AS a", 1),
        ("UPDATE a SET b = now() WHERE c < now() RETURNING d", 1),
        ("INSERT INTO a (b) SELECT now() FROM c WHERE c.d < now() RETURNING a.b", 1),
        ("INSERT INTO a (b) VALUES (now()) ON CONFLICT (b) DO UPDATE SET b = now() RETURNING a.c", 0),
        ("MERGE INTO a USING b ON a.c = b.c WHEN MATCHED THEN UPDATE SET d = now() RETURNING a.c", 0),
        ("SELECT a.b FROM a WHERE a.c > %(now)s", 0),
        ("SELECT current_user AS a", 0),
    ],
)
def test_a_clock_may_be_stored_and_never_compared(project: Settings, text: str, rules: int):
    assert rules_of(project, MANY + text) == ["clock-in-query"] * rules


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CREATE TABLE a (b timestamp, c timestamp(3) without time zone, d timestamp[]);", 3),
        ("ALTER TABLE a ALTER b TYPE timestamp;", 1),
        ("CREATE TABLE a (b timestamptz DEFAULT LOCALTIMESTAMP);", 1),
        ("CREATE TABLE a (b timestamptz, c date, d time, e timestamp with time zone);", 0),
        ("UPDATE a SET b = '2026-01-01'::timestamp AT TIME ZONE 'UTC' WHERE c;", 0),
    ],
)
def test_a_moment_without_a_zone_is_found_in_migrations(project: Settings, text: str, found: int):
    write(project, "migrations/0001_example.sql", text)

    assert [each.rule for each in judge(project)] == ["naive-timestamp"] * found


@pytest.mark.parametrize(
    "folder", ["migrations/0001_example.sql", "migrations/0001_example.rollback.sql", "seeds/010_a.sql"]
)
def test_a_condition_that_is_missing_is_found_in_every_file(project: Settings, folder: str):
    write(
        project, folder, "UPDATE a SET b = 1;\nWITH c AS (DELETE FROM a RETURNING b) INSERT INTO d SELECT c.b FROM c;\n"
    )

    assert [(each.rule, each.line) for each in judge(project)] == [("without-where", 1), ("without-where", 2)]


@pytest.mark.parametrize(
    ("condition", "rules"),
    [
        ("a.b NOT IN (SELECT c.d FROM c)", ["not-in-subselect"]),
        ("NOT a.b = ANY (SELECT c.d FROM c)", []),
        ("a.b <> ALL (SELECT c.d FROM c)", ["not-in-subselect"]),
        ("a.b > ALL (SELECT c.d FROM c)", []),
        ("a.b NOT IN (1, 2)", []),
        ("a.b IN (SELECT c.d FROM c)", []),
        ("NOT EXISTS (SELECT 1 FROM c)", []),
    ],
)
def test_not_in_a_subselect_is_found(project: Settings, condition: str, rules: list[str]):
    assert rules_of(project, ROWS.replace("(c)", condition)) == rules


@pytest.mark.parametrize(
    ("condition", "rules"),
    [
        ("a.b = :b", ["foreign-parameter"]),
        ("a.b = {b}", ["foreign-parameter"]),
        ("a.b = ':b'", ["foreign-parameter"]),
        ("a.b = '$1'", ["foreign-parameter"]),
        ("a.b = '%%s'", ["foreign-parameter"]),
        ("a.b = $1", ["query-file"]),
        ("a.b = '{b}'::text[]", []),
        ("a.b[1:2] = a.c AND a.d = '12:30'::time", []),
    ],
)
def test_what_another_tool_would_take_for_a_parameter_is_found(project: Settings, condition: str, rules: list[str]):
    assert rules_of(project, ROWS.replace("(c)", condition)) == rules


def test_a_parameter_that_only_a_comment_names_is_found_where_it_is_named(project: Settings):
    text = f"-- Wörter: %(b)s, %(a)s\n{MANY}SELECT %(a)s AS a /* %(c)s */"

    assert judge_query(project, text) == ["unused-parameter 1:12", "unused-parameter 3:22"]


# Ignores


@pytest.mark.parametrize(
    "text",
    [
        "-- pgproof: ignore without-where: one row\nDELETE FROM a;\n",
        "DELETE\n-- pgproof: ignore without-where: one row\nFROM a;\n",
        "DELETE FROM a; -- pgproof: ignore without-where: one row\n",
        "SELECT 1;\n\n-- why\n-- pgproof: ignore without-where: one row\nDELETE FROM a;\nSELECT 2;\n",
    ],
)
def test_an_ignore_answers_for_its_statement(project: Settings, text: str):
    write(project, "migrations/0001_example.sql", text)

    assert judge(project) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("DELETE FROM a;\n-- pgproof: ignore without-where: one row\nSELECT 1;\n", ["without-where 1", "bad-ignore 2"]),
        ("-- pgproof: ignore without-where\nDELETE FROM a;\n", ["bad-ignore 1", "without-where 2"]),
        ("-- pgproof: ignore without-where:  \nDELETE FROM a;\n", ["bad-ignore 1", "without-where 2"]),
        ("-- pgproof: ignore everything: why\nDELETE FROM a;\n", ["bad-ignore 1", "without-where 2"]),
        ("-- pgproof: ignore parse-error: why\nSELECT 1;\n", ["bad-ignore 1"]),
        ("-- pgproof: ignore without-where: why\nSELECT 1;\n", ["bad-ignore 1"]),
        ("SELECT '-- pgproof: ignore without-where: why';\n", []),
    ],
)
def test_an_ignore_that_answers_for_nothing_is_a_finding(project: Settings, text: str, found: list[str]):
    write(project, "migrations/0001_example.sql", text)

    assert [f"{each.rule} {each.line}" for each in judge(project)] == found
