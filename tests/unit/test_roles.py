"""Names of a database's roles, and what migrations take away from them, as their text says it."""

from dataclasses import replace
from pathlib import Path

import pytest

from pgproof.errors import SettingsError
from pgproof.migrations import read_folder
from pgproof.pg.rolenames import RoleNames, name_roles
from pgproof.roles import find_held
from pgproof.settings import Settings

NAMES = RoleNames("shop_owner", "shop_migrator", "shop_app", "shop_reader")


def held(folder: Path, *texts: str) -> list[tuple[str, str, str]]:
    for number, text in enumerate(texts, start=1):
        (folder / f"000{number}_x.sql").write_text(text, encoding="utf-8")
    return sorted((each.name, each.role, each.verb) for each in find_held(read_folder(folder), NAMES))


def test_roles_are_named_for_their_database(tmp_path: Path):
    assert name_roles("shop", Settings(root=tmp_path)) == NAMES


def test_the_applications_role_may_have_a_name_of_its_own(tmp_path: Path):
    assert name_roles("shop", Settings(root=tmp_path, application_role="web")) == replace(NAMES, app="web")


@pytest.mark.parametrize(
    ("database", "role", "error"),
    [
        ("ü" * 28, "", "is longer than the 63 bytes of a role's name"),
        ("shop", "a" * 64, "is longer than the 63 bytes of a role's name"),
        ("shop", "shop_owner", "application_role shop_owner is another of the database's roles"),
    ],
)
def test_names_that_postgres_would_take_for_another_are_refused(tmp_path: Path, database: str, role: str, error: str):
    with pytest.raises(SettingsError, match=error):
        name_roles(database, Settings(root=tmp_path, application_role=role))


def test_a_revoke_is_held_for_the_role_and_the_verbs_that_it_names(tmp_path: Path):
    text = 'REVOKE update, DELETE ON a, s."B c" FROM shop_app, other;\n'

    assert held(tmp_path, text) == [
        ('"a"', "shop_app", "DELETE"),
        ('"a"', "shop_app", "UPDATE"),
        ('"s"."B c"', "shop_app", "DELETE"),
        ('"s"."B c"', "shop_app", "UPDATE"),
    ]


def test_a_schema_is_held_as_one_and_not_as_a_table_of_its_name(tmp_path: Path):
    (tmp_path / "0001_x.sql").write_text(
        'REVOKE ALL ON SCHEMA a, "B c" FROM shop_app;\nREVOKE USAGE ON a FROM shop_app;'
    )

    found = {(each.name, each.is_schema) for each in find_held(read_folder(tmp_path), NAMES) if each.verb == "USAGE"}

    assert found == {('"a"', True), ('"B c"', True), ('"a"', False)}


def test_revoke_all_is_every_verb(tmp_path: Path):
    verbs = {verb for _, _, verb in held(tmp_path, "REVOKE ALL ON a FROM shop_reader;\n")}

    assert verbs == {"SELECT", "INSERT", "UPDATE", "DELETE", "USAGE"}


def test_what_is_granted_again_is_not_held(tmp_path: Path):
    texts = ("REVOKE SELECT, UPDATE ON a FROM shop_app;\n", "GRANT SELECT ON a TO shop_app;\n")

    assert held(tmp_path, *texts) == [('"a"', "shop_app", "UPDATE")]


@pytest.mark.parametrize(
    "text",
    [
        "REVOKE ALL ON a FROM PUBLIC;\n",
        "REVOKE SELECT ON a FROM shop_owner;\n",
        "REVOKE SELECT (x) ON a FROM shop_app;\n",
        "REVOKE EXECUTE ON FUNCTION f() FROM shop_app;\n",
        "REVOKE shop_owner FROM shop_app;\n",
        "SELECT 'REVOKE SELECT ON a FROM shop_app';\n",
        "REVOKE nonsense\n",
    ],
)
def test_what_says_nothing_of_a_table_to_these_roles_holds_nothing(tmp_path: Path, text: str):
    assert held(tmp_path, text) == []
