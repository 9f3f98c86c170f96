"""Cruddur's own queries on its migrations and seeds: what holds over several calls, and so stands in no golden."""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from pgproof.contracts.cases import Case, case_files, read_contract
from pgproof.pg.database import drop, ensure_created
from pgproof.queries import Database, read_queries
from pgproof.seeds import load, read_seeds

ROOT = Path(__file__).parents[2]
MIGRATIONS = [*sorted((ROOT / "migrations").glob("*.sql")), *sorted((ROOT / "migrations/repeatable").glob("*.sql"))]
QUERIES = read_queries(ROOT / "queries")
CONTRACTS = ROOT / "tests" / "contracts"
CASES = {each.query: each.cases for each in (read_contract(CONTRACTS, path) for path in case_files(CONTRACTS))}

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

NOW = datetime(2026, 3, 8, 12, tzinfo=UTC)  # after all that happens in the seeds
STROKE = datetime(2026, 3, 1, tzinfo=UTC)  # a post of the seeds expires on it
LATER = datetime(2026, 7, 1, tzinfo=UTC)  # all but one of those that expire have done so
READER = "diego_r"  # follows a writer of six posts of one moment


def post(number: int) -> str:
    return f"00000000-0000-4000-b000-{number:012}"


def token(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


GRANDMOTHER = post(216)  # the post that most people like
AMARA, REY, NEWCOMER = token(16), token(13), token(23)  # the first wrote it


@pytest.fixture(scope="module")
def cruddur(server: str) -> Iterator[str]:
    """Conninfo of one database with Cruddur's schema and seeds; tests roll back what they do to it."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    conninfo = make_conninfo(server, dbname=name)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for path in MIGRATIONS:
            if not path.name.endswith(".rollback.sql"):
                connection.execute(path.read_bytes())
        load(connection, read_seeds(ROOT / "seeds"))
        connection.execute("ANALYZE")
    yield conninfo
    drop(server, name)


@pytest.fixture
def connection(cruddur: str) -> Iterator[Connection]:
    with psycopg.connect(cruddur, autocommit=True) as connection, connection.transaction(force_rollback=True):
        yield connection


@pytest.fixture
def db(connection: Connection) -> Database:
    return Database(connection, QUERIES)


def rows_of(connection: Connection, query: str, *values: object) -> list[Row]:
    return connection.cursor(row_factory=dict_row).execute(query.encode(), values or None).fetchall()


def call(db: Database, name: str, **given: object) -> Any:
    """Call a query as its first case does, but for what is given."""
    parameters: Row = {**CASES[name][0].params, **given}
    return db.run(name, **parameters)


def uuids(rows: list[Row]) -> list[UUID]:
    return [row["uuid"] for row in rows]


# All of them


def test_every_query_can_be_run_and_says_what_it_is_for():
    QUERIES.check()

    assert [query.name for query in QUERIES if not query.doc] == []


def test_every_list_ends_with_its_page():
    lists = [query for query in QUERIES if query.returns == "many"]

    assert [query.name for query in lists if "page_size" not in query.command.parameters] == ["metrics.per_day"]


def answers(connection: Connection, name: str) -> Iterator[tuple[Case, Any]]:
    """Each case of a query that is neither refused nor of no row, and what comes of it."""
    db = Database(connection, QUERIES)
    for case in CASES[name]:
        if case.error is None and case.expect != "not_one_row":
            with connection.transaction(force_rollback=True):
                answer = call(db, name, **case.params)
            yield case, answer


def ask_psycopg(connection: Connection, name: str, case: Case) -> Any:
    """What comes of a case without the adapter."""
    with connection.transaction(force_rollback=True):
        cursor = connection.cursor(row_factory=dict_row).execute(QUERIES[name].text.encode(), case.params)
        rows = cursor.fetchall() if cursor.description else []
        first = rows[0] if rows else None
        by_shape = {"many": rows, "affected": cursor.rowcount, "value": first and next(iter(first.values()))}
        return by_shape.get(QUERIES[name].returns, first)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_file_means_to_plain_psycopg_what_it_means_to_the_adapter(connection, name):
    for case, given in answers(connection, name):
        expected = ask_psycopg(connection, name, case)

        masked = dict.fromkeys(case.masks)
        assert (given | masked if masked else given) == (expected | masked if masked else expected), case.name


def test_nobody_is_shown_the_address_or_the_token_of_anybody(connection):
    query = "SELECT lower(email) AS private FROM users UNION ALL SELECT cognito_user_id FROM users"
    private = {row["private"] for row in rows_of(connection, query)}

    shown = {
        str(value).lower()
        for name in CASES.keys() - {"users.ensure"}  # which gives an address to the one whose it is
        for _, answer in answers(connection, name)
        if isinstance(answer, dict | list)
        for row in (answer if isinstance(answer, list) else [answer])
        for value in row.values()
    }

    assert private & shown == set()
    assert len(shown) > 500


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("activities.by_user", r"\(user_uuid = .* AND \(ROW\(created_at, uuid\) < "),
        ("activities.home", r"\(user_uuid = .* AND \(ROW\(created_at, uuid\) < "),
        ("activities.liked", r"user_uuid = "),
        ("activities.likers", r"activity_uuid = "),
        ("activities.reposted", r"user_uuid = "),
        ("activities.search", r"to_tsvector\('simple'::regconfig, message\) @@ "),
        ("activities.show", r"uuid = "),
        ("activities.thread", r"reply_to_activity_uuid = "),
        ("users.followers", r"followed_uuid = "),
        ("users.following", r"follower_uuid = "),
        ("users.notifications", r"user_uuid = "),
        ("users.profile", r"lower\(handle\) = "),
        ("users.unseen_count", r"user_uuid = "),
        ("users.uuid_from_cognito_user_id", r"cognito_user_id = "),
    ],
)
def test_a_read_finds_its_way_by_indexes(connection, name, condition):
    # So few rows are read fastest in one go: what counts is which way is open, not which is cheap.
    connection.execute("SET LOCAL enable_seqscan = off")
    command = QUERIES[name].command
    sql, values = f"EXPLAIN {command.sql}".encode(), command.bind(CASES[name][0].params)

    plan = "\n".join(line for [line] in psycopg.RawCursor(connection).execute(sql, values))

    assert re.search(rf"Index Cond: \(+{condition}", plan)
    assert "Seq Scan" not in plan


# Lists


LISTS = [
    ("activities.by_user", {"handle": "weather_bot"}, {"before_created_at": "created_at", "before_uuid": "uuid"}),
    ("activities.home", {"handle": READER}, {"before_created_at": "created_at", "before_uuid": "uuid"}),
    ("activities.liked", {"handle": "x"}, {"before_liked_at": "liked_at", "before_uuid": "uuid"}),
    ("activities.likers", {"uuid": GRANDMOTHER}, {"before_liked_at": "liked_at", "before_uuid": "uuid"}),
    ("activities.reposted", {"handle": "rey"}, {"before_reposted_at": "reposted_at", "before_uuid": "uuid"}),
    ("activities.search", {"words": "the"}, {"before_created_at": "created_at", "before_uuid": "uuid"}),
    ("users.followers", {"handle": "x"}, {"before_followed_at": "followed_at", "before_uuid": "uuid"}),
    ("users.following", {"handle": "quiet_reader"}, {"after_handle": "handle"}),
]
ONE_MOMENT = """
UPDATE activities SET created_at = '2026-01-05Z'; UPDATE likes SET created_at = '2026-01-06Z';
UPDATE reposts SET created_at = '2026-01-06Z'; UPDATE follows SET created_at = '2026-01-06Z'
"""


def fetch_pages(db: Database, name: str, asked: Row, keys: dict[str, str], size: int) -> Iterator[list[Row]]:
    last: Row = dict.fromkeys(keys)
    while page := call(db, name, **{**asked, **last, "page_size": size}):
        yield page
        last = {parameter: page[-1][column] for parameter, column in keys.items()}


@pytest.mark.parametrize("first", ["SELECT", ONE_MOMENT], ids=["as_seeded", "all_of_one_moment"])
@pytest.mark.parametrize(("name", "asked", "keys"), LISTS, ids=[name for name, _, _ in LISTS])
def test_the_pages_of_a_list_are_the_list(connection, db, name, asked, keys, first):
    connection.execute(first)
    whole = call(db, name, **asked, page_size=1000)

    for size in (1, 4):
        pages = list(islice(fetch_pages(db, name, asked, keys, size), len(whole)))

        assert {len(page) for page in pages[:-1]} == {size}
        assert [row for page in pages for row in page] == whole


def expected_home(connection: Connection, handle: str, now: datetime) -> list[UUID]:
    """What a person reads, found the slow way."""
    query = """
    SELECT a.* FROM activities AS a
     WHERE a.user_uuid IN (SELECT uuid FROM users WHERE handle = '{0}')
        OR a.user_uuid IN (SELECT followed_uuid FROM follows JOIN users ON uuid = follower_uuid WHERE handle = '{0}')
    """
    posts = [
        post
        for post in rows_of(connection, query.format(handle))
        if post["reply_to_activity_uuid"] is None and (post["expires_at"] is None or post["expires_at"] > now)
    ]
    return uuids(sorted(posts, key=lambda post: (post["created_at"], post["uuid"]), reverse=True))


def test_a_feed_is_what_one_and_those_one_follows_have_posted(connection, db):
    for person in rows_of(connection, "SELECT handle FROM users"):
        feed = call(db, "activities.home", handle=person["handle"], now=STROKE, page_size=1000)

        assert uuids(feed) == expected_home(connection, person["handle"], STROKE)


def test_a_post_that_comes_meanwhile_shifts_no_page(connection, db):
    name, asked, keys = LISTS[1]
    there = expected_home(connection, READER, NOW)
    pages = fetch_pages(db, name, asked, keys, 4)
    read = next(pages)
    call(db, "activities.create", cognito_user_id=token(18))

    for page in pages:
        read += page

    assert uuids(read) == there
    assert len(expected_home(connection, READER, NOW)) == len(there) + 1


def test_counts_are_of_the_post_they_stand_beside(connection, db):
    counted = {row["activity_uuid"]: row for row in rows_of(connection, "SELECT * FROM activity_counts")}
    names = ("likes_count", "reposts_count", "replies_count")
    lists = [call(db, name, **asked, page_size=1000) for name, asked, _ in LISTS]

    posts = [row for rows in [*lists, call(db, "activities.thread")] for row in rows if "likes_count" in row]

    assert len(posts) > 100
    for each in posts:
        assert [each[name] for name in names] == [counted[each["uuid"]][name] for name in names]


# Threads


def expected_thread(connection: Connection, root: UUID) -> list[tuple[int, UUID]]:
    replies = defaultdict(list)
    for each in rows_of(connection, "SELECT * FROM activities ORDER BY created_at, uuid"):
        replies[each["reply_to_activity_uuid"]].append(each["uuid"])

    def below(uuid: UUID, depth: int) -> Iterator[tuple[int, UUID]]:
        yield depth, uuid
        for reply in replies[uuid]:
            yield from below(reply, depth + 1)

    return list(below(root, 0))


def read_thread(db: Database, root: UUID | str) -> list[tuple[int, UUID]]:
    rows = call(db, "activities.thread", uuid=root, now=NOW, page_size=1000)
    return [(row["reply_depth"], row["uuid"]) for row in rows]


def test_a_thread_is_read_from_the_top_down(connection, db):
    roots = rows_of(connection, "SELECT uuid FROM activities WHERE expires_at IS NULL OR expires_at > %s", NOW)

    threads = {root: read_thread(db, root) for root in uuids(roots)}

    assert threads == {root: expected_thread(connection, root) for root in threads}
    assert max(depth for thread in threads.values() for depth, _ in thread) >= 4


def test_what_has_expired_is_left_out_of_a_thread_and_its_replies_stay(connection, db):
    whole = read_thread(db, post(48))
    connection.execute("UPDATE activities SET expires_at = %s WHERE uuid = %s", [NOW, whole[1][1]])

    assert read_thread(db, post(48)) == [whole[0], *whole[2:]]
    assert whole[2][0] == 2


def test_a_thread_that_is_cut_short_has_the_posts_that_are_read_first(db):
    whole = call(db, "activities.thread", uuid=post(48))

    assert call(db, "activities.thread", uuid=post(48), page_size=3) == whole[:3]


# Writing, and what others see of it


def test_a_new_post_stands_first_in_the_feed(db):
    made = call(db, "activities.create", expires_at=datetime.now(UTC) + timedelta(days=1))

    [first, *_] = call(db, "activities.home", handle="amara")
    assert made.items() <= first.items()


def test_a_reply_is_counted_stands_in_the_thread_and_is_told_to_whom_it_answers(db):
    before = call(db, "activities.show", uuid=GRANDMOTHER)

    made = call(db, "activities.reply", cognito_user_id=REY, reply_to_activity_uuid=GRANDMOTHER)

    after = call(db, "activities.show", uuid=GRANDMOTHER)
    assert after == before | {"replies_count": before["replies_count"] + 1}
    assert (1, made["uuid"]) in read_thread(db, GRANDMOTHER)
    [told, *_] = call(db, "users.notifications", cognito_user_id=AMARA)
    assert (told["kind"], told["actor_handle"], told["activity_uuid"]) == ("reply", "rey", made["uuid"])


def test_a_post_is_deleted_by_who_wrote_it_and_by_nobody_else(connection, db):
    people = {row["cognito_user_id"] for row in rows_of(connection, "SELECT cognito_user_id FROM users")}

    others = [call(db, "activities.delete", uuid=GRANDMOTHER, cognito_user_id=each) for each in people - {AMARA}]
    assert set(others) == {0}
    assert call(db, "activities.show", uuid=GRANDMOTHER)

    assert [call(db, "activities.delete", uuid=GRANDMOTHER, cognito_user_id=AMARA) for _ in range(2)] == [1, 0]
    assert call(db, "activities.show", uuid=GRANDMOTHER) is None


def test_replies_to_a_deleted_post_stay_as_posts_of_their_own(db):
    replies = [uuid for depth, uuid in read_thread(db, GRANDMOTHER) if depth == 1]
    before = [call(db, "activities.show", uuid=uuid) for uuid in replies]

    call(db, "activities.delete", uuid=GRANDMOTHER, cognito_user_id=AMARA)

    after = [call(db, "activities.show", uuid=uuid) for uuid in replies]
    assert after == [reply | {"reply_to_activity_uuid": None} for reply in before]
    assert read_thread(db, GRANDMOTHER) == []
    assert len(replies) > 1


@pytest.mark.parametrize(
    ("do", "undo", "count", "flag"),
    [
        ("activities.like", "activities.unlike", "likes_count", "liked_by_reader"),
        ("activities.repost", "activities.unrepost", "reposts_count", "reposted_by_reader"),
    ],
)
def test_a_like_or_a_repost_counts_once_and_is_taken_back_by_who_gave_it(db, do, undo, count, flag):
    asked: Row = {"uuid": GRANDMOTHER, "cognito_user_id": NEWCOMER}
    before = call(db, "activities.show", **asked)

    assert [call(db, do, **asked) for _ in range(2)] == [1, 0]
    assert call(db, "activities.show", **asked) == before | {count: before[count] + 1, flag: True}
    assert call(db, undo, **asked | {"cognito_user_id": AMARA}) == 0
    assert [call(db, undo, **asked) for _ in range(2)] == [1, 0]
    assert call(db, "activities.show", **asked) == before


def test_who_is_followed_is_read_from_then_on(db):
    asked: Row = {"cognito_user_id": NEWCOMER, "handle": "WORF"}

    assert [call(db, "users.follow", **asked) for _ in range(2)] == [1, 0]
    assert {row["handle"] for row in call(db, "activities.home", handle="newcomer")} == {"worf"}
    assert [row["handle"] for row in call(db, "users.following", handle="newcomer")] == ["worf"]
    assert call(db, "users.followers", handle="worf")[0]["handle"] == "newcomer"
    assert [call(db, "users.unfollow", **asked) for _ in range(2)] == [1, 0]
    assert call(db, "activities.home", handle="newcomer") == []


# The broom


def test_the_broom_takes_what_nobody_is_shown_any_more_and_nothing_else(connection, db):
    handles = [row["handle"] for row in rows_of(connection, "SELECT handle FROM users")]

    def shown() -> list[list[UUID]]:
        return [uuids(call(db, "activities.by_user", handle=each, now=LATER, page_size=1000)) for each in handles]

    before = shown()
    swept = list(iter(lambda: call(db, "activities.delete_expired", now=LATER, batch_size=2), 0))

    assert swept == [2, 1]
    assert shown() == before
    left = rows_of(connection, "SELECT count(*) FROM activities")
    assert left == [{"count": sum(map(len, before))}]


def test_two_brooms_at_once_do_not_wait_for_each_other(db, cruddur):
    assert call(db, "activities.delete_expired", now=LATER, batch_size=2) == 2

    with psycopg.connect(cruddur, autocommit=True) as other, other.transaction(force_rollback=True):
        assert call(Database(other, QUERIES), "activities.delete_expired", now=LATER, batch_size=2) == 1


# Accounts


def test_an_account_is_made_once(connection, db):
    made = call(db, "users.ensure")
    again = call(db, "users.ensure")

    assert again == made
    assert len(rows_of(connection, "SELECT * FROM users WHERE handle = 'new'")) == 1


def test_a_second_confirmation_takes_over_the_address_and_leaves_what_the_person_chose(db):
    made = call(db, "users.ensure")
    chosen = {"handle": "chosen", "display_name": "Chosen"}
    call(db, "users.update_profile", cognito_user_id="new", **chosen)

    again = call(db, "users.ensure", email="other@example.com")

    assert again == made | chosen | {"email": "other@example.com"}


def test_two_confirmations_at_once_make_one_account(cruddur):
    with (
        psycopg.connect(cruddur, autocommit=True) as one,
        psycopg.connect(cruddur, autocommit=True) as other,
        psycopg.connect(cruddur, autocommit=True) as watch,
    ):
        made: list[Row] = []
        second = threading.Thread(target=lambda: made.append(call(Database(other, QUERIES), "users.ensure")))
        db = Database(one, QUERIES)
        try:
            with db.transaction():
                first = call(db, "users.ensure")
                second.start()
                wait_until_blocked(watch, other.info.backend_pid)
            second.join()
        finally:
            watch.execute("DELETE FROM users WHERE handle = 'new'")

        assert made == [first]


def wait_until_blocked(watch: Connection, pid: int) -> None:
    until = time.monotonic() + 30
    while watch.execute("SELECT cardinality(pg_blocking_pids(%s))", [pid]).fetchone() == (0,):
        assert time.monotonic() < until


def test_a_profile_shows_what_its_person_made_of_it(db):
    made = call(db, "users.update_profile", handle="siobhan", display_name="Siobhán", bio=None)

    assert made.items() <= call(db, "users.profile", handle="SIOBHAN").items()
    assert call(db, "users.profile", handle="OConnor") is None


def test_who_leaves_takes_along_what_is_theirs_and_leaves_what_others_answered(db):
    replies = [uuid for depth, uuid in read_thread(db, GRANDMOTHER) if depth == 1]

    assert [call(db, "users.delete", cognito_user_id=AMARA) for _ in range(2)] == [1, 0]

    assert call(db, "users.profile", handle="amara") is None
    assert call(db, "activities.show", uuid=GRANDMOTHER) is None
    assert all(call(db, "activities.show", uuid=uuid) for uuid in replies)
    assert call(db, "users.ensure", cognito_user_id="other", handle="AMARA", email="amara@example.com")


# Notifications


@pytest.mark.parametrize("now", [STROKE, NOW, LATER])
def test_notifications_are_the_persons_own_newest_first(connection, db, now):
    query = """
    SELECT n.created_at, coalesce(n.created_at > u.notifications_seen_at, true) AS is_new
      FROM notifications AS n JOIN users AS u ON u.uuid = n.recipient_uuid
     WHERE u.cognito_user_id = %s
       AND NOT EXISTS (SELECT FROM activities AS a WHERE a.uuid = n.activity_uuid AND a.expires_at <= %s)
     ORDER BY n.created_at DESC
    """
    for person in rows_of(connection, "SELECT cognito_user_id FROM users"):
        mine = person["cognito_user_id"]
        expected = rows_of(connection, query, mine, now)

        told = call(db, "users.notifications", cognito_user_id=mine, now=now, page_size=1000)

        assert [(each["created_at"], each["is_new"]) for each in told] == [tuple(each.values()) for each in expected]
        assert call(db, "users.unseen_count", cognito_user_id=mine, now=now) == sum(each["is_new"] for each in told)


def test_what_comes_after_the_page_that_was_seen_is_new(db):
    [newest, *_] = call(db, "users.notifications", cognito_user_id=AMARA)
    call(db, "users.mark_notifications_seen", cognito_user_id=AMARA, seen_at=newest["created_at"])
    assert call(db, "users.unseen_count", cognito_user_id=AMARA) == 0

    call(db, "activities.like", uuid=GRANDMOTHER, cognito_user_id=NEWCOMER)

    assert call(db, "users.unseen_count", cognito_user_id=AMARA) == 1
    told = call(db, "users.notifications", cognito_user_id=AMARA)
    assert [each["is_new"] for each in told] == [True] + [False] * (len(told) - 1)


# Metrics


def test_the_days_add_up_to_the_totals(db):
    totals = call(db, "metrics.totals")

    days = call(db, "metrics.per_day", now=datetime(2026, 3, 9, tzinfo=UTC), days=70)

    for name in ("users_count", "activities_count"):
        assert sum(day[name] for day in days) == totals[name]


def test_a_day_is_the_same_to_every_session(connection, db):
    asked = {"now": datetime(2026, 3, 9, 3, tzinfo=UTC), "days": 10}  # New York's clocks changed on the 8th
    expected = call(db, "metrics.per_day", **asked)

    for zone in ("America/New_York", "Asia/Tokyo", "Pacific/Kiritimati"):
        connection.execute(f"SET LOCAL TimeZone = '{zone}'")

        assert call(db, "metrics.per_day", **asked) == expected
