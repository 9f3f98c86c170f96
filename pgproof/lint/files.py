"""The project's folders in, what makes a file one that cannot be run out: as its reader says it, with the column."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pgproof.errors import PgproofError, Problem, SqlFileError
from pgproof.lint.finding import Hit
from pgproof.lint.parameters import FOREIGN_PARAMETER, is_foreign
from pgproof.lint.rule import Rule
from pgproof.sqltext import ParseError, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pgproof.lint.source import Source
    from pgproof.settings import Settings

PARSE_ERROR = Rule(
    id="parse-error",
    what="Postgres's parser refuses the text",
    why="It cannot run on any server.",
    instead="correct it where the parser stumbled, or a word before",
    good="-- returns: value\n\nSELECT count(*) AS users_count\nFROM users\n",
    bad="-- returns: value\n\nSELECT count(*) AS users_count\nFORM users\n",
    on="all",
)
QUERY_FILE = Rule(
    id="query-file",
    what="a file under queries/ that is not one query to be run by its name",
    why="The application would be refused when it first asks: its shape, its parameters or its name do not fit.",
    instead="as the finding says",
    good="-- returns: maybe\n\nUPDATE users SET bio = %(bio)s\nWHERE uuid = %(uuid)s\nRETURNING uuid\n",
    bad="-- returns: maybe\n\nUPDATE users SET bio = %(bio)s\nWHERE uuid = %(uuid)s\n",
    on="query",
)
MIGRATION_FILE = Rule(
    id="migration-file",
    what="a file under migrations/ that the runner would refuse",
    why="`inv db.migrate` stops at it: its header, its rollback, or a statement that no migration may hold.",
    instead="as the finding says",
    good="ALTER TABLE users ADD COLUMN bio text;\n",
    bad="ALTER TABLE users ADD COLUMN bio text;\nCOMMIT;\n",
    on="migration",
)
SEED_FILE = Rule(
    id="seed-file",
    what="a file under seeds/ that cannot be loaded",
    why="`inv db.seed` loads all of them or none.",
    instead="as the finding says",
    good="INSERT INTO tags (name) VALUES ('sql')\nON CONFLICT (name) DO NOTHING;\n",
    bad="BEGIN;\nINSERT INTO tags (name) VALUES ('sql')\nON CONFLICT (name) DO NOTHING;\n",
    on="seed",
)


def find_file_hits(settings: Settings, sources: Mapping[Path, Source]) -> Iterator[tuple[Path, Hit]]:
    """Read the folders as those do who run them, and yield path and hit of all that they would refuse.

    Args:
        settings: the project's.
        sources: the SQL files of the project, by their path as seen from its root, as the yielded ones are.
    """
    from pgproof.queries import read_queries
    from pgproof.seeds import read_seeds

    told = set()
    for rule, problems in (
        (QUERY_FILE, _refused(lambda: read_queries(settings.queries).check())),
        (QUERY_FILE, _cache_problems(settings)),
        (MIGRATION_FILE, _migration_problems(settings)),
        (SEED_FILE, _refused(lambda: read_seeds(settings.seeds))),
    ):
        for each in dict.fromkeys(problems):  # a name that two readings meet is one problem
            path = each.at.path.relative_to(settings.root)
            told.add((path, each.at.line))
            yield path, _hit(rule, each, sources.get(path))
    for path, source in sources.items():  # a reader that gives up at the names has looked at no text
        error = _stumble(source)
        if error and (path, error.line) not in told:
            yield path, _parse_hit(source, error, str(error), PARSE_ERROR.instead)


def _refused(read: Callable[[], object]) -> list[Problem]:
    """Return what a reader has against the files that it reads."""
    try:
        read()
    except SqlFileError as error:
        return error.problems
    return []


def _cache_problems(settings: Settings) -> list[Problem]:
    from pgproof.cache.declaration import read_declaration
    from pgproof.queries import read_queries

    try:
        queries = read_queries(settings.queries)
    except SqlFileError:  # told already
        return []
    return [problem for each in queries for problem in _refused(partial(read_declaration, each))]


def _migration_problems(settings: Settings) -> list[Problem]:
    from pgproof.migrations import read_folder, rules

    if not settings.migrations.is_dir() or not any(settings.migrations.iterdir()):
        return []
    try:
        folder = read_folder(settings.migrations)
    except SqlFileError as error:
        return error.problems
    except PgproofError as error:  # a folder of files that are all something else
        return [Problem(error.at, error.what, error.hint)] if error.at else []
    scripts = (*folder.migrations, *folder.repeatables)
    return [problem for each in scripts for problem in rules.check(each, folder.positions)]


def _hit(rule: Rule, problem: Problem, source: Source | None) -> Hit:
    error = _stumble(source)
    if source is None or error is None or error.line != problem.at.line:
        return Hit(rule.id, problem.at.line, 1 if problem.at.line else None, problem.what, problem.hint)
    return _parse_hit(source, error, problem.what, problem.hint)


def _parse_hit(source: Source, error: ParseError, what: str, hint: str) -> Hit:
    words = source.text.split("\n")[error.line - 1][error.column - 1 :]
    if is_foreign(words):
        return Hit(FOREIGN_PARAMETER.id, error.line, error.column, what, FOREIGN_PARAMETER.instead)
    return Hit(PARSE_ERROR.id, error.line, error.column, what, hint)


def _stumble(source: Source | None) -> ParseError | None:
    """Return where the parser stumbles over a file, if it does."""
    if source is None or not source.is_text:
        return None
    try:
        parse(source.readable)
    except ParseError as error:
        return error
    return None
