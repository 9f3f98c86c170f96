from pathlib import Path

import pytest

from pgproof.errors import MigrationError, SqlFileError
from pgproof.migrations.files import read_folder, read_migrations, read_repeatables


def write(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("SELECT 1;\n", encoding="utf-8")
    return folder


def refused(folder: Path) -> list[str]:
    with pytest.raises(SqlFileError) as caught:
        read_folder(folder)
    return [f"{each.at.path.name}: {each.what}" for each in caught.value.problems]


def test_migrations_come_in_order_with_their_rollbacks(tmp_path):
    write(tmp_path, "0002_b.sql", "0001_a.sql", "0001_a.rollback.sql", "0003_c.py", "README.md")

    found = [(each.id, each.number, each.language, each.rollback is not None) for each in read_migrations(tmp_path)]

    assert found == [
        ("0001_a", (1,), "sql", True),
        ("0002_b", (2,), "sql", False),
        ("0003_c", (3,), "python", False),
    ]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("0001_create_users", (1,)),
        ("1.2-create_users", (1, 2)),
        ("20260102_01_Ab3x9-create-users", (20260102, 1)),
        ("0007create", (7,)),
    ],
)
def test_a_name_begins_with_its_number(tmp_path, name, number):
    (migration,) = read_migrations(write(tmp_path, f"{name}.sql"))

    assert migration.number == number


@pytest.mark.parametrize("name", ["create_users", "v1_create", "0001", "0001_", "0001 create", "0001_create users"])
def test_a_name_without_number_or_words_is_refused(tmp_path, name):
    assert refused(write(tmp_path, f"{name}.sql")) == [f"{name}.sql: the name is not NNNN_verb_object"]


def test_two_migrations_of_one_number_are_refused(tmp_path):
    write(tmp_path, "0001_a.sql", "0002_b.sql", "0002_c.sql")

    assert refused(tmp_path) == ["0002_c.sql: 0002_b.sql has the same number"]


def test_one_migration_in_two_languages_is_refused(tmp_path):
    assert refused(write(tmp_path, "0001_a.py", "0001_a.sql")) == ["0001_a.sql: 0001_a.py has the same number"]


def test_an_order_of_text_that_is_not_the_order_of_numbers_is_refused(tmp_path):
    write(tmp_path, "9.a.sql", "10.b.sql")

    assert refused(tmp_path) == ["9.a.sql: by name it comes after 10.b, by number before"]


def test_a_rollback_without_its_migration_is_refused(tmp_path):
    write(tmp_path, "0001_a.sql", "0001_b.rollback.sql")

    assert refused(tmp_path) == ["0001_b.rollback.sql: a rollback without its migration"]


def test_a_post_apply_hook_is_refused(tmp_path):
    write(tmp_path, "0001_a.sql", "post-apply.sql")

    assert refused(tmp_path) == ["post-apply.sql: post-apply hooks are not run"]


def test_every_problem_of_a_folder_is_named_at_once(tmp_path):
    write(tmp_path, "0001_a.sql", "0001_b.sql", "create.sql", "0003_x.rollback.sql")

    assert len(refused(tmp_path)) == 3


def test_no_folder_and_an_empty_one_are_errors(tmp_path):
    for folder in (tmp_path, tmp_path / "typo"):
        with pytest.raises(MigrationError, match=r"no migrations in|no folder"):
            read_migrations(folder)


def test_a_folder_that_ends_in_sql_is_no_migration(tmp_path):
    (tmp_path / "0002_b.sql").mkdir()

    assert [each.id for each in read_migrations(write(tmp_path, "0001_a.sql"))] == ["0001_a"]


def test_repeatables_come_in_name_order_and_may_be_absent(tmp_path):
    assert read_repeatables(tmp_path) == []

    write(tmp_path, "repeatable/view_b.sql", "repeatable/view_a.sql", "repeatable/view_a.rollback.sql")

    found = read_repeatables(tmp_path)
    assert [(each.id, each.number, each.rollback is not None) for each in found] == [
        ("view_a", (), True),
        ("view_b", (), False),
    ]


def test_a_rollback_without_its_repeatable_is_refused(tmp_path):
    write(tmp_path, "0001_a.sql", "repeatable/view_a.rollback.sql")

    assert refused(tmp_path) == ["view_a.rollback.sql: a rollback without its migration"]


def test_an_edit_of_comments_keeps_the_meaning_and_changes_the_bytes(tmp_path):
    before = read_migrations(write(tmp_path, "0001_a.sql"))[0]
    hashes = (before.sha256, before.meaning)
    (tmp_path / "0001_a.sql").write_text("-- why\nselect\n 1\n", encoding="utf-8")

    after = read_migrations(tmp_path)[0]

    assert [each == other for each, other in zip(hashes, (after.sha256, after.meaning), strict=True)] == [False, True]


def test_an_edit_of_comments_keeps_the_meaning_of_python(tmp_path):
    path = tmp_path / "0001_a.py"
    texts = ["from yoyo import step\nstep('a')\n", "# why\nfrom yoyo import step\n\nstep( 'a')\n", "step('b')\n"]
    meanings = []
    for text in texts:
        path.write_text(text, encoding="utf-8")
        meanings.append(read_migrations(tmp_path)[0].meaning)

    assert meanings[0] == meanings[1] != meanings[2]


def test_a_text_that_nobody_can_read_means_itself(tmp_path):
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT '\xff'")
    (migration,) = read_migrations(tmp_path)

    assert migration.meaning != read_migrations(write(tmp_path, "0001_a.sql"))[0].meaning
