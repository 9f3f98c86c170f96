"""What a seed's name, encoding and text may be."""

from pathlib import Path

import pytest

from pgproof.errors import SqlFileError
from pgproof.seeds import CsvSeed, SqlSeed, fingerprint, read_seeds


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def problems_of(folder: Path, files: dict[str, str | bytes]) -> list[str]:
    with pytest.raises(SqlFileError) as caught:
        read_seeds(write(folder, files))
    return [f"{each.at.path.name}:{each.at.line}: {each.what}" for each in caught.value.problems]


def test_seeds_come_in_name_order(tmp_path):
    write(tmp_path, {"020_posts.csv": "id\n1\n", "010_users.csv": "id\n1\n", "030_more.sql": "SELECT 1"})

    seeds = read_seeds(tmp_path)

    assert [seed.path.name for seed in seeds] == ["010_users.csv", "020_posts.csv", "030_more.sql"]


def test_a_csv_seed_knows_its_table_and_columns(tmp_path):
    [seed] = read_seeds(write(tmp_path, {"010_app.users.csv": 'id,"full, name",handle\n'}))

    assert isinstance(seed, CsvSeed)
    assert (seed.table, seed.columns) == ("app.users", ("id", "full, name", "handle"))


def test_a_csv_seed_knows_the_line_each_record_starts_at(tmp_path):
    [seed] = read_seeds(write(tmp_path, {"010_users.csv": 'id,bio\n1,"two\nlines"\n2,""\n3,"said ""\nhi"""\n4,x\n'}))

    assert isinstance(seed, CsvSeed)
    assert seed.record_lines[:5] == [1, 2, 4, 5, 7]


def test_windows_line_ends_are_no_part_of_the_header(tmp_path):
    [seed] = read_seeds(write(tmp_path, {"010_users.csv": "id,bio\r\n1,x\r\n"}))

    assert isinstance(seed, CsvSeed)
    assert seed.columns == ("id", "bio")


def test_an_sql_seed_is_split_into_statements(tmp_path):
    [seed] = read_seeds(write(tmp_path, {"010_tags.sql": "-- why\nSELECT ';';\n\nSELECT 2;\n"}))

    assert isinstance(seed, SqlSeed)
    assert [statement.line for statement in seed.statements] == [2, 4]


def test_a_project_without_seeds_has_none(tmp_path):
    assert read_seeds(tmp_path / "seeds") == []


def test_hidden_files_are_not_seeds(tmp_path):
    assert read_seeds(write(tmp_path, {".gitkeep": "", ".010_users.csv.swp": "?"})) == []


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("010_users.yaml", "id: 1", "010_users.yaml:None: this is not a seed"),
        ("users.csv", "id\n1\n", "users.csv:None: this is not a seed"),
        ("010_users.csv", "", "010_users.csv:None: the file is empty"),
        ("010_users.csv", " \n\n", "010_users.csv:None: the file is empty"),
        ("010_users.csv", b"\xef\xbb\xbfid\n1\n", "010_users.csv:1: the file begins with a byte order mark"),
        ("010_users.csv", b"id\n1\n\xff\n", "010_users.csv:3: the file is not UTF-8"),
        ("010_users.csv", "id,\n1,2\n", "010_users.csv:1: a column of the header is blank or padded: 'id, '"),
        ("010_users.csv", "id, bio\n1,2\n", "010_users.csv:1: a column of the header is blank or padded: 'id,  bio'"),
        ("010_users.csv", "\nid\n1\n", "010_users.csv:1: there is no header in the first line"),
        ("010_users.csv", "id,bio,id\n1,2,3\n", "010_users.csv:1: the header names id twice"),
        ("010_tags.sql", "SELECT 1;\nBEGIN;\n", "010_tags.sql:2: BEGIN would end the one transaction of all seeds"),
        ("010_tags.sql", "SELECT 1;\n\ncommit", "010_tags.sql:3: COMMIT would end the one transaction of all seeds"),
        ("010_tags.sql", "COPY tags FROM stdin;", "010_tags.sql:1: COPY FROM STDIN has no rows to read here"),
        ("010_tags.sql", "-- nothing yet\n", "010_tags.sql:None: there is no statement in it"),
    ],
)
def test_what_could_be_loaded_nowhere_is_refused(tmp_path, name, content, problem):
    assert [problem] == problems_of(tmp_path, {name: content})


def test_a_line_that_ends_copy_on_older_servers_is_refused(tmp_path):
    [problem] = problems_of(tmp_path, {"010_users.csv": "id\n1\n\\.\n2\n"})

    assert problem.startswith("010_users.csv:3: a line of just \\. ends the rows")


def test_sql_that_postgres_cannot_read_is_refused(tmp_path):
    [problem] = problems_of(tmp_path, {"010_tags.sql": "SELECT 1;\nSELCET 2;\n"})

    assert problem.startswith("010_tags.sql:2: Postgres's parser refuses this")


def test_two_seeds_with_one_number_are_refused(tmp_path):
    found = problems_of(tmp_path, {"010_users.csv": "id\n", "010_posts.csv": "id\n"})

    assert found == [
        "010_posts.csv:None: another seed has the number 10",
        "010_users.csv:None: another seed has the number 10",
    ]


def test_numbers_that_sort_differently_as_text_are_refused(tmp_path):
    [problem] = problems_of(tmp_path, {"10_users.csv": "id\n", "9_posts.csv": "id\n"})

    assert problem.endswith("by name the seeds have another order than by number")


def test_all_problems_are_named_at_once(tmp_path):
    found = problems_of(tmp_path, {"010_users.csv": "", "020_posts.txt": "?", "030_tags.sql": "ROLLBACK"})

    assert [problem.split(":")[0] for problem in found] == ["010_users.csv", "020_posts.txt", "030_tags.sql"]


@pytest.mark.parametrize(
    "changed",
    [
        {"010_users.csv": "id\n2\n", "020_posts.csv": "id\n1\n"},  # another content
        {"010_users.csv": "id\n1\n", "020_notes.csv": "id\n1\n"},  # another table
        {"010_users.csv": "id\n1\n"},  # one fewer
        {"010_users.csv": "id\n1\n020_posts.csv\nid\n1\n"},  # the same bytes, split elsewhere
    ],
)
def test_the_fingerprint_follows_names_and_contents(tmp_path, changed):
    for name, files in {"a": {"010_users.csv": "id\n1\n", "020_posts.csv": "id\n1\n"}, "b": changed}.items():
        (tmp_path / name).mkdir()
        write(tmp_path / name, files)

    before, after = (fingerprint(read_seeds(tmp_path / name)) for name in ("a", "b"))

    assert before != after


def test_the_fingerprint_does_not_depend_on_the_place_of_the_folder(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, {"010_users.csv": "id\n1\n"})

    assert fingerprint(read_seeds(tmp_path / "a")) == fingerprint(read_seeds(tmp_path / "b"))
