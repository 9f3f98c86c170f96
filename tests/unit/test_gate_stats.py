from pathlib import Path

import pytest

from pgproof.errors import SettingsError
from pgproof.gate.measuring.stats import Size, read_stats, render_stats

SIZES = [Size("public.posts", 42_000_000, 600_000), Size("public.users", 0, 0)]


def test_what_is_written_is_read_again(tmp_path: Path):
    path = tmp_path / "sizes.json"
    path.write_text(render_stats(SIZES))

    assert read_stats(path) == {"public.posts": 42_000_000, "public.users": 0}


def test_each_table_is_a_line_of_its_own():
    lines = render_stats(SIZES).splitlines()

    assert [line.strip() for line in lines if "public." in line] == [
        '"public.posts": {"rows": 42000000, "pages": 600000},',
        '"public.users": {"rows": 0, "pages": 0}',
    ]


def test_a_table_that_nobody_has_analysed_has_no_number_of_rows(tmp_path: Path):
    path = tmp_path / "sizes.json"
    path.write_text(render_stats([Size("public.users", None, 7)]))

    assert read_stats(path) == {}


def test_a_database_without_tables_is_a_file_too(tmp_path: Path):
    path = tmp_path / "sizes.json"
    path.write_text(render_stats([]))

    assert read_stats(path) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 2, "tables": {}}',
        '{"format": 1, "tables": {"public.users": 5}}',
        '{"format": 1, "tables": {"public.users": {"rows": "many"}}}',
        '{"format": 1, "tables": {"public.users": {"rows": true}}}',
    ],
)
def test_any_other_file_is_refused_by_its_name(tmp_path: Path, text: str):
    path = tmp_path / "sizes.json"
    path.write_text(text)

    with pytest.raises(SettingsError, match=r"sizes\.json"):
        read_stats(path)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path):
    with pytest.raises(SettingsError, match="No such file"):
        read_stats(tmp_path / "sizes.json")
