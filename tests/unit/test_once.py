"""What CI leaves out on a second server: nothing whose commands nobody holds there, no file that is not there."""

from pathlib import Path

from tests.corpus import pick_for_each_command, read_corpus
from tests.once import ONCE

INTEGRATION = Path(__file__).parents[1] / "integration"


def test_each_command_of_the_corpus_is_judged_on_a_second_server_where_it_hurts_and_where_not():
    asked = [each for each in read_corpus() if not any(id.startswith("PG0") for id in each.expected)]

    picked = pick_for_each_command(asked)

    held = {(command, each.dangerous) for each in asked if each.name in picked for command in each.commands}
    assert held == {(command, each.dangerous) for each in asked for command in each.commands}
    assert len(picked) < len(asked)


def test_files_that_are_run_once_and_those_that_hold_the_rest_are_there():
    named = {*ONCE, *(word.rstrip(",") for why in ONCE.values() for word in why.split() if ".py" in word)}

    assert all([*INTEGRATION.rglob(each)] for each in named), named
