import pytest

from pgproof.pg.viewtext import same_on_every_version

# As PostgreSQL 15 and 18 print the same view.
PAIRS = {
    "table": (
        " SELECT users.id,\n    lower(users.b) AS b\n   FROM public.users\n  WHERE (users.b < 1)\n  ORDER BY users.b;",
        " SELECT id,\n    lower(b) AS b\n   FROM public.users\n  WHERE (b < 1)\n  ORDER BY b;",
    ),
    "alias": (
        " SELECT p.author,\n    count(*) AS n\n   FROM public.posts p\n  GROUP BY p.author;",
        " SELECT author,\n    count(*) AS n\n   FROM public.posts p\n  GROUP BY author;",
    ),
    "quoted alias": (
        ' SELECT "MY P".id\n   FROM public.posts "MY P"\n LIMIT 3;',
        ' SELECT id\n   FROM public.posts "MY P"\n LIMIT 3;',
    ),
    "subquery": (
        " SELECT x.a\n   FROM ( SELECT posts.id AS a\n           FROM public.posts) x;",
        " SELECT a\n   FROM ( SELECT posts.id AS a\n           FROM public.posts) x;",
    ),
    "function": (" SELECT g.g\n   FROM generate_series(1, 3) g(g);", " SELECT g\n   FROM generate_series(1, 3) g(g);"),
    "sample": (
        " SELECT posts.id\n   FROM ONLY public.posts TABLESAMPLE system (10);",
        " SELECT id\n   FROM ONLY public.posts TABLESAMPLE system (10);",
    ),
    "extract": (
        " SELECT EXTRACT(year FROM posts.at) AS y\n   FROM public.posts;",
        " SELECT EXTRACT(year FROM at) AS y\n   FROM public.posts;",
    ),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_view_with_one_source_reads_alike_on_every_version(pair: tuple[str, str]):
    older, newer = map(same_on_every_version, pair)

    assert older == newer


@pytest.mark.parametrize(
    "definition",
    [
        " SELECT a.id\n   FROM (public.a\n     JOIN public.b ON ((a.id = b.id)));",
        " SELECT a.id\n   FROM public.a,\n    public.b;",
        " SELECT a.id\n   FROM public.a\nUNION ALL\n SELECT b.id\n   FROM public.b;",
        " SELECT 1 AS one;",
        " SELECT id,\n    'users.id it''s'::text AS \"users.id\"\n   FROM public.users;",
    ],
    ids=["join", "list", "union", "no source", "quoted"],
)
def test_any_other_text_stays_as_it_is(definition: str):
    assert same_on_every_version(definition) == definition
