"""What breaks and what is noted, where home and production are not the same: on facts, without a server."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pgproof.migrations.ledger import Ledger, Row
from pgproof.parity import Mismatch, Side, compare
from pgproof.parity.behaviour import RECORDS
from pgproof.pg.catalog import Catalog
from pgproof.pg.environment import Environment, Extension, Setting, Sorting

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOME = Environment(
    version=180006,
    role="postgres",
    superuser=True,
    sorting=Sorting("UTF8", "builtin", "C.UTF-8", "C.UTF-8"),
    settings={each.name: Setting("as ever") for each in RECORDS},
)
LIBC = Sorting("UTF8", "libc", "en_US.UTF-8", "en_US.UTF-8", recorded="2.26", actual="2.26")


def mismatches(home: Environment, production: Environment) -> list[Mismatch]:
    return compare(Side(home), Side(production))


def weigh(home: Environment, production: Environment) -> list[tuple[str, str]]:
    return [(each.severity, f"{each.subject} {each.name}") for each in mismatches(home, production)]


def with_setting(name: str, value: str, *, is_default: bool = False) -> Environment:
    return replace(HOME, settings={**HOME.settings, name: Setting(value, is_default)})


def without_setting(name: str, **differently) -> Environment:
    return replace(HOME, settings={key: value for key, value in HOME.settings.items() if key != name}, **differently)


def applied(id: str, **differently) -> Row:
    return Row(**{"id": id, "applied_at": NOW, "state": "applied", "sha256": "5ha", "meaning": "m", **differently})


def ledger(*rows: Row, **repeatables: str) -> Side:
    return Side(HOME, Ledger("public", complete=True, rows={each.id: each for each in rows}, repeatables=repeatables))


def test_what_is_alike_has_nothing_to_be_said_of():
    side = Side(HOME, Ledger(), Catalog({"table public.users: kind": "table"}))

    assert compare(side, side) == []


# The server


def test_the_bootcamp_s_13_at_home_and_14_6_in_the_cloud_break():
    (found,) = mismatches(replace(HOME, version=130008), replace(HOME, version=140006))

    assert (found.severity, found.home, found.production) == ("breaking", "13.8", "14.6")
    assert "major = 14 in [tool.pgproof]" in found.why


def test_another_minor_version_is_noted():
    (found,) = mismatches(replace(HOME, version=180004), HOME)

    assert (found.severity, found.home, found.production) == ("note", "18.4", "18.6")


def test_a_superuser_at_home_only_is_noted():
    production = replace(HOME, role="cruddur_master", superuser=False)

    assert weigh(HOME, production) == [("note", "server role")]


# Settings


@pytest.mark.parametrize("record", RECORDS, ids=lambda each: each.name)
def test_each_setting_that_differs_is_told_with_its_reason(record):
    (found,) = mismatches(HOME, with_setting(record.name, "otherwise"))

    expected = Mismatch(record.severity, "setting", record.name, "as ever", "otherwise", record.why)
    assert expected == found
    assert found.why


def test_settings_that_change_what_sql_gives_break():
    breaking = {each.name for each in RECORDS if each.severity == "breaking"}

    assert breaking >= {
        *("TimeZone", "DateStyle", "IntervalStyle", "search_path", "standard_conforming_strings", "bytea_output"),
        *("extra_float_digits", "row_security", "timezone_abbreviations", "default_text_search_config"),
        *("default_transaction_isolation", "default_transaction_read_only", "session_replication_role"),
    }
    assert not breaking & {"max_connections", "jit", "work_mem", "random_page_cost", "statement_timeout", "ssl"}


@pytest.mark.parametrize(
    ("name", "here", "there"),
    [
        ("TimeZone", "Etc/UTC", "UTC"),
        ("TimeZone", "Zulu", "Etc/UCT"),
        ("search_path", '"$user", public', '"$user",public'),
        ("lc_time", "en_US.UTF-8", "en_US.utf8"),
    ],
)
def test_one_value_spelled_in_two_ways_is_no_difference(name, here, there):
    assert mismatches(with_setting(name, here), with_setting(name, there)) == []


@pytest.mark.parametrize("zone", ["America/Toronto", "Etc/GMT+5"])
def test_another_time_zone_is_one(zone):
    assert weigh(with_setting("TimeZone", "Etc/UTC"), with_setting("TimeZone", zone)) == [
        ("breaking", "setting TimeZone")
    ]


def test_a_setting_that_an_older_server_lacks_counts_once_it_is_used():
    older = without_setting("transaction_timeout", version=160010)

    unused, used = (with_setting("transaction_timeout", "5s", is_default=each) for each in (True, False))

    assert ("note", "setting transaction_timeout") not in weigh(unused, older)
    assert ("note", "setting transaction_timeout") in weigh(used, older)


def test_a_setting_that_a_role_may_not_see_is_not_compared():
    assert mismatches(HOME, without_setting("shared_preload_libraries")) == []


# Sorting


@pytest.mark.parametrize(
    ("home", "production", "expected"),
    [
        (HOME.sorting, Sorting("UTF8", "libc", "C.utf8", "C.utf8"), [("note", "collation")]),
        (HOME.sorting, LIBC, [("breaking", "collation"), ("note", "letters")]),
        (HOME.sorting, Sorting("UTF8", "libc", "C", "C"), [("breaking", "letters"), ("note", "collation")]),
        (LIBC, replace(LIBC, collate="en_US.utf8", ctype="en_US.utf8"), []),
        (LIBC, replace(LIBC, provider="icu"), [("breaking", "collation")]),
        (LIBC, replace(LIBC, collate="sv_SE.UTF-8"), [("breaking", "collation")]),
        (LIBC, replace(LIBC, recorded="2.36", actual="2.36"), [("note", "collation version")]),
        (LIBC, replace(LIBC, encoding="SQL_ASCII"), [("breaking", "encoding")]),
        (replace(LIBC, provider="icu"), replace(LIBC, provider="icu", rules="&a<b"), [("breaking", "ICU rules")]),
    ],
)
def test_how_texts_sort(home, production, expected):
    found = weigh(replace(HOME, sorting=home), replace(HOME, sorting=production))

    assert [(severity, f"sorting {name}") for severity, name in expected] == found


def test_a_collation_that_changed_under_the_indexes_of_production_breaks():
    stale = replace(HOME, sorting=replace(LIBC, recorded="2.26", actual="2.34"))

    found = [each for each in mismatches(stale, stale) if "REINDEX" in each.why]

    assert [(each.severity, each.production) for each in found] == [("breaking", "made by 2.26, now 2.34")]


# Extensions


@pytest.mark.parametrize(
    ("here", "there", "severity", "why"),
    [
        (Extension("1.6", "1.6"), Extension("", "1.5"), "breaking", "production offers 1.5: a migration makes it"),
        (Extension("1.6", "1.6"), Extension(), "breaking", "production has no such"),
        (
            Extension("1.10"),
            Extension("1.9", "1.10"),
            "breaking",
            "an older one; ALTER EXTENSION ... UPDATE brings 1.10",
        ),
        (Extension("1.9"), Extension("1.10", "1.10"), "note", "production has a newer one"),
        (Extension("", "1.6"), Extension("1.6", "1.6"), "note", "home offers 1.6"),
        (Extension(), Extension("1.6", "1.6"), "note", "home has no such: what needs it is not tried"),
    ],
)
def test_an_extension_that_differs(here, there, severity, why):
    (found,) = mismatches(replace(HOME, extensions={"x": here}), replace(HOME, extensions={"x": there}))

    assert (found.severity, found.name) == (severity, "x")
    assert found.why.endswith(why)


def test_an_extension_that_nobody_installed_is_no_difference():
    assert mismatches(replace(HOME, extensions={"x": Extension("", "1.6")}), HOME) == []


# Ledger


@pytest.mark.parametrize(
    ("home", "production", "severity", "why"),
    [
        ([applied("1")], [], "breaking", "`inv db.migrate --target=prod` brings it"),
        ([], [applied("1")], "breaking", "home tries a schema that is gone"),
        ([applied("1")], [applied("1", sha256="other", meaning="other")], "breaking", "another content"),
        ([applied("1")], [applied("1", sha256="other")], "note", "comments or layout differ"),
        ([applied("1")], [applied("1", state=None, sha256=None, meaning=None)], "note", "inv db.repair"),
        ([applied("1")], [applied("1", state="running")], "breaking", "brings it"),
    ],
    ids=["behind", "ahead", "edited", "reworded", "unchecked", "interrupted"],
)
def test_a_migration_that_is_not_the_same_in_both_ledgers(home, production, severity, why):
    (found,) = compare(ledger(*home), ledger(*production))

    assert (found.severity, found.subject, found.name) == (severity, "ledger", "1")
    assert why in found.why


def test_a_repeatable_that_was_run_with_another_content_is_noted():
    (found,) = compare(ledger(handles="5ha"), ledger(handles="other"))

    assert (found.severity, found.name, found.home, found.production) == ("note", "repeatable handles", "5ha", "other")


# Schema


def schemas(home: dict[str, str], production: dict[str, str]) -> list[tuple[str, str]]:
    return [(each.severity, each.name) for each in compare(*(Side(HOME, None, Catalog(f)) for f in (home, production)))]


def test_a_fact_of_the_schema_that_differs_breaks():
    assert schemas({"column public.users.bio: type": "text"}, {"column public.users.bio: type": "integer"}) == [
        ("breaking", "column public.users.bio: type")
    ]


def test_what_production_grants_besides_is_noted_and_what_it_does_not_grant_breaks():
    fact = {"table public.users: granted to app": "SELECT"}

    assert schemas({}, fact) == [("note", "table public.users: granted to app")]
    assert schemas(fact, {}) == [("breaking", "table public.users: granted to app")]


def test_an_extension_is_not_told_twice():
    assert schemas({"extension pg_trgm: schema": "public"}, {}) == []


def test_what_one_side_has_not_seen_is_not_compared():
    seen = Side(HOME, Ledger("public", complete=True, rows={"1": applied("1")}), Catalog({"schema a: kind": "schema"}))

    assert compare(seen, Side(HOME)) == []


def test_what_breaks_comes_first():
    production = replace(with_setting("jit", "off"), version=180004, sorting=replace(HOME.sorting, encoding="LATIN1"))

    assert [severity for severity, _ in weigh(HOME, production)] == ["breaking", "note", "note"]
