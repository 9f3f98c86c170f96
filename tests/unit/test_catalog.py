from pgproof.pg.catalog import Catalog, diff

USERS = {
    "table public.users: order": "id, handle",
    "table public.users: owner": "app",
    "column public.users.id: type": "bigint",
    "column public.users.handle: type": "text",
}


def test_differences_are_named_one_by_one_and_in_order():
    after = {**USERS, "column public.users.id: type": "integer", "column public.users.bio: type": "text"}
    del after["column public.users.handle: type"]

    assert [str(each) for each in diff(Catalog(USERS), Catalog(after))] == [
        "added column public.users.bio: type = text",
        "removed column public.users.handle: type = text",
        "changed column public.users.id: type = bigint -> integer",
    ]


def test_equal_catalogs_have_no_difference_and_one_fingerprint():
    before, after = Catalog(USERS), Catalog(dict(reversed(USERS.items())))

    assert diff(before, after) == []
    assert before.fingerprint == after.fingerprint


def test_any_other_fact_is_another_fingerprint():
    changed = Catalog({**USERS, "column public.users.id: type": "integer"})

    assert changed.fingerprint != Catalog(USERS).fingerprint


def test_order_and_owner_can_be_left_out_of_a_comparison():
    after = Catalog({**USERS, "table public.users: order": "handle, id", "table public.users: owner": "boss"})

    assert len(diff(Catalog(USERS), after)) == 2
    assert diff(Catalog(USERS).without("order", "owner"), after.without("order", "owner")) == []


def test_a_long_text_shows_only_the_lines_that_changed():
    key = "view public.v: definition"
    before = Catalog({key: " SELECT a,\n    b\n   FROM public.t;"})
    after = Catalog({key: " SELECT a,\n    c\n   FROM public.t;"})

    assert str(diff(before, after)[0]) == (
        "changed view public.v: definition\n      SELECT a,\n    -    b\n    +    c\n        FROM public.t;"
    )


def test_a_long_text_that_is_new_shows_its_first_line():
    new = Catalog({"view public.v: definition": " SELECT a,\n    b\n   FROM public.t;"})

    assert str(diff(Catalog({}), new)[0]) == "added view public.v: definition = SELECT a, ... (3 lines)"
