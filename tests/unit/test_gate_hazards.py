"""Which measured statements hurt: by locks, files and rows; what each looks like on a server, the corpus shows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgproof.errors import Location
from pgproof.gate.measuring.estimate import estimate
from pgproof.gate.measuring.hazards import Sizes, find_hazards
from pgproof.gate.measuring.measured import Lock, Measured

USERS, POSTS, TINY = "public.users", "public.posts", "public.tiny"
SIZES = Sizes({USERS: 1000, POSTS: 1000, TINY: 99}, wanted=1000)


def _lock(
    relation: str = USERS, mode: str = "AccessExclusiveLock", kind: str = "table", *, was_there: bool = True
) -> Lock:
    return Lock(relation, mode, was_there, 0.0, 1.0, kind)


def _statement(text: str = "ALTER TABLE users ADD x int", line: int = 1, **did: Any) -> Measured:
    usual: dict[str, Any] = {"migration": "0002_x", "phase": "pre", "kind": "AlterTableStmt", "transactional": True}
    usual |= {"began": 0.0, "took": 2.0, "lock_timeout": 5000}
    return Measured(at=Location(Path("0002_x.sql"), line), text=text, **(usual | did))


def _found(*statements: Measured, sizes: Sizes = SIZES) -> list[str]:
    return [f"{each.kind.id} {each.what}" for each in find_hazards(statements, sizes)]


BRIEF = _statement(locks=(_lock(),))
READ = {USERS: 1000}
VERIFIED: dict[str, Any] = {"scanned": READ, "said": ('verifying table "users"',)}


def test_a_lock_for_a_moment_is_fine():
    assert _found(BRIEF) == []


def test_a_rewrite_of_a_large_table_is_one():
    statement = _statement(locks=(_lock(),), rewritten=(USERS, "public.users_pkey"), scanned=READ)

    assert _found(statement) == ["PG401 public.users is written anew while reads and writes wait"]


def test_a_rewrite_without_a_transaction_is_one_too():
    statement = _statement("VACUUM FULL users", kind="VacuumStmt", transactional=False, rewritten=(USERS,))

    assert _found(statement) == ["PG401 public.users is written anew while reads and writes wait"]


@pytest.mark.parametrize("table", [TINY, "public.made_by_the_change"])
def test_what_is_small_or_new_may_be_rewritten_and_read(table: str):
    assert _found(_statement(locks=(_lock(table),), rewritten=(table,), scanned={table: 99})) == []


def test_a_scan_while_nobody_may_read_is_one():
    assert _found(_statement(locks=(_lock(),), **VERIFIED)) == [
        "PG402 public.users is read through while reads and writes wait"
    ]


def test_a_scan_without_a_lock_that_blocks_is_fine():
    text = "ALTER TABLE users VALIDATE CONSTRAINT c"

    assert _found(_statement(text, locks=(_lock(mode="ShareUpdateExclusiveLock"),), **VERIFIED)) == []


def test_a_look_at_a_few_rows_is_fine():
    assert _found(_statement(locks=(_lock(),), scanned={USERS: 499}, said=VERIFIED["said"])) == []


def test_an_index_is_one_by_what_waits_for_it():
    built: dict[str, Any] = {
        "kind": "IndexStmt",
        "scanned": READ,
        "said": ('building index "i" on table "users" serially',),
    }

    assert _found(_statement(locks=(_lock(mode="ShareLock"),), **built)) == [
        "PG403 an index of public.users is built while writes wait"
    ]
    assert _found(_statement(locks=(_lock(),), **built)) == [
        "PG403 an index of public.users is built while reads and writes wait"
    ]
    assert _found(_statement(transactional=False, locks=(_lock(mode="ShareUpdateExclusiveLock"),), **built)) == []


def test_a_reindex_without_a_transaction_is_known_by_the_index_that_has_another_file():
    statement = _statement("REINDEX TABLE users", transactional=False, rewritten=("public.i",), scanned=READ)

    assert _found(statement) == ["PG403 an index of public.users is built while reads and writes wait"]


def test_a_foreign_key_that_is_validated_blocks_both_tables():
    locks = (_lock(POSTS, "ShareRowExclusiveLock"), _lock(USERS, "ShareRowExclusiveLock"))
    statement = _statement(locks=locks, scanned=READ | {POSTS: 1000}, said=('validating foreign key constraint "f"',))

    assert _found(statement) == ["PG404 a foreign key is validated while writes of public.posts and public.users wait"]


def test_a_large_part_written_in_one_transaction_is_one_and_told_once():
    writes = [_statement(kind="UpdateStmt", line=line, written={USERS: 40}) for line in range(1, 6)]

    assert _found(*writes[:2]) == []
    assert [each.statement.at.line for each in find_hazards(writes, SIZES)] == [3]


def test_parts_written_in_several_transactions_are_fine():
    writes = [_statement(kind="UpdateStmt", migration=f"000{n}_x", written={USERS: 90}) for n in range(2, 6)]

    assert _found(*writes) == []


def test_a_lock_that_is_kept_during_later_work_is_told_at_the_work():
    work = _statement("SELECT count(*) FROM posts", kind="SelectStmt", line=7, scanned={POSTS: 1000})

    assert _found(BRIEF, work) == [
        "PG406 public.users is locked since line 1, and kept so while public.posts is read through"
    ]
    assert _found(work, BRIEF) == []
    assert _found(BRIEF, replace(work, migration="0003_y")) == []


def test_a_validation_in_the_transaction_of_its_constraint_keeps_the_lock():
    validate = _statement("ALTER TABLE users VALIDATE CONSTRAINT c", line=2, **VERIFIED)

    assert _found(BRIEF, validate) == [
        "PG406 public.users is locked since line 1, and kept so while public.users is read through"
    ]


def test_work_that_a_statement_does_under_a_lock_of_its_own_is_not_told_again_as_kept():
    assert _found(BRIEF, _statement("ALTER TABLE users ALTER x SET NOT NULL", **VERIFIED)) == [
        "PG402 public.users is read through while reads and writes wait"
    ]


def test_a_lock_on_what_the_change_has_made_may_be_kept():
    fresh = _statement(
        locks=(
            _lock("public.new", was_there=False),
            _lock("public.newer"),
            _lock("public.view", kind="view", was_there=False),
        )
    )

    assert _found(fresh, _statement("SELECT 1", kind="SelectStmt", scanned=READ)) == []


@pytest.mark.parametrize(("timeout", "how"), [(0, "without a limit"), (60_000, "for up to 60 s")])
def test_a_lock_that_is_waited_for_too_long_is_one_once_for_each_table(timeout: int, how: str):
    statement = _statement(locks=(_lock(),), lock_timeout=timeout)

    assert _found(statement, statement) == [f"PG407 public.users is waited for {how}, and others queue up behind that"]


def test_without_a_limit_only_what_blocks_others_counts():
    locks = (_lock(mode="RowExclusiveLock"), _lock("public.new", was_there=False))

    assert _found(_statement(locks=locks, lock_timeout=0)) == []
    assert _found(_statement(locks=(_lock(),), lock_timeout=10_000)) == []


def test_an_extension_that_is_updated_is_named():
    assert _found(_statement("ALTER EXTENSION hstore UPDATE", kind="AlterExtensionStmt")) == [
        "PG408 the extension hstore is updated"
    ]


def test_work_under_a_lock_on_something_else_is_a_warning():
    refresh = _statement(
        "REFRESH MATERIALIZED VIEW totals",
        kind="RefreshMatViewStmt",
        locks=(_lock("public.totals", kind="materialized view"),),
        scanned=READ,
    )
    beside = replace(refresh, locks=(_lock("public.totals", "ExclusiveLock", "materialized view"),))

    assert _found(refresh) == ["PG409 public.totals is locked while public.users is read through"]
    assert _found(beside) == []


def test_production_decides_what_is_large_where_it_is_known():
    statement = _statement(locks=(_lock(),), **VERIFIED)

    assert _found(statement, sizes=replace(SIZES, production={USERS: 50})) == []
    assert _found(statement, sizes=replace(SIZES, wanted=1_000_000, production={USERS: 10**7})) != []


def test_a_partition_is_as_large_as_its_table():
    sizes = replace(SIZES, roots={TINY: USERS})
    statement = _statement("CREATE TABLE p PARTITION OF users DEFAULT", kind="CreateStmt", locks=(_lock(TINY),))

    assert _found(replace(statement, scanned={TINY: 99}), sizes=sizes) == [
        "PG402 public.tiny is read through while reads and writes wait"
    ]


def test_an_estimate_grows_with_the_rows_of_production():
    sizes = replace(SIZES, production={USERS: 100_000, POSTS: 20_000})

    assert estimate(_statement(scanned=READ), sizes) == pytest.approx(200)
    assert estimate(_statement(scanned=READ | {POSTS: 1000}), sizes) == pytest.approx(200)


def test_there_is_no_estimate_for_what_does_not_grow_or_is_not_known():
    assert estimate(BRIEF, replace(SIZES, production={USERS: 100_000})) is None
    assert estimate(_statement(scanned=READ), SIZES) is None
