"""Cruddur's own migrations and seeds: the promises of its schema, and that the seeds have something to show."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo

from pgproof.cache import watching as cache
from pgproof.metrics import feed as metrics
from pgproof.pg.catalog import diff, fetch_catalog
from pgproof.pg.database import drop, ensure_created
from pgproof.pg.sweep import fetch_findings
from pgproof.seeds import load, read_seeds

ROOT = Path(__file__).parents[2]
ROLLBACK = ".rollback.sql"
MIGRATIONS = sorted(p for p in (ROOT / "migrations").glob("*.sql") if not p.name.endswith(ROLLBACK))
REPEATABLES = sorted(p for p in (ROOT / "migrations/repeatable").glob("*.sql") if not p.name.endswith(ROLLBACK))

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def cruddur(server: str) -> Iterator[str]:
    """Conninfo of one database with Cruddur's schema and seeds; tests roll back what they do to it."""
    name = f"test_{uuid4().hex[:12]}"
    ensure_created(server, name)
    conninfo = make_conninfo(server, dbname=name)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        run(connection, *MIGRATIONS, *REPEATABLES)
        load(connection, read_seeds(ROOT / "seeds"))
        connection.execute("ANALYZE")
    yield conninfo
    drop(server, name)


@pytest.fixture
def connection(cruddur: str) -> Iterator[Connection]:
    with psycopg.connect(cruddur) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def empty(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def run(connection: Connection, *paths: Path) -> None:
    for path in paths:
        connection.execute(path.read_bytes())


def way_back(path: Path) -> Path:
    return path.with_name(path.stem + ROLLBACK)


def rows_of(connection: Connection, query: str, *values: object) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), values or None).fetchall()


def value_of(connection: Connection, query: str, *values: object) -> Any:
    [[value]] = rows_of(connection, query, *values)
    return value


def user(connection: Connection, handle: str) -> str:
    return str(value_of(connection, "SELECT uuid FROM users WHERE handle = %s", handle))


def post(connection: Connection, begins: str) -> str:
    return str(value_of(connection, "SELECT uuid FROM activities WHERE starts_with(message, %s)", begins))


# The migrations


def test_each_rollback_gives_back_the_schema_before_it(empty):
    for path in MIGRATIONS:
        before = fetch_catalog(empty)
        run(empty, path)
        after = fetch_catalog(empty)
        run(empty, way_back(path))
        undone = fetch_catalog(empty)
        run(empty, path)

        assert diff(before, undone) == [], path.name
        assert diff(after, fetch_catalog(empty)) == [], path.name


def test_each_migration_changes_the_schema(empty):
    for path in MIGRATIONS:
        before = fetch_catalog(empty)
        run(empty, path)

        assert diff(before, fetch_catalog(empty)), path.name


def test_rolling_everything_back_leaves_nothing(empty):
    before = fetch_catalog(empty)
    run(empty, *MIGRATIONS, *REPEATABLES)

    run(empty, *(way_back(path) for path in reversed(MIGRATIONS)))

    assert diff(before, fetch_catalog(empty)) == []


def test_repeatables_can_be_taken_away_and_run_again(empty):
    run(empty, *MIGRATIONS)
    before = fetch_catalog(empty)
    run(empty, *REPEATABLES)
    after = fetch_catalog(empty)

    run(empty, *REPEATABLES)
    assert diff(after, fetch_catalog(empty)) == []
    run(empty, *(way_back(path) for path in reversed(REPEATABLES)))
    assert diff(before, fetch_catalog(empty)) == []


def test_every_foreign_key_has_an_index_and_every_table_a_key_and_every_constraint_is_validated(connection):
    assert fetch_findings(connection) == []


def test_every_table_view_and_column_has_a_comment(connection):
    query = """
    SELECT c.relname, a.attname
      FROM pg_class AS c
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
       AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)
    """
    assert rows_of(connection, query) == []


def test_no_extension_is_needed(connection):
    assert rows_of(connection, "SELECT extname FROM pg_extension") == [("plpgsql",)]


# What the schema refuses

NEW_USER = "INSERT INTO users (handle, email, cognito_user_id, display_name) VALUES (%s, %s, %s, %s)"
NEW_POST = "INSERT INTO activities (user_uuid, message) SELECT uuid, %s FROM users WHERE handle = 'amara'"


@pytest.mark.parametrize(
    ("handle", "email", "cognito", "name", "constraint"),
    [
        ("ANDREWbrown", "new@example.com", "new", "New", "users_handle_key"),
        ("new", "Andrew.BROWN@example.com", "new", "New", "users_email_key"),
        ("new", "new@example.com", "00000000-0000-4000-8000-000000000001", "New", "users_cognito_user_id_key"),
        ("two words", "new@example.com", "new", "New", "users_handle_format_check"),
        ("new\n", "new@example.com", "new", "New", "users_handle_format_check"),
        ("ünew", "new@example.com", "new", "New", "users_handle_format_check"),
        ("", "new@example.com", "new", "New", "users_handle_format_check"),
        ("h" * 31, "new@example.com", "new", "New", "users_handle_format_check"),
        ("new", "example.com", "new", "New", "users_email_format_check"),
        ("new", "new @example.com", "new", "New", "users_email_format_check"),
        ("new", "new@example.com", "", "New", "users_cognito_user_id_not_empty_check"),
        ("new", "new@example.com", "new", "", "users_display_name_length_check"),
        ("new", "new@example.com", "new", "n" * 51, "users_display_name_length_check"),
    ],
)
def test_an_account_that_could_be_mistaken_is_refused(connection, handle, email, cognito, name, constraint):
    with pytest.raises(errors.IntegrityError) as caught:
        connection.execute(NEW_USER, [handle, email, cognito, name])

    assert caught.value.diag.constraint_name == constraint


def test_an_account_on_each_limit_is_accepted(connection):
    connection.execute(NEW_USER, ["h" * 30, "n@e", "x", "名" * 50])
    connection.execute("UPDATE users SET bio = repeat('👩', 160)")


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE users SET bio = repeat('b', 161)", "users_bio_length_check"),
        ("UPDATE activities SET message = repeat('m', 281)", "activities_message_length_check"),
        ("UPDATE activities SET message = E' \\n\\t '", "activities_message_not_blank_check"),
        ("UPDATE activities SET expires_at = created_at", "activities_expires_after_created_check"),
        ("UPDATE activities SET user_uuid = gen_random_uuid()", "activities_user_uuid_fkey"),
        (
            "UPDATE activities SET reply_to_activity_uuid = gen_random_uuid()",
            "activities_reply_to_activity_uuid_fkey",
        ),
        ("UPDATE activities SET reply_to_activity_uuid = uuid", "activities_reply_not_to_itself_check"),
        ("INSERT INTO likes SELECT * FROM likes", "likes_pkey"),
        ("UPDATE likes SET activity_uuid = gen_random_uuid()", "likes_activity_uuid_fkey"),
        ("UPDATE likes SET user_uuid = gen_random_uuid()", "likes_user_uuid_fkey"),
        ("INSERT INTO reposts SELECT * FROM reposts", "reposts_pkey"),
        ("UPDATE reposts SET activity_uuid = gen_random_uuid()", "reposts_activity_uuid_fkey"),
        ("UPDATE reposts SET user_uuid = gen_random_uuid()", "reposts_user_uuid_fkey"),
        ("INSERT INTO follows SELECT * FROM follows", "follows_pkey"),
        ("INSERT INTO follows SELECT uuid, uuid FROM users", "follows_not_self_check"),
        ("INSERT INTO follows SELECT gen_random_uuid(), uuid FROM users", "follows_follower_uuid_fkey"),
        ("INSERT INTO follows SELECT uuid, gen_random_uuid() FROM users", "follows_followed_uuid_fkey"),
    ],
)
def test_rows_that_contradict_the_model_are_refused(connection, statement, constraint):
    with pytest.raises(errors.IntegrityError) as caught:
        connection.execute(statement)

    assert caught.value.diag.constraint_name == constraint


def test_a_message_is_measured_in_characters(connection):
    assert connection.execute(NEW_POST, ["👩" * 280]).rowcount == 1


# What deleting takes along


NOT_THEIRS = """
SELECT (SELECT count(*) FROM users WHERE uuid <> %(user)s),
       (SELECT count(*) FROM activities WHERE user_uuid <> %(user)s),
       (SELECT count(*) FROM likes AS l JOIN activities AS a ON l.activity_uuid = a.uuid
         WHERE %(user)s NOT IN (l.user_uuid, a.user_uuid)),
       (SELECT count(*) FROM reposts AS r JOIN activities AS a ON r.activity_uuid = a.uuid
         WHERE %(user)s NOT IN (r.user_uuid, a.user_uuid)),
       (SELECT count(*) FROM follows WHERE %(user)s NOT IN (follower_uuid, followed_uuid))
"""
ALL = """
SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM activities), (SELECT count(*) FROM likes),
       (SELECT count(*) FROM reposts), (SELECT count(*) FROM follows)
"""


def test_deleting_a_user_deletes_what_is_theirs_and_nothing_else(connection):
    amara = {"user": user(connection, "amara")}
    kept = connection.execute(NOT_THEIRS, amara).fetchall()
    assert rows_of(connection, ALL) != kept

    connection.execute("DELETE FROM users WHERE uuid = %(user)s", amara)

    assert rows_of(connection, ALL) == kept


def test_a_reply_outlives_the_post_it_answers(connection):
    question = post(connection, "My grandmother asked")
    replies = rows_of(connection, "SELECT uuid FROM activities WHERE reply_to_activity_uuid = %s ORDER BY 1", question)

    connection.execute("DELETE FROM activities WHERE uuid = %s", [question])

    left = "SELECT uuid FROM activities WHERE uuid = ANY (%s) AND reply_to_activity_uuid IS NULL ORDER BY 1"
    assert rows_of(connection, left, [uuid for [uuid] in replies]) == replies
    assert len(replies) > 1


# What the views derive


def count(connection: Connection, query: str) -> Counter[str]:
    return Counter(value for [value] in rows_of(connection, query))


def test_activity_counts_are_what_counting_gives(connection):
    likes = count(connection, "SELECT activity_uuid FROM likes")
    reposts = count(connection, "SELECT activity_uuid FROM reposts")
    replies = count(connection, "SELECT reply_to_activity_uuid FROM activities")
    expected = [
        (uuid, likes[uuid], reposts[uuid], replies[uuid])
        for [uuid] in rows_of(connection, "SELECT uuid FROM activities ORDER BY uuid")
    ]

    assert rows_of(connection, "SELECT * FROM activity_counts ORDER BY activity_uuid") == expected


def test_user_counts_are_what_counting_gives(connection):
    activities = count(connection, "SELECT user_uuid FROM activities")
    followers = count(connection, "SELECT followed_uuid FROM follows")
    following = count(connection, "SELECT follower_uuid FROM follows")
    expected = [
        (uuid, activities[uuid], followers[uuid], following[uuid])
        for [uuid] in rows_of(connection, "SELECT uuid FROM users ORDER BY uuid")
    ]

    assert rows_of(connection, "SELECT * FROM user_counts ORDER BY user_uuid") == expected


def test_notifications_tell_each_thing_to_the_one_it_happened_to(connection):
    connection.execute("DELETE FROM likes; DELETE FROM reposts; DELETE FROM follows; DELETE FROM activities")
    amara, rey = user(connection, "amara"), user(connection, "rey")
    hello = "00000000-0000-4000-b000-000000000001"
    answer = "00000000-0000-4000-b000-000000000002"
    new = "INSERT INTO activities (uuid, user_uuid, message, reply_to_activity_uuid) VALUES (%s, %s, 'hi', %s)"
    connection.execute(new, [hello, amara, None])
    connection.execute(new, [answer, rey, hello])
    connection.execute("INSERT INTO likes VALUES (%s, %s), (%s, %s)", [hello, rey, hello, amara])
    connection.execute("INSERT INTO reposts VALUES (%s, %s), (%s, %s)", [hello, rey, hello, amara])
    connection.execute("INSERT INTO follows VALUES (%s, %s)", [rey, amara])

    query = "SELECT recipient_uuid::text, kind, actor_uuid::text, activity_uuid::text FROM notifications ORDER BY kind"
    assert rows_of(connection, query) == [
        (amara, "follow", rey, None),
        (amara, "like", rey, hello),
        (amara, "reply", rey, answer),
        (amara, "repost", rey, hello),
    ]


# Each way the application asks is served by an index


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT * FROM users WHERE lower(handle) = lower('Rey')", "users_handle_key"),
        ("SELECT * FROM users WHERE lower(email) = lower('Rey@example.net')", "users_email_key"),
        ("SELECT * FROM users WHERE cognito_user_id = 'x'", "users_cognito_user_id_key"),
        (
            (
                "SELECT * FROM activities WHERE (created_at, uuid) < ('2026-02-01Z', gen_random_uuid()) "
                "ORDER BY created_at DESC, uuid DESC LIMIT 20"
            ),
            "activities_created_at_uuid_idx",
        ),
        (
            (
                "SELECT * FROM activities WHERE user_uuid = '00000000-0000-4000-a000-000000000001' "
                "ORDER BY created_at DESC, uuid DESC LIMIT 20"
            ),
            "activities_user_uuid_created_at_uuid_idx",
        ),
        (
            (
                "SELECT * FROM activities WHERE reply_to_activity_uuid = '00000000-0000-4000-b000-000000000001' "
                "ORDER BY created_at, uuid"
            ),
            "activities_reply_to_activity_uuid_idx",
        ),
        (
            "SELECT * FROM activities WHERE to_tsvector('simple', message) @@ websearch_to_tsquery('simple', 'index')",
            "activities_message_words_idx",
        ),
        ("SELECT * FROM activities WHERE expires_at <= '2026-03-01Z'", "activities_expires_at_idx"),
        (
            (
                "SELECT * FROM likes WHERE user_uuid = '00000000-0000-4000-a000-000000000001' "
                "ORDER BY created_at DESC LIMIT 20"
            ),
            "likes_user_uuid_created_at_idx",
        ),
        ("SELECT count(*) FROM likes WHERE activity_uuid = '00000000-0000-4000-b000-000000000001'", "likes_pkey"),
        (
            (
                "SELECT * FROM reposts WHERE user_uuid = '00000000-0000-4000-a000-000000000001' "
                "ORDER BY created_at DESC LIMIT 20"
            ),
            "reposts_user_uuid_created_at_idx",
        ),
        (
            (
                "SELECT * FROM follows WHERE followed_uuid = '00000000-0000-4000-a000-000000000001' "
                "ORDER BY created_at DESC LIMIT 20"
            ),
            "follows_followed_uuid_created_at_idx",
        ),
        ("SELECT * FROM follows WHERE follower_uuid = '00000000-0000-4000-a000-000000000001'", "follows_pkey"),
    ],
)
def test_a_query_path_has_its_index_and_needs_no_sort(connection, query, index):
    # So few rows are read fastest in one go: what counts is which way is open, not which is cheap.
    connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")

    plan = "\n".join(line for [line] in rows_of(connection, f"EXPLAIN {query}"))

    assert index in plan
    assert "Sort" not in plan


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM activity_counts WHERE activity_uuid = '00000000-0000-4000-b000-000000000001'",
        "SELECT * FROM notifications WHERE recipient_uuid = '00000000-0000-4000-a000-000000000001'",
        "SELECT * FROM user_counts WHERE user_uuid = '00000000-0000-4000-a000-000000000001'",
    ],
)
def test_a_view_asked_for_one_key_reads_no_whole_table(connection, query):
    connection.execute("SET LOCAL enable_seqscan = off")

    assert not [line for [line] in rows_of(connection, f"EXPLAIN {query}") if "Seq Scan" in line]


# The seeds


def test_loading_the_seeds_twice_changes_nothing(connection):
    loaded = load(connection, read_seeds(ROOT / "seeds"))

    assert sum(each.rows for each in loaded) > 1000
    assert [each.changed for each in loaded] == [0] * len(loaded)


@pytest.mark.parametrize(
    ("what", "query"),
    [
        ("twenty people", "SELECT 1 FROM users HAVING count(*) >= 20"),
        ("some hundred posts", "SELECT 1 FROM activities HAVING count(*) BETWEEN 300 AND 500"),
        ("somebody who never wrote", "SELECT 1 FROM user_counts WHERE activities_count = 0 AND following_count > 0"),
        ("a writer nobody follows", "SELECT 1 FROM user_counts WHERE activities_count > 0 AND followers_count = 0"),
        (
            "somebody without anything",
            "SELECT 1 FROM user_counts WHERE activities_count + followers_count + following_count = 0",
        ),
        ("a mixed-case handle", "SELECT 1 FROM users WHERE handle <> lower(handle)"),
        ("a mixed-case address", "SELECT 1 FROM users WHERE email <> lower(email)"),
        ("a handle of one character", "SELECT 1 FROM users WHERE char_length(handle) = 1"),
        ("a handle of full length", "SELECT 1 FROM users WHERE char_length(handle) = 30"),
        ("a name of full length", "SELECT 1 FROM users WHERE char_length(display_name) = 50"),
        ("a bio of full length", "SELECT 1 FROM users WHERE char_length(bio) = 160"),
        ("no bio", "SELECT 1 FROM users WHERE bio IS NULL"),
        ("an empty bio", "SELECT 1 FROM users WHERE bio = ''"),
        ("unseen notifications", "SELECT 1 FROM users WHERE notifications_seen_at IS NULL"),
        (
            "notifications seen in part",
            (
                "SELECT 1 FROM users JOIN notifications ON recipient_uuid = users.uuid "
                "GROUP BY users.uuid HAVING bool_or(notifications.created_at <= notifications_seen_at) "
                "AND bool_or(notifications.created_at > notifications_seen_at)"
            ),
        ),
        ("a message of full length", "SELECT 1 FROM activities WHERE char_length(message) = 280"),
        ("a message of one character", "SELECT 1 FROM activities WHERE char_length(message) = 1"),
        ("a message of some lines", "SELECT 1 FROM activities WHERE message LIKE E'%\\n%'"),
        ("quotes and commas", "SELECT 1 FROM activities WHERE message LIKE '%\"%,%'"),
        ("wildcards of LIKE", "SELECT 1 FROM activities WHERE message LIKE '%\\%%'"),
        ("right-to-left text", "SELECT 1 FROM activities WHERE message ~ '[א-ת]'"),
        ("Arabic", "SELECT 1 FROM activities WHERE message ~ '[\u0627-\u064a]'"),
        ("Chinese", "SELECT 1 FROM activities WHERE message ~ '[一-龥]'"),
        ("an emoji beyond the first plane", "SELECT 1 FROM activities WHERE message ~ '[😀-😏]'"),
        ("one word in two normal forms", "SELECT 1 FROM activities WHERE NOT message IS NFC NORMALIZED"),
        ("expired in February", "SELECT 1 FROM activities WHERE expires_at < '2026-02-15Z'"),
        ("expiring on the stroke", "SELECT 1 FROM activities WHERE expires_at = '2026-03-01Z'"),
        ("expiring far off", "SELECT 1 FROM activities WHERE expires_at > '2090-01-01Z'"),
        (
            "posts of one moment",
            "SELECT 1 FROM activities WHERE reply_to_activity_uuid IS NULL GROUP BY created_at HAVING count(*) > 5",
        ),
        (
            "replies of one moment",
            (
                "SELECT 1 FROM activities GROUP BY reply_to_activity_uuid, created_at "
                "HAVING reply_to_activity_uuid IS NOT NULL AND count(*) > 1"
            ),
        ),
        (
            "posts a microsecond apart",
            "SELECT 1 FROM activities a JOIN activities b ON b.created_at = a.created_at + interval '1 microsecond'",
        ),
        (
            "somebody answering themselves",
            (
                "SELECT 1 FROM activities a JOIN activities b ON a.reply_to_activity_uuid = b.uuid "
                "WHERE a.user_uuid = b.user_uuid"
            ),
        ),
        (
            "somebody liking themselves",
            "SELECT 1 FROM likes l JOIN activities a ON l.activity_uuid = a.uuid WHERE l.user_uuid = a.user_uuid",
        ),
        ("a post many like", "SELECT 1 FROM activity_counts WHERE likes_count > 15"),
        (
            "a post nobody minds",
            "SELECT 1 FROM activity_counts WHERE likes_count + reposts_count + replies_count = 0",
        ),
        (
            "a mutual follow",
            (
                "SELECT 1 FROM follows a JOIN follows b "
                "ON (a.follower_uuid, a.followed_uuid) = (b.followed_uuid, b.follower_uuid)"
            ),
        ),
        (
            "a one-sided follow",
            (
                "SELECT 1 FROM follows a WHERE NOT EXISTS (SELECT FROM follows b "
                "WHERE (a.follower_uuid, a.followed_uuid) = (b.followed_uuid, b.follower_uuid))"
            ),
        ),
        (
            "a thread five deep",
            (
                "WITH RECURSIVE thread AS ("
                "SELECT uuid, 1 AS depth FROM activities WHERE reply_to_activity_uuid IS NULL UNION ALL "
                "SELECT a.uuid, depth + 1 FROM activities a JOIN thread t ON a.reply_to_activity_uuid = t.uuid) "
                "SELECT 1 FROM thread WHERE depth >= 5"
            ),
        ),
    ],
)
def test_the_seeds_have(connection, what, query):
    assert rows_of(connection, query), what


def test_nothing_in_the_seeds_happens_before_what_it_is_about(connection):
    query = """
    SELECT 1 FROM activities AS a JOIN users AS u ON a.user_uuid = u.uuid WHERE a.created_at < u.created_at
    UNION ALL
    SELECT 1 FROM activities AS r JOIN activities AS a ON r.reply_to_activity_uuid = a.uuid
     WHERE r.created_at <= a.created_at
    UNION ALL
    SELECT 1 FROM likes AS l JOIN activities AS a ON l.activity_uuid = a.uuid WHERE l.created_at <= a.created_at
    UNION ALL
    SELECT 1 FROM reposts AS r JOIN activities AS a ON r.activity_uuid = a.uuid WHERE r.created_at <= a.created_at
    UNION ALL
    SELECT 1 FROM follows AS f JOIN users AS u ON u.uuid IN (f.follower_uuid, f.followed_uuid)
     WHERE f.created_at < u.created_at
    """
    assert rows_of(connection, query) == []


def test_the_order_of_the_files_is_not_the_order_of_time_or_key(connection):
    """Otherwise a query that forgot its ORDER BY would look right."""
    stored = rows_of(connection, "SELECT uuid, created_at FROM activities ORDER BY ctid")

    assert stored != sorted(stored)
    assert stored != sorted(stored, key=lambda row: row[1])


@pytest.mark.parametrize("tables", [cache.SCHEMA, metrics.SCHEMA], ids=["cache", "metrics"])
def test_cruddurs_migrations_make_the_tables_that_the_product_has_now(tables: Path):
    text = tables.read_text(encoding="utf-8")

    assert [each.name for each in MIGRATIONS if text in each.read_text(encoding="utf-8")] != []
