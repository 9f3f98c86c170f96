import re

import pytest
import sqlparse
from hypothesis import example, given
from hypothesis import strategies as st

from pgproof.migrations import rules
from pgproof.sqltext import ParseError, canonical, parse, read_header, split_pieces


def lines_of(sql: str) -> list[int]:
    return [each.line for each in parse(sql)]


def test_a_statement_has_the_line_of_its_first_word():
    sql = "-- why\n\nSELECT 1;\n/* about\n   the next */ SELECT\n 2;\n"

    assert lines_of(sql) == [3, 5]


def test_a_statement_comes_without_semicolon_and_comments_before_it():
    (statement,) = parse("-- why\n/* what */ CREATE TABLE a ();  \n")

    assert (statement.text, statement.kind) == ("CREATE TABLE a ()", "CreateStmt")


def test_nested_comments_do_not_shift_the_line():
    assert lines_of("SELECT 1;\n/* a /* b\n */ c\n */ -- d */\nSELECT 2") == [1, 5]


def test_empty_statements_are_none():
    assert lines_of("SELECT 1;;\n;\nSELECT 2;") == [1, 3]


def test_a_dollar_body_is_one_statement():
    sql = "DO $$ BEGIN\n  PERFORM 1;\n  PERFORM 2;\nEND $$;\nSELECT ';', $x$;$x$;\n"

    assert lines_of(sql) == [1, 5]


def test_windows_line_ends_count_as_one():
    statements = parse("SELECT 1;\r\nSELECT 2;\r\n")

    assert [(each.line, each.text) for each in statements] == [(1, "SELECT 1"), (2, "SELECT 2")]


def test_letters_of_several_bytes_do_not_shift_texts_and_lines():
    statements = parse("-- ä€😀ä€😀\nSELECT 'ä€😀';\n\nSELECT 'é'\n")

    assert [(each.line, each.text) for each in statements] == [(2, "SELECT 'ä€😀'"), (4, "SELECT 'é'")]


def test_a_text_of_comments_only_has_no_statement():
    assert parse("-- nothing\n/* here */\n") == []


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("SELECT 1;\n\nSELEC 2;", 3),
        ("-- ääääääääääääääääääääääää\nSELECT 1;\n\nSELEC 2;\n", 4),
        ("SELECT 1;\nSELECT 'open\n", 2),
        ("SELECT 1;\n/* open\n", 2),
        ("SELECT (1;\n", 1),
    ],
)
def test_a_text_that_does_not_parse_says_on_which_line(sql, line):
    with pytest.raises(ParseError) as caught:
        parse(sql)

    assert caught.value.line == line


@given(st.lists(st.sampled_from(["-- é\n", "\n", "/* ü\n */", " ", "SELECT 1;", "SELECT '€\n';", "SELECT $$\n;$$;"])))
def test_each_line_is_where_the_statement_really_starts(pieces):
    starts = [index for index, piece in enumerate(pieces) if piece.startswith("SELECT")]

    assert lines_of("".join(pieces)) == ["".join(pieces[:index]).count("\n") + 1 for index in starts]


def test_comments_and_layout_do_not_change_the_canonical_text():
    one = "CREATE TABLE a (id int DEFAULT 5, b text);"
    other = "-- why\ncreate   table a(\n  id int default 5, /* what */\n  b text\n);\n"

    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CREATE TABLE a (id int DEFAULT 5)", "CREATE TABLE a (id int DEFAULT 6)"),
        ("CREATE TABLE a (id int)", "CREATE TABLE a (id bigint)"),
        ("INSERT INTO a VALUES ('x')", "INSERT INTO a VALUES ('X')"),
        ("SELECT 1; SELECT 2", "SELECT 2; SELECT 1"),
        ("DO $$BEGIN PERFORM 1; END$$", "DO $$BEGIN PERFORM 2; END$$"),
        ('CREATE TABLE "A" ()', "CREATE TABLE A ()"),
    ],
)
def test_what_means_something_else_has_another_canonical_text(one, other):
    assert canonical(one) != canonical(other)


def test_a_text_that_does_not_parse_has_no_canonical_text():
    with pytest.raises(ParseError):
        canonical("SELEC 1")


def test_the_header_is_what_stands_before_the_first_word():
    sql = "-- Why: because\n--depends:0001_a\n\n  -- phase : post \n-- prose\nSELECT 1;\n-- phase: pre\n"

    found = [(each.name, each.value, each.line) for each in read_header(sql)]

    assert found == [("Why", "because", 1), ("depends", "0001_a", 2), ("phase", "post ", 4)]


def test_a_windows_line_end_is_no_part_of_a_value():
    (directive,) = read_header("-- transactional: false\r\nSELECT 1;\r\n")

    assert directive.value == "false"


def test_the_header_ends_at_a_block_comment():
    assert read_header("/* why */\n-- transactional: false\n") == []


def test_code_is_told_from_quotes_and_comments():
    sql = """a '%'||$1 -- '
/* /* " */ */ E'\\'' "b"$x$'$x$, a$b$ é$"""

    assert [(each.kind, each.text) for each in split_pieces(sql)] == [
        ("code", "a "),
        ("quoted", "'%'"),
        ("code", "||$1 "),
        ("comment", "-- '"),
        ("code", "\n"),
        ("comment", '/* /* " */ */'),
        ("code", " "),
        ("quoted", "E'\\''"),
        ("code", " "),
        ("quoted", '"b"'),
        ("quoted", "$x$'$x$"),
        ("code", ", a$b$ é$"),
    ]


def test_a_quote_without_an_end_says_on_which_line_it_begins():
    with pytest.raises(ParseError) as caught:
        split_pieces("SELECT 'é\n',\n '")

    assert caught.value.line == 3


# Texts as wild as the two splitters may see them: mostly SQL to Postgres, with all that other databases read otherwise.
TERMS = [
    *("1", "a", "1.5", ".5", "$1", "'x'", "'it''s; '", "';'", '"c;d"', '"a""b"', "E'x'", "U&'x'", "B'1'", "a[1]"),
    *(
        "ARRAY ['a;', ']']",
        "ARRAY[';']",
        "(1)",
        "go",
        "f(1, ';')",
        "a . b",
        "- 1",
        "(SELECT 1)",
        "CASE WHEN a THEN 1 END",
    ),
    *(
        "`a;b`",
        "\u00b4;\u00b4",
        "NULL",
        "DATE '2026-01-01'",
        "now() AT TIME ZONE 'it''s;'",
        "x'1f'",
        "N'a'",
        "\\d",
        "'\\'",
    ),
]
JOINS = [
    *("+", " # ", "#", " #> ", "||", "::text||", " - ", "-", "*", " / ", "%", "<@", " = ", "<>", "&", "^", "!~", "~*"),
    *("+-- ;\n", " -- it's;\n+", "*/*;*/", "->", "->>", "@>", " ? ", " OR ", " IN (1, 2) AND ", ",", ", -- ;'\n"),
]
HEADS = ["SELECT ", "select ", "INSERT INTO t VALUES (1); SELECT ", "CREATE TABLE t (a int DEFAULT 1); SELECT "]
ENDS = [
    ";",
    ";\n",
    " ; ",
    "; -- it's;\n",
    ";\n--\n",
    " AS loop;",
    " AS do;",
    " GO;",
    " FROM a AS b;",
    ";;",
    " FOR UPDATE;",
]


@st.composite
def texts(draw):
    """Draw a text of a few statements."""
    text = ""
    for _ in range(draw(st.integers(1, 3))):
        text += draw(st.sampled_from(HEADS)) + draw(st.sampled_from(TERMS))
        for _ in range(draw(st.integers(0, 3))):
            text += draw(st.sampled_from(JOINS)) + draw(st.sampled_from(TERMS))
        text += draw(st.sampled_from(ENDS))
    return text


def code(text: str) -> str:
    """A statement without comments, white space and semicolon."""
    return re.sub(r"--[^\n]*|[\s;]", "", text)


@given(texts())
@example("SELECT 1 # 2; SELECT 3")
@example("SELECT 1 +-- ;\n 2; SELECT 3")
@example("SELECT ARRAY [ ']', ';' ]; SELECT 2")
@example("SELECT GO, 1; SELECT 2")
def test_what_does_not_look_special_is_split_alike_by_yoyo_and_postgres(sql):
    try:
        ours = [code(each.text) for each in parse(sql)]
    except ParseError:
        return

    if rules.splits_plainly(sql):
        assert ours == [stripped for each in sqlparse.split(sql) if (stripped := code(each))]


@given(texts())
def test_the_pieces_of_a_text_are_the_text(sql):
    try:
        pieces = split_pieces(sql)
    except ParseError:
        return

    assert "".join(piece.text for piece in pieces) == sql


@given(texts())
def test_a_text_without_its_comments_means_the_same(sql):
    try:
        meaning = canonical(sql)
    except ParseError:
        return

    bare = "".join(" " if piece.kind == "comment" else piece.text for piece in split_pieces(sql))
    assert meaning in (canonical(bare), sql)  # sql: a tree that cannot be written back
