"""An integration test in, whether a second server could answer it otherwise out: what cannot is run once.

CI runs the integration tests on two servers, of two majors, the second in a container. What a server says, locks,
rewrites, plans or keeps in its catalogs, and how it is reached, is asked of both. On the second are left out (`-m "not
once"`, see tasks.py):

- tests that ask for no server of the suite: they begin one of their own, or need none, and would do the very same;
- the files below, in which processes of ours are tried, with where that which they need of a server is tried on both;
- cases of the gate's corpus whose commands other cases have as well (tests/corpus.py), and all but the newest of
  Cruddur's migrations (test_gate_cruddur.py): marked where they are.

At a desk `PGPROOF_TEST_SERVER=container pytest tests/integration` runs all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

ONCE = {
    "test_plugin.py": "fixtures of pytest; copies of databases: test_templates.py, test_round_trip.py",
    "test_plugin_run.py": "processes of pytest; copies and what runs leave: test_templates.py, test_kept.py",
    "test_contract_items.py": "items of pytest; what they hold: test_contract_check.py, test_plans.py, test_shape.py",
    "test_stubs.py": "what mypy says to a module; the types in it: test_shape.py, test_pythontype.py",
    "test_cache_crowds.py": "callers in one process; what a fetch writes: test_cache_races*.py, test_cache_answers.py",
    "test_cache_histories.py": "the checker, and many histories; the races themselves: test_cache_races*.py",
    "test_metrics_kill.py": "processes of ours, killed; what is left of their transactions: test_metrics_chaos.py",
    "test_momento.py": "faults of Momento; Postgres as the one that fails: cache_failures/test_postgres.py",
}
"""Files, and why."""


def is_said_once(item: pytest.Item) -> bool:
    """Whether each server has the same to say to a test."""
    return item.path.name in ONCE or "server" not in getattr(item, "fixturenames", ())
