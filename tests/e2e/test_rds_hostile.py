"""Hostile texts by the command line, the environment and AWS' answers: a line and exit code 1, or taken for a text."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.rds.models import rds_backends
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgproof.errors import PgproofError
from pgproof.rds import judging, prices
from pgproof.rds.cloud import Cloud
from pgproof.rds.ensure import Provision
from pgproof.rds.firewall import address
from pgproof.rds.firewall.group import ensure_group
from pgproof.rds.firewall.label import read_label
from pgproof.rds.firewall.rule import fetch_rules
from pgproof.rds.instance import find_instance
from pgproof.rds.plan import Plan
from pgproof.rds.waiting import Wait
from tests.dynamo import KEYS, moto_server
from tests.e2e.conftest import Project
from tests.hostile import CANARY, HOSTILE, nothing_started, toml
from tests.inv import Ended, enter, run
from tests.rds import connect_cloud, make_plan

PLAN = 'identifier = "cruddur-db-instance"\npublicly_accessible = true'
# Every sign that a URL, a shell, SQL, a template or a terminal takes for more than itself.
SIGNS = "s3 cr:et/@?#%&='\"\\$(touch canary)`;|<>{}[]!~^*\x7fé\u202e"
COMMANDS = (
    ("rds.allow", "--ip={}"),
    ("rds.allow", "--ip=8.8.4.4", "--ttl={}"),
    ("rds.allow", "--ip=8.8.4.4", "--name={}"),
    ("rds.allow", "--group={}"),
    ("rds.deny", "--name={}"),
    ("rds.deny", "--group={}"),
    ("rds.snapshot", "--name=x{}"),
    ("rds.delete", "--yes-destroy={}"),
    ("rds.ensure", "--timeout={}"),
    ("rds.template", "--format={}"),
    ("rds.rules", "--target={}"),
    ("rds.status", "--server={}"),
    ("db.audit", "--last={}"),
)
STARTS = ("error: ", "No idea what ", "Flag <Argument: ")  # those of Invoke's, for what is no option
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def cloud(url: str) -> Cloud:
    return connect_cloud(url)


@pytest.fixture(scope="module")
def group(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The security group of a public instance that is there."""
    plan = make_plan(tmp_path_factory.mktemp("plan"), PLAN)
    made = ensure_group(cloud, plan)
    cloud.rds.create_db_instance(
        DBInstanceIdentifier=plan.identifier,
        DBInstanceClass=plan.instance_class,
        Engine="postgres",
        DeletionProtection=True,
        Port=5432,
        PubliclyAccessible=True,
        VpcSecurityGroupIds=[made],
    )
    return made


@pytest.fixture
def desk(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project in whose folder we stand; nothing is started in it, and no canary appears."""
    make_plan(tmp_path, PLAN)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_make.sql").write_text("CREATE TABLE made (id int);")
    (tmp_path / "migrations" / "0001_make.rollback.sql").write_text("DROP TABLE made;")
    enter(tmp_path, url, monkeypatch)
    monkeypatch.setattr(address, "_ask", lambda: b"8.8.8.8")
    yield tmp_path
    assert not (tmp_path / CANARY).exists()


def is_fine(ended: Ended) -> bool:
    """Whether a command did its work, or said in a line why not, and wrote nothing that is not seen."""
    told, *hints = ended.err.rstrip("\n").split("\n  hint: ")
    refused = ended.code == 1 and told.startswith(STARTS) and "\n" not in told and len(hints) <= 1
    return (refused or (ended.code == 0 and not ended.err)) and not UNSEEN.search(ended.out + ended.err)


def is_a_line(text: str) -> bool:
    return "\n" not in text.replace("\n  hint: ", "", 1) and not UNSEEN.search(text)


def provision(cloud: Cloud, plan: Plan, password: str = "") -> Provision:
    return Provision(cloud=cloud, plan=plan, wait=Wait(again="inv rds.ensure"), judge=lambda _: [], password=password)


def backend() -> Any:
    return rds_backends[DEFAULT_ACCOUNT_ID][KEYS["region_name"]]


@pytest.mark.parametrize("number", range(len(HOSTILE)), ids=lambda number: ascii(HOSTILE[number])[:40])
def test_a_text_on_the_command_line_is_taken_for_a_text(desk: Path, cloud: Cloud, group: str, number: int):
    assert desk.is_dir()
    for turn in range(3):  # each command with a dozen of them, of every sort
        words = [each.format(HOSTILE[number]) for each in COMMANDS[(number + turn * 4) % len(COMMANDS)]]
        with nothing_started():
            ended = run(*words)
        assert is_fine(ended), (words, ended)

    for rule in fetch_rules(cloud, group):
        assert rule.source in ("8.8.4.4/32", "8.8.8.8/32")
        assert read_label(rule.description)


@pytest.mark.parametrize("number", range(0, len(HOSTILE), 2))
def test_a_password_in_a_url_is_never_shown_whatever_is_in_it(desk: Path, monkeypatch: pytest.MonkeyPatch, number: int):
    assert desk.is_dir()
    password = HOSTILE[number] + SIGNS
    for url in (
        f"postgresql://u:{quote(password, errors='replace')}@127.0.0.1:1/db",
        f"host=127.0.0.1 port=1 {password}",
    ):
        if "\0" in url:
            continue  # no environment holds it
        monkeypatch.setenv("PROD_CONNECTION_URL", url.encode("utf-8", "replace").decode())
        with nothing_started():
            ended = run("db.url", "--target=prod")
        assert (ended.code, is_fine(ended)) == (1, True), ended
        for secret in (SIGNS[:6], quote(SIGNS[:6])):
            assert secret not in ended.out + ended.err


def test_the_master_users_password_arrives_as_it_is_and_is_shown_nowhere(desk: Path, cloud: Cloud):
    text = 'identifier = "other"\nmaster_password = "environment"\nusername = "root_user"'
    plan = make_plan(desk, text)
    fine = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '/"@')

    with nothing_started():
        provision(cloud, plan, fine).ensure()

    (kept,) = [each for each in backend().databases.values() if each.db_instance_identifier == "other"]
    assert kept._master_user_password == fine  # noqa: SLF001 - as AWS, moto tells it nobody
    for wrong in (SIGNS, "short/", f"{fine}@", f"{fine} ", f"{fine}\n", f"{fine}é"):
        with pytest.raises(PgproofError) as error:
            provision(cloud, make_plan(desk, text.replace("other", "third")), wrong).ensure()
        assert wrong not in str(error.value)
        assert is_a_line(str(error.value))


def test_tags_arrive_as_they_are(desk: Path, cloud: Cloud):
    tags: dict[str, str] = {}
    for number, text in enumerate(HOSTILE):
        try:
            tags |= make_plan(desk, f'identifier = "tagged"\ntags = {{t{number} = {toml(text)}}}').tags
        except PgproofError:
            continue
    assert len(tags) > 5
    lines = "".join(f"t = {toml(text)}\n".replace("t =", f"{key} =", 1) for key, text in tags.items())
    plan = make_plan(desk, f'identifier = "tagged"\n[tool.pgproof.rds.tags]\n{lines}')

    provision(cloud, plan).ensure()

    said = cloud.rds.describe_db_instances(DBInstanceIdentifier="tagged")["DBInstances"][0]
    assert {each["Key"]: each["Value"] for each in said["TagList"]}.items() >= tags.items()
    (group,) = cloud.ec2.describe_security_groups(GroupNames=["pgproof-tagged"])["SecurityGroups"]
    assert {each["Key"]: each["Value"] for each in group["Tags"]}.items() >= tags.items()


@pytest.mark.parametrize("words", [("rds.status",), ("rds.status", "--json"), ("rds.plan",), ("rds.plan", "--json")])
def test_what_aws_tells_of_an_instance_reaches_no_terminal_as_it_is(
    desk: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
):
    odd = "\x9b31m\u202e'; DROP"
    make_plan(desk, 'identifier = "odd"\nsubnet_group = "planned"')
    if not find_instance(cloud, "odd"):
        cloud.rds.create_db_instance(
            DBInstanceIdentifier="odd",
            DBInstanceClass=f"db.t3.{odd}",
            Engine="postgres",
            EngineVersion=odd,
            DBName=odd,
            MasterUsername=odd,
            AvailabilityZone=odd,
            CACertificateIdentifier=odd,
            PreferredBackupWindow="06:00-06:30",
            Tags=[{"Key": odd, "Value": odd}],
        )
    monkeypatch.setattr(judging, "judge", lambda _: [])  # cfn-lint takes seconds
    monkeypatch.setattr(prices, "estimate", lambda *_: prices.Estimate(unknown="moto has none"))

    with nothing_started():
        ended = run(*words)

    assert is_fine(ended), ended
    assert "DROP" in ended.out


@pytest.mark.parametrize(
    "name",
    ["a\"b'; DROP TABLE canary; --", "$(touch canary) %s {0}", "\x1b[31mé\u202e名前", "$$); DROP TABLE canary; $$"],
)
def test_roles_are_made_for_a_database_of_any_name(desk: Path, server: str, monkeypatch: pytest.MonkeyPatch, name: str):
    assert desk.is_dir()
    monkeypatch.setenv("CONNECTION_URL", make_conninfo(server, dbname=name))
    monkeypatch.setenv("MIGRATOR_PASSWORD", SIGNS)
    monkeypatch.setenv("PGPROOF_APPLICATION_ROLE", f"{name}'\"$$")
    roles = [f"{name}_owner", f"{name}_migrator", f"{name}_reader", f"{name}'\"$$"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with psycopg.connect(server, dbname=name) as inside:
                inside.execute("CREATE TABLE canary ()")
            with nothing_started():
                done = run("db.roles", "--server=url")
            assert (done.code, is_fine(done)) == (0, True), done
            monkeypatch.delenv("MIGRATOR_PASSWORD")
            assert run("db.roles", "--server=url").out.endswith("nothing to do\n")
            assert SIGNS[:6] not in done.out
            made = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [roles]).fetchall()
            assert sorted(role for (role,) in made) == sorted(roles)
            with psycopg.connect(server, dbname=name) as inside:
                assert inside.execute("SELECT to_regclass('canary')::text").fetchone() == ("canary",)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
            for role in roles:
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def test_a_real_shell_hands_over_what_is_quoted_and_nothing_runs(environ: dict[str, str], tmp_path: Path):
    make_plan(tmp_path, PLAN)
    project = Project(tmp_path, environ)
    project.write("tasks.py", "from pgproof.tasks import ns\n")

    error = project.refuse("rds.allow", "--ip=$(touch canary)`touch canary`; touch canary\x1b[31m")

    assert error.count("\n") == 2
    assert not UNSEEN.search(error)
    assert not (tmp_path / CANARY).exists()
