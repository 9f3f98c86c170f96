"""Each small change of the corpus: the gate finds what it is to find, and nothing else."""

import pytest
from psycopg import Connection
from psycopg.errors import DuplicateObject

from pgproof.gate.judge import judge
from pgproof.gate.proof import Report
from pgproof.pg.database import connect
from tests.corpus import Case, build, pick_for_each_command, read_corpus
from tests.gates import Repo

CORPUS = read_corpus()
EVERYWHERE = pick_for_each_command(CORPUS)
ROLE = "corpus_application"
SPACE = "corpus_space"
# One of each kind of finding that comes from many measurements.
TWICE = ("backfill-with-new-column", "drop-column-in-use", "rename-table-in-use")


@pytest.fixture(scope="module")
def stage(server: str) -> str:
    """A server with a role and a tablespace, which no migration can bring along."""
    with connect(server) as connection:
        connection.execute("SET allow_in_place_tablespaces = on")
        _ensure(connection, f"CREATE ROLE {ROLE} LOGIN")
        _ensure(connection, f"CREATE TABLESPACE {SPACE} LOCATION ''")
    return server


def _ensure(connection: Connection, statement: str) -> None:
    try:
        connection.execute(statement.encode())
    except DuplicateObject:
        return


def _judge(case: Case, repo: Repo) -> Report:
    with connect(repo.conninfo) as connection:
        if connection.info.server_version // 10_000 < case.since:
            pytest.skip(f"PostgreSQL {case.since} is the first that knows it")
    build(case, repo)
    with repo.trial() as trial:
        return judge(trial)


def _show(report: Report) -> list[str]:
    return [f"{each.severity} {each.kind.id} {each.at}: {each.what} {each.details}" for each in report.findings]


def _tell(report: Report) -> list[tuple[str, str, str, str]]:
    """What a report finds; its details tell times as well, which are never the same."""
    return [(each.kind.id, str(each.at), each.what, each.instead) for each in report.findings]


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize(
    "case",
    [pytest.param(each, id=each.name, marks=() if each.name in EVERYWHERE else [pytest.mark.once]) for each in CORPUS],
)
def test_of_a_change_exactly_what_is_to_be_found_is_found(case: Case, repo: Repo):
    report = _judge(case, repo)

    found = {each.kind.id for each in report.findings if each.severity != "note"}
    assert sorted(case.expected) == sorted(found), "\n".join(_show(report))
    assert case.notes <= {each.kind.id for each in report.findings if each.severity == "note"}
    if not case.dangerous:
        assert not report.is_broken


@pytest.mark.once
@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("case", [each for each in CORPUS if each.name in TWICE], ids=lambda each: each.name)
def test_a_change_that_is_judged_twice_has_the_same_findings_in_the_same_order(case: Case, repo: Repo):
    once = _judge(case, repo)

    with repo.trial() as trial:
        again = judge(trial)

    assert _tell(once) == _tell(again)
