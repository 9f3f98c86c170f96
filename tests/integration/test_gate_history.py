"""The proof of the history: nothing that is applied has changed, and what is new can run after it."""

import subprocess

import pytest

from pgproof.gate.proofs import history
from tests.gates import Repo

A = "CREATE TABLE a (id int PRIMARY KEY);\n"
B = "CREATE TABLE b (id int PRIMARY KEY);\n"


@pytest.fixture
def applied(repo: Repo) -> Repo:
    """A project whose main branch has 0001_a and 0002_b."""
    repo.add("0001_a", A, "DROP TABLE a;\n")
    repo.add("0002_b", B, "DROP TABLE b;\n")
    repo.commit()
    return repo


def found(repo: Repo) -> list[str]:
    """Return what is found, without `migrations/`, which stands everywhere."""
    return [each.replace("migrations/", "") for each in repo.found(history.prove)]


def found_ids(repo: Repo) -> list[str]:
    return [each.partition(" ")[0] for each in found(repo)]


def instead(repo: Repo) -> list[str]:
    return [each.instead for each in repo.prove(history.prove).findings]


def at_main(repo: Repo) -> str:
    return f"main ({repo.git('rev-parse', '--short=7', 'main')})"


def branch_off(repo: Repo, id: str, up: str) -> None:
    """Let the main branch have one more migration, and stand on a branch that does not."""
    repo.git("checkout", "-q", "-b", "branch")
    repo.git("checkout", "-q", "main")
    repo.add(id, up)
    repo.commit()
    repo.git("checkout", "-q", "branch")


def test_a_change_that_adds_one_migration_is_well(applied: Repo):
    applied.add("0003_c", "SELECT 1;\n")

    outcome = applied.prove(history.prove)

    assert (outcome.findings, outcome.note, outcome.not_applicable) == ((), "2 applied, 1 new", "")


def test_a_project_without_migrations_has_no_history(repo: Repo):
    repo.commit()

    assert repo.prove(history.prove).not_applicable == "there are no migrations"


def test_the_first_migration_of_all_is_well(repo: Repo):
    repo.commit()
    repo.add("0001_a", A)

    assert found(repo) == []


# What is applied


def test_an_edited_migration_is_named_with_its_first_line_that_differs(applied: Repo):
    applied.add("0001_a", "-- the same\nCREATE TABLE a (id bigint PRIMARY KEY);\n", "DROP TABLE a;\n")
    applied.commit()
    applied.git("checkout", "-q", "-b", "branch")
    applied.add("0001_a", "-- the same\nCREATE TABLE a (id int PRIMARY KEY);\n", "DROP TABLE a;\n")

    (finding,) = applied.prove(history.prove).findings

    assert found(applied) == [
        f"PG001 0001_a.sql:2 0001_a.sql is applied at {at_main(applied)}, and says something else now"
    ]
    assert finding.details[1:] == (
        " -- the same",
        "-CREATE TABLE a (id bigint PRIMARY KEY);",
        "+CREATE TABLE a (id int PRIMARY KEY);",
    )
    assert finding.instead == f"git checkout {applied.git('rev-parse', 'main')[:7]} -- migrations/0001_a.sql"


def test_a_reworded_migration_is_only_noted(applied: Repo):
    applied.add("0001_a", f"-- Why: because\n{A}", "-- Undoes it\nDROP TABLE a;\n")

    assert found(applied) == [
        "PG010 0001_a.rollback.sql:1 the rollback of 0001_a means what it meant, in other words",
        "PG010 0001_a.sql:1 0001_a.sql means what it meant, in other words",
    ]


def test_a_long_edit_is_shown_in_part(applied: Repo):
    applied.add("0001_a", "SELECT 1;\n" * 30, "DROP TABLE a;\n")

    (finding,) = applied.prove(history.prove).findings

    assert (len(finding.details), finding.details[-1]) == (21, "... and 12 lines more")


def test_a_reworded_header_that_no_new_database_could_obey_is_an_error(applied: Repo):
    applied.add("0001_a", f"-- phase: later\n{A}", "DROP TABLE a;\n")

    assert found(applied) == [
        "PG000 0001_a.sql:1 phase: 'later' is not valid",
        "PG010 0001_a.sql:1 0001_a.sql means what it meant, in other words",
    ]


def test_a_removed_migration_is_named_where_it_was(applied: Repo):
    for name in ("0001_a.sql", "0001_a.rollback.sql"):
        (applied.root / "migrations" / name).unlink()

    assert found(applied) == [f"PG003 0001_a.sql:None 0001_a.sql is gone, and applied at {at_main(applied)}"]
    assert instead(applied)[0].endswith(" -- migrations/0001_a.sql")


def test_a_removed_migration_whose_rollback_stays_is_named_all_the_same(applied: Repo):
    (applied.root / "migrations" / "0001_a.sql").unlink()

    assert found_ids(applied) == ["PG000", "PG003"]


def test_all_migrations_removed_are_named_each(applied: Repo):
    applied.git("rm", "-q", "-r", "migrations")

    assert found_ids(applied) == ["PG003", "PG003"]


def test_a_renamed_migration_is_told_from_a_removed_one_even_where_its_comments_changed(applied: Repo):
    for name in ("0002_b.sql", "0002_b.rollback.sql"):
        (applied.root / "migrations" / name).unlink()
    applied.add("0003_b", f"-- renumbered\n{B}", "DROP TABLE b;\n")

    assert found(applied) == ["PG002 0003_b.sql:None 0002_b.sql is called 0003_b.sql now"]
    assert [each.splitlines() for each in instead(applied)] == [
        [
            "mv migrations/0003_b.sql migrations/0002_b.sql",
            "mv migrations/0003_b.rollback.sql migrations/0002_b.rollback.sql",
        ]
    ]


def test_a_rollback_may_change_and_is_noted(applied: Repo):
    applied.put("migrations/0001_a.rollback.sql", "DROP TABLE IF EXISTS a;\n")

    assert found(applied) == ["PG011 0001_a.rollback.sql:1 the rollback of 0001_a says something else now"]


def test_a_rollback_may_be_added(repo: Repo):
    repo.add("0001_a", f"-- irreversible: so it seemed\n{A}", None)
    repo.commit()
    repo.add("0001_a", A, "DROP TABLE a;\n")

    assert found(repo) == [
        "PG010 0001_a.sql:1 0001_a.sql means what it meant, in other words",
        "PG011 0001_a.rollback.sql:None the rollback of 0001_a is new",
    ]


def test_a_removed_rollback_takes_the_way_back_away(applied: Repo):
    (applied.root / "migrations" / "0001_a.rollback.sql").unlink()

    assert found(applied) == ["PG006 0001_a.sql:None the rollback of 0001_a was removed"]
    assert instead(applied)[0].endswith(" -- migrations/0001_a.rollback.sql")


def test_an_edited_file_that_is_no_text_is_edited(applied: Repo):
    (applied.root / "migrations" / "0001_a.sql").write_bytes(b"SELECT '\xff';\n")
    (applied.root / "migrations" / "0001_a.rollback.sql").unlink()

    assert found_ids(applied) == ["PG000", "PG001"]


def test_an_applied_migration_that_never_had_a_rollback_is_as_it_was(repo: Repo):
    repo.add("0001_a", A, None)
    repo.commit()

    assert found(repo) == []


# Numbers


def test_a_number_before_the_newest_applied_one_is_overtaken(repo: Repo):
    repo.add("0001_a", A)
    repo.add("0003_c", B)
    repo.commit()
    repo.add("0002_b", "SELECT 1;\n")

    assert found(repo) == [f"PG004 0002_b.sql:None 0002_b.sql comes before 0003_c.sql at {at_main(repo)}"]


def test_overtaken_migrations_are_renumbered_together_with_those_after_them(applied: Repo):
    """The second is in its place as it stands, and would come before the first once that has moved."""
    branch_off(applied, "0004_theirs", "SELECT 1;\n")
    applied.add("0003_c", "SELECT 1;\n")
    applied.add("0005_d", "SELECT 1;\n", None)

    (overtaken,) = [each for each in applied.prove(history.prove).findings if each.kind.id == "PG004"]

    assert overtaken.what == f"0003_c.sql comes before migrations/0004_theirs.sql at {at_main(applied)}"
    assert overtaken.instead.splitlines() == [
        "mv migrations/0003_c.sql migrations/0005_c.sql",
        "mv migrations/0003_c.rollback.sql migrations/0005_c.rollback.sql",
        "mv migrations/0005_d.sql migrations/0006_d.sql",
        "echo 0006_d > migrations/HEAD",
        "# and what `-- depends:` says of them",
    ]


@pytest.mark.parametrize("id", ["0002_a", "0002_z"])
def test_a_number_that_is_applied_is_taken_and_the_new_file_is_blamed(applied: Repo, id: str):
    applied.add(id, "SELECT 1;\n")

    assert found(applied) == [f"PG005 {id}.sql:None 0002_b.sql at {at_main(applied)} has the number of {id}.sql"]


def test_two_new_migrations_cannot_have_one_number(applied: Repo):
    applied.add("0003_c", "SELECT 1;\n")
    applied.add("0003_d", "SELECT 1;\n")

    assert found(applied) == ["PG005 0003_d.sql:None 0003_c.sql has the number of 0003_d.sql"]


def test_a_number_that_the_main_branch_has_taken_meanwhile_is_taken(applied: Repo):
    branch_off(applied, "0003_theirs", "SELECT 1;\n")
    applied.add("0003_ours", "SELECT 1;\n")

    what = f"PG005 0003_ours.sql:None 0003_theirs.sql at {at_main(applied)} has the number of 0003_ours.sql"
    assert found(applied) == [what]
    assert instead(applied)[0].startswith("mv migrations/0003_ours.sql migrations/0004_ours.sql\n")


def test_what_the_main_branch_has_as_well_is_no_conflict(applied: Repo):
    branch_off(applied, "0003_same", "SELECT 1;\n")
    applied.git("checkout", "-q", "main")
    applied.add("0004_more", "SELECT 1;\n")
    applied.commit()
    applied.git("checkout", "-q", "branch")
    applied.add("0003_same", "SELECT 1;\n")

    assert found(applied) == []


def test_a_migration_after_the_main_branches_newer_ones_is_well(applied: Repo):
    branch_off(applied, "0003_theirs", "SELECT 1;\n")
    applied.add("0004_ours", "SELECT 1;\n")

    assert found(applied) == []


def test_numbers_are_compared_as_numbers(repo: Repo):
    repo.add("0009_a", A)
    repo.commit()
    repo.add("0010_b", B)

    assert found(repo) == []


# What the runner would refuse


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("0003_c.sql", "SELEC 1;\n", 'PG000 0003_c.sql:1 syntax error at or near "SELEC"'),
        (
            "0003_c.sql",
            "SELECT 1;\nCOMMIT;\n",
            "PG000 0003_c.sql:2 COMMIT would end the transaction that carries the ledger row",
        ),
        ("0003_c.sql", "-- Phase: post\nSELECT 1;\n", "PG000 0003_c.sql:1 yoyo takes `Phase:` for a comment"),
        (
            "0003_c.sql",
            "-- depends: 0009_x\nSELECT 1;\n",
            "PG000 0003_c.sql:1 depends on 0009_x, which does not exist",
        ),
        ("0003_c.sql", "", "PG000 0003_c.sql:None there is no statement in it"),
        (
            "repeatable/v.sql",
            "BEGIN;\n",
            "PG000 repeatable/v.sql:1 BEGIN would end the transaction that carries the ledger row",
        ),
        (
            "repeatable/v.rollback.sql",
            "SELECT 1;\n",
            "PG000 repeatable/v.rollback.sql:None a rollback without its migration",
        ),
        ("new_thing.sql", "SELECT 1;\n", "PG000 new_thing.sql:None the name is not NNNN_verb_object"),
        ("post-apply.sql", "SELECT 1;\n", "PG000 post-apply.sql:None post-apply hooks are not run"),
        ("000_c.sql", "SELECT 1;\n", "PG000 000_c.sql:None by name it comes after 0002_b, by number before"),
    ],
)
def test_what_the_runner_refuses_is_a_finding_with_its_line_and_no_error(applied: Repo, name, text, expected):
    applied.put("migrations/0003_c.rollback.sql", "SELECT 1;\n") if name == "0003_c.sql" else None
    applied.put(f"migrations/{name}", text)
    applied.put("migrations/HEAD", "0003_c\n" if name == "0003_c.sql" else "0002_b\n")

    told = [each for each in found(applied) if each.startswith("PG000")]

    assert [each[: len(expected)] for each in told] == [expected]
    assert all(each.instead for each in applied.prove(history.prove).findings)


def test_a_new_migration_that_is_no_text_is_unreadable(applied: Repo):
    applied.add("0003_c", "").write_bytes(b"-- phase: post\nSELECT '\xff';\n")

    assert found(applied) == ["PG000 0003_c.sql:2 it is not UTF-8"]


def test_a_name_that_cannot_be_read_does_not_hide_what_was_edited(applied: Repo):
    applied.put("migrations/new_thing.sql", "SELECT 1;\n")
    applied.put("migrations/0001_a.sql", "SELECT 1;\n")

    assert found_ids(applied) == ["PG000", "PG001"]


def test_a_migration_without_a_rollback_must_say_why(applied: Repo):
    applied.add("0003_c", "SELECT 1;\n", None)
    assert found(applied) == ["PG006 0003_c.sql:1 0003_c has no rollback, and does not say why"]

    applied.add("0003_c", "-- irreversible: nothing is changed\nSELECT 1;\n", None)
    assert found(applied) == []


def test_a_python_migration_needs_a_way_back_as_well(applied: Repo):
    applied.add("0003_c", "SELECT 1;\n").unlink()
    (applied.root / "migrations/0003_c.rollback.sql").unlink()
    applied.put("migrations/0003_c.py", 'from yoyo import step\n\nsteps = [step("SELECT 1")]\n')

    assert found_ids(applied) == ["PG006"]


def test_a_python_migration_that_does_not_import_is_unreadable_and_no_more(applied: Repo):
    applied.add("0003_c", "SELECT 1;\n").unlink()
    (applied.root / "migrations/0003_c.rollback.sql").unlink()
    applied.put("migrations/0003_c.py", "import nosuch_module\n")

    assert found_ids(applied) == ["PG000"]


def test_what_waits_for_the_new_code_comes_last(applied: Repo):
    applied.add("0003_c", "-- phase: post\nSELECT 1;\n")
    applied.add("0004_d", "SELECT 1;\n")
    applied.add("0005_e", "-- why\n-- phase: pre\nSELECT 1;\n")
    applied.add("0006_f", "-- phase: post\nSELECT 1;\n")

    assert found(applied) == [
        "PG008 0004_d.sql:1 0004_d comes after 0003_c, which waits for the new code",
        "PG008 0005_e.sql:2 0005_e comes after 0003_c, which waits for the new code",
    ]


# The head file


def test_a_head_file_that_is_stale_says_what_to_write(applied: Repo):
    applied.add("0003_c", "SELECT 1;\n")
    applied.put("migrations/HEAD", "0002_b\n")

    assert found(applied) == ["PG007 HEAD:1 HEAD says '0002_b', the newest is 0003_c"]
    assert instead(applied) == ["echo 0003_c > migrations/HEAD"]


def test_a_head_file_with_a_conflict_in_it_is_stale(applied: Repo):
    applied.put("migrations/HEAD", "<<<<<<< HEAD\n0002_b\n=======\n0002_x\n>>>>>>> main\n")

    assert found(applied) == ["PG007 HEAD:1 HEAD says '<<<<<<< HEAD', the newest is 0002_b"]


def test_a_removed_head_file_is_missed(applied: Repo):
    (applied.root / "migrations/HEAD").unlink()

    assert found(applied) == ["PG007 HEAD:None there is no HEAD"]


def test_a_project_that_never_had_one_needs_it_with_its_next_migration(applied: Repo):
    (applied.root / "migrations/HEAD").unlink()
    applied.commit()
    assert found(applied) == []

    applied.add("0003_c", "SELECT 1;\n")
    (applied.root / "migrations/HEAD").unlink()
    assert found(applied) == ["PG007 HEAD:None there is no HEAD"]


def test_a_head_file_with_other_ends_of_lines_is_the_same(applied: Repo):
    applied.put("migrations/HEAD", "0002_b\r\n")

    assert found(applied) == []


def test_two_branches_that_add_a_migration_conflict_in_git(applied: Repo):
    branch_off(applied, "0003_theirs", "SELECT 1;\n")
    applied.add("0004_ours", "SELECT 1;\n")
    applied.commit()

    with pytest.raises(subprocess.CalledProcessError) as caught:
        applied.git("merge", "-q", "main")

    assert "Merge conflict in migrations/HEAD" in caught.value.stdout


# Repeatables


VIEW = "CREATE OR REPLACE VIEW v AS SELECT 1 AS one;\n"


@pytest.fixture
def viewed(repo: Repo) -> Repo:
    """A project whose main branch has a repeatable."""
    repo.add("0001_a", A)
    repo.put("migrations/repeatable/v.sql", VIEW)
    repo.put("migrations/repeatable/v.rollback.sql", "DROP VIEW v;\n")
    repo.commit()
    for name in ("v.sql", "v.rollback.sql"):
        (repo.root / "migrations" / "repeatable" / name).unlink()
    return repo


def test_a_removed_repeatable_leaves_what_it_made(viewed: Repo):
    viewed.add("0002_b", B)

    assert found(viewed) == ["PG012 repeatable/v.sql:None v.sql was removed: what it made stays in production"]
    assert instead(viewed) == ["`inv db.new drop_v`, and there:\nDROP VIEW v;"]


def test_a_removed_repeatable_that_a_new_migration_drops_is_well(viewed: Repo):
    viewed.add("0002_drop_v", "DROP VIEW IF EXISTS v;\n")

    assert found(viewed) == []


@pytest.mark.parametrize("name", ["repeatable/views.sql", "0002_v.sql"])
def test_a_repeatable_whose_text_moved_is_well(viewed: Repo, name: str):
    viewed.add("0002_v", B)
    viewed.put(f"migrations/{name}", f"-- views\n{VIEW}{B}")

    assert found(viewed) == []


def test_a_repeatable_may_change(viewed: Repo):
    viewed.put("migrations/repeatable/v.sql", "CREATE OR REPLACE VIEW v AS SELECT 2 AS one;\n")

    assert found(viewed) == []
