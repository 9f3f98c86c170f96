"""A password that stands in a migration, in none of the reports on it."""

import pytest

from pgproof.gate.formats.render import ENDINGS, render
from pgproof.gate.formats.rooted import seen_from
from pgproof.gate.judge import judge
from pgproof.gate.proof import Report
from pgproof.tasks.judgement import show_judgement
from pgproof.tasks.screen import PlainScreen
from tests.gates import Repo

PASSWORD = "s3cret-word"  # noqa: S105 - looked for in what is written
SERVER = f"OPTIONS (user 'reader', password '{PASSWORD}')"


@pytest.fixture
def report(repo: Repo) -> Report:
    """Of a change that makes a login with a password, rewrites a table beside it, and is refused on the way back."""
    repo.add("0001_base", "CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);", "DROP TABLE users;")
    repo.commit()
    up = (
        "CREATE FOREIGN DATA WRAPPER elsewhere;\nCREATE SERVER there FOREIGN DATA WRAPPER elsewhere;\n"
        "ALTER TABLE users ALTER id TYPE bigint;\n"
        f"CREATE USER MAPPING FOR PUBLIC SERVER there {SERVER};\n"
    )
    repo.add("0002_map", up, f"ALTER USER MAPPING FOR PUBLIC SERVER nowhere {SERVER};")
    with repo.trial() as trial:
        return seen_from(repo.root, judge(trial))


def test_a_password_in_a_migration_is_in_no_report(report: Report, capsys: pytest.CaptureFixture[str]):
    show_judgement(PlainScreen(), report)
    texts = [capsys.readouterr().out, *(render(report, each) for each in ENDINGS.values())]

    assert {"PG401", "PG301"} <= {each.kind.id for each in report.findings}
    assert any("USER MAPPING" in each for each in texts)
    assert [each for each in texts if PASSWORD in each] == []
