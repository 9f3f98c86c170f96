import pytest

from pgproof.errors import MigrationError
from pgproof.migrations.files import read_migrations
from pgproof.migrations.head import read_head
from pgproof.migrations.header import find_problems
from pgproof.migrations.new import write_new


def test_the_first_migration_is_number_one(tmp_path):
    paths = write_new(tmp_path / "migrations", "create users")

    assert [path.name for path in paths] == ["0001_create_users.sql", "0001_create_users.rollback.sql", "HEAD"]


def test_the_next_one_follows_the_newest_and_depends_on_it(tmp_path):
    (tmp_path / "0041_a.sql").touch()

    forward, *_ = write_new(tmp_path, "Add bio to users!")

    assert forward.name == "0042_add_bio_to_users.sql"
    assert "-- depends: 0041_a\n" in forward.read_text(encoding="utf-8")


def test_numbers_keep_their_digits(tmp_path):
    (tmp_path / "00099_a.sql").touch()

    assert write_new(tmp_path, "b")[0].name == "00100_b.sql"


def test_both_files_are_read_back_without_a_problem(tmp_path):
    forward, rollback, _ = write_new(tmp_path, "add bio")

    (migration,) = read_migrations(tmp_path)
    assert (migration.path, migration.rollback and migration.rollback.path) == (forward, rollback)
    assert not list(find_problems(forward, migration.text))


@pytest.mark.parametrize("name", [".gitkeep", "README.md"])
def test_a_folder_without_migrations_gets_its_first(tmp_path, name):
    (tmp_path / name).touch()

    assert write_new(tmp_path, "a")[0].name == "0001_a.sql"


@pytest.mark.parametrize("name", ["", "!?", "2fa tokens"])
def test_a_name_that_makes_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(MigrationError, match="makes no file name"):
        write_new(tmp_path, name)

    assert list(tmp_path.iterdir()) == []


def test_a_name_of_several_lines_stays_one_comment(tmp_path):
    forward, *_ = write_new(tmp_path, "add bio\nto users")

    assert forward.read_text(encoding="utf-8").startswith("-- Why: add bio to users\n")


def test_the_head_file_names_the_newest_in_one_line_so_that_two_branches_conflict_in_git(tmp_path):
    write_new(tmp_path, "a")
    *_, head = write_new(tmp_path, "b")

    assert head.read_bytes() == b"0002_b\n"
    assert read_head(tmp_path) == "0002_b"


def test_a_project_without_a_head_file_has_said_nothing(tmp_path):
    assert read_head(tmp_path) is None
    assert read_head(tmp_path / "nowhere") is None


def test_a_head_file_that_is_no_text_is_read_all_the_same(tmp_path):
    (tmp_path / "HEAD").write_bytes(b"\xff\r\n")

    assert read_head(tmp_path) == "\ufffd"


def test_a_migration_that_could_not_be_written_is_not_named_as_the_newest(tmp_path):
    write_new(tmp_path, "a")
    (tmp_path / "0002_b.rollback.sql").mkdir()

    with pytest.raises(MigrationError, match="exists already"):
        write_new(tmp_path, "b")

    assert read_head(tmp_path) == "0001_a"
