"""What a person is told to do about a result that is left to chance."""

import pytest

from pgproof.contracts.variations.advice import advise_order, advise_rows
from pgproof.sqltext import parse

KEYS = {"posts": ["uuid"], "likes": ["post", "person"]}


@pytest.mark.parametrize(
    ("sql", "such_as"),
    [
        ("SELECT uuid FROM posts ORDER BY at", "uuid"),
        ("SELECT * FROM likes ORDER BY post", "person"),
        ("SELECT * FROM posts AS p JOIN likes AS l ON l.post = p.uuid ORDER BY p.at", "p.uuid, l.post, l.person"),
        ("SELECT * FROM posts AS p JOIN likes AS l ON l.post = p.uuid ORDER BY p.uuid", "l.post, l.person"),
        ("SELECT * FROM posts, LATERAL (SELECT 1 AS n) AS x ORDER BY n", ""),
        ("SELECT * FROM posts, some_view ORDER BY at", ""),
        ("SELECT who, count(*) FROM posts GROUP BY who ORDER BY 2", ""),
        ("SELECT DISTINCT who FROM posts ORDER BY length(who)", ""),
        ("SELECT uuid FROM posts UNION SELECT post FROM likes ORDER BY 1", ""),
    ],
)
def test_a_key_is_proposed_where_it_tells_all_rows_apart(sql, such_as):
    proposal = f", such as {such_as}" if such_as else ""

    assert advise_order(parse(sql)[0], KEYS) == f"end ORDER BY with what is unique{proposal}"


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT uuid FROM posts ORDER BY at LIMIT 3", "end ORDER BY with what is unique, such as uuid"),
        ("SELECT uuid FROM posts LIMIT 3", "a LIMIT without ORDER BY takes any rows"),
        ("SELECT uuid FROM posts OFFSET 3", "a LIMIT without ORDER BY takes any rows"),
        ("DELETE FROM posts WHERE uuid IN (SELECT uuid FROM posts ORDER BY at LIMIT 3)", "the ORDER BY of each LIMIT"),
        ("SELECT DISTINCT ON (who) who, uuid FROM posts ORDER BY who", "the ORDER BY of DISTINCT ON"),
        ("SELECT array_agg(uuid) FROM posts", "write ORDER BY in array_agg(…)"),
        ("SELECT jsonb_agg(uuid ORDER BY at) FROM posts", "ORDER BY in jsonb_agg(…), and end it with what is unique"),
        ("SELECT ARRAY(SELECT uuid FROM posts)", "write ORDER BY in ARRAY(…)"),
        ("SELECT row_number() OVER (ORDER BY at) FROM posts", "the window of row_number"),
        ("UPDATE posts SET who = l.person FROM likes AS l WHERE l.post = uuid", "an UPDATE takes any of them"),
        ("SELECT sum(weight) FROM posts", "cast them to numeric"),
        ("SELECT ctid FROM posts", "write ORDER BY wherever it matters"),
    ],
)
def test_what_leaves_rows_to_chance_is_named(sql, words):
    assert words in advise_rows(parse(sql)[0], KEYS)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ARRAY(SELECT uuid FROM posts ORDER BY uuid), ctid FROM posts",
        "SELECT rank() OVER (ORDER BY at), ctid FROM posts",
        "SELECT DISTINCT ctid FROM posts",
    ],
)
def test_what_leaves_nothing_to_chance_is_not_named(sql):
    assert advise_rows(parse(sql)[0], KEYS) == "write ORDER BY wherever it matters which row comes first"
