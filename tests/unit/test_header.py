from pathlib import Path

import pytest

from pgproof.migrations.header import Header, find_problems

PATH = Path("0002_b.sql")


def problems_of(text: str) -> list[str]:
    return [f"{each.at.line}: {each.what}" for each in find_problems(PATH, text)]


def test_a_header_says_everything_in_directives():
    header = Header.read(
        "-- Why: an index for the home feed\n"
        "-- depends: 0001_a 0001_b\n"
        "-- transactional: false\n"
        "-- phase: post\n"
        "-- lock_timeout: 500ms\n"
        "CREATE INDEX CONCURRENTLY i ON a (b);\n"
    )

    assert (header.transactional, header.phase, header.depends) == (False, "post", ["0001_a", "0001_b"])
    assert (header.get("lock_timeout", "5s"), header.get("statement_timeout", "0")) == ("500ms", "0")
    assert header.line_of("phase") == 4


def test_without_directives_a_migration_is_transactional_and_runs_before_the_code():
    header = Header.read("SELECT 1;\n")

    assert (header.transactional, header.phase, header.depends, header.irreversible) == (True, "pre", [], "")


def test_a_migration_names_the_queries_that_it_breaks_on_purpose_and_why():
    header = Header.read(
        "-- breaks: activities.home, users.profile,users.all because the home feed, too, is gone\nSELECT 1;"
    )

    why = "the home feed, too, is gone"
    assert header.breaks == {"activities.home": why, "users.profile": why, "users.all": why}
    assert Header.read("SELECT 1;\n").breaks == {}


def test_only_the_first_because_parts_names_from_the_reason():
    assert Header.read("-- breaks: a.b because so because of that\n").breaks == {"a.b": "so because of that"}


def test_many_names_and_a_slip_are_told_at_once():
    """As a pattern with two ways to read each comma, this would take longer than anybody lives."""
    names = ",".join(f"a.query_{number}" for number in range(200))

    assert problems_of(f"-- breaks: {names} becuase it is late\nSELECT 1;") != []


def test_any_other_word_before_a_colon_is_a_comment():
    assert problems_of("-- Note: see below\n-- see: http://example.com\n-- Note: again\nSELECT 1;\n") == []


def test_windows_line_ends_are_fine():
    assert problems_of("-- transactional: false\r\n-- depends: 0001_a\r\n\r\nSELECT 1;\r\n") == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("-- transactional: false  \nSELECT 1;", "1: transactional: 'false··' is not valid"),
        ("-- why\n-- transactional: no\nSELECT 1;", "2: transactional: 'no' is not valid"),
        ("-- transactional: False\nSELECT 1;", "1: transactional: 'False' is not valid"),
        ("-- transactional:\nSELECT 1;", "1: transactional: '' is not valid"),
        ("-- Transactional: false\nSELECT 1;", "1: yoyo takes `Transactional:` for a comment"),
        ("-- DEPENDS: 0001_a\nSELECT 1;", "1: yoyo takes `DEPENDS:` for a comment"),
        ("-- phase: later\nSELECT 1;", "1: phase: 'later' is not valid"),
        ("-- irreversible:\nSELECT 1;", "1: irreversible: '' is not valid"),
        ("-- breaks: a.b\nSELECT 1;", "1: breaks: 'a.b' is not valid"),
        ("-- breaks: a.b because\nSELECT 1;", "1: breaks: 'a.b·because' is not valid"),
        ("-- breaks: because why\nSELECT 1;", "1: breaks: 'because·why' is not valid"),
        ("-- breaks: a.b c.d because why\nSELECT 1;", "1: breaks: 'a.b·c.d·because·why' is not valid"),
        ("-- breaks: a.b, because why\nSELECT 1;", "1: breaks: 'a.b,·because·why' is not valid"),
        ("-- Breaks: a.b because why\nSELECT 1;", "1: yoyo takes `Breaks:` for a comment"),
        ("-- lock_timeout: soon\nSELECT 1;", "1: lock_timeout: 'soon' is not valid"),
        ("-- lock_timeout: 5s'; DROP TABLE a; --\nSELECT 1;", '1: lock_timeout: "5s\';·DROP·TABLE·a;·--" is not valid'),
        ("-- depends: 0001_a  0001_b\nSELECT 1;", "1: depends: '0001_a··0001_b' is not valid"),
        ("-- depends: 0001_a\n-- depends: 0001_b\nSELECT 1;", "2: depends is written twice"),
        (
            "SELECT 1;\n-- transactional: false\nSELECT 2;",
            "2: `transactional:` stands after the header, where yoyo does not see it",
        ),
        (
            "/* why */\n-- transactional: false\nSELECT 1;",
            "2: `transactional:` stands after the header, where yoyo does not see it",
        ),
        (
            "SELECT 1;\n-- Phase: post\n",
            "2: `Phase:` stands after the header, where yoyo does not see it",
        ),
    ],
)
def test_a_directive_that_yoyo_would_misread_is_named_with_its_line(text, problem):
    assert problems_of(text) == [problem]


def test_every_problem_is_named_at_once():
    text = "-- transactional: no\n-- Depends: 0001_a\nSELECT 1;\n-- phase: post\n"

    assert [each.partition(":")[0] for each in problems_of(text)] == ["1", "2", "4"]


def test_every_problem_says_what_to_do():
    assert all(each.hint for each in find_problems(PATH, "-- transactional: no\n-- Phase: pre\n;\n-- depends: x\n"))
