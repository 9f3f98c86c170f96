"""No secret of production is in anything that runs wrote, also those that fail."""

from __future__ import annotations

import resource
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest
import stamina
from psycopg.conninfo import conninfo_to_dict

from pgproof.pg.database import connect
from pgproof.pg.embedded import EmbeddedServer
from pgproof.settings import read_settings
from tests.cloud import CREDENTIALS, made_instance, make_shell, start_project
from tests.dynamo import moto_server
from tests.e2e.conftest import Project
from tests.inv import run
from tests.tls import PASSWORD
from tests.traces import Traces, at_desk, hanging_up, listening, refusing, search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tls import TlsServer
    from tests.traces import Desk

_ODD = "-Pa:ss?w'rd%41\\"
_MIGRATOR = f"m1gratorHunter{_ODD}"
SHELL = {
    "PGPASSWORD": _MIGRATOR,
    "MASTER_USER_PASSWORD": PASSWORD,
    "MIGRATOR_PASSWORD": _MIGRATOR,
    "APPLICATION_PASSWORD": f"appl1cation{_ODD}",
    "READER_PASSWORD": f"r3aderHunter{_ODD}",
    "PGPROOF_PROOF_KEY": f"pr00fKeyHunter{_ODD}",
    "AWS_SECRET_ACCESS_KEY": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    "AWS_SESSION_TOKEN": "s3ssionTokenHunter==",
}
SECRETS = SHELL | {
    "a wrong password": f"wr0ngHunter{_ODD}",
    "a password that RDS does not take": 'n0tTaken/"@ Hunter',
    "a password in a URL": "urlHunt3rHunter",
    "what RDS keeps": "P@55w0rd!",  # moto's, whatever it was told
    "a token's signature": "X-Amz-Signature",
}

_NO_LOGIN = "password authentication failed"


def work(desk: Desk) -> None:
    """From nothing to a migrated instance, and a look at all of it."""
    desk.inv("rds.plan")
    desk.inv("rds.ensure")
    desk.inv("db.roles", "--target=prod")
    desk.inv("gate.judge", "--sign", "--base=nothing", "--rows=300")
    desk.inv("db.migrate", "--target=prod", "--snapshot")
    desk.inv("db.create")
    desk.inv("db.migrate")
    desk.inv("db.parity")
    desk.inv("db.audit", "--target=prod", "--json")
    desk.inv("db.url", "--target=prod")
    desk.inv("rds.status", "--json")
    desk.inv("rds.template", "--format=terraform")


def fail(desk: Desk) -> None:
    """What goes wrong at a server."""
    status, wrong = ("db.status", "--target=prod"), SECRETS["a wrong password"]
    url = f"postgresql://u:{SECRETS['a password in a URL']}"
    desk.refuse(_NO_LOGIN, *status, PGPASSWORD=wrong)
    desk.refuse(_NO_LOGIN, "db.roles", "--target=prod", MASTER_USER_PASSWORD=wrong)
    desk.refuse("no server answers", *status, PROD_CONNECTION_URL=f"{url}@127.0.0.1:1/c")
    desk.refuse("special character", *status, PROD_CONNECTION_URL=f"{url}:x@h:y/c")
    with hanging_up() as tunnel:
        desk.refuse("closed the connection", *status, PGPROOF_TUNNEL=tunnel)
    desk.project.write("migrations/0004_fails.sql", "ALTER TABLE nobody ADD bio text;\n")
    desk.project.write("migrations/0004_fails.rollback.sql", "SELECT 1;\n")
    desk.project.write("migrations/HEAD", "0004_fails\n")
    desk.refuse("it is about other files", "db.migrate", "--target=prod")
    desk.refuse('"nobody" does not exist', "db.migrate", "--target=prod", "--without-proof=to see it fail")


def be_refused(desk: Desk) -> None:
    """What goes wrong at AWS, or after it gave a secret."""
    desk.plan('identifier = "another"')
    untaken = SECRETS["a password that RDS does not take"]
    desk.refuse("none that RDS takes", "rds.ensure", MASTER_USER_PASSWORD=untaken)
    with refusing(desk.patch, {"Throttling": "Rate exceeded", "SignatureDoesNotMatch": _UNSIGNED}):
        desk.refuse("SignatureDoesNotMatch", "rds.ensure")
    desk.plan('identifier = "cruddur-db-instance"', 'master_password = "managed"', "iam = true")
    desk.inv("rds.ensure")
    desk.refuse(f'{_NO_LOGIN} for user "cruddur_migrator"', "db.status", "--target=prod")
    desk.plan('connect_as = "cruddur_master"')
    desk.refuse(f'{_NO_LOGIN} for user "cruddur_master"', "db.status", "--target=prod")


# As AWS says it, with what was signed: among that the token.
_UNSIGNED = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key"
    " and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request"
    f" should have been\n'POST\n/\n\nhost:rds\nx-amz-security-token:{SHELL['AWS_SESSION_TOKEN']}\n'"
)


@pytest.fixture(scope="module")
def instance(cache: Path) -> Iterator[TlsServer]:
    """What logs every statement."""
    with made_instance(cache) as tls:
        with connect(tls.inside) as connection:
            connection.execute("ALTER ROLE ALL SET log_statement = 'all'")
        yield tls


@pytest.fixture(scope="module")
def traces(
    instance: TlsServer, cache: Path, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traces]:
    folder, temporary = tmp_path_factory.mktemp("secrets"), mkdtemp(dir=cache)
    Path(temporary).chmod(0o755)
    traces = Traces()
    with ExitStack() as stack:
        aws = stack.enter_context(moto_server())
        shell = environ | make_shell(aws, instance.tunnel) | SHELL | {"HOME": str(folder), "TMPDIR": temporary}
        project = Project(folder / "shop", shell)
        start_project(project, instance)
        desk = stack.enter_context(at_desk(project, shell))
        stack.enter_context(listening(traces, desk.patch))
        stack.enter_context(stamina.set_testing(True, attempts=2))  # without a pause
        for part in (work, fail, be_refused):
            part(desk)
        home = EmbeddedServer(read_settings(project.root))
        behind = Path(str(conninfo_to_dict(instance.inside)["host"]))
        traces.ended = desk.ended
        traces.folders, traces.servers = (folder, cache, behind), (home.data, behind / "data")
        yield traces
        home.ensure_down()


def test_no_run_says_a_secret(traces: Traces):
    assert [command for command, each in traces.ended if search((each.out + each.err).encode(), SECRETS)] == []


def test_nothing_that_is_logged_holds_a_secret(traces: Traces):
    assert any("stamina.retry_scheduled" in each for each in traces.records)
    assert [each for each in traces.records if search(each.encode(), SECRETS)] == []


def test_no_file_holds_a_secret_and_a_server_that_logs_all_has_verifiers_only(traces: Traces):
    found = [(path, names) for path, content in traces.files() if (names := search(content, SECRETS))]
    log = (traces.servers[1].parent / "postgres.log").read_bytes()

    assert found == []
    assert log.count(b"PASSWORD 'SCRAM-SHA-256$") == len(("migrator", "application", "reader"))


def test_no_program_is_started_with_a_secret_nor_lives_on_with_one(traces: Traces):
    environs = [
        Path(f"/proc/{(data / 'postmaster.pid').read_text().split()[0]}/environ").read_bytes()
        for data in traces.servers
    ]

    assert [each for each in traces.started if "postgres" in each]
    assert [each for each in traces.started if search(each.encode(), SECRETS)] == []
    assert [each for each in environs if search(each, SECRETS)] == []


@pytest.mark.usefixtures("traces")
def test_a_crash_leaves_no_core_which_would_hold_every_secret():
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))  # as in a shell that wants them
    try:
        done = run("db.url")
        limit, _ = resource.getrlimit(resource.RLIMIT_CORE)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)

    assert (done.code, limit) == (0, 0)
