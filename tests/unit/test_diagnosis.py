import pytest

from pgproof.pg.diagnosis import explain_failure, explain_missing_extension

# The words are PostgreSQL's own, copied from its logs.
PORT = """\
LOG:  could not bind IPv4 address "127.0.0.1": Address already in use
HINT:  Is another postmaster already running on port 5433? If not, wait a few seconds and retry.
WARNING:  could not create listen socket for "127.0.0.1"
FATAL:  could not create any TCP/IP sockets"""
DISK = """\
PANIC:  could not write to file "pg_wal/xlogtemp.4711": No space left on device
LOG:  startup process (PID 4711) was terminated by signal 6: Aborted"""
MAJOR = """\
FATAL:  database files are incompatible with server
DETAIL:  The data directory was initialized by PostgreSQL version 15, which is not compatible with this version 18.6."""
ENTER = 'initdb: error: could not access directory "/root/cache/data": Permission denied'
ORPHAN = "FATAL:  pre-existing shared memory block (key 5432, ID 7) is still in use"
LIBRARY = "postgres: error while loading shared libraries: libssl.so.3: cannot open shared object file"


@pytest.mark.parametrize(
    ("said", "what", "hint"),
    [
        (PORT, "port 5433 is in use", "PGPROOF_PORT"),
        (DISK, "the disk is full", "PGPROOF_CACHE"),
        (MAJOR, "the data is of PostgreSQL 15, the server is 18.6", "major"),
        (ENTER, "the server's user may not use /root/cache/data", "PGPROOF_CACHE"),
        (ORPHAN, "a server process of an earlier run", "try again"),
        (LIBRARY, "need libssl.so.3", "--server=container"),
    ],
)
def test_known_failure_is_one_line_and_says_what_to_choose(said: str, what: str, hint: str):
    error = explain_failure(said, doing="start")

    assert what in error.what
    assert "\n" not in error.what
    assert hint in error.hint


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("LOG:  starting\nFATAL:  bad thing\nLOG:  shut down", "PostgreSQL could not start: bad thing"),
        ("first\nlast words", "PostgreSQL could not start: last words"),
        ("", "PostgreSQL could not start: it said nothing"),
    ],
)
def test_unknown_failure_is_told_by_its_most_telling_line(said: str, what: str):
    assert explain_failure(said, doing="start").what == what


@pytest.mark.parametrize(
    "said",
    [
        'extension "pgcrypto" is not available',
        'could not open extension control file "/usr/share/extension/pgcrypto.control": No such file or directory',
    ],
)
def test_missing_extension_is_explained_with_what_is_built_in(said: str):
    hint = explain_missing_extension(said)

    assert "do not ship pgcrypto" in hint
    assert "gen_random_uuid() and sha256() are built in" in hint
    assert "--server=container" in hint


def test_another_error_is_no_missing_extension():
    assert explain_missing_extension('relation "pgcrypto" does not exist') == ""
