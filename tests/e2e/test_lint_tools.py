"""The run of lint: which tool looks at which file, what is remembered, what is mended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pgproof import sqltext
from pgproof.errors import PgproofError, SettingsError
from pgproof.lint import fix, lint, style, tool
from pgproof.lint.cache import Cache
from pgproof.lint.source import read_sources
from pgproof.settings import read_settings

if TYPE_CHECKING:
    from pgproof.lint import Report
    from pgproof.lint.source import Source
    from pgproof.settings import Settings

QUERY = "-- returns: many\n\nSELECT a.b FROM a WHERE a.c = %(c)s LIMIT %(n)s\n"


FILES = {
    "queries/a/b.sql": QUERY,
    "migrations/0001_a.sql": "CREATE INDEX b ON c (d);\n",
    "migrations/0001_a.rollback.sql": "DROP INDEX b;\n",
    "migrations/0002_b.sql": "-- irreversible: a test\n\nALTER TABLE c ADD COLUMN f bigint;\n",
    "seeds/010_a.sql": "DELETE FROM a;\n",
}


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that knows the files of every project here: sqlfluff takes its time."""
    root = tmp_path_factory.mktemp("known")
    lint(fill(replace(read_settings(root), cache=root / "cache")))
    return root / "cache"


@pytest.fixture
def project(settings: Settings, known: Path) -> Settings:
    """A project with a file of each kind, in some of which something is wrong; its cache knows them."""
    cache = settings.root / "cache"
    shutil.copytree(known, cache)
    return fill(replace(settings, cache=cache, ci=False))


def fill(settings: Settings) -> Settings:
    for name, text in FILES.items():
        write(settings, name, text)
    return settings


def write(settings: Settings, name: str, text: str) -> Path:
    path = settings.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def told(report: Report) -> list[str]:
    return [f"{each.place} {each.tool} {each.rule}" for each in report.findings]


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were neither tools to start nor a parser."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("there is nothing to do")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(sqltext, "_library", refuse)


# Which tool looks at what


def test_each_tool_looks_at_its_files_and_says_where(project: Settings):
    report = lint(project)

    assert told(report) == [
        "migrations/0001_a.sql:1:1 squawk require-concurrent-index-creation",
        "queries/a/b.sql:3:19 sqlfluff LT14",
        "queries/a/b.sql:3:44 pgproof limit-without-order",
        "seeds/010_a.sql:1:13 pgproof without-where",
    ]
    assert (report.files, report.unchecked) == (5, ())


@pytest.mark.parametrize(
    ("transactional", "rule"),
    [("false", "prefer-robust-stmts"), ("true", "ban-concurrent-index-creation-in-transaction")],
)
def test_squawk_knows_what_runs_in_a_transaction(project: Settings, transactional: str, rule: str):
    statements = "CREATE INDEX CONCURRENTLY IF NOT EXISTS e ON c (d);\nALTER TABLE c ADD COLUMN f bigint;\n"
    path = write(project, "migrations/0002_b.sql", f"-- transactional: {transactional}\n\n{statements}")

    assert [each.rule for each in lint(project, [path]).findings if each.tool == "squawk"] == [rule]


def test_only_what_is_under_a_path_is_looked_at(project: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project.root)
    write(project, "migrations/0003_without_a_way_back.sql", "SELECT 1;\n")

    found = lint(project, [Path("queries"), Path("seeds/010_a.sql")])

    assert {each.at.path.parts[0] for each in found.findings} == {"queries", "seeds"}
    assert found.files == 2


def test_a_path_with_nothing_to_lint_is_an_error(project: Settings):
    with pytest.raises(SettingsError, match="there is nothing to lint at"):
        lint(project, [project.root / "querys"])


def test_parameters_are_values_to_sqlfluff(project: Settings):
    text = "SELECT a.b\nFROM a\nINNER JOIN c ON a.b = c.b\nWHERE a.d = %(d)s AND a.e = any(%(e)s)\nORDER BY a.b\n"
    write(project, "queries/a/b.sql", f"-- returns: many\n\n{text}LIMIT %(n)s\n")

    assert lint(project, [project.root / "queries"]).findings == ()


def test_settings_of_sqlfluff_are_those_of_pyproject(project: Settings):
    write(project, "pyproject.toml", '[tool.sqlfluff.core]\nexclude_rules = ["LT01"]\nmax_line_length = 30\n')
    path = write(
        project, "queries/a/b.sql", "-- returns: many\n\nSELECT 1 AS a,  2 AS b,   3 AS ccccccccccccccccccccc\n"
    )

    assert "LT05" in (rules := {each.rule for each in lint(project, [path]).findings})
    assert "LT01" not in rules


def test_an_error_in_the_settings_of_a_tool_is_told_with_its_file(project: Settings):
    write(project, "pyproject.toml", '[tool.sqlfluff.core]\ndialect = "klingon"\n')
    with pytest.raises(SettingsError, match=r"pyproject\.toml: sqlfluff does not take its settings"):
        lint(project)

    write(project, "pyproject.toml", "")
    write(project, ".squawk.toml", "[x\n")
    with pytest.raises(SettingsError, match=r"\.squawk\.toml: squawk gives up"):
        lint(project)


def test_settings_of_squawk_are_in_its_own_file(project: Settings):
    write(project, ".squawk.toml", 'excluded_rules = ["require-concurrent-index-creation"]\n')

    assert [each for each in lint(project).findings if each.tool == "squawk"] == []


def test_a_tool_that_is_not_installed_is_named_with_the_way_to_it(project: Settings, monkeypatch: pytest.MonkeyPatch):
    def fail(name: str) -> str:
        raise tool.PackageNotFoundError(name)

    monkeypatch.setattr(tool, "version", fail)

    with pytest.raises(SettingsError, match=r"is not installed\n  hint: pip install 'pgproof\[lint\]'"):
        lint(project)


def test_a_process_that_dies_is_an_error_that_names_the_file(project: Settings, monkeypatch: pytest.MonkeyPatch):
    shutil.rmtree(project.cache)
    monkeypatch.setattr(style.sys, "executable", "/bin/false")

    with pytest.raises(PgproofError, match=r"\.sql: sqlfluff failed: it was ended"):
        lint(project)


def test_what_sqlfluff_cannot_parse_or_will_not_is_told_and_is_no_fault(project: Settings):
    write(project, "queries/a/b.sql", "-- returns: many\n\nSELECT a.b %% 2 AS c\nFROM a\n")
    long = write(project, "seeds/010_a.sql", f"SELECT 1;\n-- {'x' * 30_000}\n")

    report = lint(project, [project.root / "queries", long])

    assert told(report) == []
    assert report.unchecked == (
        "queries/a/b.sql: sqlfluff cannot parse it from line 3 on",
        "seeds/010_a.sql: longer than sqlfluff's large_file_skip_byte_limit",
    )


# What is remembered


def test_a_second_run_starts_and_parses_nothing(project: Settings, request: pytest.FixtureRequest):
    shutil.rmtree(project.cache)
    first = lint(project)
    request.getfixturevalue("no_work")

    assert lint(project) == first


def test_a_file_that_changed_is_looked_at_again(project: Settings):
    names = ["migrations/0001_a.sql", "queries/a/b.sql", "seeds/010_a.sql"]
    for name in names:
        write(project, name, "-- returns: many\n\nSELEC 1\n")

    assert [str(each.at.path) for each in lint(project).findings if each.rule == "parse-error"] == names


def test_other_settings_of_a_tool_look_again(project: Settings):
    lint(project)
    write(project, "pyproject.toml", "[tool.sqlfluff.core]\nmax_line_length = 10\n")
    assert "LT05" in {each.rule for each in lint(project).findings}

    write(project, ".squawk.toml", 'excluded_rules = ["require-concurrent-index-creation"]\n')
    assert "squawk" not in {each.tool for each in lint(project).findings}


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("distribution", ["sqlfluff", "squawk-cli"])
def test_another_version_of_a_tool_looks_again(project: Settings, monkeypatch: pytest.MonkeyPatch, distribution: str):
    lint(project)
    version = tool.version
    monkeypatch.setattr(tool, "version", lambda name: "99" if name == distribution else version(name))

    with pytest.raises(AssertionError, match="there is nothing to do"):
        lint(project)


@pytest.mark.usefixtures("no_work")
def test_squawk_looks_again_for_another_postgres(project: Settings):
    lint(project)

    with pytest.raises(AssertionError, match="there is nothing to do"):
        lint(replace(project, major=15))


def test_an_answer_that_cannot_be_read_is_found_anew(project: Settings):
    first = lint(project)
    texts = cycle(["", "{", "5", "[]", "[5]", '{"hits": 5}', '{"hits": [{"no": 1}], "unchecked": ""}'])
    for path, text in zip((project.cache / "lint").glob("*/*"), texts, strict=False):
        path.write_text(text)

    assert lint(project) == first


def test_a_cache_that_takes_nothing_costs_only_time(project: Settings):
    first = lint(project)
    shutil.rmtree(project.cache)
    project.cache.write_text("a file in the place of the folder")

    assert lint(project) == first


def test_what_was_judged_before_a_failure_is_known_afterwards(project: Settings, monkeypatch: pytest.MonkeyPatch):
    shutil.rmtree(project.cache)
    with monkeypatch.context() as patch:
        patch.setattr(style.sys, "executable", "/bin/false")
        with pytest.raises(PgproofError):
            lint(project)
    asked = []
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: asked.append(1))  # squawk's start

    lint(project)

    assert asked == []


def test_answers_that_nobody_wants_are_swept(tmp_path: Path):
    cache = Cache(tmp_path / "lint")
    for key in ("old", "asked for", "new"):
        cache.put(key, [key])
    month = 40 * 86_400
    for path in cache.folder.glob("*/*"):
        if "new" not in path.read_text():
            os.utime(path, (path.stat().st_atime - month, path.stat().st_mtime - month))

    assert cache.get("asked for") == ["asked for"]
    cache.sweep()

    assert [cache.get(key) for key in ("old", "asked for", "new")] == [None, ["asked for"], ["new"]]


# What is mended


def test_what_sqlfluff_can_mend_is_mended_and_the_rest_is_left(project: Settings):
    path = write(project, "queries/a/b.sql", "-- returns: many\n\nSELECT a.b  FROM a  ORDER BY a.b;\n")

    assert fix(project).written == (Path("queries/a/b.sql"),)
    assert path.read_text() == "-- returns: many\n\nSELECT a.b FROM a\nORDER BY a.b;\n"
    assert fix(project).written == ()


def test_a_mended_file_keeps_mode_and_line_ends_and_leaves_nothing_beside_it(project: Settings):
    path = write(project, "queries/a/b.sql", "-- returns: many\r\n\r\nSELECT a.b  FROM a\r\n")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
    before = path.stat()

    fix(project)

    after = path.stat()
    assert path.read_bytes() == b"-- returns: many\r\n\r\nSELECT a.b FROM a\r\n"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert list(path.parent.iterdir()) == [path]


def test_no_mending_makes_other_sql_of_a_file(project: Settings):
    text = "-- returns: many\n\nSELECT a.b, c  FROM a ORDER BY a.b, c DESC\n"
    path = write(project, "queries/a/b.sql", text)

    fixed = fix(project)

    assert fixed.left == fixed.written == (Path("queries/a/b.sql"),)
    assert path.read_text() != text
    assert " ".join(path.read_text().split()) == "-- returns: many SELECT a.b, c FROM a ORDER BY a.b, c DESC"


def test_an_edit_made_meanwhile_is_not_lost(project: Settings, monkeypatch: pytest.MonkeyPatch):
    path = write(project, "queries/a/b.sql", "-- returns: many\n\nSELECT a.b  FROM a\n")
    edit = "-- returns: many\n\nSELECT a.edited FROM a\n"

    def answer(*_: object) -> dict[Source, str]:
        path.write_text(edit)
        return {source: source.text.replace("  ", " ")}

    [source] = read_sources(project, [path])
    monkeypatch.setattr(style.Style, "fix", answer)
    fix(project)

    assert path.read_text() == edit


def test_nothing_is_mended_in_ci(project: Settings):
    with pytest.raises(SettingsError, match="nothing is written in CI"):
        fix(replace(project, ci=True))


def test_cached_answers_are_plain_json(project: Settings):
    lint(project)

    for path in (project.cache / "lint").glob("*/*"):
        json.loads(path.read_text())
