"""query.* as a person types them: what he sees, what a script reads, what is written, and what never is."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from pgproof.contracts.bench import Bench
from pgproof.contracts.proofs import read_proofs
from pgproof.settings import read_settings
from tests.e2e.conftest import BIN, PATIENCE, Project
from tests.e2e.test_refusals import NOWHERE

QUERIES = {
    "queries/users/all.sql": "-- returns: many\nSELECT id, handle, bio\nFROM users\nORDER BY id\n",
    "queries/users/add.sql": (
        "-- returns: one\nINSERT INTO users (id, handle)\nVALUES (%(id)s, %(handle)s)\nRETURNING id, handle\n"
    ),
    "queries/users/rename.sql": (
        "-- returns: affected\nUPDATE users SET handle = %(handle)s WHERE id = %(id)s OR %(id)s::int IS NULL\n"
    ),
}
CASES = {
    "tests/contracts/users/all.toml": '[[case]]\nname = "all"\n',
    "tests/contracts/users/add.toml": (
        'params = { id = 3 }\n\n[[case]]\nname = "new"\nparams = { handle = "lore" }\n\n'
        '[[case]]\nname = "taken"\nparams = { handle = "andrew" }\nerror = "23505"\n'
    ),
    "tests/contracts/users/rename.toml": '[[case]]\nname = "one"\nparams = { id = 1, handle = "brown" }\n',
}
ACCEPT = "  hint: if it is right as it is now: `inv query.accept --name"


@pytest.fixture(scope="module")
def goldens(workshop: Project) -> dict[str, str]:
    """What `inv query.accept` writes for them."""
    workshop.fill()
    for path, text in {**QUERIES, **CASES}.items():
        workshop.write(path, text)
    workshop.inv("query.accept", "--all")
    return {str(path.relative_to(workshop.root)): path.read_text() for path in workshop.root.rglob("*.golden.json")}


@pytest.fixture
def bare(goldens: dict[str, str], full_shop: Project) -> Project:  # noqa: ARG001 - made in the same folder, before it
    """A shop with queries and cases, and no goldens yet."""
    for path, text in {**QUERIES, **CASES}.items():
        full_shop.write(path, text)
    return full_shop


@pytest.fixture
def kept(goldens: dict[str, str], bare: Project) -> Project:
    """The same with its goldens."""
    for path, text in goldens.items():
        bare.write(path, text)
    return bare


def files(shop: Project) -> dict[Path, bytes]:
    """What the project consists of."""
    return {path: path.read_bytes() for path in shop.root.rglob("*.*") if path.is_file() and path.suffix != ".pyc"}


def answer(shop: Project, words: str, *, to: str) -> str:
    """Run `inv` at a terminal where a person types these lines; return what it said."""
    here, there = pty.openpty()
    os.write(here, to.encode())
    done = subprocess.run(
        [BIN / "inv", *words.split()],
        cwd=shop.root,
        env=shop.environ,
        stdin=there,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    os.close(here)
    os.close(there)
    assert (done.returncode, done.stderr) == (1, ""), done
    return done.stdout


# check


def test_check_says_that_all_is_kept_or_what_is_not_and_writes_nothing(kept: Project):
    assert kept.inv("query.check") == "3 queries, 4 cases: every promise is kept\n"
    kept.write("queries/users/all.sql", QUERIES["queries/users/all.sql"].replace("users\n", "users\nWHERE id = 2\n"))
    kept.write("queries/users/stray.sql", "-- returns: value\nSELECT 1 AS one\n")
    before = files(kept)

    done = kept.run("query.check")

    assert (done.returncode, done.stderr) == (1, "error: 3 queries, 4 cases: 2 promises are not kept\n")
    assert done.stdout.splitlines() == [
        f"{kept.root}/queries/users/stray.sql: users.stray: it has no contract",
        "  hint: `inv query.case users.stray` writes a case from a run",
        "",
        f"{kept.root}/tests/contracts/users/all.toml:1: users.all[all]: it gives something else",
        "~ expected 2 rows, actual 1 row",
        '- row id=1 is missing: [1, "andrew", null]',
        f"{ACCEPT} users.all`",
        "",
    ]
    assert files(kept) == before


def test_check_for_a_script_has_a_stable_form(kept: Project):
    kept.write("tests/contracts/users/all.toml", '[[case]]\nname = "all"\nexpect = "no_rows"\n')

    done = kept.run("query.check", "--json", CI="true")

    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "queries": 3,
        "cases": 4,
        "findings": [
            {
                "layer": "rows",
                "query": "users.all",
                "case": "all",
                "at": f"{kept.root}/tests/contracts/users/all.toml:1",
                "what": "it expects no_rows, and the server gave 2 rows",
                "hint": "",
            }
        ],
    }


def test_check_looks_at_what_is_named(kept: Project):
    kept.write("queries/stray.sql", "-- returns: value\nSELECT 1 AS one\n")

    assert kept.inv("query.check", "--name=users.a*", "--name=users.rename") == (
        "3 queries, 4 cases: every promise is kept\n"
    )
    done = kept.run("query.check", "--name=stray")
    assert done.returncode == 1
    assert "stray: it has no contract" in done.stdout
    assert kept.refuse("query.check", "--name=users.ad").endswith(
        "hint: did you mean users.add or users.all or users.rename?\n"
    )
    assert kept.refuse("query.check", "--name=user.*").startswith("no query has a name like user.*\n")


def test_a_plan_that_breaks_its_promise_is_told_beside_the_one_that_kept_it(kept: Project):
    text = QUERIES["queries/users/all.sql"].replace("many\n", "many\n-- plan: buffers=1\n")
    kept.write("queries/users/all.sql", text)
    kept.inv("query.check")
    kept.write("queries/users/all.sql", text.replace("ORDER", "WHERE id IN (SELECT user_id FROM posts)\nORDER"))

    told = kept.run("query.check").stdout.splitlines()

    assert told[1] == "the plan was another one:"
    assert [line[0] for line in told if "Seq Scan on posts" in line] == ["+"]


def test_what_a_proof_is_about_is_the_seeded_database(kept: Project):
    settings = read_settings(kept.root, environ=kept.environ)

    def read_database() -> str:
        with Bench(kept.connect) as bench:
            return read_proofs(settings, bench.session).proved_on

    first = read_database()
    assert read_database() == first
    kept.write("seeds/010_users.csv", "id,handle,bio\n1,andrew,\n2,bayko,Sun.\n")
    second = read_database()
    kept.write("migrations/0004_create_tags.sql", "CREATE TABLE tags (id int PRIMARY KEY);\n")
    kept.write("migrations/0004_create_tags.rollback.sql", "DROP TABLE tags;\n")
    assert len({first, second, read_database()}) == 3


# accept


def test_accept_asks_for_each_golden_and_keeps_those_that_are_agreed_to(bare: Project):
    said = answer(bare, "query.accept", to="y\nno\n\x04")

    assert said.count("accept? [y/N] ") == 3
    assert '+ {"error": "23505", "constraint": "users_handle_key"}\n' in said
    assert said.endswith("1 accepted, 2 left, 0 as before\n")
    goldens = [path.name for path in bare.root.rglob("*.golden.json")]
    assert goldens == ["add.golden.json"]


@pytest.mark.parametrize(
    ("words", "shell", "said"),
    [
        ("query.accept", {}, "nobody is there to be asked\n"),
        ("query.accept --all", {"CI": "true"}, "goldens are not written in CI\n"),
        ("query.case users.all another", {"CI": "true"}, "cases are not written in CI\n"),
    ],
)
def test_nothing_is_written_where_nobody_looks(bare: Project, words: str, shell: dict[str, str], said: str):
    before = files(bare)

    assert bare.refuse(*words.split(), **shell).startswith(said)

    assert files(bare) == before


def test_accept_writes_what_changed_and_leaves_what_something_speaks_against(kept: Project):
    kept.write("tests/contracts/users/all.toml", '[[case]]\nname = "everyone"\n')
    kept.write("queries/now.sql", "-- returns: value\nSELECT clock_timestamp() AS now\n")
    kept.write("tests/contracts/now.toml", '[[case]]\nname = "now"\n')

    done = kept.run("query.accept", "--all")

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("1 accepted, 1 left, 2 as before\n")
    assert 'masks = ["now"]' in done.stdout
    assert not (kept.root / "tests/contracts/now.golden.json").exists()
    golden = json.loads((kept.root / "tests/contracts/users/all.golden.json").read_text())
    assert golden["cases"] == {"everyone": [[1, "andrew", None], [2, "bayko", "Clouds."]]}
    assert kept.inv("query.accept", "--all", "--name=users.*") == "0 accepted, 0 left, 3 as before\n"


def test_a_golden_that_a_merge_has_broken_is_told_and_written_anew(kept: Project):
    path = kept.root / "tests/contracts/users/all.golden.json"
    before = path.read_text()
    path.write_text("<<<<<<< HEAD\n" + before)

    assert kept.refuse("query.check").startswith(f"{path}: this is not as pgproof writes a golden\n")
    assert kept.inv("query.accept", "--all").endswith("1 accepted, 0 left, 2 as before\n")

    assert path.read_text() == before


def test_accept_of_a_query_without_cases_says_what_to_do(full_shop: Project):
    full_shop.write("queries/stray.sql", "-- returns: value\nSELECT 1 AS one\n")

    error = full_shop.refuse("query.accept", "--all", "--name=stray")

    assert error == "there are no cases to accept\n  hint: `inv query.case` writes one from a run\n"


# list


def test_list_shows_what_is_under_contract(bare: Project):
    bare.inv("query.accept", "--all", "--name=users.all")

    assert [line.split() for line in bare.inv("query.list").splitlines()] == [
        ["query", "returns", "parameters", "cases", "golden"],
        ["users.add", "one", "id", "handle", "2", "missing"],
        ["users.all", "many", "1"],
        ["users.rename", "affected", "handle", "id", "1", "missing"],
    ]
    first, second, _ = json.loads(bare.inv("query.list", "--json"))
    assert first == {
        "query": "users.add",
        "returns": "one",
        "parameters": ["id", "handle"],
        "cases": 2,
        "golden": False,
    }
    assert second["golden"] is True


# run

ODD = """\
-- returns: many
SELECT 9007199254740993 AS large, 1.10 AS price, NULL AS nothing, E'a\\nb' AS "two lines", '{"a": 1.0}'::json AS doc
"""


def test_run_shows_rows_to_a_person_and_to_a_script(bare: Project):
    bare.write("queries/odd.sql", ODD)

    assert bare.inv("query.run", "odd").splitlines() == [
        "large             price  nothing  two lines  doc",
        '9007199254740993  1.10   NULL     a\\u000ab   {"a": 1.0}',
        "1 row; rolled back",
    ]
    row = '{"large": "9007199254740993", "price": "1.10", "nothing": null, "two lines": "a\\nb", "doc": {"a": 1.0}}'
    assert bare.inv("query.run", "odd", "--json") == f"[\n  {row}\n]\n"


def test_run_takes_parameters_from_a_case_and_from_the_command_line(bare: Project):
    add, rename = (
        ("query.run", "users.add", "--case=new", "--json"),
        ("query.run", "users.rename", "--case=one", "--json"),
    )

    assert json.loads(bare.inv(*add)) == [{"id": 3, "handle": "lore"}]
    assert json.loads(bare.inv(*add, "--param=id=7", "--param=handle=a=b")) == [{"id": 7, "handle": "a=b"}]
    assert json.loads(bare.inv(*rename)) == {"affected": 1}
    assert "duplicate key" in bare.refuse(*rename, "--null=id")  # all of them
    assert bare.refuse(*rename, "--null=id", "--param=id=1") == "id has a value and is NULL\n"


def test_run_leaves_nothing_but_what_sequences_have_given_away(bare: Project):
    bare.execute("CREATE SEQUENCE ticket; SELECT setval('ticket', 7)")
    bare.write("queries/draw.sql", "-- returns: value\nSELECT nextval('ticket') AS number\n")

    assert bare.inv("query.run", "draw").splitlines()[1:] == ["8", "1 row; rolled back"]
    bare.inv("query.run", "users.add", "--case=new")

    assert bare.rows("SELECT last_value FROM ticket") == [(8,)]
    assert bare.rows("SELECT count(*) FROM users") == [(2,)]


def test_run_shows_the_plan_that_was_executed(bare: Project):
    lines = bare.inv("query.run", "users.add", "--explain", "--case=new").splitlines()

    assert "buffers=" in lines[0]
    assert "Insert" in lines[0]
    assert bare.rows("SELECT count(*) FROM users") == [(2,)]


def test_run_does_not_write_on_production(bare: Project):
    url = bare.inv("db.url", "--show-password").rstrip()
    prod = {"PROD_CONNECTION_URL": url}

    assert "bayko" in bare.inv("query.run", "users.all", "--target=prod", **prod)
    for words in ([], ["--explain"]):
        error = bare.refuse("query.run", "users.add", "--case=new", "--target=prod", *words, **prod)
        assert error == (
            f"{bare.root}/queries/users/add.sql:2: cannot execute INSERT in a read-only transaction (25006)\n"
        )
    assert bare.refuse("query.check", "--target=prod", **prod).startswith("tests make and drop databases: never on")


def test_what_the_server_refuses_is_one_line_that_says_where(bare: Project):
    bare.write("queries/wrong.sql", "-- returns: many\nSELECT id,\n  nmae\nFROM users\n")
    root = bare.root

    assert bare.refuse("query.run", "wrong") == f'{root}/queries/wrong.sql:3: column "nmae" does not exist (42703)\n'
    assert bare.refuse("query.run", "users.add", "--case=taken") == (
        f"{root}/queries/users/add.sql:2: duplicate key value violates unique constraint"
        ' "users_handle_key" (23505)\n  hint: Key (handle)=(andrew) already exists.\n'
    )
    assert bare.refuse("query.run", "users.add", "--param=id=1").startswith(
        f"{root}/queries/users/add.sql:2: missing parameter handle\n"
    )
    assert bare.refuse("query.run", "users.add", "--param=id").startswith("--param id has no value\n")
    assert bare.refuse("query.run", "users.add", "--case=nwe").startswith("users.add has no case nwe\n")
    assert "hint: did you mean users.all or " in bare.refuse("query.run", "users.al")


@pytest.mark.parametrize("task", ["query.check", "query.run users.all"])
def test_a_password_is_never_said(bare: Project, task: str):
    error = bare.refuse(*task.split(), "--server=url", CONNECTION_URL=NOWHERE)

    assert "127.0.0.1" in error
    assert "s3cret" not in error


# case


def test_a_case_is_written_from_a_run_and_its_golden_can_be_accepted(kept: Project):
    kept.write("queries/now.sql", "-- returns: one\nSELECT clock_timestamp() AS now, %(name)s::text AS name\n")

    said = kept.inv("query.case", "now", "first", "--null=name").splitlines()

    path = kept.root / "tests/contracts/now.toml"
    assert said[-1] == f"case first is in {path}, with now masked; `inv query.accept --name now` writes its golden"
    assert path.read_text() == '[[case]]\nname = "first"\nnulls = ["name"]\nmasks = ["now"]\n'
    kept.inv("query.case", "users.add", "taken_id", "--param=id=1", "--param=handle=lore")
    kept.inv("query.accept", "--all")
    assert kept.inv("query.check") == "4 queries, 6 cases: every promise is kept\n"


def test_a_second_case_of_one_name_is_refused_and_nothing_is_written(kept: Project):
    before = files(kept)

    error = kept.refuse("query.case", "users.all", "all")

    assert error.startswith(f"{kept.root}/tests/contracts/users/all.toml:5: a second case is named all\n")
    assert files(kept) == before
