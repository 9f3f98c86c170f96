"""Cruddur's own queries on its migrations and seeds: what each promises to a page of the application."""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from pgproof.errors import NotOneRow, QueryFailed
from pgproof.pg.database import drop, ensure_created
from pgproof.queries import Database, read_queries
from pgproof.seeds import load, read_seeds

ROOT = Path(__file__).parents[2]
MIGRATIONS = [*sorted((ROOT / "migrations").glob("*.sql")), *sorted((ROOT / "migrations/repeatable").glob("*.sql"))]
QUERIES = read_queries(ROOT / "queries")

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

NOW = datetime(2026, 3, 1, tzinfo=UTC)  # a post of the seeds expires on this stroke
READER = "diego_r"  # follows a writer of six posts of one moment
NOBODY = "00000000-0000-4000-a000-ffffffffffff"

# One call of each query, as an application makes it.
CALLS: dict[str, Row] = {
    "activities.create": {
        "cognito_user_id": "00000000-0000-4000-8000-000000000016",
        "message": "50 % off",
        "expires_at": None,
    },
    "activities.home": {
        "handle": READER,
        "now": NOW,
        "before_created_at": None,
        "before_uuid": None,
        "page_size": 20,
    },
    "activities.like": {
        "uuid": "00000000-0000-4000-b000-000000000048",
        "cognito_user_id": "00000000-0000-4000-8000-000000000021",
    },
    "activities.thread": {"uuid": "00000000-0000-4000-b000-000000000048", "now": NOW},
    "users.ensure": {
        "cognito_user_id": "new",
        "handle": "new",
        "email": "new@example.com",
        "display_name": "New",
    },
    "users.notifications": {"cognito_user_id": "00000000-0000-4000-8000-000000000001", "page_size": 1000},
    "users.profile": {"handle": "OConnor"},
    "users.unseen_count": {"cognito_user_id": "00000000-0000-4000-8000-000000000001"},
}
WRITES = {"activities.create", "activities.like", "users.ensure"}


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


def rows_of(connection: Connection, query: str) -> list[Row]:
    return connection.cursor(row_factory=dict_row).execute(query.encode()).fetchall()


def call(db: Database, name: str, **other: object) -> Any:
    return db.run(name, **CALLS[name] | other)


# All of them


def test_every_query_can_be_run_and_says_what_it_is_for():
    QUERIES.check()

    assert [query.name for query in QUERIES if not query.doc] == []
    assert {query.name for query in QUERIES} == set(CALLS)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_file_means_to_plain_psycopg_what_it_means_to_the_adapter(connection, db, name):
    with connection.transaction(force_rollback=True):
        cursor = connection.cursor(row_factory=dict_row).execute(QUERIES[name].text.encode(), CALLS[name])
        rows = cursor.fetchall() if cursor.description else []
        by_shape = {"many": rows, "value": rows and rows[0].get("unseen_count"), "affected": cursor.rowcount}

    given = call(db, name)
    expected = by_shape.get(QUERIES[name].returns, rows and rows[0])

    if name in WRITES and isinstance(given, dict):  # each time with a key of its own
        given, expected = given | {"uuid": None}, expected | {"uuid": None}
    assert given == expected
    assert given


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("activities.home", r"\(user_uuid = .* AND \(ROW\(created_at, uuid\) < "),
        ("activities.thread", r"reply_to_activity_uuid = "),
        ("users.notifications", r"user_uuid = "),
        ("users.profile", r"lower\(handle\) = "),
        ("users.unseen_count", r"user_uuid = "),
    ],
)
def test_a_read_finds_its_way_by_indexes(connection, name, condition):
    # So few rows are read fastest in one go: what counts is which way is open, not which is cheap.
    connection.execute("SET LOCAL enable_seqscan = off")
    command = QUERIES[name].command
    cursor = psycopg.RawCursor(connection)

    plan = "\n".join(line for [line] in cursor.execute(f"EXPLAIN {command.sql}".encode(), command.bind(CALLS[name])))

    assert re.search(rf"Index Cond: \({condition}", plan)
    assert "Seq Scan" not in plan


# activities.home


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
    return [post["uuid"] for post in sorted(posts, key=lambda post: (post["created_at"], post["uuid"]), reverse=True)]


def fetch_pages(db: Database, size: int, **asked: object) -> Iterator[list[Row]]:
    before: Row = {}
    while page := call(db, "activities.home", page_size=size, **asked, **before):
        yield page
        before = {"before_created_at": page[-1]["created_at"], "before_uuid": page[-1]["uuid"]}


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_the_pages_of_a_feed_are_the_feed(connection, db, size):
    pages = list(fetch_pages(db, size, handle=READER))

    posts = [post["uuid"] for page in pages for post in page]
    assert posts == expected_home(connection, READER, NOW)
    assert {len(page) for page in pages[:-1]} <= {size}
    assert len(posts) > 40


def test_posts_of_one_moment_stand_on_several_pages(db):
    """Without this the test above would not see a page that begins by time alone."""
    pages = list(fetch_pages(db, 4, handle=READER))

    ends = [(page[-1]["created_at"], after[0]["created_at"]) for page, after in pairwise(pages)]
    assert any(last == first for last, first in ends)


def test_a_post_that_comes_meanwhile_shifts_no_page(connection, db):
    there = expected_home(connection, READER, NOW)
    pages = fetch_pages(db, 4, handle=READER)
    read = next(pages)
    call(db, "activities.create", cognito_user_id="00000000-0000-4000-8000-000000000018")

    for page in pages:
        read += page

    assert [post["uuid"] for post in read] == there
    assert len(expected_home(connection, READER, NOW)) == len(there) + 1


def test_a_feed_is_found_by_the_handle_in_any_case(db):
    assert call(db, "activities.home", handle=READER.upper()) == call(db, "activities.home", handle=READER) != []


@pytest.mark.parametrize("handle", ["nobody", "", "worf' OR true --"])
def test_the_feed_of_nobody_is_empty(db, handle):
    assert call(db, "activities.home", handle=handle) == []


def test_a_post_is_shown_until_the_stroke_on_which_it_expires(connection, db):
    query = "SELECT handle FROM users JOIN activities ON user_uuid = users.uuid WHERE expires_at = '2026-03-01Z'"
    [writer] = rows_of(connection, query)

    def shown(now: datetime) -> set[object]:
        return {
            post["expires_at"] for post in call(db, "activities.home", handle=writer["handle"], now=now, page_size=1000)
        }

    assert NOW in shown(NOW - timedelta(microseconds=1))
    assert NOW not in shown(NOW)


# activities.thread


def expected_thread(connection: Connection, root: UUID) -> list[tuple[int, UUID]]:
    replies = defaultdict(list)
    for post in rows_of(connection, "SELECT * FROM activities ORDER BY created_at, uuid"):
        replies[post["reply_to_activity_uuid"]].append(post["uuid"])

    def below(uuid: UUID, depth: int) -> Iterator[tuple[int, UUID]]:
        yield depth, uuid
        for reply in replies[uuid]:
            yield from below(reply, depth + 1)

    return list(below(root, 0))


def test_a_thread_is_read_from_the_top_down(connection, db):
    roots = rows_of(connection, "SELECT uuid FROM activities WHERE expires_at IS NULL")

    threads = {root["uuid"]: call(db, "activities.thread", uuid=root["uuid"]) for root in roots}

    for root, thread in threads.items():
        shown = {post["uuid"] for post in thread}
        expected = [each for each in expected_thread(connection, root) if each[1] in shown]
        assert [(post["reply_depth"], post["uuid"]) for post in thread] == expected
    assert max(post["reply_depth"] for thread in threads.values() for post in thread) >= 4


def test_what_has_expired_is_left_out_of_a_thread_and_its_replies_stay(connection, db):
    root = UUID(CALLS["activities.thread"]["uuid"])
    [first, second, third, *_] = [uuid for _, uuid in expected_thread(connection, root)]
    assert [post["uuid"] for post in call(db, "activities.thread")][:3] == [first, second, third]
    connection.execute("UPDATE activities SET expires_at = %s WHERE uuid = %s", [NOW, second])

    thread = call(db, "activities.thread")

    assert [(post["reply_depth"], post["uuid"]) for post in thread[:2]] == [(0, first), (2, third)]


def test_a_thread_of_no_post_is_empty(db):
    assert call(db, "activities.thread", uuid=NOBODY) == []


def test_counts_are_of_the_post_they_stand_beside(connection, db):
    counted = {row["activity_uuid"]: row for row in rows_of(connection, "SELECT * FROM activity_counts")}
    names = ("likes_count", "reposts_count", "replies_count")

    for post in call(db, "activities.home", page_size=1000) + call(db, "activities.thread"):
        assert [post[name] for name in names] == [counted[post["uuid"]][name] for name in names]


# activities.create, activities.like


def test_a_new_post_is_given_back_and_stands_first_in_the_feed(db):
    expires_at = datetime.now(UTC) + timedelta(days=1)

    made = call(db, "activities.create", message="50 % off 🎉", expires_at=expires_at)

    [first, *_] = call(db, "activities.home", handle="amara")
    assert (made["message"], made["expires_at"]) == ("50 % off 🎉", expires_at)
    assert made.items() <= first.items()


@pytest.mark.parametrize(
    ("given", "sqlstate"),
    [
        ({"message": " "}, "23514"),
        ({"message": "m" * 281}, "23514"),
        ({"message": None}, "23502"),
        ({"expires_at": NOW}, "23514"),
    ],
)
def test_a_post_that_the_schema_refuses_is_not_made(db, given, sqlstate):
    with pytest.raises(QueryFailed) as caught:
        call(db, "activities.create", **given)

    assert caught.value.sqlstate == sqlstate
    assert caught.value.at
    assert caught.value.at.path == ROOT / "queries/activities/create.sql"


def test_a_token_without_an_account_posts_nothing(db):
    with pytest.raises(NotOneRow):
        call(db, "activities.create", cognito_user_id="nobody")


def test_a_like_counts_once(connection, db):
    likes = "SELECT * FROM likes WHERE activity_uuid = '00000000-0000-4000-b000-000000000048'"
    before = len(rows_of(connection, likes))

    assert [call(db, "activities.like") for _ in range(3)] == [1, 0, 0]
    assert len(rows_of(connection, likes)) == before + 1


@pytest.mark.parametrize("nobody", [{"uuid": NOBODY}, {"cognito_user_id": "nobody"}])
def test_a_like_of_nobody_or_of_nothing_changes_nothing(db, nobody):
    assert call(db, "activities.like", **nobody) == 0


# users.profile


def test_a_profile_shows_what_everybody_may_see(connection, db):
    profile = call(db, "users.profile", handle="oconnor")

    assert (profile["handle"], profile["display_name"]) == ("OConnor", "Siobhán O'Connor")
    assert {"email", "cognito_user_id", "notifications_seen_at"}.isdisjoint(profile)
    [counts] = rows_of(connection, "SELECT * FROM user_counts JOIN users ON uuid = user_uuid WHERE handle = 'OConnor'")
    for name in ("activities_count", "followers_count", "following_count"):
        assert profile[name] == counts[name]


def test_nobody_has_no_profile(db):
    assert call(db, "users.profile", handle="nobody") is None


# users.ensure


def test_an_account_is_made_once(connection, db):
    made = call(db, "users.ensure")
    again = call(db, "users.ensure")

    assert again == made
    assert len(rows_of(connection, "SELECT * FROM users WHERE handle = 'new'")) == 1


def test_a_second_confirmation_takes_over_the_address_and_leaves_what_the_person_chose(db):
    made = call(db, "users.ensure")

    again = call(db, "users.ensure", email="other@example.com", handle="other", display_name="Other")

    assert again == made | {"email": "other@example.com"}


@pytest.mark.parametrize(
    ("given", "constraint"),
    [({"handle": "REY"}, "users_handle_key"), ({"email": "Rey@Example.net"}, "users_email_key")],
)
def test_a_name_that_somebody_else_has_is_refused(db, given, constraint):
    with pytest.raises(QueryFailed, match=constraint) as caught:
        call(db, "users.ensure", **given)

    assert caught.value.sqlstate == "23505"


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


# users.notifications, users.unseen_count


@pytest.mark.parametrize("number", ["01", "17", "21", "23"])
def test_notifications_are_the_persons_own_newest_first(connection, db, number):
    mine = f"00000000-0000-4000-8000-0000000000{number}"
    query = f"""
    SELECT n.created_at, coalesce(n.created_at > u.notifications_seen_at, true) AS is_new
      FROM notifications AS n JOIN users AS u ON u.uuid = n.recipient_uuid
     WHERE u.cognito_user_id = '{mine}' ORDER BY n.created_at DESC
    """  # noqa: S608
    expected = rows_of(connection, query)

    told = call(db, "users.notifications", cognito_user_id=mine)

    assert [(each["created_at"], each["is_new"]) for each in told] == [tuple(each.values()) for each in expected]
    assert call(db, "users.unseen_count", cognito_user_id=mine) == sum(each["is_new"] for each in told)
