import re
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgproof.errors import DestructionRefused, ServerUnavailable, SettingsError
from pgproof.pg.conninfo import url
from pgproof.pg.database import check_destruction, connect, drop, end_sessions, ensure_created, fetch_sessions
from pgproof.pg.diagnosis import explain_missing_extension
from pgproof.pg.remote import RemoteServer
from pgproof.settings import ServerKind, Settings


def name_of(conninfo: str) -> str:
    return str(conninfo_to_dict(conninfo)["dbname"])


def test_connection_is_in_autocommit_named_and_prepares_nothing(database: str):
    with connect(database) as connection:
        name = connection.execute("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")

        assert name.fetchone() == ("pgproof",)
        assert (connection.autocommit, connection.prepare_threshold) == (True, None)


def test_url_leads_to_the_same_database(database: str):
    with connect(url(database, show_password=True)) as connection:
        assert connection.info.dbname == name_of(database)


def test_missing_database_says_how_to_make_it(server: str):
    with pytest.raises(ServerUnavailable, match='"nowhere" does not exist') as caught:
        connect(server, dbname="nowhere")

    assert "inv db.create" in caught.value.hint


def test_silent_port_says_what_to_do_and_not_the_password():
    with pytest.raises(ServerUnavailable, match="Connection refused") as caught:
        connect("postgresql://andrew:hunter2@127.0.0.1:1/cruddur")

    assert "inv db.up" in caught.value.hint
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def odd_name() -> str:
    return f'test "{uuid4().hex}"; DROP'


def test_creating_and_dropping_twice_changes_nothing(server: str, odd_name: str):
    assert [ensure_created(server, odd_name), ensure_created(server, odd_name)] == [True, False]
    assert [drop(server, odd_name), drop(server, odd_name)] == [True, False]


def test_drop_does_not_wait_for_who_is_connected(server: str, odd_name: str):
    ensure_created(server, odd_name)
    with connect(server, dbname=odd_name) as connection:
        assert drop(server, odd_name)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_sessions_are_listed_and_ended_without_ourselves(server: str, database: str):
    with connect(database, application_name="app") as connection:
        connection.execute("SELECT 42")

        [session] = fetch_sessions(server, name_of(database))
        assert (session.pid, session.application, session.query) == (connection.info.backend_pid, "app", "SELECT 42")
        assert end_sessions(database, name_of(database)) == 1
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_extension_that_the_server_lacks_is_explained_from_its_own_words(database: str):
    with connect(database) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute("CREATE EXTENSION no_such_extension")

    assert "do not ship no_such_extension" in explain_missing_extension(str(caught.value))


@dataclass(frozen=True)
class FarServer:
    """A server that is not ours, though the test's database happens to be on it."""

    conninfo: str | None
    database: str
    kind: ServerKind = "url"
    ours: bool = False

    @property
    def name_in_full(self) -> str:
        return f"{self.database}@far"

    def find(self) -> str | None:
        return self.conninfo

    def ensure_up(self) -> str:
        raise NotImplementedError

    def ensure_down(self) -> bool:
        raise NotImplementedError

    def read_log(self, lines: int) -> str:
        raise NotImplementedError


def test_destruction_of_what_is_not_ours_says_what_would_be_lost(database: str):
    with connect(database) as connection:
        connection.execute("CREATE TABLE posts AS SELECT generate_series(1, 3000) AS id")
        connection.execute("CREATE TABLE empty (id int)")
    far = FarServer(make_conninfo(database, sslpassword="hunter2"), name_of(database))

    with pytest.raises(DestructionRefused) as caught:
        check_destruction(far, what="db.reset", allowed=None)

    assert caught.value.what.startswith(f"db.reset would destroy database {far.database} on postgresql://")
    assert re.search(r": 2 tables, 1\d\d kB$", caught.value.what)
    assert f"--yes-destroy={far.database}@far" in caught.value.hint
    assert "hunter2" not in str(caught.value)


def test_destruction_goes_on_only_with_the_very_name():
    far = FarServer(None, "cruddur")

    check_destruction(far, what="db.reset", allowed="cruddur@far")
    for other in ("cruddur", "cruddur@near", "Cruddur@far"):
        with pytest.raises(DestructionRefused, match=f"--yes-destroy names {other}\n"):
            check_destruction(far, what="db.reset", allowed=other)


def test_harm_that_is_no_destruction_is_called_by_its_name():
    with pytest.raises(
        DestructionRefused, match=r"^db\.sessions --kill would disconnect everybody from database cruddur"
    ):
        check_destruction(
            FarServer(None, "cruddur"), what="db.sessions --kill", allowed="", harm="disconnect everybody from"
        )


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("postgresql://u:p@db.example.com:5432/cruddur", "cruddur@db.example.com"),
        ("postgresql://u@127.0.0.1:15432/cruddur", "cruddur@127.0.0.1"),
        ("host=a.rds.amazonaws.com hostaddr=127.0.0.1 port=15432 dbname=cruddur", "cruddur@a.rds.amazonaws.com"),
        ("hostaddr=10.0.0.7 dbname=cruddur", "cruddur@10.0.0.7"),
        ("service=prod dbname=cruddur", "cruddur@prod"),
        ("postgresql:///cruddur?host=/tmp", "cruddur@/tmp"),
        ("dbname=cruddur", "cruddur@localhost"),
    ],
)
def test_production_is_named_with_its_host_and_another_server_as_ever(settings: Settings, address: str, name: str):
    assert remote(settings, address, target="prod").name_in_full == name
    assert remote(settings, address).name_in_full == "cruddur"


def test_production_is_named_with_the_host_that_the_environment_says(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGHOST", "db.example.com")

    assert remote(settings, "dbname=cruddur", target="prod").name_in_full == "cruddur@db.example.com"


def test_destruction_of_what_is_ours_needs_no_word():
    check_destruction(FarServer(None, "cruddur", ours=True), what="db.reset", allowed=None)


def remote(settings: Settings, address: str, **chosen: Any) -> RemoteServer:
    return RemoteServer(replace(settings, server="url", url=address, **chosen))


def test_server_given_by_url_is_found_while_it_answers(settings: Settings, database: str):
    server = remote(settings, database)

    assert server.find() == server.ensure_up()
    assert server.database == name_of(database)
    assert remote(settings, "postgresql://127.0.0.1:1/cruddur").find() is None


def test_server_given_by_url_is_not_ours_to_stop(settings: Settings, database: str):
    with pytest.raises(ServerUnavailable, match="not ours to stop"):
        remote(settings, database).ensure_down()


def test_production_is_never_ours_also_behind_a_tunnel_that_ends_here(settings: Settings):
    assert remote(settings, "postgresql://localhost/cruddur").ours
    assert not remote(settings, "postgresql://localhost/cruddur", target="prod").ours
    assert not remote(settings, "postgresql://db.example.com/cruddur").ours


def test_url_that_cannot_be_read_stops_before_any_connection(settings: Settings):
    with pytest.raises(SettingsError, match="csearch_path"):
        remote(settings, "postgresql://localhost/cruddur?schema=app").ensure_up()
