"""The proof of the merge order: the main branch's newer migrations and this branch's give one schema either way."""

import pytest

from pgproof.gate.proofs import order
from tests.gates import Repo

TABLE = "CREATE TABLE q (id int PRIMARY KEY);\nINSERT INTO q VALUES (1);\n"
Q = "ALTER TABLE q ADD COLUMN {} int;\n"


@pytest.fixture
def parted(repo: Repo) -> Repo:
    """A project on a branch; `main` gives the main branch something meanwhile."""
    repo.add("0001_q", TABLE)
    repo.put("migrations/repeatable/twice.sql", "CREATE OR REPLACE VIEW twice AS SELECT id * 2 AS id FROM q;\n")
    repo.commit()
    repo.git("checkout", "-q", "-b", "branch")
    return repo


def main(repo: Repo, id: str, up: str, **files: str) -> str:
    """Let the main branch have a migration and other files; return the commit's short name."""
    repo.git("checkout", "-q", "main")
    repo.add(id, up)
    for name, text in files.items():
        repo.put(f"migrations/repeatable/{name}.sql", text)
    commit = repo.commit()
    repo.git("checkout", "-q", "branch")
    return f"main ({commit[:7]})"


FIRST = "PG602 migrations/0003_ours.sql:{} with {} first, the server refuses: {}"


def found(repo: Repo) -> list[str]:
    return repo.found(order.prove)


def test_without_news_of_the_main_branch_there_is_no_order(parted: Repo):
    parted.add("0002_ours", Q.format("a"))

    assert parted.prove(order.prove).not_applicable == "the main branch has no migration that is not here"


def test_news_that_are_no_migrations_do_not_matter(parted: Repo):
    parted.git("checkout", "-q", "main")
    parted.put("README.md", "news\n")
    parted.commit()
    parted.git("checkout", "-q", "branch")
    parted.add("0002_ours", Q.format("a"))

    assert parted.prove(order.prove).not_applicable == "the main branch has no migration that is not here"


def test_a_branch_without_migrations_has_no_order(parted: Repo):
    main(parted, "0002_theirs", Q.format("a"))

    assert parted.prove(order.prove).not_applicable == "no migration is new"


def test_what_both_branches_have_is_in_its_place_already(parted: Repo):
    main(parted, "0002_same", Q.format("a"))
    parted.add("0002_same", Q.format("a"))
    parted.add("0003_ours", "ALTER TABLE q DROP COLUMN a;\n")

    assert parted.prove(order.prove).not_applicable == "the main branch has no migration that is not here"


def test_two_columns_of_one_table_may_be_added_in_either_order(parted: Repo):
    main(parted, "0002_theirs", Q.format("a"))
    parted.add("0003_ours", Q.format("b"))
    parted.add("0004_ours", Q.format("c"))

    outcome = parted.prove(order.prove)

    assert (outcome.findings, outcome.note) == ((), "2 of this branch, 1 of the main branch, both ways")


def test_a_view_of_all_columns_depends_on_the_order(parted: Repo):
    main(parted, "0002_theirs", Q.format("a"))
    parted.add("0003_ours", "CREATE VIEW v AS SELECT * FROM q;\n")

    (finding,) = parted.prove(order.prove).findings

    what = "0003_ours gives another schema before the main branch's newer migrations than after them"
    assert found(parted) == [f"PG601 migrations/0003_ours.sql:None {what}"]
    assert "with this branch first: removed column public.v.a: type = integer" in finding.details


def test_a_migration_that_is_refused_after_the_main_branches_is_named_with_its_line(parted: Repo):
    after = "CREATE OR REPLACE VIEW twice AS SELECT id * 2 AS id FROM r;\n"
    main(parted, "0002_theirs", "ALTER TABLE q RENAME TO r;\n", twice=after)
    parted.add("0003_ours", "SELECT 1;\n" + Q.format("a"))

    (finding,) = parted.prove(order.prove).findings

    assert found(parted) == [
        FIRST.format(2, "the main branch", 'relation "q" does not exist (42P01)'),
    ]
    assert finding.details == ("statement: ALTER TABLE q ADD COLUMN a int",)


def test_a_migration_of_the_main_branch_that_is_refused_is_told_as_it_is_there(parted: Repo):
    at_main = main(parted, "0002_theirs", "CREATE UNIQUE INDEX ON q ((id / 2));\n")
    parted.add("0003_ours", "INSERT INTO q VALUES (2), (3);\n")

    said = parted.found(order.prove)

    ours = 'duplicate key value violates unique constraint "q_expr_idx" (23505)'
    theirs = 'could not create unique index "q_expr_idx" (23505)'
    assert said == [
        FIRST.format(1, "the main branch", ours),
        FIRST.format(None, "this branch", f"migrations/0002_theirs.sql:1 at {at_main}: {theirs}"),
    ]


def test_seeds_are_there_for_what_looks_at_rows(parted: Repo):
    parted.git("checkout", "-q", "main")
    parted.put("seeds/010_q.csv", "id\n7\n")
    parted.commit()
    parted.git("checkout", "-q", "branch")
    parted.git("merge", "-q", "main")
    main(parted, "0002_theirs", "INSERT INTO q VALUES (7) ON CONFLICT DO NOTHING;\n")
    parted.add(
        "0003_ours", "DO $$ BEGIN IF NOT EXISTS (SELECT FROM q WHERE id = 7) THEN DROP TABLE q; END IF; END $$;\n"
    )

    assert found(parted) == []


def test_repeatables_are_merged_and_run_last(parted: Repo):
    """Main's new view stands on main's column, the branch's on the branch's, and the old one is replaced here."""
    main(parted, "0002_theirs", Q.format("a"), theirs="CREATE OR REPLACE VIEW theirs AS SELECT a FROM q;\n")
    parted.add("0003_ours", Q.format("b"))
    parted.put("migrations/repeatable/ours.sql", "CREATE OR REPLACE VIEW ours AS SELECT b FROM q;\n")
    parted.put("migrations/repeatable/twice.sql", "CREATE OR REPLACE VIEW twice AS SELECT id * 2 AS id, b FROM q;\n")

    with parted.trial() as trial:
        assert [each.id for each in order.merge_repeatables(trial.change)] == ["ours", "theirs", "twice"]
        assert order.prove(trial).findings == ()


def test_a_repeatable_that_either_side_removed_is_gone(parted: Repo):
    parted.git("checkout", "-q", "main")
    parted.put("migrations/repeatable/other.sql", "SELECT 1;\n")
    parted.commit()
    parted.git("checkout", "-q", "branch")
    parted.git("merge", "-q", "main")
    parted.git("checkout", "-q", "main")
    (parted.root / "migrations/repeatable/twice.sql").unlink()
    main(parted, "0002_theirs", Q.format("a"))
    (parted.root / "migrations/repeatable/other.sql").unlink()
    parted.add("0003_ours", Q.format("b"))

    with parted.trial() as trial:
        assert order.merge_repeatables(trial.change) == []
