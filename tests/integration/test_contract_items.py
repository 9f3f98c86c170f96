"""tests/contracts in pytest: an item for each promise, each with an id of its own, told in words and never written."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.suite import Suite

pytest_plugins = ["pytester"]

HANDLES = "tests/contracts/handles.toml"
JOIN = "tests/contracts/users/join.toml"
ITEMS = [
    "tests/contracts::[files]",
    f"{HANDLES}::[shape]",
    f"{HANDLES}::all",
    f"{HANDLES}::[stability]",
    f"{JOIN}::[shape]",
    f"{JOIN}::bayko",
    f"{JOIN}::bayko_again",
    f"{JOIN}::taken",
    f"{JOIN}::[stability]",
    f"{JOIN}::[plan]",
]

CONTRACTS = {
    HANDLES: '[[case]]\nname = "all"\n',
    "tests/contracts/handles.golden.json": """\
        {
          "query": "handles",
          "returns": "many",
          "params": [],
          "columns": [
            ["handle", "text", "not null"]
          ],
          "cases": {
            "all": [
              ["andrew"]
            ]
          }
        }
        """,
    "queries/users/join.sql": "-- returns: one\n-- plan: buffers=99\n"
    "INSERT INTO users (handle) VALUES (%(handle)s) RETURNING id, handle\n",
    JOIN: """\
        [[case]]
        name = "bayko"
        params = { handle = "bayko" }

        [[case]]
        name = "bayko_again"
        params = { handle = "bayko" }

        [[case]]
        name = "taken"
        params = { handle = "andrew" }
        error = "23505"
        """,
    "tests/contracts/users/join.golden.json": """\
        {
          "query": "users.join",
          "returns": "one",
          "params": [
            ["handle", "text"]
          ],
          "columns": [
            ["id", "integer", "not null"],
            ["handle", "text", "not null"]
          ],
          "cases": {
            "bayko": [
              [2, "bayko"]
            ],
            "bayko_again": [
              [2, "bayko"]
            ],
            "taken": {"error": "23505", "constraint": "users_handle_key"}
          }
        }
        """,
}


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server: str) -> Suite:
    suite = Suite(pytester, monkeypatch, server)
    suite.on_url()
    for path, text in CONTRACTS.items():
        suite.write(path, text)
    return suite


@pytest.fixture
def without_server(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Nobody listens on port 1."""
    monkeypatch.setenv("CONNECTION_URL", "postgresql://u:s3cret@127.0.0.1:1/shop")
    return suite


def ids(result: pytest.RunResult) -> list[str]:
    """The ids that `--collect-only -q` lists, or `-v` runs."""
    found = (re.match(r"(\S+::.+?)(?: (?:PASSED|FAILED)\b.*)?$", line) for line in result.outlines)
    return [each[1] for each in found if each]


def files(suite: Suite) -> dict[Path, bytes]:
    """What the project consists of."""
    found = (
        path
        for folder in ("migrations", "queries", "seeds", "tests")
        for path in (suite.pytester.path / folder).rglob("*")
    )
    return {path: path.read_bytes() for path in found if path.is_file() and "__pycache__" not in path.parts}


# Items


def test_each_promise_is_an_item_and_to_collect_them_no_server_is_asked(without_server: Suite):
    result = without_server.run("--collect-only", "-q")

    assert ids(result) == ITEMS
    result.stdout.no_fnmatch_line("pgproof: *")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_contracts_and_tests_do_not_see_what_the_others_write(suite: Suite, workers: str):
    suite.test(
        """
        @pytest.mark.parametrize("number", range(4))
        @pytest.mark.pgproof(isolation="clone")
        def test_add(connection, number):
            assert add(connection, "bayko") == 2
        """
    )
    suite.run(workers, passed=len(ITEMS) + 4)

    assert suite.databases() == []


def test_items_are_chosen_by_id_name_and_layer(suite: Suite):
    chosen = [
        ([f"{HANDLES}::[shape]", f"{JOIN}::taken"], [ITEMS[1], ITEMS[7]]),
        (["-k", "bayko"], ITEMS[5:7]),
        (["-k", "join and not bayko and not plan"], [ITEMS[4], ITEMS[7], ITEMS[8]]),
        (["-m", 'contract(layer="files")'], ITEMS[:1]),
        (["-m", 'not contract(layer="stability") and not contract(layer="plan")', "tests"], ITEMS[:3] + ITEMS[4:8]),
    ]
    for words, expected in chosen:
        assert ids(suite.run("--collect-only", "-q", *words)) == expected


def test_at_a_desk_what_was_proved_is_not_proved_again(suite: Suite):
    first, again = suite.run(passed=10), suite.run(passed=10)

    first.stdout.fnmatch_lines("*clones: 3 made*")
    again.stdout.fnmatch_lines("*clones: 1 made*")  # for rows, which are asked every time


def test_in_ci_everything_is_proved_whatever_is_left_there(suite: Suite, monkeypatch: pytest.MonkeyPatch):
    suite.run(passed=10)
    monkeypatch.setenv("CI", "true")

    suite.run(passed=10).stdout.fnmatch_lines("*clones: 3 made*")


def test_what_did_not_hold_is_no_proof(suite: Suite):
    suite.write("queries/users/join.sql", CONTRACTS["queries/users/join.sql"].replace("99", "1"))

    suite.run(passed=9, failed=1)
    suite.run(passed=9, failed=1)


def test_a_plan_that_breaks_its_promise_is_told_beside_the_one_that_kept_it(suite: Suite):
    suite.run(passed=10)
    join = CONTRACTS["queries/users/join.sql"].replace("VALUES (%(handle)s)", "SELECT %(handle)s LIMIT 1")
    suite.write("queries/users/join.sql", join.replace("99", "1"))

    suite.run(passed=9, failed=1).stdout.fnmatch_lines(["the plan was another one:", "+ *Limit*"])


def test_what_a_cache_line_says_is_an_item_and_held(suite: Suite):
    text = "-- returns: many\n-- cache: ttl=60s\nSELECT handle FROM users ORDER BY id\n"
    query = suite.write("queries/handles.sql", text)
    result = suite.run("-v", HANDLES, passed=3, failed=1)

    assert ids(result)[-1] == f"{HANDLES}::[cache]"
    result.stdout.fnmatch_lines([f"{query}:2: handles: it is not cached: users is not watched; *"])


def test_only_what_failed_is_run_again(suite: Suite):
    suite.write(JOIN, CONTRACTS[JOIN].replace('"bayko"', '"lore"', 1))
    suite.write("queries/stray.sql", "-- returns: value\nSELECT 1 AS one\n")
    failed = [ITEMS[0], ITEMS[4], f"{JOIN}::lore"]
    suite.run(failed=3, passed=7)

    result = suite.run("--lf", "-v", failed=3)

    assert ids(result) == failed


@pytest.mark.parametrize("words", ["tests -c tests/pytest.ini", "--rootdir=tests"])
def test_pytest_s_root_may_be_another_folder_of_the_project(suite: Suite, words: str):
    suite.write("tests/pytest.ini", "[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    suite.run(*words.split(), passed=len(ITEMS))


def test_contracts_of_another_project_are_refused_and_not_left_out(suite: Suite):
    suite.write("other/pyproject.toml", "")
    suite.write("other/queries/one.sql", "-- returns: value\nSELECT 1 AS one\n")
    suite.write("other/tests/contracts/one.toml", CONTRACTS[HANDLES])
    result = suite.run("--continue-on-collection-errors", errors=1, passed=len(ITEMS))

    root = suite.pytester.path
    told = [f"{root}/other/tests/contracts: pytest is at work in another project, {root}", "  hint: --rootdir *"]
    result.stdout.fnmatch_lines(told)
    result.stdout.no_fnmatch_line("*Traceback*")


def test_tests_in_python_may_stand_beside_contracts(suite: Suite):
    suite.write("tests/__init__.py", "")
    suite.write("tests/contracts/__init__.py", "")
    suite.write(
        "tests/contracts/conftest.py",
        """
        import pytest

        @pytest.fixture(scope="package")
        def package(request):
            return request.node
        """,
    )
    suite.test(
        """
        def test_package(package):
            assert isinstance(package, pytest.Package)
            assert package.path.name == "contracts"
        """,
        "tests/contracts/test_python",
    )
    result = suite.run("-v", passed=len(ITEMS) + 1)

    assert sorted(ids(result)) == sorted([*ITEMS, "tests/contracts/test_python.py::test_package"])


@pytest.mark.parametrize("gone", ["queries", "pyproject.toml"])
def test_who_has_no_queries_may_call_anything_contracts(suite: Suite, gone: str):
    path = suite.pytester.path / gone
    path.rename(path.with_name("elsewhere"))
    suite.test("def test_it(): pass", "tests/contracts/test_it")
    suite.setenv(NONSENSE="1")  # is not even read

    result = suite.run("-v", passed=1)

    assert ids(result) == ["tests/contracts/test_it.py::test_it"]


def test_toml_elsewhere_is_nobody_s_contract(suite: Suite):
    suite.write("contracts/handles.toml", "")
    suite.write("tests/handles.toml", "")
    suite.write("tests/contracts/.handles.toml", "")

    assert ids(suite.run("--collect-only", "-q", ".", "pyproject.toml")) == ITEMS


def test_a_project_without_contracts_has_no_items(suite: Suite):
    for path in CONTRACTS:
        (suite.pytester.path / path).unlink()
    for folder in ("tests/contracts/users", "tests/contracts"):
        (suite.pytester.path / folder).rmdir()
    suite.test("def test_it(): pass")

    suite.run(passed=1)


def test_without_the_plugin_contracts_are_files_like_others(suite: Suite):
    suite.test("def test_it(): pass", "tests/test_it")

    suite.run("-p", "no:pgproof", passed=1)


def test_who_runs_another_folder_imports_nothing_of_contracts(suite: Suite):
    suite.write(
        "conftest.py",
        """
        import sys

        def pytest_unconfigure(config):
            assert not [name for name in sys.modules if name.startswith(("psycopg", "pgproof.contracts"))]
        """,
    )
    suite.test("def test_it(): pass", "tests/unit/test_it")
    path = suite.pytester.path / "tests/unit/test_it.py"
    path.write_text("def test_it(): pass", encoding="utf-8")

    assert suite.run("tests/unit", passed=1).ret == 0


# What is told


def test_a_broken_contract_is_told_as_text_and_writes_nothing(suite: Suite):
    suite.write(
        "queries/users/join.sql",
        CONTRACTS["queries/users/join.sql"].replace("id, handle", "(id + 1)::bigint AS id, handle"),
    )
    before = files(suite)
    result = suite.run("--junitxml=junit.xml", failed=3, passed=7)

    assert result.ret == 1
    root = suite.pytester.path
    told = [
        f"{root}/queries/users/join.sql:3: users.join: it has another shape",
        "breaking: column id: integer → bigint",
        f"{root}/{JOIN}:1: users.join[[]bayko]: it gives something else",
        "~ row handle=bayko: id  expected 2  actual 3",
        "  hint: if it is right as it is now: `inv query.accept --name users.join`",
    ]
    result.stdout.fnmatch_lines(told)
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_re_match_line(r"^\S+\.py:\d+: ")
    junit = root / "junit.xml"
    failures = {case.get("name"): "".join(case.itertext()) for case in ET.parse(junit).iter("testcase") if len(case)}  # noqa: S314
    assert sorted(map(str, failures)) == ["[shape]", "bayko", "bayko_again"]
    assert "users.join[bayko]: it gives something else" in failures["bayko"]
    junit.unlink()
    assert files(suite) == before


def test_what_cannot_be_read_is_an_error_of_its_file_and_no_other(suite: Suite):
    suite.write(JOIN, '[[case]]\nname = "bayko"\nparms = {}\n')
    suite.write("queries/fast.sql", "-- returns: one\n-- plan: fast\nSELECT 1 AS a\n")
    suite.write("tests/contracts/fast.toml", CONTRACTS[HANDLES])
    suite.write("queries/merged.sql", "-- returns: one\nSELECT 1 AS a\n")
    suite.write("tests/contracts/merged.toml", CONTRACTS[HANDLES])
    suite.write("tests/contracts/merged.golden.json", "<<<<<<<\n")
    result = suite.run("--continue-on-collection-errors", errors=3, passed=4)

    assert result.ret == 1
    told = [
        "*ERROR collecting tests/contracts/fast.toml*",
        "/*/queries/fast.sql:2: `plan:` does not know 'fast'",
        "*ERROR collecting tests/contracts/merged.toml*",
        "/*/tests/contracts/merged.golden.json: this is not as pgproof writes a golden",
        f"*ERROR collecting {JOIN}*",
        f"/*/{JOIN}:3: unknown word parms",
    ]
    result.stdout.fnmatch_lines(told)
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_server_that_cannot_be_had_is_told_by_each_item_in_the_same_words(without_server: Suite, workers: str):
    result = without_server.run(workers, failed=len(ITEMS) - 1, passed=1)

    told = [line for line in result.outlines if line.startswith("connection to server")]
    assert len(told) == len(ITEMS) - 1
    assert len(set(told)) == 1
    assert "s3cret" not in result.stdout.str() + result.stderr.str()
    result.stdout.no_fnmatch_line("*Traceback*")


def test_wrong_settings_are_told_once_and_other_tests_run(suite: Suite):
    suite.setenv(SERVR="url")
    suite.test("def test_it(): pass", "tests/test_it")
    result = suite.run("-n2", "--continue-on-collection-errors", errors=1, passed=1)

    assert result.stdout.str().count("unknown environment variable PGPROOF_SERVR\n  hint: ") == 1
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_session_that_a_query_has_cost_us_costs_no_other_its_promises(suite: Suite):
    suite.write("queries/away.sql", "-- returns: value\nSELECT pg_terminate_backend(pg_backend_pid()) AS done\n")
    suite.write("tests/contracts/away.toml", '[[case]]\nname = "all"\n')
    result = suite.run(failed=3, passed=len(ITEMS))

    result.stdout.fnmatch_lines(["the connection is lost: *"] * 2)
    result.stdout.no_fnmatch_line("*Traceback*")
    assert suite.databases() == []


def test_sessions_that_the_server_has_ended_are_told_and_made_anew(suite: Suite):
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE starts_with(datname, 'pgproof_test_')"
    suite.write("queries/users/last.sql", f"-- returns: many\n-- plan: buffers=99\n{end}\n")
    suite.write("tests/contracts/users/last.toml", CONTRACTS[HANDLES])
    for name in ("more", "most"):
        suite.write(f"queries/users/{name}.sql", CONTRACTS["queries/users/join.sql"])
        suite.write(f"tests/contracts/users/{name}.toml", CONTRACTS[JOIN])
        golden = CONTRACTS["tests/contracts/users/join.golden.json"].replace("users.join", f"users.{name}")
        suite.write(f"tests/contracts/users/{name}.golden.json", golden)
    result = suite.run("-v")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*terminating connection due to administrator command*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_re_match_line(r"^\S+\.py:\d+: ")
    assert [line.split()[0] for line in result.outlines if "most.toml::" in line and "FAILED" in line] == []
    assert suite.databases() == []


# What has no partner


def test_what_has_no_partner_fails_with_what_to_do(suite: Suite):
    suite.write("queries/stray.sql", "-- returns: value\nSELECT 1 AS one\n")
    suite.write("tests/contracts/gone.golden.json", "{}")
    suite.write("tests/contracts/jion.toml", CONTRACTS[HANDLES])
    suite.write(HANDLES, CONTRACTS[HANDLES].replace("all", "everyone"))
    suite.write("queries/one.sql", "-- returns: value\nSELECT 1 AS one\n")
    suite.write("tests/contracts/one.toml", CONTRACTS[HANDLES])
    result = suite.run("-v")

    root, accept = suite.pytester.path, "  hint: if it is right as it is now: `inv query.accept --name"
    failed = [ITEMS[0], ITEMS[1], f"{HANDLES}::everyone", "tests/contracts/jion.toml::[files]"]
    failed += ["tests/contracts/one.toml::[shape]"]
    assert [line.partition(" FAILED")[0] for line in result.outlines if " FAILED" in line] == failed
    told = [
        f"{root}/queries/stray.sql: stray: it has no contract",
        "  hint: `inv query.case stray` writes a case from a run",
        f"{root}/tests/contracts/gone.golden.json: gone: a golden without cases",
        "  hint: delete it, or write the cases of gone",
        f"{root}/tests/contracts/handles.golden.json: handles: the golden has cases that are gone: all",
        f"{accept} handles`",
        f"{root}/{HANDLES}:1: handles[everyone]: the golden does not have this case",
        f"{accept} handles`",
        f"{root}/tests/contracts/jion.toml: jion: there is no query jion",
        "  hint: rename the file with its query, or delete it",
        f"{root}/queries/one.sql:2: one: it has no golden",
        f"{accept} one`",
    ]
    lines = result.outlines
    assert [line for line in lines if line.startswith((f"{root}/", "  hint: "))] == told
