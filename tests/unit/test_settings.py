"""Settings: which of four voices is heard, and that what cannot be meant is said."""

import os
from dataclasses import fields
from pathlib import Path

import pytest

from pgproof.errors import SettingsError
from pgproof.settings import Settings, find_root, read_settings

URL = "postgresql://andrew:s3cret@db.example:5433/cruddur"


def project(root: Path, table: str) -> Path:
    (root / "pyproject.toml").write_text(f"[tool.pgproof]\n{table}\n")
    return root


# Order


def test_the_command_line_comes_before_environment_pyproject_and_default(tmp_path: Path):
    project(tmp_path, "server = 'container'\nmajor = 15\nport = 5433\nlock_timeout = '1s'")
    environ = {"PGPROOF_SERVER": "container", "PGPROOF_MAJOR": "16", "PGPROOF_PORT": "5434"}

    settings = read_settings(tmp_path, environ=environ, server="embedded", major="17")

    assert (settings.server, settings.major, settings.port) == ("embedded", 17, 5434)
    assert (settings.lock_timeout, settings.lock_attempts) == ("1s", 10)


def test_what_the_command_line_leaves_out_and_what_is_empty_says_nothing(tmp_path: Path):
    project(tmp_path, "database = 'cruddur'")

    assert read_settings(tmp_path, environ={"PGPROOF_DATABASE": ""}, database=None).database == "cruddur"


def test_a_project_without_a_word_about_us_has_the_defaults(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")

    settings = read_settings(tmp_path, environ={})

    assert settings == Settings(root=tmp_path, cache=settings.cache)
    assert settings.cache.name == "pgproof"


def test_every_setting_can_be_chosen_in_the_environment(tmp_path: Path):
    chosen = {
        "target": "local",
        "server": "url",
        "url": URL,
        "database": "shop",
        "major": 15,
        "binaries": Path("/opt/pg/bin"),
        "image": "postgres:15",
        "port": 5433,
        "cache": Path("/srv/cache"),
        "lock_timeout": "500ms",
        "application_role": "cruddur_app",
        "lock_attempts": 3,
        "statement_timeout": "1 min",
        "runner_wait": 1.5,
        "templates": "never",
        "template_days": 3,
        "template_megabytes": 500,
        "cache_backend": "momento",
        "cache_name": "staging",
        "momento_cache": "shop",
        "secret": "metrics-database",
        "tunnel": "127.0.0.1:15432",
        "proof_key": "k3y",
        "master_password": "s3cret",
        "migrator_password": "m1grator",
        "application_password": "appl1cation",
        "reader_password": "r3ader",
    }

    settings = read_settings(
        tmp_path, environ={f"PGPROOF_{name.upper()}": str(value) for name, value in chosen.items()}
    )

    assert settings == Settings(root=tmp_path, **chosen)  # type: ignore[arg-type]
    assert {each.name for each in fields(Settings)} == {"root", "ci", "instance", *chosen}


@pytest.mark.parametrize(("value", "ci"), [("true", True), ("1", True), ("false", False), ("0", False), ("", False)])
def test_ci_is_what_ci_systems_set(tmp_path: Path, value: str, *, ci: bool):
    assert read_settings(tmp_path, environ={"CI": value}).ci is ci


def test_root_is_the_nearest_folder_with_a_pyproject(tmp_path: Path):
    (tmp_path / "pyproject.toml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    assert find_root(below) == tmp_path
    (tmp_path / "a" / "pyproject.toml").touch()
    assert find_root(below) == tmp_path / "a"


def test_outside_of_a_project_that_is_said(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"no pyproject\.toml in"):
        find_root(tmp_path)


# Conversions


def test_a_path_in_pyproject_is_the_projects_and_one_in_the_environment_the_callers(tmp_path: Path):
    project(tmp_path, "cache = '.cache'\nbinaries = '/opt/pg/bin'")

    settings = read_settings(tmp_path, environ={})
    assert (settings.cache, settings.binaries) == (tmp_path / ".cache", Path("/opt/pg/bin"))
    assert read_settings(tmp_path, environ={"PGPROOF_CACHE": "here"}).cache == Path("here")


def test_a_user_finds_the_cache_where_desktops_keep_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert read_settings(tmp_path, environ={"XDG_CACHE_HOME": "/srv/x"}).cache == Path("/srv/x/pgproof")
    assert read_settings(tmp_path, environ={}).cache == Path.home() / ".cache" / "pgproof"


def test_root_keeps_its_servers_data_where_another_user_can_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert read_settings(tmp_path, environ={"XDG_CACHE_HOME": "/root/.cache"}).cache == Path("/var/cache/pgproof")


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ("major = 'new'", "major 'new' is not a whole number"),
        ("major = 17.5", "major 17.5 is not a whole number"),
        ("runner_wait = 'long'", "runner_wait 'long' is not a number"),
        ("port = -1", "port -1 is less than 0"),
        ("lock_attempts = 0", "lock_attempts 0 is less than 1"),
        ("lock_timeout = '5 seconds'", "lock_timeout '5 seconds' is not a duration"),
        ("statement_timeout = -1", "statement_timeout -1 is not a duration"),
        ("server = 'docker'", "unknown server 'docker'"),
        ("target = 'staging'", "unknown target 'staging'"),
        ("cache_backend = 'redis'", "unknown cache_backend 'redis'"),
        ("database = ['a']", r"database in \[tool.pgproof\] is neither text nor number"),
        ("cache = true", r"cache in \[tool.pgproof\] is neither text nor number"),
        ("mayor = 18\nprot = 1", r"unknown setting mayor, prot in \[tool.pgproof\]"),
        ("root = '/'", "unknown setting root"),
        ("instance = 'x'", "unknown setting instance"),
        ("proof_key = 'x'", "unknown setting proof_key"),
        ("master_password = 'x'", "unknown setting master_password"),
        ("migrator_password = 'x'", "unknown setting migrator_password"),
        ("application_password = 'x'", "unknown setting application_password"),
        ("reader_password = 'x'", "unknown setting reader_password"),
        ("url = 'postgresql://andrew:s3cret@db/x'", r"unknown setting url in \[tool.pgproof\]\n"),
        ("major = ", "Invalid value"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(tmp_path: Path, table: str, error: str):
    with pytest.raises(SettingsError) as caught:
        read_settings(project(tmp_path, table), environ={})

    caught.match(error)


def test_a_pyproject_that_is_not_text_is_named(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(SettingsError, match=r"pyproject\.toml: "):
        read_settings(tmp_path, environ={})


def test_a_variable_that_we_do_not_know_is_named(tmp_path: Path):
    with pytest.raises(
        SettingsError,
        match="unknown environment variable PGPROOF_MAYOR\n  hint: known: application_password, application_role, ",
    ):
        read_settings(tmp_path, environ={"PGPROOF_MAYOR": "18"})


# URLs


def test_prod_is_the_database_that_its_own_variable_names(tmp_path: Path):
    environ = {"PROD_CONNECTION_URL": URL, "CONNECTION_URL": "postgresql://local", "PGPROOF_SERVER": "container"}

    settings = read_settings(tmp_path, environ=environ, target="prod")

    assert (settings.target, settings.server, settings.url) == ("prod", "url", URL)


@pytest.mark.parametrize("name", ["CONNECTION_URL", "PGPROOF_URL"])
def test_server_url_takes_the_url_from_the_environment(tmp_path: Path, name: str):
    assert read_settings(tmp_path, environ={name: URL}, server="url").url == URL


def test_our_own_variable_comes_before_the_one_shared_with_others(tmp_path: Path):
    environ = {"PGPROOF_URL": URL, "CONNECTION_URL": "postgresql://other"}

    assert read_settings(tmp_path, environ=environ, server="url").url == URL


@pytest.mark.parametrize(
    ("chosen", "error"),
    [
        ({"target": "prod"}, "^PROD_CONNECTION_URL is not set\n"),
        ({"server": "url"}, "^PGPROOF_URL or CONNECTION_URL is not set\n"),
        ({"target": "prod", "server": "embedded"}, "^target prod is never on server embedded\n"),
    ],
)
def test_a_place_without_its_url_is_said(tmp_path: Path, chosen: dict[str, str], error: str):
    with pytest.raises(SettingsError, match=error):
        read_settings(tmp_path, environ={}, **chosen)


def test_a_url_with_its_password_is_never_shown(tmp_path: Path):
    settings = read_settings(tmp_path, environ={"PROD_CONNECTION_URL": URL}, target="prod")

    assert settings.url == URL
    assert "s3cret" not in repr(settings) + str(settings)


# An instance of RDS'


def test_production_is_the_planned_instance_where_no_url_says_otherwise(tmp_path: Path):
    project(tmp_path, "[tool.pgproof.rds]\nidentifier = 'cruddur-db-instance'")

    planned = read_settings(tmp_path, environ={}, target="prod")
    said = read_settings(tmp_path, environ={"PROD_CONNECTION_URL": URL}, target="prod")

    assert (planned.instance, planned.server, planned.url) == ("cruddur-db-instance", "url", None)
    assert (said.server, said.url) == ("url", URL)


def test_the_master_password_comes_from_the_environment_and_is_not_shown(tmp_path: Path):
    settings = read_settings(tmp_path, environ={"MASTER_USER_PASSWORD": "s3cret", "PGPROOF_PROOF_KEY": "k3y"})

    assert (settings.master_password, settings.proof_key) == ("s3cret", "k3y")
    assert "s3cret" not in repr(settings)
    assert "k3y" not in repr(settings)


@pytest.mark.parametrize("name", ["migrator_password", "application_password", "reader_password"])
def test_a_roles_password_comes_from_the_environment_and_is_not_shown(tmp_path: Path, name: str):
    settings = read_settings(tmp_path, environ={name.upper(): "s3cret"})

    assert getattr(settings, name) == "s3cret"
    assert "s3cret" not in repr(settings)
