import pickle
from pathlib import Path

from pgproof.errors import Location, LockTimeout, Problem, SqlFileError


def test_error_says_where_what_and_what_to_do():
    error = LockTimeout("held by pid 7", at=Location(Path("a.sql"), 3), hint="wait")

    assert str(error) == "a.sql:3: held by pid 7\n  hint: wait"


def test_errors_survive_pickling_with_all_they_carry():
    error = SqlFileError([Problem(Location(Path("a.sql"), 1), "empty", "write something")])

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301

    assert (str(copy), copy.problems) == (str(error), error.problems)
