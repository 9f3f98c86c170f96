"""What a release proof tells to write instead: the statement that is to blame, with its own names. Pure."""

from pathlib import Path

import pytest

from pgproof.gate.mentions import find_cause, find_only, read_suspects
from pgproof.gate.release.advice import advise
from pgproof.gate.release.grants import grant
from pgproof.migrations import Migration
from pgproof.pg.catalog import Catalog
from pgproof.sqltext import parse

CATALOG = Catalog({"column public.users.bio: type": "text", 'column public."Us er".bio: type': "citext"})


def advice(statement: str) -> str:
    return advise(parse(statement)[0], CATALOG)


def migrations(folder: Path, *texts: str) -> list[Migration]:
    paths = [folder / f"000{number}_x.sql" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return [Migration(path, path.stem) for path in paths]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("ALTER TABLE users RENAME bio TO about", "ALTER TABLE users ADD COLUMN about text;"),
        ('ALTER TABLE "Us er" RENAME bio TO "About"', 'ALTER TABLE "Us er" ADD COLUMN "About" citext;'),
        ("ALTER TABLE users RENAME TO people", "CREATE VIEW users AS SELECT * FROM people;"),
        ("ALTER TABLE users DROP COLUMN bio", "ALTER TABLE users DROP COLUMN bio;"),
        ("DROP TABLE app.users", "DROP TABLE app.users;"),
        ("ALTER TABLE users ADD x int, ALTER bio TYPE jsonb USING bio::jsonb", "new.bio_jsonb := new.bio::jsonb;"),
        ("ALTER TABLE users ADD age int NOT NULL", "ADD COLUMN age int4 NOT NULL DEFAULT …;"),
        ("ALTER TABLE users ALTER bio SET NOT NULL", "ALTER TABLE users ALTER COLUMN bio SET NOT NULL;"),
        ("ALTER TABLE users ALTER bio DROP DEFAULT", "ALTER TABLE users ALTER COLUMN bio DROP DEFAULT;"),
    ],
)
def test_the_safer_way_has_the_names_of_the_statement(statement: str, expected: str):
    assert expected in advice(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE users ADD age int",
        "ALTER TABLE users ALTER bio SET DEFAULT ''",
        "ALTER TYPE mood RENAME TO temper",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
        "UPDATE users SET bio = ''",
    ],
)
def test_where_there_is_no_one_way_nothing_is_made_up(statement: str):
    assert advice(statement) == ""


def test_all_that_is_advised_is_sql():
    for statement in ("ALTER TABLE users RENAME bio TO about", "ALTER TABLE users RENAME TO people", "DROP VIEW x"):
        assert len(parse(advice(statement))) >= 1


@pytest.mark.parametrize(
    ("said", "query", "expected"),
    [
        ("permission denied for table notes", "SELECT * FROM notes", "GRANT SELECT ON notes TO app;\n"),
        ("permission denied for table notes", "INSERT INTO notes VALUES (1)", "GRANT INSERT ON notes TO app;\n"),
        (
            "permission denied for table notes",
            "INSERT INTO notes VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1",
            "GRANT SELECT, INSERT, UPDATE ON notes TO app;\n",
        ),
        ("permission denied for table n", "DELETE FROM n WHERE id = 1", "GRANT SELECT, DELETE ON n TO app;\n"),
        ("permission denied for table n", "UPDATE n SET a = 1", "GRANT UPDATE ON n TO app;\n"),
        ("permission denied for view v", "SELECT 1 FROM v", "GRANT SELECT ON v TO app;\n"),
        ("permission denied for materialized view v", "SELECT 1 FROM v", "GRANT SELECT ON v TO app;\n"),
        ("permission denied for schema s", "SELECT 1 FROM s.v", "GRANT USAGE ON SCHEMA s TO app;\n"),
        ("permission denied for sequence q", "SELECT nextval('q')", "GRANT USAGE ON SEQUENCE q TO app;\n"),
        ("must be owner of table notes", "SELECT 1", ""),
    ],
)
def test_the_grant_that_is_missing_can_be_pasted(said: str, query: str, expected: str):
    assert grant(f"{said} (42501)", parse(query)[0], "app") == expected


def test_the_statement_with_the_names_is_to_blame(tmp_path: Path):
    first = "COMMENT ON COLUMN a.x IS 'y';\nCREATE INDEX i ON a (x, y);\nALTER TABLE a DROP x;\nALTER TABLE b DROP x;"
    suspects = read_suspects(migrations(tmp_path, first, "DO $$ BEGIN EXECUTE 'DROP TABLE c'; END $$;"))

    def blame(*clues: set[str]) -> str:
        cause = find_cause(suspects, *clues)
        return f"{cause.at.path.name}:{cause.at.line}" if cause else "nobody"

    assert blame({"x"}, {"a"}) == "0000_x.sql:3"
    assert blame({"x"}, {"b"}) == "0000_x.sql:4"
    assert blame({"c"}) == "0001_x.sql:1"
    assert blame({"y"}) == "nobody"


def test_without_a_name_only_the_only_migration_is_to_blame(tmp_path: Path):
    suspects = read_suspects(migrations(tmp_path, "COMMENT ON TABLE a IS '';\nDROP TABLE a;", "DROP TABLE b;"))

    assert find_only(suspects) is None
    only = find_only(suspects[:2])
    assert only is not None
    assert only.at.line == 2
    assert find_only(()) is None
