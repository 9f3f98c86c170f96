"""Every promise is held, whoever asks; and a golden is only proposed where nothing speaks against it."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from pgproof.contracts import check as checks
from pgproof.contracts.accepting import Proposal, propose
from pgproof.contracts.bench import Bench
from pgproof.contracts.check import check
from pgproof.contracts.finding import Finding
from pgproof.contracts.golden import read_golden, write_golden
from pgproof.contracts.planning.memory import Memory
from pgproof.contracts.proofs import Proofs
from pgproof.contracts.subjects import Subject, read_subjects
from pgproof.contracts.writing import draft_case
from pgproof.errors import ParameterMismatch, QueryError
from pgproof.pg.database import connect, drop, ensure_created
from pgproof.queries import read_queries

SCHEMA = """
CREATE TABLE item (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, price numeric);
CREATE TABLE foreign_item (name text NOT NULL);
INSERT INTO item (name, price) VALUES ('cup', 2.50), ('plate', NULL), ('spoon', 2.50);
INSERT INTO foreign_item VALUES ('cup'), ('plate');
CREATE TABLE day (day date PRIMARY KEY);
INSERT INTO day VALUES ('2026-01-01');
"""
PRICES = "-- returns: many\nSELECT name, price FROM item WHERE price = %(price)s ORDER BY name\n"
ADD = "-- returns: one\nINSERT INTO item (name) VALUES (%(name)s) RETURNING id, name\n"
CASES = """
    [[case]]
    name = "cheap"
    params = { price = 2.5 }
"""
OTHER_CASES = """
    [[case]]
    name = "new"
    params = { name = "fork" }

    [[case]]
    name = "taken"
    params = { name = "cup" }
    error = "23505"
"""


@contextmanager
def lend(server: str, role: str = "") -> Iterator[Connection[Any]]:
    """Make a seeded database for as long as somebody wants it."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    with connect(make_conninfo(server, dbname=name)) as connection:
        connection.execute(SCHEMA)
        if role:
            own = f"ALTER TABLE item OWNER TO {role}; GRANT SELECT ON foreign_item TO {role}; SET ROLE {role}"
            connection.execute(f"GRANT CREATE ON SCHEMA public TO {role}; {own}".encode())
        yield connection
    drop(server, name)


@pytest.fixture(scope="module")
def bench(server: str) -> Iterator[Bench]:
    """One for all tests: whatever a check does is gone afterwards."""
    with Bench(partial(lend, server)) as bench:
        yield bench


@dataclass
class Shop:
    """A project in a folder, and what is proved of it."""

    root: Path
    bench: Bench
    database: str = "seeded"
    looked: Counter[str] = field(default_factory=Counter)

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file

    def put(self, name: str, query: str, cases: str) -> None:
        """Write a query and its cases."""
        self.write(f"queries/{name}.sql", query)
        self.write(f"contracts/{name}.toml", cases)

    def subjects(self, *names: str) -> list[Subject]:
        return read_subjects(read_queries(self.root / "queries"), self.root / "contracts", names)

    def propose(self) -> list[Proposal]:
        return list(propose(self.bench, self.subjects()))

    def accept(self) -> None:
        """Accept all that nothing speaks against."""
        for each in self.propose():
            assert (each.findings, each.golden is None) == ((), False)
            if each.golden:
                write_golden(each.subject.contract.golden_path, each.golden)

    def refuse(self) -> list[Finding]:
        """Return what speaks against the one golden."""
        (proposal,) = self.propose()
        return list(proposal.findings)

    def check(self, *names: str) -> list[Finding]:
        proofs = Proofs(self.root / "proofs.json", self.database)
        found = check(self.bench, self.subjects(*names), proofs)
        proofs.save(whole=not names)
        return found

    def told(self, *names: str) -> list[str]:
        return [str(each).replace(f"{self.root}/", "") for each in self.check(*names)]


@pytest.fixture
def shop(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop with two queries, whose goldens are accepted."""
    shop = Shop(tmp_path, bench)

    def counting(layer: str, look: Callable[..., Any], bench: Bench, subjects: Sequence[Subject]) -> Any:
        shop.looked.update(f"{layer} {each.query.name}" for each in subjects)
        return look(bench, subjects)

    for layer, look in checks.PROVABLE.items():
        monkeypatch.setitem(checks.PROVABLE, layer, partial(counting, layer, look))
    shop.put("prices", PRICES, CASES)
    shop.put("add", ADD, OTHER_CASES)
    shop.accept()
    return shop


@pytest.fixture
def empty(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop without a query."""
    monkeypatch.setattr(bench, "memory", Memory(tmp_path / "plans"))
    return Shop(tmp_path, bench)


ACCEPT = "\n  hint: if it is right as it is now: `inv query.accept --name"


# Goldens


def test_what_was_accepted_is_kept_and_reads_back(shop: Shop):
    assert shop.check() == []
    assert [each.is_new for each in shop.propose()] == [False, False]
    golden = read_golden(shop.root / "contracts/add.golden.json")
    assert golden
    assert golden.cases == {"new": ('[4, "fork"]',), "taken": '{"error": "23505", "constraint": "item_name_key"}'}


def test_what_changed_is_told_with_its_row(shop: Shop):
    shop.write("contracts/prices.toml", CASES.replace("2.5", "2.6"))

    assert shop.told() == [
        "contracts/prices.toml:2: prices[cheap]: it gives something else\n"
        "~ expected 2 rows, actual no rows\n"
        '- row name=cup is missing: ["cup", "2.50"]\n'
        '- row name=spoon is missing: ["spoon", "2.50"]' + ACCEPT + " prices`"
    ]


def test_a_proposal_says_what_is_new_in_it_and_what_is_gone(shop: Shop):
    shop.put("prices", PRICES.replace("name, price", "name, price, id"), CASES.replace("cheap", "at_all"))

    (new,) = [each for each in shop.propose() if each.is_new]

    assert list(new.describe()) == [
        "~ additive: column id: new, at the end",
        "+ case at_all",
        '+ ["cup", "2.50", 1]',
        '+ ["spoon", "2.50", 3]',
        "- case cheap",
    ]
    assert new.golden
    assert list(new.golden.cases) == ["at_all"]


def test_of_a_query_with_another_shape_nothing_else_is_told(shop: Shop):
    shop.write("queries/prices.sql", PRICES.replace("name, price", "price AS cost"))

    (told,) = shop.told()

    assert told.startswith("queries/prices.sql:2: prices: it has another shape\nbreaking: ")
    assert shop.looked == {"shape prices": 1, "shape add": 1, "stability add": 1, "plan add": 1, "cache add": 1}


def test_a_query_that_the_server_refuses_is_told_with_its_line_and_has_no_golden(empty: Shop):
    empty.put("wrong", "-- returns: many\nSELECT name\nFROM itme\n", CASES.replace("params", "# "))

    (proposal,) = empty.propose()

    assert proposal.golden is None
    (told,) = [each for each in empty.told() if "golden" not in each]
    assert told == 'queries/wrong.sql:3: wrong: the server refuses it: relation "itme" does not exist (42P01)'


# What a case claims itself


@pytest.mark.parametrize("claim", ['error = "23502"', ""])
def test_an_error_that_the_case_does_not_expect_cannot_be_accepted(empty: Shop, claim: str):
    empty.put("add", ADD, OTHER_CASES.replace('error = "23505"', claim))

    (found,) = empty.refuse()

    assert re.match(r"the server refuses it: duplicate key .* \(23505\) at \S+add\.sql:2", found.what)
    assert (found.case, found.at.line) == ("taken", 6)
    assert found in empty.check()


@pytest.mark.parametrize(
    ("returns", "claim", "price", "told"),
    [
        ("many", 'expect = "no_rows"', "2.5", "it expects no_rows, and the server gave 2 rows"),
        ("many", 'expect = "rows"', "9", "it expects rows, and the server gave 0 rows"),
        ("many", 'error = "22012"', "9", "it expects error 22012, and the server refused nothing"),
        ("one", "", "9", "prices returns one, and the server gave 0 rows"),
        ("maybe", "", "2.5", "prices returns maybe, and the server gave 2 rows"),
        ("many", 'masks = ["uuid"]', "9", "it masks uuid, and there is no such column"),
    ],
)
def test_an_answer_that_the_case_contradicts_cannot_be_accepted(
    empty: Shop, returns: str, claim: str, price: str, told: str
):
    empty.put("prices", PRICES.replace("many", returns), CASES.replace("2.5", price) + f"    {claim}\n")

    (found,) = empty.refuse()

    assert (found.what, found.case, found.at.line) == (told, "cheap", 2)
    assert found in empty.check()


@pytest.mark.parametrize(
    ("returns", "claim", "price"),
    [("one", "not_one_row", "9"), ("value", "not_one_row", "9"), ("maybe", "no_rows", "9"), ("many", "rows", "2.5")],
)
def test_what_a_case_expects_may_come(empty: Shop, returns: str, claim: str, price: str):
    query = PRICES.replace("many", returns).replace("name, price", "name")
    empty.put("prices", query, CASES.replace("2.5", price) + f'    expect = "{claim}"\n')

    empty.accept()

    assert empty.check() == []


def test_parameters_that_are_not_the_query_s_are_told_with_the_line_of_the_case(shop: Shop):
    shop.write("contracts/add.toml", OTHER_CASES.replace('name = "fork"', 'nmae = "fork"'))

    (told,) = shop.told()

    assert (
        told == "contracts/add.toml:2: add[new]: missing parameter name; unknown parameter nmae\n  hint: it takes name"
    )
    assert [each.what for each in shop.propose()[0].findings] == ["missing parameter name; unknown parameter nmae"]


def test_null_in_a_column_that_is_said_to_have_none_cannot_be_accepted(empty: Shop):
    empty.put(
        "all", "-- returns: many\n-- not_null: price\nSELECT price FROM item ORDER BY id\n", '[[case]]\nname = "a"'
    )

    (found,) = empty.refuse()

    assert found.what == "column price is NULL, and the query's own comment says that it never is"


def test_null_in_such_a_column_is_told_when_it_comes_later(empty: Shop):
    query = "-- returns: one\n-- not_null: price\nSELECT price FROM item WHERE id = %(id)s\n"
    empty.put("price", query, '[[case]]\nname = "a"\nparams = { id = 1 }\n')
    empty.accept()
    empty.write("contracts/price.toml", '[[case]]\nname = "a"\nparams = { id = 2 }\n')

    assert [(each.layer, each.what.partition(",")[0].partition("\n")[0]) for each in empty.check()] == [
        ("shape", "column price is NULL"),
        ("rows", "it gives something else"),
    ]


VOLATILE = "-- returns: one\nSELECT 7 AS seven, random() AS chance, clock_timestamp() AS moment\n"


def test_what_is_volatile_cannot_be_accepted_before_it_is_masked(empty: Shop):
    empty.put("now", VOLATILE, '[[case]]\nname = "a"')
    (found,) = empty.refuse()
    assert found.hint.startswith('mask what nobody relies on: masks = ["chance", "moment"]')

    empty.write("contracts/now.toml", '[[case]]\nname = "a"\nmasks = ["chance", "moment"]\n')
    empty.accept()

    assert empty.check() == []


def test_an_order_that_hangs_on_how_rows_lie_cannot_be_accepted(empty: Shop):
    empty.put("all", "-- returns: many\nSELECT id, price FROM item ORDER BY price\n", '[[case]]\nname = "a"')

    (found,) = empty.refuse()

    assert (found.layer, found.at.line) == ("stability", 2)


# Nothing lasts


def test_what_a_case_writes_is_gone_when_it_is_answered(shop: Shop):
    count = "SELECT count(*), max(id), (SELECT last_value FROM item_id_seq) FROM item"
    connection = shop.bench.session.connection
    before = connection.execute(count).fetchone()

    shop.check()

    assert connection.execute(count).fetchone() == before
    assert shop.bench.scrambled.connection.execute(count).fetchone() == before


# Proofs


def test_what_was_proved_is_not_proved_again_and_rows_are_looked_at_always(shop: Shop):
    shop.check()
    assert set(shop.looked) == {
        f"{layer} {name}" for layer in ("shape", "stability", "plan", "cache") for name in ("add", "prices")
    }
    shop.looked.clear()
    assert shop.check() == []
    assert shop.looked == {}

    connection = shop.bench.session.connection
    connection.execute("UPDATE item SET name = 'glass' WHERE name = 'cup'")
    try:
        assert [each.layer for each in shop.check()] == ["rows", "rows"]
        assert shop.looked == {}
    finally:
        connection.execute("UPDATE item SET name = 'cup' WHERE name = 'glass'")


def test_what_is_changed_is_proved_again_and_nothing_else(shop: Shop):
    shop.check()
    shop.looked.clear()

    shop.write("queries/prices.sql", "-- Another comment.\n" + PRICES)
    assert shop.check() == []
    assert shop.looked == {"shape prices": 1, "stability prices": 1, "plan prices": 1, "cache prices": 1}

    shop.looked.clear()
    shop.database = "another migration"
    assert shop.check() == []
    assert shop.looked == {
        f"{layer} {name}": 1 for layer in ("shape", "stability", "plan", "cache") for name in ("add", "prices")
    }


def test_a_check_of_one_query_keeps_what_is_proved_of_the_others(shop: Shop):
    shop.check()
    shop.write("queries/prices.sql", "-- Another comment.\n" + PRICES)
    shop.check("prices")
    shop.looked.clear()

    assert shop.check() == []
    assert shop.looked == {}


def test_what_is_broken_is_told_again(shop: Shop):
    shop.write("queries/prices.sql", PRICES.replace("name, price", "price AS cost"))

    (told,) = shop.told()
    assert "it has another shape" in told

    assert shop.told() == [told]


# Plans that kept their promise


def put_named(shop: Shop, plan: str) -> str:
    """Put a query into a shop that keeps what it promises of its plan; return its text."""
    text = f"-- returns: maybe\n-- plan: {plan}\nSELECT id FROM item WHERE name = %(name)s\n"
    shop.put("named", text, '[[case]]\nname = "cup"\nparams = { name = "cup" }\n')
    shop.accept()
    assert shop.check() == []
    return text


def differences(told: str) -> list[str]:
    """Return the lines of a finding that went or came, without their figures."""
    assert told.split("\n")[1] == "the plan was another one:"
    return [line.partition("  rows=")[0] for line in told.split("\n") if line[0] in "-+"]


def test_a_query_whose_plan_breaks_its_promise_is_told_with_what_went_and_what_came(empty: Shop):
    text = put_named(empty, "index_for=item")
    assert empty.check() == []  # where nothing is looked at, nothing is forgotten
    empty.write("queries/named.sql", text.replace("name =", "lower(name) ="))

    (told,) = empty.told()

    assert differences(told) == [
        "- Index Scan on item using item_name_key",
        "-     cond: (item.name = 'cup'::text)",
        "+ Seq Scan on item",
        "+     filter: (lower(item.name) = 'cup'::text)",
    ]
    assert empty.told() == [told]  # what is broken is not remembered


def test_an_index_that_a_migration_drops_is_what_went(empty: Shop):
    put_named(empty, "index_for=item")
    migrated = empty.bench.scaled(None).connection
    migrated.execute("ALTER TABLE item DROP CONSTRAINT item_name_key")
    empty.database = "another migration"
    try:
        (told,) = empty.told()
    finally:
        migrated.execute("ALTER TABLE item ADD UNIQUE (name)")

    assert [line[0] for line in differences(told) if "item_name_key" in line] == ["-"]


def test_what_is_over_its_budget_now_is_told_with_what_came(empty: Shop):
    text = put_named(empty, "buffers=1")
    empty.write("queries/named.sql", text.replace("WHERE", "INNER JOIN foreign_item USING (name) WHERE"))

    (told,) = empty.told()

    assert [line[0] for line in differences(told) if "Seq Scan on foreign_item" in line] == ["+"]


# What cannot be proved


def test_a_promise_of_many_rows_of_a_table_that_takes_no_copies_is_told(empty: Shop):
    query = (
        "-- returns: many\n-- plan: index_for=day rows=100\nSELECT day FROM day WHERE day = '2026-01-01' ORDER BY day\n"
    )
    empty.put("days", query, '[[case]]\nname = "a"')
    empty.accept()

    (told,) = empty.told()

    assert told.startswith(
        "queries/days.sql:3: days: day could not be given 100 rows: day_pkey has no column of a type"
    )
    assert empty.bench.memory.recall("days") is None


def test_a_promise_of_many_rows_that_our_role_may_not_make_is_told(server: str, tmp_path: Path):
    role = f"stranger_{uuid4().hex[:12]}"
    with connect(server) as connection:
        connection.execute(f"CREATE ROLE {role}".encode())
        with Bench(partial(lend, server, role)) as bench:
            shop = Shop(tmp_path, bench)
            shop.put("prices", f"-- plan: buffers=99 rows=100\n{PRICES}", CASES)
            shop.accept()

            (told,) = shop.told()

        assert told.startswith("queries/prices.sql:3: prices: its promise cannot be held: only a superuser")
        connection.execute(f"DROP ROLE {role}".encode())


def test_a_query_of_rows_that_our_role_cannot_turn_round_is_told(server: str, tmp_path: Path):
    role = f"stranger_{uuid4().hex[:12]}"
    with connect(server) as connection:
        connection.execute(f"CREATE ROLE {role}".encode())
        with Bench(partial(lend, server, role)) as bench:
            shop = Shop(tmp_path, bench)
            shop.put("prices", PRICES, CASES)
            query = "-- returns: many\nSELECT f.name FROM foreign_item AS f JOIN item USING (name) ORDER BY f.name\n"
            shop.put("theirs", query, '[[case]]\nname = "a"')
            shop.accept()

            (told,) = shop.told()

        assert told.startswith("queries/theirs.sql:2: theirs: whether its result hangs on how rows are stored")
        assert "foreign_item" in told
        connection.execute(f"DROP ROLE {role}".encode())


# A case from a run


def test_a_case_is_tried_and_what_is_volatile_masked(empty: Shop):
    empty.put("now", VOLATILE, '[[case]]\nname = "a"')
    (subject,) = empty.subjects()

    draft = draft_case(empty.bench.session, subject.query, "b", {})

    assert sorted(draft.masks) == ["chance", "moment"]
    assert draft.unsteady == ()
    assert draft.answer.names == ("seven", "chance", "moment")


def test_what_no_mask_covers_is_told_of_a_case(empty: Shop):
    query = "-- returns: many\nSELECT 1 AS n FROM generate_series(1, (random() * 1000000)::int %% 1000)\n"
    empty.put("some", query, '[[case]]\nname = "a"')
    (subject,) = empty.subjects()

    draft = draft_case(empty.bench.session, subject.query, "b", {})

    assert draft.masks == ()
    assert [each.layer for each in draft.unsteady] == ["stability"]


def test_no_case_is_made_of_a_query_that_can_have_no_golden(empty: Shop):
    empty.put("wrong", "-- returns: many\nSELECT nmae FROM item\n", '[[case]]\nname = "a"')
    empty.put("add", ADD, OTHER_CASES)
    add, wrong = empty.subjects()

    with pytest.raises(QueryError, match=r'wrong\.sql:2: .*"nmae" does not exist'):
        draft_case(empty.bench.session, wrong.query, "b", {})
    with pytest.raises(ParameterMismatch, match=r"add\.sql:2: missing parameter name"):
        draft_case(empty.bench.session, add.query, "b", {})
