from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from pgproof.pg.folder import ensure_folder


def test_folder_is_filled_once_by_however_many_ask(tmp_path: Path):
    fills = []
    together = Barrier(4)

    def fill(draft: Path) -> None:
        fills.append(draft)
        draft.mkdir()

    def ask(_: int) -> Path:
        together.wait()
        return ensure_folder(tmp_path / "made", fill)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == {tmp_path / "made"}
    assert len(fills) == 1


def test_folder_that_failed_half_way_is_never_taken_for_whole(tmp_path: Path):
    def fail(draft: Path) -> None:
        draft.mkdir()
        (draft / "half").touch()
        raise OSError

    def fill(draft: Path) -> None:
        draft.mkdir()
        (draft / "whole").touch()

    with pytest.raises(OSError):  # noqa: PT011 - the one raised above
        ensure_folder(tmp_path / "made", fail)

    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == []
    assert [each.name for each in ensure_folder(tmp_path / "made", fill).iterdir()] == ["whole"]


def test_folder_half_made_by_a_killed_process_is_made_anew(tmp_path: Path):
    (tmp_path / ".made.draft" / "half").mkdir(parents=True)

    ensure_folder(tmp_path / "made", lambda draft: draft.mkdir())

    assert list((tmp_path / "made").iterdir()) == []
