"""What git knows of a project, as the gate reads it: base, head, and what is new between them."""

import os
import shutil
import subprocess
from dataclasses import replace

import pytest

from pgproof.errors import PgproofError, SettingsError
from pgproof.gate.change import Change, read_change
from pgproof.gate.git import Repository
from tests.gates import Repo

TABLE = "CREATE TABLE {} (id int PRIMARY KEY);\n"


def ids(migrations) -> list[str]:
    return [each.id for each in migrations]


def first(repo: Repo) -> str:
    """Commit a first migration on main."""
    repo.add("0001_a", TABLE.format("a"))
    return repo.commit()


def names(change: Change) -> list[str]:
    root = change.base.settings.root
    return sorted(each.relative_to(root).as_posix() for each in root.rglob("*") if each.is_file())


# What is new


def test_what_is_committed_and_what_only_lies_there_is_new_alike(repo: Repo):
    first(repo)
    repo.git("checkout", "-q", "-b", "branch")
    repo.add("0002_b", TABLE.format("b"))
    repo.commit()
    repo.add("0003_c", TABLE.format("c"))

    change = repo.change()

    assert ids(change.base.folder.migrations) == ["0001_a"]
    assert ids(change.new) == ["0002_b", "0003_c"]
    assert change.tip is None


def test_base_is_where_head_parted_from_the_ref_and_tip_is_the_ref(repo: Repo):
    fork = first(repo)
    repo.git("checkout", "-q", "-b", "branch")
    repo.add("0002_b", TABLE.format("b"))
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.add("0003_c", TABLE.format("c"))
    tip = repo.commit()
    repo.git("checkout", "-q", "branch")

    change = repo.change()

    assert change.tip
    assert (change.base.commit, change.base.name) == (fork, fork[:7])
    assert (change.tip.commit, change.tip.name) == (tip, f"main ({tip[:7]})")
    assert ids(change.tip.folder.migrations) == ["0001_a", "0003_c"]
    assert ids(change.new) == ["0002_b"]


def test_the_merge_commit_of_a_pull_request_is_compared_with_the_main_branch_as_it_is_merged(repo: Repo):
    """As actions/checkout has it: HEAD is detached, and its parents are the main branch and the branch."""
    first(repo)
    repo.git("checkout", "-q", "-b", "branch")
    repo.add("0003_c", TABLE.format("c"))
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.put("migrations/0002_b.sql", TABLE.format("b"))
    tip = repo.commit()
    repo.git("checkout", "-q", "--detach")
    repo.git("merge", "-q", "--no-ff", "-m", "merge", "branch")

    change = repo.change()

    assert (change.base.commit, change.base.name, change.tip) == (tip, f"main ({tip[:7]})", None)
    assert ids(change.new) == ["0003_c"]


def test_nothing_is_new_where_head_is_the_ref(repo: Repo):
    first(repo)

    change = repo.change("HEAD")

    assert (change.is_empty, change.tip, change.base.folder.repeatables) == (True, None, [])


def test_a_repeatable_is_repeated_where_it_is_new_or_says_something_else(repo: Repo):
    repo.put("migrations/repeatable/same.sql", "SELECT 1;\n")
    repo.put("migrations/repeatable/other.sql", "SELECT 1;\n")
    first(repo)
    repo.put("migrations/repeatable/other.sql", "SELECT 2;\n")
    repo.put("migrations/repeatable/added.sql", "SELECT 1;\n")

    change = repo.change()

    assert ids(change.repeated) == ["added", "other"]
    assert not change.is_empty


def test_all_from_the_first_that_waits_for_the_code_is_post(repo: Repo):
    first(repo)
    repo.add("0002_b", TABLE.format("b"))
    repo.add("0003_c", "-- phase: post\n" + TABLE.format("c"))
    repo.add("0004_d", TABLE.format("d"))

    change = repo.change()

    assert (ids(change.pre), ids(change.post)) == (["0002_b"], ["0003_c", "0004_d"])


def test_what_is_broken_on_purpose_is_said_by_new_migrations_and_changed_repeatables(repo: Repo):
    repo.add("0001_a", "-- breaks: old.one because it was so then\n" + TABLE.format("a"))
    repo.commit()
    repo.add("0002_b", "-- breaks: a.b, a.c because nobody asks\n" + TABLE.format("b"))
    repo.put("migrations/repeatable/v.sql", "-- breaks: a.d because it is wrong\nSELECT 1;\n")

    assert repo.change().breaks == {"a.b": "nobody asks", "a.c": "nobody asks", "a.d": "it is wrong"}


# What a commit had


def test_base_has_the_files_as_they_were_committed_and_no_others(repo: Repo):
    repo.put("queries/a/all.sql", "-- returns: many\nSELECT 1 AS one;\n")
    repo.put("seeds/010_a.csv", "id\n1\n")
    repo.put("tests/contracts/a/all.toml", '[[case]]\nname = "all"\n')
    repo.put("schema.sql", "-- as it was\n")
    repo.put("README.md", "nothing that is judged\n")
    first(repo)
    repo.put("queries/a/all.sql", "-- returns: many\nSELECT 2 AS two;\n")
    repo.put("schema.sql", "-- as it is\n")

    change = repo.change()

    assert names(change) == [
        "migrations/0001_a.rollback.sql",
        "migrations/0001_a.sql",
        "migrations/HEAD",
        "queries/a/all.sql",
        "schema.sql",
        "seeds/010_a.csv",
        "tests/contracts/a/all.toml",
    ]
    assert "one" in change.base.queries["a.all"].text
    assert (change.base.settings.root / "schema.sql").read_text() == "-- as it was\n"


def test_a_project_below_the_root_of_its_repository_is_seen_from_its_own(repo: Repo):
    repo.put("migrations/0001_of_the_other.sql", "SELECT 1;\n")
    repo.put(".gitattributes", "*.sql text eol=crlf\n")
    repo.put("services/shop/migrations/0001_a.sql", "SELECT 1;\n")
    repo.commit()

    change = read_change(replace(repo.settings, root=repo.root / "services" / "shop"), "main")

    assert ids(change.base.folder.migrations) == ["0001_a"]
    assert change.base.folder.migrations[0].raw == b"SELECT 1;\r\n"  # as a checkout would write it
    assert change.here(change.base.folder.migrations[0].path) == repo.root / "services/shop/migrations/0001_a.sql"


def test_a_project_that_the_commit_does_not_have_begins_from_nothing(repo: Repo):
    first(repo)
    repo.put("services/shop/migrations/0001_a.sql", "SELECT 1;\n")

    change = read_change(replace(repo.settings, root=repo.root / "services" / "shop"), "main")

    assert (list(change.base.folder.migrations), ids(change.new)) == ([], ["0001_a"])
    assert list(change.base.queries) == []
    assert change.base.subjects == []


def test_a_base_without_migrations_is_an_empty_database(repo: Repo):
    repo.put("seeds/010_a.csv", "id\n1\n")
    repo.commit()
    repo.add("0001_a", TABLE.format("a"))

    change = repo.change()

    assert ids(change.new) == ["0001_a"]
    with repo.databases() as databases:
        with databases.connect(databases.built(change.base, seeded=True)) as connection:
            assert connection.execute("SELECT count(*) FROM pg_class WHERE relname = 'a'").fetchone() == (0,)
        with databases.connect(databases.built(change.head, seeded=True)) as connection:
            assert connection.execute("SELECT count(*) FROM a").fetchone() == (1,)


def test_what_an_archive_would_leave_out_is_there(repo: Repo):
    repo.put(".gitattributes", "/tests export-ignore\n")
    repo.put("tests/contracts/a/all.toml", '[[case]]\nname = "all"\n')
    first(repo)

    assert "tests/contracts/a/all.toml" in names(repo.change())


@pytest.mark.parametrize("kind", ["a symbolic link", "a submodule"])
def test_a_link_is_refused_because_what_it_leads_to_may_have_changed(repo: Repo, kind):
    commit = first(repo)
    if kind == "a symbolic link":
        (repo.root / "queries").symlink_to("elsewhere")
    else:
        repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},queries")
    repo.git("add", "migrations") if kind == "a submodule" else repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "link")

    with pytest.raises(SettingsError, match=f"queries is {kind} at "):
        repo.change()


def test_reading_a_commit_leaves_the_repository_as_it_was(repo: Repo):
    first(repo)
    hook = repo.put(".git/hooks/post-index-change", "#!/bin/sh\ntouch hook-was-here\n")
    hook.chmod(0o755)
    before = {each: each.stat().st_mtime_ns for each in repo.root.rglob("*")}

    repo.change()

    assert {each: each.stat().st_mtime_ns for each in repo.root.rglob("*")} == before


def test_in_a_hook_of_git_the_project_is_still_found_from_its_folder(repo: Repo, monkeypatch):
    repo.put("services/shop/migrations/0001_a.sql", "SELECT 1;\n")
    repo.commit()
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")

    change = read_change(replace(repo.settings, root=repo.root / "services" / "shop"), "main")

    assert ids(change.base.folder.migrations) == ["0001_a"]


# The cache


def test_a_commit_is_written_once_and_what_a_killed_run_left_does_not_count(repo: Repo):
    commit = first(repo)
    whole = repo.change().base.settings.root
    shutil.rmtree(whole)
    draft = whole.with_name(f".{whole.name}.draft")
    (draft / "migrations").mkdir(parents=True)
    (draft / "migrations" / "0001_half.sql").touch()

    folder = repo.change().base.folder
    again = repo.change().base.settings.root

    assert ids(folder.migrations) == ["0001_a"]
    assert (again, draft.exists(), commit in str(whole)) == (whole, False, True)
    assert names(repo.change()) == ["migrations/0001_a.rollback.sql", "migrations/0001_a.sql", "migrations/HEAD"]


def test_what_nobody_asked_for_in_a_week_goes(repo: Repo):
    first(repo)
    old = repo.change().base.settings.root
    asked = old.with_name("asked-for")
    asked.mkdir()
    os.utime(old, (0, 0))
    repo.add("0002_b", TABLE.format("b"))
    repo.commit()

    repo.change()

    assert (old.exists(), asked.exists()) == (False, True)


def test_what_is_asked_for_again_stays_for_another_week(repo: Repo):
    first(repo)
    old = repo.change().base.settings.root
    os.utime(old, (0, 0))
    repo.change()
    repo.add("0002_b", TABLE.format("b"))
    repo.commit()

    repo.change()

    assert old.exists()


# What people are told


def test_a_file_of_a_commit_is_shown_as_the_project_has_it(repo: Repo):
    commit = first(repo)
    change = repo.change()
    (there,), (here,) = change.base.folder.migrations, change.head.folder.migrations

    assert change.base.show(there.path, 3) == f"migrations/0001_a.sql:3 at main ({commit[:7]})"
    assert change.head.show(here.path) == "migrations/0001_a.sql"
    assert change.here(there.path) == here.path
    assert change.here(here.path) == here.path


def test_what_is_wrong_with_a_commit_is_told_of_its_files_as_the_project_has_them(repo: Repo):
    repo.add("0001_a", TABLE.format("a"))
    repo.add("0001_b", TABLE.format("b"))
    commit = repo.commit()

    with pytest.raises(PgproofError) as caught:
        _ = repo.change().base.folder

    told = f"main ({commit[:7]}) is not as it should be: migrations/0001_b.sql: 0001_a.sql has the same number"
    assert str(caught.value).startswith(told)


def test_a_base_that_the_server_refuses_is_told_in_the_same_way(repo: Repo):
    repo.add("0001_a", "SELECT nosuch;\n")
    repo.commit()
    change = repo.change()

    with repo.databases() as databases, pytest.raises(PgproofError) as caught:
        databases.built(change.base, seeded=False)

    assert f"{change.base.name} is not as it should be: migrations/0001_a.sql:1: " in str(caught.value)


# Where there is nothing to compare with


def test_before_the_first_deployment_the_base_is_nothing_and_all_is_new_though_nothing_is_committed(repo: Repo):
    repo.add("0001_a", TABLE.format("a"))

    change = read_change(repo.settings, "nothing")

    assert (change.base.name, names(change), change.tip) == ("nothing", [], None)
    assert ids(change.new) == ["0001_a"]


def test_the_main_branch_of_origin_is_what_is_compared_with_where_nobody_says(repo: Repo, tmp_path):
    commit = first(repo)
    repo.git("clone", "-q", str(repo.root), str(tmp_path / "clone"))

    change = read_change(replace(repo.settings, root=tmp_path / "clone"))

    assert change.base.name == f"origin/main ({commit[:7]})"


def test_without_origin_it_is_the_main_branch_here(repo: Repo):
    commit = first(repo)
    repo.git("checkout", "-q", "-b", "branch")

    assert read_change(repo.settings).base.name == f"main ({commit[:7]})"


def test_a_shallow_clone_says_what_to_fetch(repo: Repo, tmp_path):
    first(repo)
    repo.git("checkout", "-q", "-b", "branch")
    repo.commit("branch")
    repo.git("checkout", "-q", "main")
    repo.commit("main")
    clone = tmp_path / "clone"
    url = f"file://{repo.root}"
    repo.git("clone", "-q", "--depth=1", "--no-single-branch", "--branch=branch", url, str(clone))

    with pytest.raises(SettingsError, match="the clone is shallow") as caught:
        read_change(replace(repo.settings, root=clone))

    assert "git fetch --unshallow" in caught.value.hint
    assert "fetch-depth: 0" in caught.value.hint


def test_branches_of_different_origin_have_nothing_to_compare(repo: Repo):
    first(repo)
    repo.git("checkout", "-q", "--orphan", "other")
    repo.commit("another beginning")

    with pytest.raises(SettingsError, match="HEAD and main have no commit in common"):
        repo.change()


def test_a_ref_that_git_does_not_know_is_said_with_what_to_fetch(repo: Repo):
    first(repo)

    with pytest.raises(SettingsError, match="git knows no nosuch") as caught:
        repo.change("nosuch")

    assert "git fetch" in caught.value.hint


def test_a_branch_that_only_origin_has_is_guessed(repo: Repo):
    first(repo)
    repo.git("update-ref", "refs/remotes/origin/release", "HEAD")

    with pytest.raises(SettingsError) as caught:
        repo.change("release")

    assert caught.value.hint == "did you mean origin/release?"


@pytest.mark.parametrize("ref", ["--help", "-n", "HEAD^{tree}", ""])
def test_what_is_no_commit_is_no_ref(repo: Repo, ref):
    first(repo)

    with pytest.raises(SettingsError, match="git knows no"):
        Repository(repo.root).resolve(ref)


def test_a_repository_without_a_commit_has_no_main_branch(repo: Repo):
    with pytest.raises(SettingsError, match="no main branch was found") as caught:
        read_change(repo.settings)

    assert "--base=REF" in caught.value.hint


def test_a_folder_outside_of_any_repository_is_said(repo: Repo, tmp_path, monkeypatch):
    (tmp_path / "bare").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))

    with pytest.raises(SettingsError, match=r"git rev-parse: not a git repository") as caught:
        read_change(replace(repo.settings, root=tmp_path / "bare"))

    assert "git repository" in caught.value.hint


def test_a_machine_without_git_is_said(repo: Repo, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SettingsError, match="there is no git here"):
        read_change(repo.settings)


def test_two_runs_at_once_read_one_commit(repo: Repo):
    first(repo)
    script = (
        "from pathlib import Path; from pgproof.gate.git import Repository;"
        f"print(Repository(Path({str(repo.root)!r})).extract({repo.git('rev-parse', 'HEAD')!r}, ['migrations'],"
        f" Path({str(repo.settings.cache / 'at-once')!r})))"
    )
    running = [subprocess.Popen(["python", "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(3)]

    told = {process.communicate()[0] for process in running}

    assert len(told) == 1
    assert {process.returncode for process in running} == {0}
