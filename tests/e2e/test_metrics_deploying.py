"""metrics.template and metrics.retry, as a person types them; and the package that the template tells to make."""

import json
import re
import subprocess
import sys
from pathlib import Path

import psycopg

import pgproof
from pgproof.metrics.mappings.adopt import adopt
from pgproof.metrics.mappings.mapping import read_mappings
from pgproof.metrics.mirror.intake import take_in
from pgproof.metrics.mirror.record import read_record
from pgproof.metrics.mirror.source import begin_epoch, fetch_source
from tests.e2e.conftest import Project
from tests.lambdas import arn, message, record
from tests.metrics import MESSAGES, install

TABLE = "cruddur-messages"


def set_aside(shop: Project, *names: str) -> None:
    """Have a database of metrics in which records of these kinds were set aside."""
    shop.write("metrics/messages.toml", MESSAGES.format(table=TABLE))
    mappings = read_mappings(shop.root / "metrics")
    with shop.connect() as connection:
        install(connection)
        adopt(connection, mappings)
        connection.execute("UPDATE pgproof_metrics.source SET keys = '{pk,sk}'")
        with connection.transaction():
            source = begin_epoch(connection, fetch_source(connection, TABLE), arn(TABLE))
            records = [record(arn(TABLE), number, message(number), name=name) for number, name in enumerate(names, 1)]
            take_in(connection, source, records, lambda each: read_record(each, ("pk", "sk"), mappings))


def test_the_template_is_for_the_only_table_or_the_one_that_is_named(shop: Project):
    shop.write("metrics/messages.toml", MESSAGES.format(table=TABLE))
    text = shop.inv("metrics.template")
    assert f'Default: "{TABLE}"' in text
    assert "Handler: pgproof.metrics.handler" in text
    assert "--stack-name metrics-cruddur-messages " in text
    assert not re.search(r"\b(TABLE|STACK)\b", text)

    assert shop.inv("metrics.template", f"--table={TABLE}") == text
    assert shop.refuse("metrics.template", "--table=users") == (
        f"no mapping is about DynamoDB's table users\n  hint: there are {TABLE}\n"
    )
    shop.write("metrics/others.toml", f'dynamodb = "{TABLE}-2"\ntime = "sk"\n\n[metric.others]\n')
    assert shop.refuse("metrics.template") == (
        f"which table? A stack is for one\n  hint: --table={TABLE}, or {TABLE}-2\n"
    )


def test_what_was_set_aside_is_tried_again_and_told(full_shop: Project):
    set_aside(full_shop, "RENAME", "RENAME", "INSERT")
    full_shop.execute(
        "UPDATE pgproof_metrics.dead_letter SET record = replace(record, 'RENAME', 'INSERT') WHERE id = 2"
    )

    assert full_shop.inv("metrics.retry") == (
        f"kept       1 of {TABLE}: unknown event 'RENAME'\napplied    2 of {TABLE}\n"
    )
    assert json.loads(full_shop.inv("metrics.retry", "--json", "--id=1")) == [
        {"id": 1, "table": TABLE, "fate": "kept", "reason": "unknown event 'RENAME'"}
    ]
    assert full_shop.rows("SELECT value::int FROM pgproof_metrics.daily WHERE metric = 'messages'") == [(2,)]
    assert full_shop.refuse("metrics.retry", "--id=2").startswith("no record is set aside as 2\n")
    assert full_shop.refuse("metrics.retry", "--id=all") == "--id 'all' is not a number from 1 on\n"
    full_shop.execute("DELETE FROM pgproof_metrics.dead_letter")
    assert full_shop.inv("metrics.retry") == "no record is set aside\n"


def test_the_function_needs_no_more_than_the_templates_head_says_to_package(shop: Project, tmp_path: Path):
    shop.write("metrics/messages.toml", MESSAGES.format(table=TABLE))
    shop.write("metrics/users.toml", 'postgres = "users"\nwhere = "id > 0"\ntime = "born"\n\n[metric.users]\n')
    text = shop.inv("metrics.template")
    told = "".join(re.findall(r"pip install[^\n]*\\\n#([^\n]*)", text))
    packages = {re.split("[^a-z]", name.strip("'"))[0] for name in told.split()}
    assert packages == {"postgast", "psycopg", "stamina", "tzdata"}

    library = Path(psycopg.__file__).parent.parent
    brought = ["psycopg", "psycopg_binary", "psycopg_binary.libs", "typing_extensions.py", "postgast", "google"]
    for path in [Path(pgproof.__file__).parent, *(library / name for name in [*brought, "stamina", "tenacity"])]:
        if path.exists():
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "metrics").symlink_to(shop.root / "metrics")
    code = (
        "import sys; sys.path.insert(0, '.'); import importlib\n"
        "handler = getattr(importlib.import_module('pgproof.metrics'), 'handler')\n"
        f"print(handler({{'Records': [{record(arn(TABLE), 7, message(1))!r}]}}, None))\n"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=tmp_path,
        env={"CONNECTION_URL": "postgresql://u:p@127.0.0.1:1/db", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "{'batchItemFailures': [{'itemIdentifier': '7'}]}\n", done.stderr
    assert "port 1 failed" in done.stderr
