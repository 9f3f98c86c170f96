from dataclasses import replace
from pathlib import Path

import pytest

from pgproof.errors import Location, SettingsError
from pgproof.isolation.wish import Wish, read_wish, refuse
from pgproof.settings import read_settings

HERE = Location(Path("test_shop.py"), 7)


def test_what_no_word_says_the_fixtures_decide():
    assert read_wish({}, ["connection"], HERE) == Wish("transaction", seeds=True, at=None)
    assert read_wish({}, ["connection", "database_url"], HERE) == Wish("clone", seeds=True, at=None)
    assert read_wish({}, ["migrate"], HERE) == Wish("clone", seeds=True, at=None)
    assert read_wish({"isolation": "clone"}, ["connection"], HERE) == Wish("clone", seeds=True, at=None)


def test_an_older_schema_has_only_seeds_that_are_named():
    assert read_wish({"at": "0007"}, [], HERE).seeds is False
    assert read_wish({"at": "0007", "seeds": True}, [], HERE).seeds is True
    assert read_wish({"at": "0007", "seeds": Path("old")}, [], HERE).seeds == "old"


def test_seeds_are_the_project_s_or_a_folder_in_it(tmp_path: Path):
    settings = replace(read_settings(tmp_path, environ={}), root=tmp_path)
    (tmp_path / "old").mkdir()

    assert Wish("clone", seeds=True, at=None).seeds_of(settings) == tmp_path / "seeds"
    assert Wish("clone", seeds=False, at=None).seeds_of(settings) is None
    assert Wish("clone", seeds="old", at=None).seeds_of(settings) == tmp_path / "old"
    with pytest.raises(SettingsError, match=f"there is no folder {tmp_path}/older"):
        Wish("clone", seeds="older", at=None).seeds_of(settings)


@pytest.mark.parametrize("fixture", ["database_url", "migrate"])
def test_a_fixture_that_needs_a_clone_refuses_a_transaction_and_says_why(fixture: str):
    with pytest.raises(
        SettingsError, match=rf'^test_shop.py:7: {fixture} cannot be had with isolation="transaction": \w+'
    ):
        read_wish({"isolation": "transaction"}, [fixture], HERE)
    with pytest.raises(SettingsError, match=f"^test_shop.py:7: {fixture} cannot be had"):
        refuse(fixture, HERE)
