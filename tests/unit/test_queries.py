"""What the files under queries/ say before any server is asked."""

import pickle
from pathlib import Path

import pytest

from pgproof.errors import Location, NotOneRow, ParameterMismatch, QueryFailed, SqlFileError, UnknownQuery
from pgproof.queries import Query, read_queries

MANY = "-- returns: many\n"


def write(root: Path, **texts: str) -> Path:
    """Write queries by name, with `__` for a slash; return their folder."""
    folder = root / "queries"
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return folder


def read_one(root: Path, text: str) -> Query:
    return read_queries(write(root, activities__home=text))["activities.home"]


def problems_of(folder: Path) -> list[tuple[str, int | None, str]]:
    """What reading, or else checking, says against the files: place and text."""
    with pytest.raises(SqlFileError) as caught:
        read_queries(folder).check()
    return [(str(each.at.path.relative_to(folder)), each.at.line, each.what) for each in caught.value.problems]


# Names


def test_the_path_is_the_name(tmp_path):
    queries = read_queries(write(tmp_path, top=MANY, a__b=MANY, a__b2__c=MANY))

    assert [query.name for query in queries] == ["a.b", "a.b2.c", "top"]
    assert queries.folders == {"a", "a.b2"}


def test_a_project_without_the_folder_has_no_queries(tmp_path):
    assert len(read_queries(tmp_path / "queries")) == 0


def test_what_is_hidden_or_no_sql_is_passed_over(tmp_path):
    folder = write(tmp_path, a=MANY)
    (folder / ".hidden").mkdir()
    for name in (".b.sql", ".hidden/c.sql", "README.md", "d.sql.orig"):
        (folder / name).write_text("no query")

    assert [query.name for query in read_queries(folder)] == ["a"]


@pytest.mark.parametrize(
    "name", ["two words", "1st", "with-dash", "_hidden", "class", "naïve", "home.v2", "a__def__b", "__init__"]
)
def test_a_name_that_python_could_not_say_is_a_problem(tmp_path, name):
    folder = tmp_path / "queries"
    path = folder / f"{name}.sql" if name.endswith("__") else folder / f"{name.replace('__', '/')}.sql"
    path.parent.mkdir(parents=True)
    path.write_text(MANY)

    [(where, _, what)] = problems_of(folder)
    assert (where, what.partition(" '")[0]) == (str(path.relative_to(folder)), "no Python program could say")


def test_no_query_hides_what_the_adapter_calls_its_own(tmp_path):
    folder = write(tmp_path, run=MANY, transaction__a=MANY, a__run=MANY)

    assert problems_of(folder) == [
        ("run.sql", None, "`db.run` is the adapter's own"),
        ("transaction/a.sql", None, "`db.transaction` is the adapter's own"),
    ]


def test_a_file_beside_a_folder_of_its_name_is_a_problem(tmp_path):
    folder = write(tmp_path, a=MANY, a__b=MANY)

    assert problems_of(folder) == [("a.sql", None, "a file and the folder a/ have one name")]


def test_an_ending_in_capitals_is_a_problem_not_a_query_that_is_missing(tmp_path):
    folder = write(tmp_path, b=MANY)
    (folder / "a.SQL").write_text(MANY)

    assert problems_of(folder) == [("a.SQL", None, "the name ends with .SQL")]


def test_an_unknown_name_says_which_one_was_meant(tmp_path):
    queries = read_queries(write(tmp_path, activities__home=MANY, users__profile=MANY))

    def hint(name: str) -> str:
        with pytest.raises(UnknownQuery) as caught:
            queries[name]
        return caught.value.hint

    assert hint("activities.hmoe") == "did you mean activities.home?"
    assert hint("profile") == "did you mean users.profile?"
    assert hint("user") == "did you mean users?"
    assert hint("x.y") == f"write {tmp_path / 'queries/x/y.sql'}"


# What a file says about itself


def test_a_file_says_what_it_returns(tmp_path):
    for shape in ("many", "one", "maybe", "value", "affected"):
        assert read_one(tmp_path, f"-- Why.\n--returns:  {shape} \r\nSELECT 1").returns == shape


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("SELECT 1", 1, "it does not say what it returns"),
        ("", 1, "it does not say what it returns"),
        ("SELECT 1\n-- returns: many", 1, "it does not say what it returns"),
        ("/* a */\n-- returns: many\nSELECT 1", 1, "it does not say what it returns"),
        ("-- a\n-- returns: all\nSELECT 1", 2, "`returns: all` is no shape"),
        ("-- Returns: many\nSELECT 1", 1, "`Returns: many` is no shape"),
        ("-- returns: many\n-- returns: one\nSELECT 1", 2, "`returns:` is written twice"),
        ("\ufeff-- returns: many\nSELECT 1", 1, "the file begins with a byte order mark"),
    ],
)
def test_a_file_that_does_not_say_what_it_returns_is_a_problem(tmp_path, text, line, what):
    folder = write(tmp_path, a=text)

    assert problems_of(folder) == [("a.sql", line, what)]


def test_what_to_write_is_said(tmp_path):
    with pytest.raises(
        SqlFileError, match=r"a\.sql:1: .*\n  hint: write `-- returns: many`, or one, maybe, value, aff"
    ):
        read_queries(write(tmp_path, a="SELECT 1"))


def test_a_file_that_is_not_utf_8_is_a_problem(tmp_path):
    folder = write(tmp_path, a=MANY)
    (folder / "a.sql").write_bytes(b"-- returns: many\nSELECT '\xe4'")

    assert problems_of(folder) == [("a.sql", 2, "the file is not UTF-8")]


def test_all_problems_of_all_files_are_named_at_once(tmp_path):
    folder = write(tmp_path, a="SELECT 1", b__class="SELECT 1", c=MANY, run=MANY)

    assert [(where, line) for where, line, _ in problems_of(folder)] == [
        ("a.sql", 1),
        ("b/class.sql", None),
        ("b/class.sql", 1),
        ("run.sql", None),
    ]


def test_the_leading_comment_is_the_documentation(tmp_path):
    query = read_one(tmp_path, "-- What it does.\n--\n--   Note: twice.\n-- returns: many\n\nSELECT 1 -- one\n-- end\n")

    assert query.doc == "What it does.\n\n  Note: twice."


def test_reading_looks_at_no_statement(tmp_path):
    assert len(read_queries(write(tmp_path, a=MANY + "SELEC 1", b=MANY + "SELECT '"))) == 2


# The command that is sent

LABEL = "/* activities.home queries/activities/home.sql */ "


@pytest.mark.parametrize(
    ("text", "sent", "parameters"),
    [
        ("SELECT 1;\n-- end", "SELECT 1", ()),
        ("SELECT %(b)s, %(a)s, %(b)s", "SELECT $1, $2, $1", ("b", "a")),
        ("SELECT 1 WHERE 1=%(a)s::int", "SELECT 1 WHERE 1=$1::int", ("a",)),
        ("SELECT 1 LIMIT%(a)s", "SELECT 1 LIMIT $1", ("a",)),
        ("SELECT 5 %% 3, 5%%%(a)s", "SELECT 5 % 3, 5%$1", ("a",)),
        ("SELECT '%%a' || %(a)s || E'\\'%%'", "SELECT '%a' || $1 || E'\\'%'", ("a",)),
        ('SELECT 1 AS "50 %%"', 'SELECT 1 AS "50 %"', ()),
        ("SELECT $$ 50 %% '$$, %(a)s", "SELECT $$ 50 % '$$, $1", ("a",)),
        ("SELECT $x$ $$ %% $x$", "SELECT $x$ $$ % $x$", ()),
        ("SELECT -- 100 % of %(b)s, it's\n%(a)s", "SELECT -- 100 % of %(b)s, it's\n$1", ("a",)),
        ("SELECT /* % /* %(b)s */ ' */ %(a)s", "SELECT /* % /* %(b)s */ ' */ $1", ("a",)),
        ("SELECT 'ä' || %(a)s, 'ö%%'", "SELECT 'ä' || $1, 'ö%'", ("a",)),
    ],
)
def test_parameters_are_found_in_code_alone(tmp_path, text, sent, parameters):
    command = read_one(tmp_path, f"-- 100 % %(c)s\n{MANY}{text}").command

    assert (command.sql, command.parameters) == (LABEL + sent, parameters)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("SELECT 5 % 3", 2, "a % that is neither a parameter nor doubled"),
        ("SELECT %s", 2, "a % that is neither a parameter nor doubled"),
        ("SELECT 1,\n  'a%'", 3, "a % that is neither a parameter nor doubled"),
        ("SELECT 'a\nb%(a)s'", 3, "%(a)s between quotes is text, not a parameter"),
        ("SELECT $$%(a)s$$", 2, "%(a)s between quotes is text, not a parameter"),
        ("SELECT %(a)b", 2, "a parameter ends with s: %(a)b"),
        ("SELECT %(a)", 2, "a parameter ends with s: %(a)"),
        ("SELECT %(a b)s", 2, "no caller could name the parameter 'a b'"),
        ("SELECT %()s", 2, "no caller could name the parameter ''"),
        ("SELECT %(class)s", 2, "no caller could name the parameter 'class'"),
        ("SELECT %(row)s", 2, "no caller could name the parameter 'row'"),
        ("SELECT\n$1", 3, "the parameter $1 has no name"),
        ("", None, "there is no statement in it"),
        ("SELECT 1;\nSELECT 2", 3, "a second statement, where a file is one query"),
        ("-- a\n\nCOMMIT", 4, "COMMIT is not a query's to say"),
        ("COPY a TO STDOUT", 2, "COPY to or from the client is no query"),
        ("COPY a FROM STDIN", 2, "COPY to or from the client is no query"),
        ("INSERT INTO a VALUES (1)", 2, "it returns many, but the statement gives no rows"),
        ("UPDATE a SET b = 1", 2, "it returns many, but the statement gives no rows"),
        ("DELETE FROM a", 2, "it returns many, but the statement gives no rows"),
    ],
)
def test_a_text_that_is_not_one_statement_to_be_run_by_name_is_a_problem(tmp_path, text, line, what):
    assert problems_of(write(tmp_path, a=MANY + text)) == [("a.sql", line, what)]


def test_a_select_that_says_affected_is_a_problem(tmp_path):
    folder = write(tmp_path, a="-- returns: affected\nSELECT 1")

    assert problems_of(folder) == [("a.sql", 2, "a SELECT affects no rows")]


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO a VALUES (1) RETURNING b",
        "UPDATE a SET b = 1 RETURNING b",
        "DELETE FROM a RETURNING b",
        "MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE RETURNING a.b",
        "WITH c AS (DELETE FROM a) SELECT 1",
        "SHOW search_path",
        "VALUES (1)",
    ],
)
def test_what_gives_rows_may_return_them(tmp_path, text):
    read_queries(write(tmp_path, a=MANY + text)).check()


def test_a_syntax_error_is_told_in_the_words_of_postgres_and_at_its_line(tmp_path):
    [(where, line, what)] = problems_of(write(tmp_path, a=f"{MANY}SELECT %(a)s\nFORM b\nWHERE c"))

    assert (where, line) == ("a.sql", 3)
    assert what.startswith("Postgres's parser refuses this: syntax error at or near")


def test_check_names_the_problems_of_all_texts_at_once(tmp_path):
    folder = write(tmp_path, a=MANY + "SELEC 1", b=MANY + "SELECT 1", c=MANY + "SELECT %, 'a%'")

    assert [(where, line) for where, line, _ in problems_of(folder)] == [("a.sql", 2), ("c.sql", 2), ("c.sql", 2)]


def test_a_place_in_the_command_is_a_line_of_the_file(tmp_path):
    command = read_one(tmp_path, f"-- why\n{MANY}\nSELECT 'ä'\n  , %(a)s\n  , wrong\n").command

    at = {word: command.locate(str(command.sql.index(word) + 1)).line for word in ("SELECT", "$1", "wrong")}
    assert at == {"SELECT": 4, "$1": 5, "wrong": 6}
    assert (command.at.line, command.locate(None).line) == (4, 4)


def test_no_name_of_a_folder_ends_the_comment_of_a_command(tmp_path):
    folder = tmp_path / "*"
    folder.mkdir()
    (folder / "a.sql").write_text(MANY + "SELECT 1")

    assert read_queries(folder)["a"].command.sql == "/* a _/a.sql */ SELECT 1"


# What a call gives


@pytest.fixture
def takes_two(tmp_path) -> Query:
    return read_one(tmp_path, f"-- why\n{MANY}SELECT %(handle)s, %(limit)s")


def test_values_stand_in_the_order_of_the_numbers(takes_two):
    assert takes_two.command.bind({"limit": 1, "handle": "rey"}) == ["rey", 1]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "missing parameter handle, limit"),
        ({"handle": 1}, "missing parameter limit"),
        ({"handle": 1, "limit": 1, "page": 1}, "unknown parameter page"),
        ({"handel": 1, "limit": 1}, "missing parameter handle; unknown parameter handel"),
    ],
)
def test_parameters_that_are_missing_or_unknown_are_named(takes_two, given, what):
    with pytest.raises(ParameterMismatch) as caught:
        takes_two.command.bind(given)

    assert str(caught.value) == f"{takes_two.path}:3: {what}\n  hint: it takes handle, limit"


def test_errors_survive_pickling_with_all_they_carry():
    at = Location(Path("a.sql"), 1)
    failed = QueryFailed("no", at=at, sqlstate="23505")
    rows = NotOneRow("none", at=at, rows=0)
    unknown = UnknownQuery("no a", hint="b?")

    copies = pickle.loads(pickle.dumps([failed, rows, unknown]))  # noqa: S301

    assert [str(each) for each in copies] == [str(failed), str(rows), str(unknown)]
    assert (copies[0].sqlstate, copies[1].rows) == ("23505", 0)


def test_queries_are_equal_by_what_they_say(tmp_path):
    folder = write(tmp_path, a=MANY)

    assert read_queries(folder) == read_queries(folder)
