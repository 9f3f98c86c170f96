import pytest
from psycopg.conninfo import conninfo_to_dict

from pgproof.errors import SettingsError
from pgproof.pg.conninfo import is_loopback, read_conninfo, url


@pytest.mark.parametrize(
    "conninfo",
    [
        "postgresql://u:hunter2@host/db",
        "host=h port=5433 user=u password=hunter2 dbname=db",
        "postgresql://u:hunter2@[::1]:5433/db?sslmode=require&sslpassword=hunter2",
    ],
)
def test_url_hides_the_password(conninfo: str):
    assert "hunter2" not in url(conninfo)
    assert "***" in url(conninfo)


@pytest.mark.parametrize(
    "conninfo",
    [
        "postgresql://u:p%40ss%2Fw@host:5433/a%20b?sslmode=require&options=-csearch_path%3Dapp",
        "host='/tmp/a folder' port=5433 user=postgres dbname=db",
        "postgresql://u@[::1]:5433/db",
        "postgresql://h1:1,h2:2/db?target_session_attrs=read-write",
        "host=h1,h2 port=5433 dbname=db",
        "service=prod",
        "",
    ],
)
def test_url_says_the_same_as_what_it_was_made_of(conninfo: str):
    parts = conninfo_to_dict(conninfo)
    if parts.get("host") == "h1,h2" and parts["port"] == "5433":
        parts["port"] = "5433,5433"  # a URL names a port for each host

    assert conninfo_to_dict(url(conninfo, show_password=True)) == parts


def test_url_of_another_database_keeps_the_rest():
    assert url("postgresql://u@h:1/a?sslmode=require", dbname="b") == "postgresql://u@h:1/b?sslmode=require"


@pytest.mark.parametrize(
    "broken",
    [
        "postgresql://u:hunter2@x@host/db",
        "postgresql://u:hunter2/x@host/db",
        "postgresql://u:hunter2%zz@host/db",
        "postgresql+psycopg://u:hunter2@host/db",
        "user password=hunter2",
    ],
)
def test_url_that_cannot_be_read_is_refused_without_a_part_of_its_password(broken: str):
    with pytest.raises(SettingsError) as caught:
        read_conninfo(broken)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_yoyos_schema_parameter_is_answered_with_what_libpq_knows():
    with pytest.raises(SettingsError, match=r"options=-csearch_path%3Dapp"):
        read_conninfo("postgresql://host/db?schema=app")


@pytest.mark.parametrize(
    ("conninfo", "here"),
    [
        ("postgresql://localhost/db", True),
        ("postgresql://127.0.0.2:5433/db", True),
        ("postgresql://[::1]/db", True),
        ("postgresql:///db?host=/var/run/postgresql", True),
        ("dbname=db", True),
        ("postgresql://db.example.com/db", False),
        ("postgresql://localhost.example.com/db", False),
        ("postgresql://localhost,db.example.com/db", False),
        ("postgresql://localhost/db?hostaddr=192.0.2.1", False),
        ("service=prod", False),
    ],
)
def test_only_what_stays_on_this_machine_is_loopback(conninfo: str, *, here: bool):
    assert is_loopback(conninfo) is here


def test_host_left_out_is_the_one_that_the_environment_names(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGHOST", "db.example.com")

    assert not is_loopback("dbname=db")
