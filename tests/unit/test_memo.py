"""The memo of a recipe: nothing is read that nobody has touched, and nothing is missed that somebody has."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pgproof import memo
from pgproof.errors import MigrationError
from pgproof.recipe import read_recipe

if TYPE_CHECKING:
    from pathlib import Path

Recall = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    (made / "one.sql").write_text("SELECT 1;")
    return made


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if all files had been there for long."""
    monkeypatch.setattr(memo, "_COARSEST", -(10**15))


@pytest.fixture
def recall(tmp_path: Path, folder: Path) -> Recall:
    """Recall what is in the folder; `looks` says how often it was looked at."""
    looks = []

    def do(version: str = "1") -> dict[str, Any]:
        def look() -> dict[str, Any]:
            looks.append(1)
            return {"names": sorted(each.name for each in folder.iterdir()), "looks": len(looks)}

        return memo.recall(tmp_path / "cache" / "memo.json", [folder, tmp_path / "absent"], version, look)

    return do


@pytest.mark.usefixtures("later")
def test_what_nobody_touched_is_not_looked_at_again(recall: Recall):
    assert recall() == {"names": ["one.sql"], "looks": 1}
    assert recall() == {"names": ["one.sql"], "looks": 1}


def edit_with_the_same_size_and_time(folder: Path) -> None:
    file = folder / "one.sql"
    before = file.stat()
    file.write_text("SELECT 2;")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def add(folder: Path) -> None:
    (folder / "two.sql").write_text("")


def rename(folder: Path) -> None:
    (folder / "one.sql").rename(folder / "other.sql")


def replace_by_another(folder: Path) -> None:
    (folder / "new").write_text("SELECT 1;")
    (folder / "new").replace(folder / "one.sql")


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("touch", [edit_with_the_same_size_and_time, add, rename, replace_by_another])
def test_whatever_is_done_to_a_file_is_seen(recall: Recall, folder: Path, touch: Callable[[Path], None]):
    recall()
    touch(folder)

    assert recall()["looks"] == 2


def test_a_file_written_a_moment_ago_is_not_relied_upon(recall: Recall):
    recall()

    assert recall()["looks"] == 2


@pytest.mark.usefixtures("later")
def test_another_way_of_looking_looks_again(recall: Recall):
    recall("1")

    assert recall("2")["looks"] == 2


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("text", ["", "{", "[]", '{"seen": 1}', "\x00"])
def test_a_memo_that_cannot_be_read_is_written_anew(recall: Recall, tmp_path: Path, text: str):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "memo.json").write_text(text)

    assert recall()["looks"] == 1
    assert recall()["looks"] == 1


@pytest.mark.usefixtures("later")
def test_a_cache_that_takes_nothing_costs_only_time(recall: Recall, tmp_path: Path):
    (tmp_path / "cache").write_text("a file in the place of the folder")

    assert recall()["looks"] == 1
    assert recall()["looks"] == 2


@pytest.mark.usefixtures("later")
def test_nothing_is_built_of_files_that_changed_after_the_look(settings):
    settings.migrations.mkdir()
    file = settings.migrations / "0001_a.sql"
    file.write_text("SELECT 1;")
    read_recipe(settings, seeds=None)
    recipe = read_recipe(settings, seeds=None)

    file.write_text("SELECT 2;")

    with pytest.raises(MigrationError, match="changed at this moment"):
        recipe.run("host=/nowhere", 0)
