"""README.md tells what the program does: its tasks, its first screen, its files."""

import re
import shutil
from pathlib import Path

from pgproof.tasks import ns
from tests.e2e.conftest import Project, steady

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_readme_names_every_task_and_no_other(shop: Project):
    listed = re.findall(r"^  (db\.\w+)", shop.inv("--list"), re.MULTILINE)
    table = README.partition("## Tasks")[2].partition("\n## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `db.")]

    assert sorted(re.findall(r"db\.\w+", "".join(first_cells))) == sorted(listed)


def test_every_task_takes_server_and_target_and_tells_of_each_option():
    for name, task in ns.collections["db"].tasks.items():
        options = {option.name: option.help for option in task.get_arguments()}

        assert {"server", "target"} <= set(options), name
        assert [option for option, text in options.items() if not text] == [], name
        assert task.__doc__, name


def test_readmes_first_screen_is_what_a_reset_prints(shop: Project):
    for folder in ("migrations", "seeds"):
        shutil.rmtree(shop.root / folder)
        shutil.copytree(ROOT / folder, shop.root / folder)
    printed = steady(shop.inv("db.reset", PGPROOF_DATABASE="cruddur"))

    [screen] = re.findall(r"\n\n((?:    .*\n)*    created cruddur on .*\n(?:    .*\n)+)\n", README)
    shown = [line.strip() for line in steady(screen)]

    assert [line for line in shown if line not in [*printed, "…"] and not line.startswith("postgresql://")] == []
    assert re.fullmatch(re.escape(shown[-1]).replace("…", ".*"), printed[-1])
