"""A project whose production is a planned instance: AWS is moto's, and a tunnel leads to a server of our own."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pgproof.pg.database import connect
from tests.e2e.conftest import SHOP, Project
from tests.gates import GIT
from tests.tls import PASSWORD, TlsServer, tls_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAHUNTER2",
    "AWS_SECRET_ACCESS_KEY": "hunter2hunter2",
    "AWS_DEFAULT_REGION": "ca-central-1",
}

PLAN = """
[tool.pgproof]
database = "cruddur"

[tool.pgproof.rds]
identifier = "cruddur-db-instance"
publicly_accessible = true
multi_az = false
master_password = "environment"
connect_as = "cruddur_migrator"
ca_bundle = "{roots}"
"""


def make_shell(aws: str, tunnel: str) -> dict[str, str]:
    """Return the variables of a shell whose AWS is moto's server, also as production.

    That is asked for at AWS' own names only: a proxy brings moto's server there.
    """
    port = aws.rpartition(":")[2]
    way = {"AWS_ENDPOINT_URL": f"http://moto.amazonaws.com:{port}", "HTTP_PROXY": aws, "PGPROOF_TUNNEL": tunnel}
    return CREDENTIALS | way | {"MASTER_USER_PASSWORD": PASSWORD}


@contextmanager
def made_instance(cache: Path) -> Iterator[TlsServer]:
    """Give what RDS makes: a server with the planned database, and a master user that is no superuser."""
    with tls_server(cache) as tls:
        with connect(tls.inside) as connection:
            connection.execute("ALTER ROLE cruddur_master CREATEROLE CREATEDB")
        yield tls


def start_project(project: Project, tls: TlsServer) -> None:
    """Make it one that has never been anywhere: not even a commit is made."""
    files = SHOP | {"pyproject.toml": PLAN.format(roots=tls.roots), "migrations/HEAD": "0003_add_bio_to_users\n"}
    project.root.mkdir()
    subprocess.run([*GIT, "init", "--quiet"], cwd=project.root, check=True, capture_output=True)
    for path, text in files.items():
        project.write(path, text)
